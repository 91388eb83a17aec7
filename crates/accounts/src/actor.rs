//! Who is asking, as a value: whoever holds one has been let in.

use std::net::IpAddr;

use audit::{Deed, Entry, Who};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kernel::{AgentId, InboxId, Span, TeamId, Timestamp};
use ui::{Badge, WebError, WebResult, When};

use crate::{Act, Preferences, Role, policy};

/// A person inside, at this moment.
#[derive(Clone, Debug)]
pub struct Actor {
    pub id: AgentId,
    pub name: String,
    pub email: String,
    pub role: Role,
    pub sees: Sees,
    pub teams: Vec<TeamId>,
    pub time_zone: String,
    pub language: String,
    pub signature: String,
    pub preferences: Preferences,
    pub scopes: Scopes,
    /// The session this request came by; none for API tokens and commands.
    pub session: Option<i64>,
    /// When they last proved in that session who they are.
    pub confirmed_at: Option<Timestamp>,
    /// Their role needs a second factor, and they have none: they set one up before all else.
    pub owes_second_factor: bool,
    pub came: Came,
}

/// By what and from where somebody came, for the audit trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// The token of a program.
    pub token: Option<i64>,
    pub address: Option<IpAddr>,
}

/// So long after somebody proved who they are, nobody asks again.
const CONFIRMED_FOR: Span = Span::minutes(15);

/// The inboxes somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sees {
    Everything,
    Only(Vec<InboxId>),
}

/// What an API token was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    TicketsRead,
    TicketsWrite,
    CustomersRead,
    CustomersWrite,
    InboxesRead,
    InboxesWrite,
    MailRead,
    MailWrite,
    SettingsWrite,
}

impl Scope {
    pub const ALL: [Self; 9] = [
        Self::TicketsRead,
        Self::TicketsWrite,
        Self::CustomersRead,
        Self::CustomersWrite,
        Self::InboxesRead,
        Self::InboxesWrite,
        Self::MailRead,
        Self::MailWrite,
        Self::SettingsWrite,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TicketsRead => "tickets:read",
            Self::TicketsWrite => "tickets:write",
            Self::CustomersRead => "customers:read",
            Self::CustomersWrite => "customers:write",
            Self::InboxesRead => "inboxes:read",
            Self::InboxesWrite => "inboxes:write",
            Self::MailRead => "mail:read",
            Self::MailWrite => "mail:write",
            Self::SettingsWrite => "settings:write",
        }
    }

    /// The scope itself, or the scope to write, which includes reading.
    fn is_within(self, granted: Self) -> bool {
        self == granted
            || matches!(
                (self, granted),
                (Self::TicketsRead, Self::TicketsWrite)
                    | (Self::CustomersRead, Self::CustomersWrite)
                    | (Self::InboxesRead, Self::InboxesWrite)
                    | (Self::MailRead, Self::MailWrite)
            )
    }
}

/// Everything the person may do, or what a token was limited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scopes {
    Full,
    Only(Vec<Scope>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope “{0}”; known are tickets, customers, inboxes and mail with :read or \
         :write, settings:write, and * for everything"
)]
pub struct UnknownScope(String);

impl Scopes {
    /// Reads scopes separated by blanks or commas; `*` is everything the person may do.
    pub fn read(text: &str) -> Result<Self, UnknownScope> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let mut scopes = Vec::new();
        for word in words {
            if word == "*" {
                return Ok(Self::Full);
            }
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
            scopes.push(scope.ok_or_else(|| UnknownScope(word.to_owned()))?);
        }
        Ok(Self::Only(scopes))
    }

    pub fn to_text(&self) -> String {
        match self {
            Self::Full => "*".to_owned(),
            Self::Only(scopes) => {
                let words: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
                words.join(" ")
            }
        }
    }

    pub fn allow(&self, scope: Scope) -> bool {
        match self {
            Self::Full => true,
            Self::Only(scopes) => scopes.iter().any(|granted| scope.is_within(*granted)),
        }
    }
}

impl Actor {
    pub fn may(&self, act: Act) -> bool {
        policy::may(self, act)
    }

    /// Goes on only for somebody who may.
    pub fn must(&self, act: Act) -> WebResult<()> {
        if self.may(act) { Ok(()) } else { Err(WebError::Forbidden) }
    }

    pub fn may_see(&self, inbox: InboxId) -> bool {
        policy::may_see(self, inbox)
    }

    /// Goes on only if the inbox may be seen; else nothing is there.
    pub fn must_see(&self, inbox: InboxId) -> WebResult<()> {
        if self.may_see(inbox) { Ok(()) } else { Err(WebError::NotFound) }
    }

    /// Whether they lately proved who they are: what concerns secrets asks for it.
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        // What lies in the future was before the clock was set back; another node's clock may be
        // a little ahead.
        let lately = Span::minutes(-1)..CONFIRMED_FOR;
        self.confirmed_at.is_some_and(|at| lately.contains(&now.since(at)))
    }

    /// As the audit trail names them.
    pub fn who(&self) -> Who {
        let who = match self.came.token {
            Some(token) => Who::token(self.id, &self.name).via(Some(token)),
            None => Who::agent(self.id, &self.name).via(self.session),
        };
        who.from(self.came.address)
    }

    /// An entry for the audit trail about something that they do.
    pub fn did(&self, deed: Deed, now: Timestamp) -> Entry {
        Entry::new(deed, self.who(), now)
    }

    pub fn badge(&self) -> Badge {
        Badge::of(&self.name, self.id.0)
    }

    /// Where this person is in time.
    pub fn when(&self, now: Timestamp) -> When {
        When::in_zone(now, &self.time_zone)
    }

    /// The first name, as the customer may read it.
    pub fn first_name(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or(&self.name)
    }
}

/// Put into the request by the guard of the route.
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> WebResult<Self> {
        parts.extensions.get::<Self>().cloned().ok_or(WebError::SignIn)
    }
}
