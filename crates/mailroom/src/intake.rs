//! The intake: mails are stored, many in one commit, before anybody says that we have them.

use anyhow::{Context, Result};
use database::Db;
use kernel::{InboxId, LedgerId, SharedClock, Timestamp};
use tokio::sync::{Notify, mpsc, oneshot};

use std::sync::Arc;

use crate::ledger::{Arrival, Door};
use crate::store::{cursors, ledger, unfetched};
use crate::tally::{Taken, Tally};

/// A mail that an IMAP server names and did not give.
#[derive(Clone, Debug)]
pub(crate) struct NotGiven {
    /// What stands in its place.
    pub(crate) arrival: Arrival,
    /// Its number in the folder.
    pub(crate) uid: u32,
    /// What the server did instead, for people.
    pub(crate) reason: String,
}

/// Where an IMAP folder was read up to. Committed with the mails that it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) folder: String,
    pub(crate) uid_validity: u32,
    pub(crate) last_uid: u32,
    /// Since when older mail was taken in, once all of it is here.
    pub(crate) history_from: Option<Timestamp>,
}

/// Takes mails in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Parcel>,
    db: Db,
    clock: SharedClock,
    arrived: Arc<Notify>,
    tally: Tally,
}

struct Parcel {
    arrival: Arrival,
    taken: Taken,
    done: oneshot::Sender<Result<Option<LedgerId>>>,
}

/// Mails that wait for the commit at hand join the next one, up to this many or this much.
const TOGETHER_MAX: usize = 64;
const TOGETHER_BYTES_MAX: usize = 32 * 1024 * 1024;

impl Intake {
    /// The intake and the task that commits for it, which ends when the last clone is gone.
    pub fn new(db: Db, clock: SharedClock) -> (Self, impl Future<Output = ()>) {
        let (queue, parcels) = mpsc::channel(TOGETHER_MAX);
        let arrived = Arc::new(Notify::new());
        let commits = commit_all(db.clone(), parcels, Arc::clone(&arrived));
        (Self { queue, db, clock, arrived, tally: Tally::default() }, commits)
    }

    /// Wakes whoever waits for stored mails.
    pub fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }

    /// What the doors took in.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A door has a mail whole.
    pub(crate) fn take(&self, door: Door) -> Taken {
        self.tally.take(door, self.clock.now())
    }

    /// Reads what identifies a mail and makes it ready to be stored.
    pub(crate) fn arrival(
        &self,
        inbox: InboxId,
        door: Door,
        envelope_from: String,
        bytes: Vec<u8>,
        is_history: bool,
    ) -> Arrival {
        Arrival {
            inbox,
            door,
            envelope_from: kernel::clip(&kernel::one_line(&envelope_from), 320),
            raw_hash: email::raw_hash(&bytes),
            content_hash: email::content_hash(&bytes),
            mail_id: mail_id_of(&bytes),
            bytes,
            is_history,
            received_at: self.clock.now(),
        }
    }

    /// Stores one mail. On return it is durable. `None`: it was there before.
    pub(crate) async fn store(&self, arrival: Arrival, taken: Taken) -> Result<Option<LedgerId>> {
        self.db.room().must_suffice()?;
        let (done, answer) = oneshot::channel();
        let parcel = Parcel { arrival, taken, done };
        self.queue.send(parcel).await.ok().context("the intake has ended")?;
        let stored = answer.await.context("the intake broke off")?;
        stored.inspect_err(|fault| self.db.room().heed(fault))
    }

    /// Stores what was fetched from a folder together with how far it was read. What could not be
    /// fetched has its line, too, and the reader makes a ticket of the reason.
    pub(crate) async fn store_fetched(
        &self,
        arrivals: &[Arrival],
        set_aside: &[NotGiven],
        inbox: InboxId,
        cursor: &Cursor,
    ) -> Result<usize> {
        self.db.room().must_suffice()?;
        let stored = self.store_all(arrivals, set_aside, inbox, cursor).await;
        let new = stored.inspect_err(|fault| self.db.room().heed(fault))?;
        self.arrived.notify_one();
        Ok(new)
    }

    async fn store_all(
        &self,
        arrivals: &[Arrival],
        set_aside: &[NotGiven],
        inbox: InboxId,
        cursor: &Cursor,
    ) -> Result<usize> {
        let mut outcomes = Vec::with_capacity(arrivals.len() + set_aside.len());
        let came = (0..arrivals.len() + set_aside.len()).map(|_| self.take(Door::Imap));
        let came: Vec<Taken> = came.collect();
        let mut tx = self.db.begin().await?;
        let mut new = 0;
        for arrival in arrivals {
            let line = ledger::store(&mut tx, arrival).await?;
            new += usize::from(line.is_some());
            outcomes.push(line);
        }
        for not_given in set_aside {
            let line = ledger::store(&mut tx, &not_given.arrival).await?;
            outcomes.push(line);
            if let Some(id) = line {
                let reason = &not_given.reason;
                tracing::error!(ledger = %id, %inbox, "a mail cannot be fetched: {reason}");
                unfetched::note(&mut tx, id, cursor, not_given).await?;
            }
        }
        cursors::save(&mut tx, inbox, cursor).await?;
        tx.announce("mail-in");
        tx.commit().await?;
        came.into_iter().zip(outcomes).for_each(|(taken, line)| settle(taken, line));
        Ok(new)
    }
}

impl Intake {
    /// Takes in a mail that its server gave after all, in the place of what said that it did not.
    pub(crate) async fn store_after_all(&self, id: LedgerId, arrival: &Arrival) -> Result<()> {
        self.db.room().must_suffice()?;
        let mut tx = self.db.begin().await?;
        if ledger::came_after_all(&mut tx, id, arrival).await? {
            unfetched::came(&mut tx, id).await?;
        }
        tx.announce("mail-in");
        tx.commit().await?;
        self.arrived.notify_one();
        Ok(())
    }
}

/// The Message-ID of a source, found without reading the rest.
fn mail_id_of(bytes: &[u8]) -> String {
    const HEADER_LOOKED_AT: usize = 256 * 1024;
    let head = bytes.get(..bytes.len().min(HEADER_LOOKED_AT)).unwrap_or(bytes);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        if !name.trim_end().eq_ignore_ascii_case("message-id") {
            continue;
        }
        // The value may stand on the next line.
        let value = if value.trim().is_empty() { lines.next().unwrap_or_default() } else { value };
        let value = value.trim().trim_start_matches('<');
        let value = value.split('>').next().unwrap_or_default();
        return kernel::clip(&kernel::one_line(value), 500);
    }
    String::new()
}

async fn commit_all(db: Db, mut parcels: mpsc::Receiver<Parcel>, arrived: Arc<Notify>) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while let Some(first) = parcels.recv().await {
        let mut bytes = first.arrival.bytes.len();
        together.push(first);
        while together.len() < TOGETHER_MAX && bytes < TOGETHER_BYTES_MAX {
            let Ok(next) = parcels.try_recv() else { break };
            bytes += next.arrival.bytes.len();
            together.push(next);
        }
        match commit(&db, &together).await {
            Ok(ids) => answer(together.drain(..).zip(ids.into_iter().map(Ok))),
            // One that cannot be stored must not take the others along.
            Err(_) if together.len() > 1 => {
                for parcel in together.drain(..) {
                    let alone = commit(&db, std::slice::from_ref(&parcel)).await;
                    answer([(parcel, alone.map(|ids| ids.into_iter().next().flatten()))]);
                }
            }
            Err(fault) => {
                answer(together.pop().map(|parcel| (parcel, Err(fault))));
            }
        }
        arrived.notify_one();
    }
}

fn answer(outcomes: impl IntoIterator<Item = (Parcel, Result<Option<LedgerId>>)>) {
    for (parcel, outcome) in outcomes {
        if let Ok(line) = outcome {
            settle(parcel.taken, line);
        }
        // Whoever hung up meanwhile will send it again, and it will be recognised.
        let _ = parcel.done.send(outcome);
    }
}

fn settle(taken: Taken, line: Option<LedgerId>) {
    match line {
        Some(line) => taken.stored(line),
        None => taken.known(),
    }
}

async fn commit(db: &Db, together: &[Parcel]) -> Result<Vec<Option<LedgerId>>> {
    let mut tx = db.begin().await?;
    let mut ids = Vec::with_capacity(together.len());
    for parcel in together {
        ids.push(ledger::store(&mut tx, &parcel.arrival).await?);
    }
    tx.announce("mail-in");
    tx.commit().await?;
    Ok(ids)
}
