//! Tokens for programs: narrow, shown once, kept as a hash.

use kernel::{AgentId, PublicId, Timestamp};

use crate::{Scopes, Sees};

pub(crate) const TOKEN_PREFIX: &str = "rct";

#[derive(Clone, Debug)]
pub struct ApiToken {
    pub id: i64,
    pub public_id: PublicId,
    pub name: String,
    /// The last characters, to tell one from another.
    pub hint: String,
    pub scopes: Scopes,
    /// The inboxes that it was made for; of them it sees those that its person sees.
    pub sees: Sees,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// What a token is made for.
#[derive(Clone, Debug)]
pub struct NewToken {
    pub agent: AgentId,
    pub name: String,
    pub scopes: Scopes,
    pub sees: Sees,
    pub expires_at: Option<Timestamp>,
}
