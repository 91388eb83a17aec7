//! What the other features ask of accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use audit::{Entry, Trail};
use axum::http::{HeaderMap, header};
use database::{Conn, Db, Tx};
use egress::Http;
use kernel::{AgentId, Span, Timestamp};
use keys::{Keys, Token, TokenHash};
use live::{Hub, Remembered};
use ui::{NavGroup, NavLink, Site};
use webauthn_rs::prelude::Webauthn;

use crate::frame::{ChromeMaker, SettingsPage, links, subnav};
use crate::session::SEEN_EVERY;
use crate::sign_in::Doors;
use crate::store::sessions::LiveSession;
use crate::{
    Actor, AgentState, Came, Company, Directory, PersonPace, Scopes, Sees, SignInRules, api_token,
    passkeys, policy, session, store,
};

/// Knows who is asking. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

struct Shared {
    db: Db,
    site: Site,
    hub: Hub,
    keys: Keys,
    trail: Trail,
    doors: Doors,
    /// None where browsers allow no passkeys.
    webauthn: Option<Webauthn>,
    company: Remembered<Company>,
    directory: Remembered<Directory>,
    sign_in_rules: Remembered<SignInRules>,
    /// Who was let in lately, so that not every request has to ask the database.
    known: Mutex<HashMap<TokenHash, Known>>,
    /// The way out to a provider of sign-in.
    http: OnceLock<Http>,
    chrome: OnceLock<Arc<dyn ChromeMaker>>,
    settings_pages: OnceLock<Vec<SettingsPage>>,
    pace: OnceLock<PersonPace>,
}

struct Known {
    actor: Actor,
    settings_version: u64,
    checked_at: Timestamp,
}

/// Even without word of a change, the database is asked again after this long: whatever becomes of
/// the notices between nodes, nobody gets in five seconds after their session has ended.
const TRUSTED_FOR: Span = Span::seconds(4);
const KNOWN_MAX: usize = 5_000;

impl Accounts {
    pub fn new(db: Db, site: Site, hub: Hub, keys: Keys) -> Self {
        Self(Arc::new(Shared {
            db,
            webauthn: passkeys::at_home(&site.base_url),
            site,
            doors: Doors::default(),
            company: Remembered::new(hub.clone()),
            directory: Remembered::new(hub.clone()),
            sign_in_rules: Remembered::new(hub.clone()),
            known: Mutex::new(HashMap::new()),
            http: OnceLock::new(),
            chrome: OnceLock::new(),
            settings_pages: OnceLock::new(),
            pace: OnceLock::new(),
            hub,
            trail: Trail::new(&keys),
            keys,
        }))
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub fn site(&self) -> &Site {
        &self.0.site
    }

    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub fn now(&self) -> Timestamp {
        self.0.site.now()
    }

    pub(crate) fn doors(&self) -> &Doors {
        &self.0.doors
    }

    pub(crate) fn webauthn(&self) -> Option<&Webauthn> {
        self.0.webauthn.as_ref()
    }

    /// What is done to people, rights and settings, and what is read, is noted here.
    pub fn trail(&self) -> &Trail {
        &self.0.trail
    }

    /// Notes an act in the transaction that does it.
    pub fn note(&self, tx: &mut Tx, entry: Entry) {
        self.0.trail.note(tx, entry);
    }

    /// Notes something that has no transaction of its own, such as that somebody read a file. Only
    /// afterwards do they get it.
    pub async fn note_alone(&self, entry: Entry) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        self.note(&mut tx, entry);
        tx.commit().await
    }

    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Lends the maker of page frames and the pages of settings. Done once, when the program is
    /// put together.
    pub fn lend(&self, maker: Arc<dyn ChromeMaker>, pages: Vec<SettingsPage>) {
        let _ = self.0.chrome.set(maker);
        let _ = self.0.settings_pages.set(pages);
    }

    /// Lends the way out, by which a provider of sign-in is asked.
    pub fn lend_way_out(&self, http: Http) {
        let _ = self.0.http.set(http);
    }

    /// Lends how often a person may do what costs much; else it is as often as is usual.
    pub fn lend_pace(&self, pace: PersonPace) {
        let _ = self.0.pace.set(pace);
    }

    pub(crate) fn pace(&self) -> &PersonPace {
        self.0.pace.get_or_init(PersonPace::default)
    }

    pub(crate) fn http(&self) -> Result<&Http> {
        self.0.http.get().context("nobody lent the way out")
    }

    /// The frame for a person at a place.
    pub async fn chrome(&self, actor: &Actor, here: &str) -> Result<ui::Chrome> {
        let maker = self.0.chrome.get().context("nobody lent the page frame")?;
        maker.chrome(actor, here).await
    }

    /// The pages of settings that somebody may open.
    pub fn subnav(&self, actor: &Actor, here: &str) -> Vec<NavGroup> {
        let pages = self.0.settings_pages.get().map(Vec::as_slice).unwrap_or_default();
        subnav(pages, actor, here, &self.0.site.words(&actor.language))
    }

    /// The pages of a group, such as the sidebar's, that somebody may open.
    pub fn pages_of(&self, actor: &Actor, group: &str, here: &str) -> Vec<NavLink> {
        let pages = self.0.settings_pages.get().map(Vec::as_slice).unwrap_or_default();
        links(pages, actor, group, here, &self.0.site.words(&actor.language))
    }

    pub async fn company(&self) -> Result<Arc<Company>> {
        let load = async { Company::load(&self.0.db.read_for_all().await?).await };
        self.0.company.get(load).await
    }

    pub async fn directory(&self) -> Result<Arc<Directory>> {
        let load = async { Directory::load(&self.0.db.read_for_all().await?).await };
        self.0.directory.get(load).await
    }

    pub async fn sign_in_rules(&self) -> Result<Arc<SignInRules>> {
        let load = async { SignInRules::load(&self.0.db.read_for_all().await?).await };
        self.0.sign_in_rules.get(load).await
    }

    /// The person that a browser's cookie or a program's token stands for.
    pub async fn actor_of(&self, headers: &HeaderMap) -> Result<Option<Actor>> {
        match self.session_token(headers) {
            Some(token) => self.known_actor(&token, Door::Session).await,
            None => Ok(None),
        }
    }

    /// The person that an API token stands for, with what the token may.
    pub async fn actor_of_token(&self, headers: &HeaderMap) -> Result<Option<Actor>> {
        match Self::api_token(headers) {
            Some(token) => self.known_actor(&token, Door::ApiToken).await,
            None => Ok(None),
        }
    }

    /// The person whose browser has a stream open, if they may still be here: read anew, whatever
    /// word of a change came. Watching alone keeps no session from being idle.
    pub async fn still_there(&self, headers: &HeaderMap) -> Result<Option<Actor>> {
        let Some(token) = self.session_token(headers) else { return Ok(None) };
        let found = self.session(&token.hash(), self.now()).await?;
        Ok(found.map(|(actor, _)| actor))
    }

    /// The same for the API token of a program.
    pub async fn still_there_by_token(&self, headers: &HeaderMap) -> Result<Option<Actor>> {
        let Some(token) = Self::api_token(headers) else { return Ok(None) };
        self.by_api_token(&token.hash(), self.now()).await
    }

    /// The API token that a request carries, if it can be one at all. Nobody was asked about it.
    pub fn api_token(headers: &HeaderMap) -> Option<Token> {
        let bearer = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = bearer.split_once(' ')?;
        let token = Some(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"))?;
        Token::read_checked(api_token::TOKEN_PREFIX, token)
    }

    pub(crate) fn session_token(&self, headers: &HeaderMap) -> Option<Token> {
        cookie_value(headers, self.cookie_name())
            .and_then(|value| Token::read(session::TOKEN_PREFIX, value))
    }

    /// The sign-in of this browser that waits for a second factor.
    pub(crate) fn pending_token(&self, headers: &HeaderMap) -> Option<Token> {
        cookie_value(headers, self.pending_cookie_name())
            .and_then(|value| Token::read(store::pending::TOKEN_PREFIX, value))
    }

    /// What shows that a journey to the provider began in this browser.
    pub(crate) fn journey_token(&self, headers: &HeaderMap) -> Option<Token> {
        cookie_value(headers, self.journey_cookie_name())
            .and_then(|value| Token::read(store::provider::BROWSER_PREFIX, value))
    }

    pub(crate) fn journey_cookie_name(&self) -> &'static str {
        if self.0.site.is_https { "__Host-journey" } else { "journey" }
    }

    pub(crate) fn pending_cookie_name(&self) -> &'static str {
        if self.0.site.is_https { "__Host-pending" } else { "pending" }
    }

    /// Forgets what is remembered of a session, so that the next request reads it anew. Other
    /// nodes hear of the change.
    pub(crate) fn forget(&self, token: &Token) {
        self.known().remove(&token.hash());
    }

    /// `__Host-` binds the cookie to this host and to HTTPS, where there is HTTPS.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.0.site.is_https { "__Host-session" } else { "session" }
    }

    async fn known_actor(&self, token: &Token, door: Door) -> Result<Option<Actor>> {
        let (hash, now) = (token.hash(), self.now());
        let settings_version = self.0.hub.settings_version();
        if let Some(known) = self.known().get(&hash) {
            let fresh = known.settings_version == settings_version
                && now.since(known.checked_at) < TRUSTED_FOR
                && now >= known.checked_at;
            if fresh {
                return Ok(Some(known.actor.clone()));
            }
        }
        let found = match door {
            Door::Session => self.by_session(&hash, now).await?,
            Door::ApiToken => self.by_api_token(&hash, now).await?,
        };
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        match &found {
            Some(actor) => {
                let actor = actor.clone();
                known.insert(hash, Known { actor, settings_version, checked_at: now });
            }
            None => drop(known.remove(&hash)),
        }
        Ok(found)
    }

    async fn by_session(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<Actor>> {
        let Some((actor, session)) = self.session(hash, now).await? else { return Ok(None) };
        if now.since(session.last_seen_at) > SEEN_EVERY {
            let mut tx = self.0.db.begin().await?;
            store::sessions::seen(&mut tx, session.id, now).await?;
            tx.commit().await?;
        }
        Ok(Some(actor))
    }

    async fn session(
        &self,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<(Actor, LiveSession)>> {
        let rules = self.sign_in_rules().await?;
        let conn = self.0.db.read().await?;
        let Some(session) = store::sessions::find(&conn, hash, rules.sessions, now).await? else {
            return Ok(None);
        };
        let has_factor = store::second_factors::has(&conn, session.agent).await?;
        if has_factor && !session.second_factor {
            return Ok(None);
        }
        let actor = load_actor(&conn, session.agent).await?;
        Ok(actor.map(|actor| {
            let actor = Actor {
                session: Some(session.id),
                confirmed_at: Some(session.confirmed_at),
                owes_second_factor: !has_factor && rules.require_second_factor(actor.role),
                ..actor
            };
            (actor, session)
        }))
    }

    async fn by_api_token(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<Actor>> {
        let conn = self.0.db.read().await?;
        let Some(token) = store::api_tokens::find(&conn, hash, now).await? else {
            return Ok(None);
        };
        let actor = load_actor(&conn, token.agent).await?;
        let chosen = if token.sees_every_inbox {
            Sees::Everything
        } else {
            Sees::Only(store::api_tokens::inboxes_of(&conn, token.id).await?)
        };
        drop(conn);
        if token.last_used_at.is_none_or(|used_at| now.since(used_at) > SEEN_EVERY) {
            let mut tx = self.0.db.begin().await?;
            store::api_tokens::used(&mut tx, token.id, now).await?;
            tx.commit().await?;
        }
        let came = Came { token: Some(token.id), address: None };
        Ok(actor.map(|actor| Actor {
            scopes: token.scopes,
            sees: policy::narrowed(actor.sees, chosen),
            came,
            ..actor
        }))
    }

    /// A person as an actor, without a request: for jobs that act in their name.
    pub async fn actor(&self, agent: AgentId) -> Result<Option<Actor>> {
        load_actor(&self.0.db.read().await?, agent).await
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be tidied up now and then.
    pub async fn sweep(&self) -> Result<()> {
        let limits = self.sign_in_rules().await?.sessions;
        let mut tx = self.0.db.begin().await?;
        store::sessions::sweep(&mut tx, limits, self.now()).await?;
        store::pending::sweep(&mut tx, self.now()).await?;
        store::passkeys::sweep(&mut tx, self.now()).await?;
        store::provider::sweep(&mut tx, self.now()).await?;
        tx.commit().await
    }
}

fn cookie_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[derive(Clone, Copy)]
enum Door {
    Session,
    ApiToken,
}

async fn load_actor(conn: &Conn, id: AgentId) -> Result<Option<Actor>> {
    let agent = store::agents::find(conn, id).await?;
    let Some(agent) = agent.filter(|agent| agent.state == AgentState::Active) else {
        return Ok(None);
    };
    let sees = if agent.sees_every_inbox {
        Sees::Everything
    } else {
        Sees::Only(store::agents::inboxes_of(conn, id).await?)
    };
    Ok(Some(Actor {
        id,
        name: agent.name,
        email: agent.email.to_string(),
        role: agent.role,
        sees,
        teams: store::teams::of_agent(conn, id).await?,
        time_zone: agent.time_zone,
        language: agent.language,
        signature: agent.signature,
        preferences: agent.preferences,
        scopes: Scopes::Full,
        session: None,
        confirmed_at: None,
        owes_second_factor: false,
        came: Came::default(),
    }))
}
