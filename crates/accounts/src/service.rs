//! What the other features ask of accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};
use audit::{Entry, Trail};
use axum::http::{HeaderMap, header};
use database::{Conn, Db, Tx};
use kernel::{AgentId, Span, Timestamp};
use keys::{Keys, Token, TokenHash};
use live::{Hub, Remembered};
use ui::{NavGroup, NavLink, Site};

use crate::frame::{ChromeMaker, SettingsPage, links, subnav};
use crate::session::SEEN_EVERY;
use crate::sign_in::Doors;
use crate::{Actor, AgentState, Came, Company, Directory, Scopes, Sees, api_token, session, store};

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
    company: Remembered<Company>,
    directory: Remembered<Directory>,
    /// Who was let in lately, so that not every request has to ask the database.
    known: Mutex<HashMap<TokenHash, Known>>,
    chrome: OnceLock<Arc<dyn ChromeMaker>>,
    settings_pages: OnceLock<Vec<SettingsPage>>,
}

struct Known {
    actor: Actor,
    settings_version: u64,
    checked_at: Timestamp,
}

/// Even without word of a change, the database is asked again after this long.
const TRUSTED_FOR: Span = Span::seconds(60);
const KNOWN_MAX: usize = 5_000;

impl Accounts {
    pub fn new(db: Db, site: Site, hub: Hub, keys: Keys) -> Self {
        Self(Arc::new(Shared {
            db,
            site,
            doors: Doors::default(),
            company: Remembered::new(hub.clone()),
            directory: Remembered::new(hub.clone()),
            known: Mutex::new(HashMap::new()),
            chrome: OnceLock::new(),
            settings_pages: OnceLock::new(),
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
        let load = async { Company::load(&mut self.0.db.read_for_all().await?).await };
        self.0.company.get(load).await
    }

    pub async fn directory(&self) -> Result<Arc<Directory>> {
        let load = async { Directory::load(&mut self.0.db.read_for_all().await?).await };
        self.0.directory.get(load).await
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
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| Token::read(api_token::TOKEN_PREFIX, token.trim()));
        match token {
            Some(token) => self.known_actor(&token, Door::ApiToken).await,
            None => Ok(None),
        }
    }

    pub(crate) fn session_token(&self, headers: &HeaderMap) -> Option<Token> {
        let name = self.cookie_name();
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| Token::read(session::TOKEN_PREFIX, value))
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
        let mut conn = self.0.db.read().await?;
        let Some((id, agent, seen_at)) = store::sessions::find(&mut conn, hash, now).await? else {
            return Ok(None);
        };
        let actor = load_actor(&mut conn, agent).await?;
        drop(conn);
        if now.since(seen_at) > SEEN_EVERY {
            let mut tx = self.0.db.begin().await?;
            store::sessions::seen(&mut tx, id, now).await?;
            tx.commit().await?;
        }
        Ok(actor.map(|actor| Actor { session: Some(id), ..actor }))
    }

    async fn by_api_token(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<Actor>> {
        let mut conn = self.0.db.read().await?;
        let Some((id, agent, scopes, used_at)) =
            store::api_tokens::find(&mut conn, hash, now).await?
        else {
            return Ok(None);
        };
        let actor = load_actor(&mut conn, agent).await?;
        drop(conn);
        if used_at.is_none_or(|used_at| now.since(used_at) > SEEN_EVERY) {
            let mut tx = self.0.db.begin().await?;
            store::api_tokens::used(&mut tx, id, now).await?;
            tx.commit().await?;
        }
        let scopes = Scopes::read(&scopes)?;
        let came = Came { token: Some(id), address: None };
        Ok(actor.map(|actor| Actor { scopes, came, ..actor }))
    }

    /// A person as an actor, without a request: for jobs that act in their name.
    pub async fn actor(&self, agent: AgentId) -> Result<Option<Actor>> {
        load_actor(&mut self.0.db.read().await?, agent).await
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has to be tidied up now and then.
    pub async fn sweep(&self) -> Result<()> {
        let mut tx = self.0.db.begin().await?;
        store::sessions::sweep(&mut tx, self.now()).await?;
        tx.commit().await
    }
}

#[derive(Clone, Copy)]
enum Door {
    Session,
    ApiToken,
}

async fn load_actor(conn: &mut Conn, id: AgentId) -> Result<Option<Actor>> {
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
        came: Came::default(),
    }))
}
