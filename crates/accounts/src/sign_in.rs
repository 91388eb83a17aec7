//! Signing in: slow for guessers, the same for known and unknown addresses.

use anyhow::Result;
use database::{Db, Tx};
use kernel::{AgentId, EmailAddress, Failure, Refusal, Secret, Span, Timestamp};
use keys::Keys;
use requests::{Rate, SharedLimiter, TooMany, take_all};

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

/// Counts failed tries, on all nodes together. A success costs nothing.
pub(crate) struct Doors {
    /// Guesses at one account from one network.
    here: SharedLimiter,
    /// A hundred guesses an hour at one account, from whatever networks nobody signed in from.
    account: SharedLimiter,
    network: SharedLimiter,
    /// Guesses at the second factor of one account from one network.
    codes_here: SharedLimiter,
    /// The same from whatever networks nobody signed in from: with some three codes in a million
    /// right at any time, a guesser needs years.
    codes: SharedLimiter,
    /// Guesses at what a person who is signed in proves once more.
    again: SharedLimiter,
    /// Guesses at the present password of somebody who is signed in and wants a new one.
    present: SharedLimiter,
    /// Links by mail, to an address.
    links: SharedLimiter,
    /// Links by mail, to whatever addresses a network names.
    links_asked: SharedLimiter,
    /// Failures that the audit trail has not heard of yet.
    pub(crate) failures: Failures,
}

impl Default for Doors {
    fn default() -> Self {
        let passwords = Rate::new(10, Span::seconds(40));
        let codes = Rate::new(10, Span::minutes(5));
        let by_hand = Rate::new(3, Span::minutes(20));
        Self {
            here: SharedLimiter::new("passwords from a network", passwords),
            account: SharedLimiter::new("passwords", passwords),
            network: SharedLimiter::new("network", Rate::new(30, Span::seconds(10))),
            codes_here: SharedLimiter::new("codes from a network", codes),
            codes: SharedLimiter::new("codes", codes),
            again: SharedLimiter::new("proofs", passwords),
            present: SharedLimiter::new("present passwords", by_hand),
            links: SharedLimiter::new("links to an address", Rate::in_any_hour(3)),
            links_asked: SharedLimiter::new("links from a network", by_hand),
            failures: Failures::default(),
        }
    }
}

type Heard = Result<(), Failure<TooMany>>;

impl Doors {
    /// Whether a network may ask for what costs a little.
    pub(crate) async fn hear_network(&self, db: &Db, network: &str, now: Timestamp) -> Heard {
        take_all(db, &[(&self.network, network)], now).await
    }

    /// Whether a try from a network is looked at at all.
    async fn hear(&self, db: &Db, email: &EmailAddress, network: &str, now: Timestamp) -> Heard {
        let here = at(email, network);
        take_all(db, &[(&self.network, network), (&self.here, here.as_str())], now).await
    }

    /// Whether the password is looked at. Where its owner signed in before, guesses of others do
    /// not count: nobody can be shut out by strangers.
    pub(crate) async fn let_in(
        &self,
        db: &Db,
        email: &EmailAddress,
        is_known_network: bool,
        now: Timestamp,
    ) -> Heard {
        if is_known_network {
            return Ok(());
        }
        take_all(db, &[(&self.account, email.as_str())], now).await
    }

    /// Gives back what the right password should not have cost.
    async fn forgive(
        &self,
        db: &Db,
        email: &EmailAddress,
        network: &str,
        is_known_network: bool,
    ) -> Result<()> {
        let mut tx = db.begin().await?;
        self.network.give_back(&mut tx, network).await?;
        self.here.clear(&mut tx, &at(email, network)).await?;
        if !is_known_network {
            self.account.give_back(&mut tx, email.as_str()).await?;
        }
        tx.commit().await
    }

    /// Whether a second factor is looked at. As with passwords, guesses of others do not count
    /// where its owner signed in before.
    pub(crate) async fn hear_code(
        &self,
        db: &Db,
        agent: AgentId,
        network: &str,
        is_known_network: bool,
        now: Timestamp,
    ) -> Heard {
        let (here, account) = (at(agent, network), agent.to_string());
        let asked = [
            (&self.network, network),
            (&self.codes_here, here.as_str()),
            (&self.codes, account.as_str()),
        ];
        let counts = if is_known_network { asked.get(..2) } else { asked.get(..) };
        take_all(db, counts.unwrap_or_default(), now).await
    }

    /// Gives back what the right code should not have cost.
    pub(crate) async fn forgive_code(
        &self,
        tx: &mut Tx,
        agent: AgentId,
        network: &str,
        is_known_network: bool,
    ) -> Result<()> {
        self.network.give_back(tx, network).await?;
        self.codes_here.clear(tx, &at(agent, network)).await?;
        if !is_known_network {
            self.codes.give_back(tx, &agent.to_string()).await?;
        }
        Ok(())
    }

    /// Whether somebody who is signed in may try to prove once more who they are.
    pub(crate) async fn hear_again(&self, db: &Db, agent: AgentId, now: Timestamp) -> Heard {
        take_all(db, &[(&self.again, agent.to_string().as_str())], now).await
    }

    pub(crate) async fn forgive_again(&self, tx: &mut Tx, agent: AgentId) -> Result<()> {
        self.again.clear(tx, &agent.to_string()).await
    }

    /// Whether somebody who is signed in may give their present password for a new one.
    pub(crate) async fn hear_present(&self, db: &Db, agent: AgentId, now: Timestamp) -> Heard {
        take_all(db, &[(&self.present, agent.to_string().as_str())], now).await
    }

    /// Whether a link may go to an address because a network asks for it. What a network may not
    /// ask for costs the address nothing.
    pub(crate) async fn hear_link(
        &self,
        db: &Db,
        email: &EmailAddress,
        network: &str,
        now: Timestamp,
    ) -> Heard {
        let asked = [(&self.links_asked, network), (&self.links, email.as_str())];
        take_all(db, &asked, now).await
    }
}

fn at(whom: impl std::fmt::Display, network: &str) -> String {
    format!("{network} {whom}")
}

/// The person behind an address and a password.
pub(crate) async fn check(
    db: &Db,
    doors: &Doors,
    email: &EmailAddress,
    given: Secret,
    network: &str,
    now: Timestamp,
) -> Result<AgentId, Failure<SignInRefusal>> {
    let heard = doors.hear(db, email, network, now).await;
    heard.map_err(|failure| failure.map(SignInRefusal::from))?;
    let conn = db.read().await?;
    let agent = store::agents::find_by_email(&conn, email).await?;
    let agent = agent.filter(|agent| agent.state == AgentState::Active);
    // The same is asked for somebody who is not there, so that it takes as long.
    let id = agent.as_ref().map_or(AgentId(0), |agent| agent.id);
    let stored = store::agents::password_hash(&conn, id).await?;
    let networks = store::networks::of(&conn, id).await?;
    drop(conn);
    let is_known = networks.iter().any(|known| known == network);
    let heard = doors.let_in(db, email, is_known, now).await;
    heard.map_err(|failure| failure.map(SignInRefusal::from))?;
    let right = password::verify(given, stored).await?;
    match agent {
        Some(agent) if right => {
            doors.forgive(db, email, network, is_known).await?;
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

/// Whether somebody who is signed in is who they were. A code is used up. The try was counted by
/// [`Doors::hear_again`] before the transaction began.
pub(crate) async fn prove(
    tx: &mut Tx,
    keys: &Keys,
    agent: AgentId,
    proof: Proof<'_>,
    now: Timestamp,
) -> Result<(), Failure<SignInRefusal>> {
    let (right, refusal) = match proof {
        Proof::Password(given) => {
            let stored = store::agents::password_hash(tx, agent).await?;
            (password::verify(given, stored).await?, SignInRefusal::WrongPassword)
        }
        Proof::Code(typed) => {
            (use_code(tx, keys, agent, typed, now).await?, SignInRefusal::WrongCode)
        }
    };
    if right { Ok(()) } else { Err(refusal.into()) }
}
