//! Signing in: slow for guessers, the same for known and unknown addresses.

use anyhow::Result;
use kernel::{AgentId, EmailAddress, Failure, Refusal, Secret, Span, Timestamp};
use requests::{Limiter, Rate, TooMany};

use crate::noted::Failures;
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
    /// Guesses at one account from one network.
    here: Limiter,
    /// A hundred guesses an hour at one account, from whatever networks nobody signed in from.
    account: Limiter,
    network: Limiter,
    /// Links by mail, for an address.
    pub(crate) links: Limiter,
    /// Failures that the audit trail has not heard of yet.
    pub(crate) failures: Failures,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            here: Limiter::new(Rate::new(10, Span::seconds(40))),
            account: Limiter::new(Rate::new(10, Span::seconds(40))),
            network: Limiter::new(Rate::new(30, Span::seconds(10))),
            links: Limiter::new(Rate::new(3, Span::minutes(20))),
            failures: Failures::default(),
        }
    }
}

impl Doors {
    /// Whether a try from a network is looked at at all.
    fn hear(&self, email: &EmailAddress, network: &str, now: Timestamp) -> Result<(), TooMany> {
        self.network.take(network, now)?;
        self.here.take(&at(email, network), now)
    }

    /// Whether the password is looked at. Where its owner signed in before, guesses of others do
    /// not count: nobody can be shut out by strangers.
    pub(crate) fn let_in(
        &self,
        email: &EmailAddress,
        is_known_network: bool,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        if is_known_network { Ok(()) } else { self.account.take(email.as_str(), now) }
    }

    /// Gives back what the right password should not have cost.
    fn forgive(&self, email: &EmailAddress, network: &str, is_known_network: bool) {
        self.network.give_back(network);
        self.here.clear(&at(email, network));
        if !is_known_network {
            self.account.give_back(email.as_str());
        }
    }
}

fn at(email: &EmailAddress, network: &str) -> String {
    format!("{network} {email}")
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
    doors.hear(email, network, now).map_err(SignInRefusal::from)?;
    let mut conn = db.read().await?;
    let agent = store::agents::find_by_email(&mut conn, email).await?;
    let agent = agent.filter(|agent| agent.state == AgentState::Active);
    // The same is asked for somebody who is not there, so that it takes as long.
    let id = agent.as_ref().map_or(AgentId(0), |agent| agent.id);
    let stored = store::agents::password_hash(&mut conn, id).await?;
    let networks = store::networks::of(&mut conn, id).await?;
    drop(conn);
    let is_known = networks.iter().any(|known| known == network);
    doors.let_in(email, is_known, now).map_err(SignInRefusal::from)?;
    let right = password::verify(given, stored).await?;
    match agent {
        Some(agent) if right => {
            doors.forgive(email, network, is_known);
            Ok(agent.id)
        }
        Some(_) | None => Err(SignInRefusal::Wrong.into()),
    }
}
