//! A POST that comes twice has one effect.

use accounts::Actor;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use database::Tx;
use requests::{Answer, Attempt};
use serde::Serialize;

use crate::Api;
use crate::input::Sent;
use crate::problem::{ApiResult, Kind, Problem};

/// The transaction of a POST and, where it came with a key, the claim on it.
pub(crate) struct Once {
    pub(crate) tx: Tx,
    /// Whose key, and which.
    claim: Option<(String, String)>,
}

pub(crate) enum Turn {
    First(Once),
    /// It was done before; this was the answer.
    Again(Response),
}

impl Once {
    /// Begins the transaction and claims the key in it. Of two requests at once the second
    /// waits for the first.
    pub(crate) async fn begin(api: &Api, actor: &Actor, sent: &Sent) -> ApiResult<Turn> {
        let mut tx = api.db().begin().await?;
        let Some(key) = sent.key.clone() else {
            return Ok(Turn::First(Self { tx, claim: None }));
        };
        let whose = format!("api {}", actor.id);
        let attempt = requests::begin(&mut tx, &whose, &key, &sent.content, api.now()).await?;
        match attempt {
            Attempt::First => Ok(Turn::First(Self { tx, claim: Some((whose, key)) })),
            Attempt::Repeat(answer) => {
                let mut response = respond(answer.status, answer.body);
                let replayed = HeaderValue::from_static("true");
                response.headers_mut().insert("idempotency-replayed", replayed);
                Ok(Turn::Again(response))
            }
            Attempt::OtherRequest => Err(Problem::new(Kind::KeyReused)),
        }
    }

    /// Stores the answer, makes everything durable, and answers.
    pub(crate) async fn created(mut self, made: &impl Serialize) -> ApiResult<Response> {
        let status = StatusCode::CREATED.as_u16();
        let body = serde_json::to_string(made).map_err(anyhow::Error::from)?;
        if let Some((whose, key)) = &self.claim {
            let answer = Answer { status, body: body.clone() };
            requests::answer(&mut self.tx, whose, key, &answer).await?;
        }
        self.tx.commit().await?;
        Ok(respond(status, body))
    }
}

/// JSON with its status; what was made says itself where it is.
fn respond(status: u16, body: String) -> Response {
    let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let location = json.get("url").and_then(|url| url.as_str()).map(HeaderValue::from_str);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let kind = HeaderValue::from_static("application/json");
    let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
    if let Some(Ok(location)) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
