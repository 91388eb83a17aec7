//! One's own tokens for programs.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::{InboxId, PublicId, Span};
use ui::{Choice, Chrome, Fields, Problems, WebResult, found};

use crate::{
    Accounts, Actor, ApiToken, FORM_KEY, NewToken, Scope, Scopes, Sees, is_first, make_token,
    noted, revoke_token, tokens_of,
};

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    chrome: Chrome,
    tokens: Vec<ApiToken>,
    /// Shown this once.
    new_token: Option<String>,
    name: String,
    scopes: Vec<Choice>,
    /// Those that this person sees; none chosen means all of them.
    inboxes: Vec<Choice>,
    lifetimes: Vec<Choice>,
    problems: Problems,
}

const LIFETIMES_DAYS: [i64; 4] = [30, 90, 365, 0];

impl Tokens {
    async fn new(accounts: &Accounts, actor: &Actor) -> WebResult<Self> {
        let chrome = accounts.chrome(actor, "/me/tokens").await?;
        let tokens = tokens_of(&accounts.db().read().await?, actor.id).await?;
        let scopes = Scope::ALL
            .into_iter()
            .map(|scope| {
                let key = format!("scope-{}", scope.as_str().replace(':', "-"));
                Choice::new(scope.as_str(), chrome.t(&key).to_owned(), false)
            })
            .collect();
        let directory = accounts.directory().await?;
        let seen = directory.inboxes().filter(|inbox| actor.may_see(inbox.id));
        let inboxes = seen.map(|inbox| Choice::new(inbox.id, &inbox.name, false)).collect();
        let lifetimes = LIFETIMES_DAYS
            .into_iter()
            .map(|days| {
                let label = match days {
                    0 => chrome.t("token-forever").to_owned(),
                    days => chrome.words.n("token-days", days),
                };
                Choice::new(days, label, days == 365)
            })
            .collect();
        Ok(Self {
            chrome,
            tokens,
            new_token: None,
            name: String::new(),
            scopes,
            inboxes,
            lifetimes,
            problems: Problems::default(),
        })
    }

    fn made(&self, token: &ApiToken) -> String {
        ui::day(token.created_at, &self.chrome.when)
    }

    fn ends(&self, token: &ApiToken) -> String {
        match token.expires_at {
            Some(at) if at <= self.chrome.when.now => self.chrome.t("token-expired").to_owned(),
            Some(at) => ui::day(at, &self.chrome.when),
            None => self.chrome.t("token-forever").to_owned(),
        }
    }

    /// The names of the inboxes that it was made for, as far as this person still sees them.
    fn sees(&self, token: &ApiToken) -> String {
        let Sees::Only(chosen) = &token.sees else {
            return self.chrome.t("token-inboxes-all").to_owned();
        };
        let is_chosen = |one: &&Choice| chosen.iter().any(|inbox| inbox.to_string() == one.value);
        let names: Vec<&str> =
            self.inboxes.iter().filter(is_chosen).map(|one| one.label.as_str()).collect();
        if names.is_empty() {
            return self.chrome.t("token-inboxes-gone").to_owned();
        }
        names.join(", ")
    }

    fn used(&self, token: &ApiToken) -> String {
        match token.last_used_at {
            Some(at) => ui::relative(at, &self.chrome.when, &self.chrome.words),
            None => self.chrome.t("token-never-used").to_owned(),
        }
    }
}

pub(super) async fn index(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    ui::page(&Tokens::new(&accounts, &actor).await?)
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["name", "scope", "inbox", "lifetime", FORM_KEY])?;
    let mut page = Tokens::new(&accounts, &actor).await?;
    let name = kernel::clip(&kernel::one_line(fields.get("name").unwrap_or_default()), 100);
    let chosen: Vec<&str> = fields.all("scope").collect();
    for choice in &mut page.scopes {
        choice.is_chosen = chosen.contains(&choice.value.as_str());
    }
    let scopes = page.problems.keep("scope", Scopes::read(&chosen.join(" ")));
    if name.is_empty() {
        page.problems.add("name", page.chrome.t("token-name-missing").to_owned());
    }
    if chosen.is_empty() {
        page.problems.add("scope", page.chrome.t("token-scope-missing").to_owned());
    }
    let sees = read_inboxes(&fields, &mut page);
    let days = fields.get("lifetime").and_then(|days| days.parse::<i64>().ok());
    let days = days.filter(|days| LIFETIMES_DAYS.contains(days));
    if days.is_none() {
        page.problems.add("lifetime", page.chrome.t("token-lifetime-missing").to_owned());
    }
    page.name.clone_from(&name);
    let (true, Some(scopes), Some(days)) = (page.problems.is_empty(), scopes, days) else {
        return ui::again(&page);
    };
    let agent = actor.id;
    let now = accounts.now();
    let expires_at = (days > 0).then(|| now + Span::days(days));
    let mut tx = accounts.db().begin().await?;
    if !is_first(&mut tx, &actor, &fields, now).await? {
        drop(tx);
        let mut page = Tokens::new(&accounts, &actor).await?;
        page.problems.add("name", page.chrome.t("token-made-before").to_owned());
        return ui::again(&page);
    }
    let new = NewToken { agent, name, scopes, sees, expires_at };
    let token = make_token(&mut tx, &new, now).await?;
    noted::token_made(&accounts, &mut tx, actor.who(), &new);
    tx.commit().await?;
    let mut page = Tokens::new(&accounts, &actor).await?;
    page.new_token = Some(token.reveal().to_owned());
    ui::page(&page)
}

/// The inboxes that the token is for. What is not seen cannot be chosen.
fn read_inboxes(fields: &Fields, page: &mut Tokens) -> Sees {
    let chosen: Vec<&str> = fields.all("inbox").collect();
    for choice in &mut page.inboxes {
        choice.is_chosen = chosen.contains(&choice.value.as_str());
    }
    if chosen.is_empty() {
        return Sees::Everything;
    }
    let is_there = |id: &&str| page.inboxes.iter().any(|choice| choice.value == **id);
    let known = chosen.iter().copied().filter(is_there).filter_map(|id| id.parse::<InboxId>().ok());
    let known: Vec<InboxId> = known.collect();
    if known.len() != chosen.len() {
        page.problems.add("inbox", page.chrome.t("token-inbox-unknown").to_owned());
    }
    Sees::Only(known)
}

pub(super) async fn delete(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    found(revoke_token(&mut tx, actor.id, id, accounts.now()).await?.then_some(()))?;
    noted::token_revoked(&accounts, &mut tx, &actor, id);
    tx.commit().await?;
    Ok(ui::see_other("/me/tokens"))
}
