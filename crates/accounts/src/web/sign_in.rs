//! The way in and the way out.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use kernel::{EmailAddress, Failure, Refusal, Secret};
use serde::Deserialize;
use ui::{Client, Form, Problems, WebResult, Words};

use super::cookie::{self, Arrival};
use crate::percent::encoded;
use crate::{Accounts, SignInRefusal, noted, sign_in};

/// Where the work is, for those who work here; the way in for others.
pub(super) async fn home(
    State(accounts): State<Accounts>,
    headers: HeaderMap,
) -> WebResult<Response> {
    let known = accounts.actor_of(&headers).await?;
    Ok(ui::see_other(if known.is_some() { "/inbox/needs-reply" } else { "/login" }))
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    w: Words,
    company: String,
    is_set_up: bool,
    email: String,
    next: String,
    /// Said above the form, such as that a new password is in place.
    notice: Option<String>,
    takes_passkeys: bool,
    /// What the button of the provider says, and where it leads.
    provider: Option<(String, String)>,
    problems: Problems,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
    notice: String,
}

/// What may be said above the form; anything else in the address is not.
const NOTICES: [&str; 3] = ["password-set", "signed-out", "again"];

impl Login {
    async fn new(accounts: &Accounts, next: String) -> WebResult<Self> {
        let company = accounts.company().await?;
        let rules = accounts.sign_in_rules().await?;
        let provider = rules.provider.as_ref().map(|provider| {
            let next = encoded(&next, b"/-_.");
            (provider.label.clone(), format!("/login/provider?next={next}"))
        });
        Ok(Self {
            provider,
            w: accounts.site().words(&company.language),
            company: company.name.clone(),
            is_set_up: company.set_up_at.is_some(),
            email: String::new(),
            next,
            notice: None,
            takes_passkeys: accounts.webauthn().is_some(),
            problems: Problems::default(),
        })
    }
}

pub(super) async fn new(
    State(accounts): State<Accounts>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    if accounts.actor_of(&headers).await?.is_some() {
        return Ok(ui::see_other(if asked.next.is_empty() { "/" } else { &asked.next }));
    }
    let mut page = Login::new(&accounts, asked.next).await?;
    if NOTICES.contains(&asked.notice.as_str()) {
        page.notice = Some(page.w.t(&format!("login-{}", asked.notice)).to_owned());
    }
    ui::page(&page)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    email: String,
    password: String,
    #[serde(default)]
    keep: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> WebResult<Response> {
    let network = client.network();
    let password = Secret::new(given.password);
    let checked = match given.email.parse::<EmailAddress>() {
        Ok(email) => {
            let now = accounts.now();
            let doors = accounts.doors();
            sign_in::check(accounts.db(), doors, &email, password, &network, now).await
        }
        // Nobody has such an address; said as for any other that nobody has.
        Err(_) => Err(SignInRefusal::Wrong.into()),
    };
    match checked {
        Ok(agent) => {
            let keep = !given.keep.is_empty();
            let arrival = Arrival { agent, client, headers: &headers, keep, next: &given.next };
            cookie::let_in(&accounts, arrival).await
        }
        Err(Failure::Refused(refusal)) => {
            tracing::info!(%network, "a sign-in was refused: {refusal}");
            noted::sign_in_failed(&accounts, &given.email, client, &refusal).await?;
            let mut page = Login::new(&accounts, given.next).await?;
            page.email = given.email;
            page.problems.add("password", &refusal);
            let mut response = ui::again(&page)?;
            if let SignInRefusal::TooMany(seconds) = refusal {
                *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            Ok(response)
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// Another way than the password did not open. The page is the one for passwords.
pub(super) async fn refuse(
    accounts: &Accounts,
    next: String,
    refusal: impl Refusal,
) -> WebResult<Response> {
    let mut page = Login::new(accounts, next).await?;
    page.problems.add("email", refusal);
    ui::again(&page)
}

pub(super) async fn delete(
    State(accounts): State<Accounts>,
    client: Client,
    headers: HeaderMap,
) -> WebResult<Response> {
    cookie::sign_out(&accounts, client, &headers).await
}
