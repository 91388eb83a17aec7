//! Signing in: slow for guessers, the same for known and unknown addresses.

use anyhow::Result;
use database::Tx;
use kernel::{AgentId, EmailAddress, Failure, Refusal, Secret, Span, Timestamp};
use keys::Keys;
use requests::{Limiter, Rate, TooMany};

use crate::noted::Failures;
use crate::second_factor::use_code;
use crate::{AgentState, password, store};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    #[error("the mail address or the password is not right")]
    Wrong,
    #[error("the password is not right")]
    WrongPassword,
    #[error("this code is not right, or was used before; wait for the next one and enter that")]
    WrongCode,
    #[error("the key did not answer as it should, or too late; try again")]
    WrongKey,
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
    /// Guesses at the second factor of one account from one network.
    codes_here: Limiter,
    /// The same from whatever networks nobody signed in from: with some three codes in a million
    /// right at any time, a guesser needs years.
    codes: Limiter,
    /// Guesses at what a person who is signed in proves once more.
    again: Limiter,
    /// Guesses at the present password of somebody who is signed in and wants a new one.
    present: Limiter,
    /// Links by mail, to an address.
    links: Limiter,
    /// Links by mail, to whatever addresses a network names.
    links_asked: Limiter,
    /// Failures that the audit trail has not heard of yet.
    pub(crate) failures: Failures,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            here: Limiter::new(Rate::new(10, Span::seconds(40))),
            account: Limiter::new(Rate::new(10, Span::seconds(40))),
            network: Limiter::new(Rate::new(30, Span::seconds(10))),
            codes_here: Limiter::new(Rate::new(10, Span::minutes(5))),
            codes: Limiter::new(Rate::new(10, Span::minutes(5))),
            again: Limiter::new(Rate::new(10, Span::seconds(40))),
            present: Limiter::new(Rate::new(3, Span::minutes(20))),
            // Whatever is taken comes back after an hour, so that no hour has more than three.
            links: Limiter::new(Rate::new(3, Span::hours(1))),
            links_asked: Limiter::new(Rate::new(3, Span::minutes(20))),
            failures: Failures::default(),
        }
    }
}

impl Doors {
    /// Whether a network may ask for what costs a little.
    pub(crate) fn hear_network(&self, network: &str, now: Timestamp) -> Result<(), TooMany> {
        self.network.take(network, now)
    }

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

    /// Whether a second factor is looked at. As with passwords, guesses of others do not count
    /// where its owner signed in before.
    pub(crate) fn hear_code(
        &self,
        agent: AgentId,
        network: &str,
        is_known_network: bool,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        self.network.take(network, now)?;
        self.codes_here.take(&at(agent, network), now)?;
        if is_known_network { Ok(()) } else { self.codes.take(&agent.to_string(), now) }
    }

    /// Gives back what the right code should not have cost.
    pub(crate) fn forgive_code(&self, agent: AgentId, network: &str, is_known_network: bool) {
        self.network.give_back(network);
        self.codes_here.clear(&at(agent, network));
        if !is_known_network {
            self.codes.give_back(&agent.to_string());
        }
    }

    /// Whether somebody who is signed in may try to prove once more who they are.
    pub(crate) fn hear_again(&self, agent: AgentId, now: Timestamp) -> Result<(), TooMany> {
        self.again.take(&agent.to_string(), now)
    }

    pub(crate) fn forgive_again(&self, agent: AgentId) {
        self.again.clear(&agent.to_string());
    }

    /// Whether somebody who is signed in may give their present password for a new one.
    pub(crate) fn hear_present(&self, agent: AgentId, now: Timestamp) -> Result<(), TooMany> {
        self.present.take(&agent.to_string(), now)
    }

    /// Whether a link may go to an address because a network asks for it.
    pub(crate) fn hear_link(
        &self,
        email: &EmailAddress,
        network: &str,
        now: Timestamp,
    ) -> Result<(), TooMany> {
        self.links.take(email.as_str(), now)?;
        // What a network may not ask for costs the address nothing.
        self.links_asked.take(network, now).inspect_err(|_| self.links.give_back(email.as_str()))
    }
}

fn at(whom: impl std::fmt::Display, network: &str) -> String {
    format!("{network} {whom}")
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
    let conn = db.read().await?;
    let agent = store::agents::find_by_email(&conn, email).await?;
    let agent = agent.filter(|agent| agent.state == AgentState::Active);
    // The same is asked for somebody who is not there, so that it takes as long.
    let id = agent.as_ref().map_or(AgentId(0), |agent| agent.id);
    let stored = store::agents::password_hash(&conn, id).await?;
    let networks = store::networks::of(&conn, id).await?;
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

/// What somebody who is signed in gives to prove once more who they are.
#[derive(Debug)]
pub(crate) enum Proof<'p> {
    Password(Secret),
    Code(&'p str),
}

/// Whether somebody who is signed in is who they were. A code is used up.
pub(crate) async fn prove(
    tx: &mut Tx,
    (doors, keys): (&Doors, &Keys),
    agent: AgentId,
    proof: Proof<'_>,
    now: Timestamp,
) -> Result<(), Failure<SignInRefusal>> {
    doors.hear_again(agent, now).map_err(SignInRefusal::from)?;
    let (right, refusal) = match proof {
        Proof::Password(given) => {
            let stored = store::agents::password_hash(tx, agent).await?;
            (password::verify(given, stored).await?, SignInRefusal::WrongPassword)
        }
        Proof::Code(typed) => {
            (use_code(tx, keys, agent, typed, now).await?, SignInRefusal::WrongCode)
        }
    };
    if !right {
        return Err(refusal.into());
    }
    doors.forgive_again(agent);
    Ok(())
}
