//! How often somebody may do something, counted for all nodes together and kept when one of them
//! starts anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use database::{Db, Tx};
use kernel::{Failure, Span, Timestamp};
use sha2::{Digest, Sha256};

use crate::limits::KEYS_KEPT;
use crate::{Rate, TooMany, store};

/// Counts by key in the database: an address, an account, a network. Whom it refused it refuses in
/// memory until that is over, so that a flood of tries is no flood of questions to the database.
#[derive(Debug)]
pub struct SharedLimiter {
    name: &'static str,
    rate: Rate,
    /// When the next one may be taken.
    refused_until: Mutex<HashMap<Vec<u8>, Timestamp>>,
}

impl SharedLimiter {
    /// `name` tells its keys from those of others, and stays the same for ever.
    pub fn new(name: &'static str, rate: Rate) -> Self {
        Self { name, rate, refused_until: Mutex::default() }
    }

    /// Gives back one that was taken.
    pub async fn give_back(&self, tx: &mut Tx, key: &str) -> Result<()> {
        let hash = self.hash(key);
        self.refused_until().remove(&hash);
        store::give_back(tx, &hash, self.rate).await
    }

    /// Gives back all that was taken.
    pub async fn clear(&self, tx: &mut Tx, key: &str) -> Result<()> {
        let hash = self.hash(key);
        self.refused_until().remove(&hash);
        store::clear(tx, &hash).await
    }

    /// No address is kept that somebody typed.
    fn hash(&self, key: &str) -> Vec<u8> {
        Sha256::new()
            .chain_update(self.name)
            .chain_update([0_u8])
            .chain_update(key)
            .finalize()
            .to_vec()
    }

    fn known_refusal(&self, hash: &[u8], now: Timestamp) -> Option<TooMany> {
        let wait = self.refused_until().get(hash)?.since(now);
        // Nobody waits for longer: before the clock was set back this was remembered.
        let counts = wait > Span::ZERO && wait <= self.rate.refill;
        counts.then(|| TooMany::after(wait))
    }

    /// Remembers that nothing can be taken before a bucket which is full at `full_at` lets one go.
    fn refuse(&self, hash: Vec<u8>, full_at: Timestamp, now: Timestamp) -> TooMany {
        let until = full_at + self.rate.refill - self.rate.capacity();
        let mut refused = self.refused_until();
        if refused.len() >= KEYS_KEPT {
            refused.retain(|_, until| *until > now);
        }
        if refused.len() < KEYS_KEPT {
            refused.insert(hash, until);
        }
        TooMany::after(until.since(now))
    }

    fn refused_until(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Timestamp>> {
        self.refused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one from each of these buckets, or none at all where one of them is empty. Not to be called
/// while the caller has a transaction open: what was taken stays taken whatever becomes of that.
/// Whoever asks for several names them in the same order as everybody else does.
pub async fn take_all(
    db: &Db,
    asked: &[(&SharedLimiter, &str)],
    now: Timestamp,
) -> Result<(), Failure<TooMany>> {
    let mut hashed = Vec::with_capacity(asked.len());
    for (limiter, key) in asked {
        let hash = limiter.hash(key);
        if let Some(too_many) = limiter.known_refusal(&hash, now) {
            return Err(too_many.into());
        }
        hashed.push((*limiter, hash));
    }
    let mut tx = db.begin().await?;
    for (limiter, hash) in hashed {
        if !store::take(&mut tx, &hash, limiter.rate, now).await? {
            let full_at = store::full_at(&tx, &hash).await?;
            drop(tx);
            return Err(limiter.refuse(hash, full_at.unwrap_or(now), now).into());
        }
    }
    Ok(tx.commit().await?)
}
