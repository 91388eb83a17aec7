//! One's own second factor: the authenticator app and the recovery codes.

use askama::Template;
use audit::Deed;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use kernel::{Failure, PublicId, Secret};
use requests::TooMany;
use serde::Deserialize;
use ui::{Chrome, Form, Problems, WebError, WebResult, Words};

use super::qr;
use crate::second_factor::{begin_app, confirm_app, new_recovery_codes, remove_app, secret_of};
use crate::sign_in::{Proof, prove};
use crate::store::passkeys::{self, StoredPasskey};
use crate::store::second_factors as rows;
use crate::{Accounts, Actor, PasskeyRefusal, noted};

#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage {
    chrome: Chrome,
    factors: Factors,
}

/// What somebody has, and what can be done about it.
struct Factors {
    w: Words,
    app: App,
    /// Whether any second factor works.
    is_on: bool,
    codes_left: i64,
    /// Shown this once.
    new_codes: Vec<String>,
    passkeys: Vec<KeyRow>,
    /// Whether browsers allow passkeys here.
    takes_passkeys: bool,
    problems: Problems,
    off_problems: Problems,
    key_problems: Problems,
}

/// A passkey in the list.
struct KeyRow {
    public_id: PublicId,
    name: String,
    note: String,
}

/// The authenticator app.
enum App {
    Off,
    /// The secret, to be typed and as a picture.
    Begun {
        key: String,
        picture: Option<String>,
    },
    On,
}

impl Factors {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let company = accounts.company().await?;
        let conn = accounts.db().read().await?;
        let app = match rows::app(&conn, actor.id).await? {
            None => App::Off,
            Some(app) if app.is_confirmed => App::On,
            Some(app) => {
                let secret = secret_of(accounts.keys(), actor.id, &app)?;
                let picture = qr::picture(&secret.address(&company.name, &actor.email));
                App::Begun { key: secret.grouped(), picture }
            }
        };
        let w = accounts.site().words(&actor.language);
        let when = actor.when(accounts.now());
        let passkeys = passkeys::of_agent(&conn, actor.id).await?;
        let row = |key: StoredPasskey| KeyRow {
            public_id: key.public_id,
            note: match key.last_used_at {
                Some(at) => w.a("passkey-used", "when", ui::relative(at, &when, &w)),
                None => w.a("passkey-made", "day", ui::day(key.created_at, &when)),
            },
            name: key.name,
        };
        Ok(Self {
            passkeys: passkeys.into_iter().map(row).collect(),
            takes_passkeys: accounts.webauthn().is_some(),
            w,
            app,
            is_on: rows::has(&conn, actor.id).await?,
            codes_left: rows::recovery_codes_left(&conn, actor.id).await?,
            new_codes: Vec::new(),
            problems: Problems::default(),
            off_problems: Problems::default(),
            key_problems: Problems::default(),
        })
    }

    fn is_wrong(&self) -> bool {
        let all = [&self.problems, &self.off_problems, &self.key_problems];
        all.into_iter().any(|problems| !problems.is_empty())
    }

    fn is_app_on(&self) -> bool {
        matches!(self.app, App::On)
    }

    /// All codes, one a line, for the clipboard.
    fn codes_text(&self) -> String {
        self.new_codes.join("\n")
    }
}

/// For somebody who may see nothing else before: without the frame, which tells of the work.
#[derive(Template)]
#[template(path = "second_factor_first.html")]
struct FirstPage {
    w: Words,
    factors: Factors,
}

async fn page(accounts: &Accounts, actor: &Actor, factors: Factors) -> WebResult<Response> {
    let is_wrong = factors.is_wrong();
    if actor.owes_second_factor {
        let page = FirstPage { w: factors.w.clone(), factors };
        return if is_wrong { ui::again(&page) } else { ui::page(&page) };
    }
    let chrome = accounts.chrome(actor, HERE).await?;
    let page = FactorPage { chrome, factors };
    if is_wrong { ui::again(&page) } else { ui::page(&page) }
}

const HERE: &str = "/me/second-factor";

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    page(&accounts, &actor, Factors::new(&accounts, &actor).await?).await
}

pub(super) async fn begin(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    begin_app(&mut tx, accounts.keys(), actor.id, accounts.now()).await?;
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeForm {
    code: String,
}

/// The first code of the app; the recovery codes are the answer.
pub(super) async fn confirm(
    State(accounts): State<Accounts>,
    actor: Actor,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> WebResult<Response> {
    let now = accounts.now();
    accounts.doors().hear_again(accounts.db(), actor.id, now).await.map_err(too_many)?;
    let mut tx = accounts.db().begin().await?;
    let me = (actor.id, actor.session);
    match confirm_app(&mut tx, accounts.keys(), me, &form.code, now).await {
        Ok(new_codes) => {
            noted::oneself(&accounts, &mut tx, Deed::SecondFactorSetUp, &actor);
            accounts.doors().forgive_again(&mut tx, actor.id).await?;
            tx.commit().await?;
            turned_on(&accounts, &actor, &headers, new_codes).await
        }
        Err(Failure::Refused(refusal)) => {
            drop(tx);
            let mut factors = Factors::new(&accounts, &actor).await?;
            factors.problems.add("code", refusal);
            page(&accounts, &actor, factors).await
        }
        Err(Failure::Broken(fault)) => Err(fault.into()),
    }
}

/// After a second factor was set up: the page, with recovery codes if there are new ones.
pub(super) async fn turned_on(
    accounts: &Accounts,
    actor: &Actor,
    headers: &HeaderMap,
    new_codes: Vec<String>,
) -> WebResult<Response> {
    forget_session(accounts, headers);
    let factors = Factors { new_codes, ..Factors::new(accounts, actor).await? };
    page(accounts, actor, factors).await
}

/// After a second factor went.
pub(super) fn turned_off(accounts: &Accounts, headers: &HeaderMap) -> Response {
    forget_session(accounts, headers);
    ui::see_other(HERE)
}

/// A passkey was not taken.
pub(super) async fn refused(
    accounts: &Accounts,
    actor: &Actor,
    refusal: PasskeyRefusal,
) -> WebResult<Response> {
    let mut factors = Factors::new(accounts, actor).await?;
    factors.key_problems.add("name", refusal);
    page(accounts, actor, factors).await
}

/// What this session may has changed, and is read anew.
fn forget_session(accounts: &Accounts, headers: &HeaderMap) {
    if let Some(token) = accounts.session_token(headers) {
        accounts.forget(&token);
    }
}

pub(super) fn too_many(failure: Failure<TooMany>) -> WebError {
    match failure {
        Failure::Refused(TooMany { retry_after_seconds }) => {
            WebError::TooMany { retry_after_seconds }
        }
        Failure::Broken(fault) => fault.into(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OffForm {
    password: String,
    off_code: String,
}

/// Turns the app off, for who knows the password and has a code.
pub(super) async fn delete(
    State(accounts): State<Accounts>,
    actor: Actor,
    headers: HeaderMap,
    Form(form): Form<OffForm>,
) -> WebResult<Response> {
    let now = accounts.now();
    let proofs = [
        ("password", Proof::Password(Secret::new(form.password))),
        ("off_code", Proof::Code(&form.off_code)),
    ];
    accounts.doors().hear_again(accounts.db(), actor.id, now).await.map_err(too_many)?;
    let mut tx = accounts.db().begin().await?;
    let mut problems = Problems::default();
    for (field, proof) in proofs {
        match prove(&mut tx, accounts.keys(), actor.id, proof, now).await {
            Ok(()) => {}
            Err(Failure::Refused(refusal)) => {
                problems.add(field, refusal);
                break;
            }
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    if problems.is_empty() {
        accounts.doors().forgive_again(&mut tx, actor.id).await?;
        remove_app(&mut tx, actor.id).await?;
        noted::oneself(&accounts, &mut tx, Deed::SecondFactorRemoved, &actor);
        tx.commit().await?;
        return Ok(turned_off(&accounts, &headers));
    }
    drop(tx);
    let factors = Factors { off_problems: problems, ..Factors::new(&accounts, &actor).await? };
    page(&accounts, &actor, factors).await
}

/// New recovery codes, for somebody who has a second factor.
pub(super) async fn renew_codes(
    State(accounts): State<Accounts>,
    actor: Actor,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    if !rows::has(&tx, actor.id).await? {
        return Err(WebError::NotFound);
    }
    let new_codes = new_recovery_codes(&mut tx, accounts.keys(), actor.id, accounts.now()).await?;
    noted::oneself(&accounts, &mut tx, Deed::RecoveryCodesMade, &actor);
    tx.commit().await?;
    let factors = Factors { new_codes, ..Factors::new(&accounts, &actor).await? };
    page(&accounts, &actor, factors).await
}
