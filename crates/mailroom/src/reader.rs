//! Reading what was stored: each mail becomes a ticket, goes on in one, or is held.
//!
//! What takes time (parsing, asking the DNS, storing files) happens before the transaction, for
//! many mails side by side, and a mail that takes long keeps no other waiting. Many are written
//! down in one transaction; where one of them fails, each gets its own. So one that fails takes
//! nothing else along, and after three tries it becomes a ticket that says so. That reading a mail
//! begins is counted durably before it does: one that ends the program each time is set aside, too.

mod incoming;
mod judge;
mod lanes;
mod preparing;
mod underway;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use accounts::Accounts;
use anyhow::{Result, anyhow, bail};
use database::{Db, Engine};
use email::Dns;
use files::Files;
use futures_util::FutureExt;
use kernel::{InboxId, LedgerId, SharedClock, Span, StorageFull};
use keys::Keys;
use tickets::actions::Office;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Fate, Outcome, Waiting, program_version};
use crate::store::waiting::Which;
use crate::store::{connections, ledger, unfetched, waiting};
use judge::{UNREADABLE, decide, given_up, next_try, unreadable};
use lanes::lanes;
use preparing::Prepared;
use underway::{Read, Shares, TOGETHER, Underway};

/// Reads stored mails. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub db: Db,
    pub clock: SharedClock,
    pub accounts: Accounts,
    pub keys: Keys,
    pub files: Files,
    pub dns: Dns,
}

const LEASE: Span = Span::seconds(60);
/// So many transactions write side by side, where the database takes more than one.
const LANES: usize = 4;
/// A mail that only came in the way of another one is tried so often at once.
const TRIES: i32 = 5;
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is ready within this time of the last commit is written down in one: nobody sees the delay,
/// and whoever takes mail in waits for fewer commits.
const BETWEEN_COMMITS: Duration = Duration::from_millis(25);
/// What is being read when the server stops has so long. Nothing is lost by breaking it off.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// While mails are being read, what else arrived is looked for so often.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What all mails that are taken up together need to know.
struct Desk {
    office: Office,
    /// The server of each inbox whose findings about a sender are believed.
    trusted: HashMap<InboxId, String>,
}

impl Reader {
    /// Reads whatever arrives until `stop`, and puts down what is at hand.
    pub async fn run(self, arrived: Arc<Notify>, stop: CancellationToken) {
        if let Err(fault) = self.read_again_by(program_version()).await {
            tracing::error!("mails that failed cannot be tried again: {fault:#}");
        }
        let mut notices = self.db.notices();
        let mut underway = Underway::default();
        let mut may_wait_more = true;
        let (mut written, mut taken) = (Instant::now(), Instant::now());
        while !stop.is_cancelled() {
            // Where much arrives, it is not asked after every mail what else has.
            let rest = BETWEEN_LOOKS.saturating_sub(taken.elapsed());
            if may_wait_more && (underway.is_empty() || rest.is_zero()) {
                may_wait_more = false;
                taken = Instant::now();
                // What is stored can wait; a ticket takes room that is needed for other things.
                if !self.db.room().is_short()
                    && let Err(fault) = self.take_up(&mut underway).await
                {
                    self.db.room().heed(&fault);
                    tracing::error!("stored mails cannot be taken up: {fault:#}");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                mut done = underway.done(), if !underway.is_empty() => {
                    may_wait_more = true;
                    let rest = BETWEEN_COMMITS.saturating_sub(written.elapsed());
                    // Not where as many are ready as fit into a commit.
                    if done.len() < TOGETHER && !rest.is_zero() {
                        tokio::time::sleep(rest).await;
                        underway.add_ready(&mut done);
                    }
                    if let Err(fault) = self.write_down(done).await {
                        self.db.room().heed(&fault);
                        tracing::error!("stored mails cannot be read: {fault:#}");
                        stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
                    }
                    written = Instant::now();
                }
                () = arrived.notified() => may_wait_more = true,
                () = mail_in(&mut notices), if self.db.engine() == Engine::Postgres => {
                    may_wait_more = true;
                }
                () = tokio::time::sleep(rest), if may_wait_more => {}
                () = tokio::time::sleep(LOOK_EVERY) => may_wait_more = true,
            }
        }
        self.finish(underway).await;
    }

    /// Writes down what is read in a moment, and hands the rest back: another node, or the next
    /// start, reads it at once.
    async fn finish(&self, mut underway: Underway) {
        let until = tokio::time::Instant::now() + FINISH_WITHIN;
        while !underway.is_empty() {
            let Ok(done) = tokio::time::timeout_at(until, underway.done()).await else { break };
            if let Err(fault) = self.write_down(done).await {
                tracing::error!("mails that were read cannot be written down: {fault:#}");
            }
        }
        let left = underway.ids();
        drop(underway);
        let hand_back = async {
            let mut tx = self.db.begin().await?;
            waiting::hand_back(&mut tx, &left).await?;
            tx.commit().await
        };
        if !left.is_empty()
            && let Err(fault) = hand_back.await
        {
            tracing::error!("mails that were not read cannot be handed back: {fault:#}");
        }
    }

    /// Reads the oldest mails that wait, to the end. Says how many there were.
    pub async fn read_some(&self) -> Result<usize> {
        let mut underway = Underway::default();
        let count = self.take_up(&mut underway).await?;
        while !underway.is_empty() {
            self.write_down(underway.done().await).await?;
        }
        Ok(count)
    }

    /// Begins to read the oldest mails that wait, as many as there is room for.
    async fn take_up(&self, underway: &mut Underway) -> Result<usize> {
        let mails = self.take(underway).await?;
        if mails.is_empty() {
            return Ok(0);
        }
        let ids: Vec<LedgerId> = mails.iter().map(|mail| mail.id).collect();
        let desk = Arc::new(self.acquit(&ids, self.desk().await).await?);
        for mail in mails {
            let desk = Arc::clone(&desk);
            let (reader, room) = (self.clone(), underway.room_for(&mail));
            underway.add((mail.id, mail.inbox), async move {
                let room = room.await;
                let prepared = reader.prepared(&mail, &desk).await;
                Read { mail, prepared, _room: room }
            });
        }
        Ok(ids.len())
    }

    async fn desk(&self) -> Result<Desk> {
        let trusted = connections::trusted_hosts(&self.db.read().await?).await?;
        let office = Office::open(&self.accounts, &self.keys).await?;
        Ok(Desk { office, trusted })
    }

    /// Notes of mails at hand when something failed that none of them ended the program.
    async fn acquit<T>(&self, ids: &[LedgerId], outcome: Result<T>) -> Result<T> {
        let note = async {
            let mut tx = self.db.begin().await?;
            waiting::end(&mut tx, ids).await?;
            tx.commit().await
        };
        if outcome.is_err()
            && let Err(fault) = note.await
        {
            tracing::info!("mails count as tried that were not: {fault:#}");
        }
        outcome
    }

    /// Writes down what became of mails that were read.
    async fn write_down(&self, done: Vec<Read>) -> Result<()> {
        let ids: Vec<LedgerId> = done.iter().map(|read| read.mail.id).collect();
        self.acquit(&ids, self.write_lanes(done).await).await
    }

    /// All in one transaction, or in several side by side where the database takes them.
    async fn write_lanes(&self, mut done: Vec<Read>) -> Result<()> {
        done.sort_unstable_by_key(|read| read.mail.id);
        let office = Arc::new(Office::open(&self.accounts, &self.keys).await?);
        if self.db.engine() == Engine::Sqlite {
            return self.write_lane(&office, done).await;
        }
        let mut writing = JoinSet::new();
        for lane in lanes(done, LANES, Read::keys) {
            let (reader, office) = (self.clone(), Arc::clone(&office));
            writing.spawn(async move { reader.write_lane(&office, lane).await });
        }
        let mut written = Ok(());
        while let Some(lane) = writing.join_next().await {
            written = written.and(lane.map_err(anyhow::Error::from).flatten());
        }
        written
    }

    /// Writes down mails in one transaction. If anything goes wrong with one of them, nothing of it
    /// is kept, and each is written down by itself.
    async fn write_lane(&self, office: &Office, lane: Vec<Read>) -> Result<()> {
        let together = AssertUnwindSafe(self.write_together(office, &lane)).catch_unwind().await;
        match together {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(fault)) => tracing::info!("mails are written down one by one: {fault:#}"),
            Err(_) => tracing::info!("mails are written down one by one: one of them panicked"),
        }
        let mut written = Ok(());
        for read in &lane {
            written = written.and(self.write_alone(office, read).await);
        }
        written
    }

    async fn write_together(&self, office: &Office, lane: &[Read]) -> Result<()> {
        let ids: Vec<LedgerId> = lane.iter().map(|read| read.mail.id).collect();
        let mut tx = self.db.begin().await?;
        let waits = ledger::take(&mut tx, &ids).await?;
        outbox::take_turns(&mut tx, lane.iter().filter_map(Read::sender)).await?;
        let mut fates = Vec::with_capacity(lane.len());
        for Read { mail, prepared, .. } in lane {
            // Not those that another node wrote down meanwhile.
            if !waits.contains(&mail.id) {
                continue;
            }
            let Ok(prepared) = prepared else { bail!("mail {} could not be read", mail.id) };
            let outcome = Box::pin(decide(&mut tx, office, mail, prepared)).await?;
            ledger::settle(&mut tx, mail.id, &outcome, self.clock.now()).await?;
            fates.push(outcome.fate);
        }
        tx.commit().await?;
        fates.into_iter().for_each(count);
        Ok(())
    }

    /// Writes down what becomes of one mail. Whatever goes wrong with it stays with it.
    async fn write_alone(&self, office: &Office, read: &Read) -> Result<()> {
        let Read { mail, prepared, .. } = read;
        for try_number in 1.. {
            let settling = AssertUnwindSafe(self.settle(office, mail, prepared)).catch_unwind();
            match settling.await {
                Ok(Err(fault)) if database::may_pass(&fault) && try_number < TRIES => {
                    tracing::info!(ledger = %mail.id, "mail {} is tried again: {fault:#}", mail.id);
                }
                // What fails only in the end counts as a try too, or it would come back for ever.
                Ok(Err(fault)) if prepared.is_ok() && !database::may_pass(&fault) => {
                    return self.settle(office, mail, &Err(fault)).await;
                }
                Ok(settled) => return settled,
                Err(_) => return self.set_back(office, mail).await,
            }
        }
        Ok(())
    }

    async fn settle(
        &self,
        office: &Office,
        mail: &Waiting,
        prepared: &Result<Prepared>,
    ) -> Result<()> {
        if let Err(fault) = prepared
            && StorageFull::is_behind(fault)
        {
            // That says nothing about the mail, and there is no room to write it down.
            return Err(StorageFull.into());
        }
        let mut tx = self.db.begin().await?;
        if ledger::take(&mut tx, &[mail.id]).await?.is_empty() {
            return Ok(());
        }
        outbox::take_turns(&mut tx, prepared.as_ref().ok().and_then(Prepared::sender)).await?;
        tx.mark().await?;
        let decided = match prepared {
            Ok(prepared) => match Box::pin(decide(&mut tx, office, mail, prepared)).await {
                // What was kept back is sent before it counts as decided.
                Ok(outcome) => tx.keep_since_mark().await.map(|()| outcome),
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(anyhow!("{fault:#}")),
        };
        let outcome = match decided {
            Ok(outcome) => outcome,
            Err(fault) if database::may_pass(&fault) => return Err(fault),
            Err(fault) => {
                tx.undo_to_mark().await?;
                match unreadable(&mut tx, office, mail, &fault).await? {
                    Some(outcome) => outcome,
                    None => return tx.commit().await,
                }
            }
        };
        ledger::settle(&mut tx, mail.id, &outcome, self.clock.now()).await?;
        tx.commit().await?;
        count(outcome.fate);
        Ok(())
    }

    /// Counts a try of a mail whose handling panicked; after the last one it has failed.
    async fn set_back(&self, office: &Office, mail: &Waiting) -> Result<()> {
        let id = mail.id;
        tracing::error!(ledger = %id, "mail {id} could not be read: handling it panicked");
        let now = self.clock.now();
        if next_try(mail, now).is_none() {
            let giving_up = AssertUnwindSafe(self.give_up(office, mail)).catch_unwind();
            if let Ok(given_up) = giving_up.await {
                return given_up;
            }
        }
        // Not even a ticket can be made of it.
        let mut tx = self.db.begin().await?;
        if ledger::take(&mut tx, &[id]).await?.is_empty() {
            return Ok(());
        }
        if let Some(at) = next_try(mail, now) {
            ledger::count_attempt(&mut tx, id, UNREADABLE, at).await?;
        } else {
            ledger::settle(&mut tx, id, &Outcome::failed(UNREADABLE), now).await?;
            count(Fate::Failed);
        }
        tx.commit().await
    }

    /// Makes a ticket of a mail that is not tried any more.
    async fn give_up(&self, office: &Office, mail: &Waiting) -> Result<()> {
        let mut tx = self.db.begin().await?;
        if ledger::take(&mut tx, &[mail.id]).await?.is_empty() {
            return Ok(());
        }
        let outcome = Box::pin(given_up(&mut tx, office, mail)).await?;
        ledger::settle(&mut tx, mail.id, &outcome, self.clock.now()).await?;
        tx.commit().await?;
        count(outcome.fate);
        Ok(())
    }

    /// Lets mails be read once more that no version of this program from `version` on has tried.
    pub(crate) async fn read_again_by(&self, version: i64) -> Result<()> {
        const TOGETHER: i64 = 200;
        let mut tx = self.db.begin().await?;
        unfetched::want_by(&mut tx, version).await?;
        tx.commit().await?;
        loop {
            let mut tx = self.db.begin().await?;
            let again = ledger::read_again_by(&mut tx, version, TOGETHER).await?;
            tx.commit().await?;
            if again == 0 {
                return Ok(());
            }
            tracing::info!("{again} mails that an earlier version could not read are tried again");
        }
    }

    /// The mails that are read next. That reading them begins is counted.
    async fn take(&self, underway: &mut Underway) -> Result<Vec<Waiting>> {
        let conn = self.db.read().await?;
        let Shares { own, mut spare } = underway.shares(&waiting::inboxes(&conn).await?);
        if own.iter().all(|(_, share)| *share == 0) && spare == 0 {
            return Ok(Vec::new());
        }
        let (now, looks_for_suspect) = (self.clock.now(), underway.may_take_suspect());
        let mut mails: Vec<Waiting> = Vec::new();
        let ids = underway.ids();
        match self.db.engine() {
            // One process, one reader.
            Engine::Sqlite => {
                for (inbox, share) in own {
                    let which = Which::Oldest(inbox, kernel::count(share + spare));
                    let found = waiting::waiting(&conn, now, &ids, which).await?;
                    spare = (share + spare).saturating_sub(found.len());
                    mails.extend(found);
                }
                if looks_for_suspect {
                    mails.extend(waiting::waiting(&conn, now, &ids, Which::Suspect).await?);
                }
                let left_over = underway.left_over(&conn).await?;
                drop(conn);
                self.count_left_over(&mut mails, left_over).await?;
            }
            Engine::Postgres => {
                drop(conn);
                let mut tx = self.db.begin().await?;
                for (inbox, share) in own {
                    let which = Which::Oldest(inbox, kernel::count(share + spare));
                    let found = waiting::lease(&mut tx, now, LEASE, &ids, which).await?;
                    spare = (share + spare).saturating_sub(found.len());
                    mails.extend(found);
                }
                if looks_for_suspect {
                    let suspect = waiting::lease(&mut tx, now, LEASE, &ids, Which::Suspect);
                    mails.extend(suspect.await?);
                }
                tx.commit().await?;
            }
        }
        if looks_for_suspect {
            underway.took_suspect(mails.iter().find(|mail| mail.is_suspect()));
        }
        Ok(mails)
    }

    /// Counts that mails are begun that were there before the first one was read here: one of them
    /// may be why the program ended then. What came since is counted by the next program that finds
    /// it, so that no mail takes a commit more as long as all goes well.
    async fn count_left_over(&self, mails: &mut [Waiting], until: LedgerId) -> Result<()> {
        let mut ids = Vec::new();
        for mail in mails.iter_mut().filter(|mail| mail.id <= until) {
            mail.begun += 1;
            ids.push(mail.id);
        }
        if ids.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        waiting::begin(&mut tx, &ids).await?;
        tx.commit().await
    }
}

fn count(fate: Fate) {
    metrics::counter!("recourse_mails_handled_total", "fate" => fate.as_str()).increment(1);
}

async fn mail_in(notices: &mut database::Notices) {
    while let Some(notice) = notices.next().await {
        if notice.is_none_or(|notice| &*notice == "mail-in" || &*notice == "*") {
            return;
        }
    }
    std::future::pending::<()>().await;
}
