//! Signing in: slow for guessers, the same for known and unknown addresses.

use anyhow::Result;
use kernel::{AgentId, EmailAddress, Failure, Refusal, Secret, Span, Timestamp};
use requests::{Limiter, Rate, TooMany};

use crate::{AgentState, password, store};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    #[error("the mail address or the password is not right")]
    Wrong,
    #[error("too many tries; wait {0} seconds and try again")]
    TooMany(u64),
}

impl Refusal for SignInRefusal {}

impl From<TooMany> for SignInRefusal {
    fn from(too_many: TooMany) -> Self {
        Self::TooMany(too_many.retry_after_seconds)
    }
}

/// Counts failed tries. A success costs nothing.
pub(crate) struct Doors {
    /// A hundred guesses an hour at one account, whatever address they come from.
    account: Limiter,
    network: Limiter,
    /// Links by mail, for an address.
    pub(crate) links: Limiter,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            account: Limiter::new(Rate::new(10, Span::seconds(40))),
            network: Limiter::new(Rate::new(30, Span::seconds(10))),
            links: Limiter::new(Rate::new(3, Span::minutes(20))),
        }
    }
}

impl Doors {
    /// Whether a try is looked at at all.
    pub(crate) fn let_in(
        &self,
        email: &EmailAddress,
        network: &str,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        self.network.take(network, now)?;
        self.account.take(email.as_str(), now)
    }
}

/// The person behind an address and a password.
pub(crate) async fn check(
    db: &database::Db,
    doors: &Doors,
    email: &EmailAddress,
    given: Secret,
    network: &str,
    now: Timestamp,
) -> Result<AgentId, Failure<SignInRefusal>> {
    doors.let_in(email, network, now).map_err(SignInRefusal::from)?;
    let mut conn = db.read().await?;
    let agent = store::agents::find_by_email(&mut conn, email).await?;
    let agent = agent.filter(|agent| agent.state == AgentState::Active);
    let stored = match &agent {
        Some(agent) => store::agents::password_hash(&mut conn, agent.id).await?,
        None => None,
    };
    drop(conn);
    let right = password::verify(given, stored).await?;
    match agent {
        Some(agent) if right => {
            doors.account.clear(email.as_str());
            Ok(agent.id)
        }
        Some(_) | None => Err(SignInRefusal::Wrong.into()),
    }
}
