//! Asks somebody who is signed in once more who they are, before what concerns secrets.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::{Failure, Secret};
use serde::Deserialize;
use ui::{Form, Problems, WebError, WebResult, Words};

use super::second_factor::too_many;
use crate::sign_in::{Proof, prove};
use crate::store::{second_factors, sessions};
use crate::{Accounts, Actor};

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    w: Words,
    next: String,
    /// Something was sent too late, and was not done.
    is_late: bool,
    has_code: bool,
    problems: Problems,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
    late: String,
}

impl Confirm {
    async fn new(accounts: &Accounts, actor: &Actor, asked: Asked) -> WebResult<Self> {
        let conn = accounts.db().read().await?;
        Ok(Self {
            w: accounts.site().words(&actor.language),
            next: asked.next,
            is_late: !asked.late.is_empty(),
            has_code: second_factors::has(&conn, actor.id).await?,
            problems: Problems::default(),
        })
    }
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    ui::page(&Confirm::new(&accounts, &actor, asked).await?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// The password, or a code of somebody who has a second factor: either will do.
pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Actor,
    headers: HeaderMap,
    Form(form): Form<Given>,
) -> WebResult<Response> {
    let (Some(session), Some(token)) = (actor.session, accounts.session_token(&headers)) else {
        return Err(WebError::SignIn);
    };
    let now = accounts.now();
    let (field, proof) = if form.code.trim().is_empty() {
        ("password", Proof::Password(Secret::new(form.password)))
    } else {
        ("code", Proof::Code(&form.code))
    };
    accounts.doors().hear_again(accounts.db(), actor.id, now).await.map_err(too_many)?;
    let mut tx = accounts.db().begin().await?;
    match prove(&mut tx, accounts.keys(), actor.id, proof, now).await {
        Ok(()) => {
            accounts.doors().forgive_again(&mut tx, actor.id).await?;
            sessions::confirm(&mut tx, (actor.id, session), now).await?;
            tx.commit().await?;
            accounts.forget(&token);
            Ok(ui::see_other(if form.next.is_empty() { "/" } else { &form.next }))
        }
        Err(Failure::Refused(refusal)) => {
            drop(tx);
            let asked = Asked { next: form.next, late: String::new() };
            let mut page = Confirm::new(&accounts, &actor, asked).await?;
            page.problems.add(field, refusal);
            ui::again(&page)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}
