//! PostgreSQL, driven by the task that asks.
//!
//! A question takes the server some microseconds, and the way to it and back ten times as long. So
//! what nobody waits for goes out together with the next question ([`Seat::later`]), and several
//! questions with one another: the beginning of a transaction costs no way of its own, nor does its
//! commit wait for what was written before it.

mod link;
mod opening;
mod tls;
mod value;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::Value;
use crate::conn::ACQUIRE_TIMEOUT;
pub(crate) use link::{Answer, Fault, Link};
pub(crate) use opening::Opening;

use tokio_postgres::types::Type;
pub(crate) use tokio_postgres::{AsyncMessage, Row};

/// A connection that rested longer is tried before it is used: something between here and the
/// server may have forgotten it.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// A connection that does not answer by then is taken for lost.
const PING_WITHIN: Duration = Duration::from_secs(2);
/// A connection that nobody needed for so long is closed, and one that is so old when it is given
/// back: what a server's process has learnt of the schema grows.
const RESTS_FOR: Duration = Duration::from_mins(10);
const LIVES_FOR: Duration = Duration::from_mins(30);
/// More is not kept back: it is sent and its outcome looked at. `join_all` looks at so many one
/// after the other, which is the order in which they go out.
const UNSENT_MAX: usize = 24;
/// Taking back what was not committed takes no longer, or the connection is closed.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(30);

/// A statement with its values.
pub(super) type Statement = (Cow<'static, str>, Vec<Value>);

/// Connections to one database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    opening: Opening,
    seats: Arc<Semaphore>,
    size: u32,
    idle: Mutex<Vec<Rested>>,
    closed: watch::Sender<bool>,
}

struct Rested {
    link: Box<Link>,
    since: Instant,
}

/// A connection that one task has for itself. Given back when it is dropped; what it had not
/// committed never happened.
pub(crate) struct Seat {
    link: Option<Box<Link>>,
    /// Nobody ever waits for the lock: one task has the seat for itself.
    state: Mutex<State>,
    pool: Pool,
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Default)]
struct State {
    transaction: Transaction,
    /// What goes out with the next question.
    unsent: Vec<Statement>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Transaction {
    #[default]
    None,
    /// Begun, as far as it was sent.
    Open,
    /// A statement failed: the server takes nothing any more but going back.
    Failed,
}

impl Pool {
    pub(crate) fn new(opening: Opening, size: u32) -> Self {
        let seats = usize::try_from(size).unwrap_or(1);
        Self(Arc::new(Shared {
            opening,
            seats: Arc::new(Semaphore::new(seats)),
            size,
            idle: Mutex::default(),
            closed: watch::Sender::new(false),
        }))
    }

    /// Connections to the same database.
    pub(crate) fn another(&self, size: u32) -> Self {
        Self::new(self.0.opening.clone(), size)
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.0.opening
    }

    /// Becomes true when the pool is closed, and ends when nobody has it any more.
    pub(crate) fn closed(&self) -> watch::Receiver<bool> {
        self.0.closed.subscribe()
    }

    pub(crate) async fn seat(&self) -> Result<Seat> {
        let seat = tokio::time::timeout(ACQUIRE_TIMEOUT, Box::pin(self.take())).await;
        seat.context("no connection to the database became free in time")?
    }

    async fn take(&self) -> Result<Seat> {
        let permit = Arc::clone(&self.0.seats).acquire_owned().await;
        let permit = permit.context("the database is closed")?;
        let link = loop {
            let rested = self.idle().pop();
            let Some(rested) = rested else {
                break Box::new(self.0.opening.link_patiently().await?);
            };
            if rested.is_usable().await {
                break rested.link;
            }
        };
        Ok(Seat {
            link: Some(link),
            state: Mutex::default(),
            pool: self.clone(),
            permit: Some(permit),
        })
    }

    /// A seat in which a transaction has begun.
    pub(crate) async fn begin(&self) -> Result<Seat> {
        let seat = self.seat().await?;
        let mut state = seat.state();
        state.transaction = Transaction::Open;
        state.unsent.push(("begin".into(), Vec::new()));
        drop(state);
        Ok(seat)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Rested>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, link: Box<Link>) {
        if self.0.seats.is_closed() || !link.is_usable() || link.age() > LIVES_FOR {
            return;
        }
        let mut idle = self.idle();
        // Who rested longest is first: the last one that was given back is taken first.
        let tired = idle.iter().take_while(|rested| rested.since.elapsed() > RESTS_FOR).count();
        idle.drain(..tired);
        idle.push(Rested { link, since: Instant::now() });
    }

    /// Waits until every connection is given back and closes them.
    pub(crate) async fn close(&self) {
        let _all = self.0.seats.acquire_many(self.0.size).await;
        self.0.seats.close();
        self.0.closed.send_replace(true);
        let idle = std::mem::take(&mut *self.idle());
        for rested in idle {
            rested.link.close().await;
        }
    }
}

impl Rested {
    async fn is_usable(&self) -> bool {
        if !self.link.is_still_there() {
            return false;
        }
        self.since.elapsed() < FRESH_FOR
            || tokio::time::timeout(PING_WITHIN, self.link.ping()).await.is_ok_and(|it| it.is_ok())
    }
}

impl Seat {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what was kept back and one question, and waits for its answer.
    pub(crate) async fn ask(&self, text: Cow<'static, str>, values: Vec<Value>) -> Result<Answer> {
        let answers = self.send(Some((text, values))).await?;
        answers.into_iter().next_back().context("a question without an answer")
    }

    /// Keeps a statement for the next way to the server, if this is a transaction: it takes back
    /// the rest if this fails.
    pub(crate) async fn later(&self, text: Cow<'static, str>, values: Vec<Value>) -> Result<()> {
        let is_due = {
            let mut state = self.state();
            state.unsent.push((text, values));
            state.transaction == Transaction::None || state.unsent.len() >= UNSENT_MAX
        };
        if is_due { self.flush().await } else { Ok(()) }
    }

    /// Sends what was kept back.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.send(None).await.map(drop)
    }

    async fn send(&self, last: Option<Statement>) -> Result<Vec<Answer>> {
        let link = self.link()?;
        // What was kept back stays there until everything is on its way at once: who gives up
        // before leaves it, and whoever asks meanwhile takes it along.
        while let Some((text, types)) = self.unknown(link, last.as_ref()) {
            self.noted(Box::pin(link.learn(&text, &types)).await)?;
        }
        let mut statements = std::mem::take(&mut self.state().unsent);
        statements.extend(last);
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        // In a box: this is a part of every future that asks anything.
        self.noted(Box::pin(link.answers(statements)).await)
    }

    /// A statement that has to be prepared before all can be sent.
    fn unknown(
        &self,
        link: &Link,
        last: Option<&Statement>,
    ) -> Option<(Cow<'static, str>, Vec<Type>)> {
        let state = self.state();
        let mut statements = state.unsent.iter().chain(last);
        let (text, values) = statements.find(|(text, _)| !link.knows(text))?;
        Some((text.clone(), values.iter().map(Value::postgres_type).collect()))
    }

    /// Remembers that something failed.
    fn noted<T>(&self, done: Result<T>) -> Result<T> {
        let mut state = self.state();
        if done.is_err() && state.transaction == Transaction::Open {
            state.transaction = Transaction::Failed;
        }
        done
    }

    /// Runs statements without parameters.
    pub(crate) async fn script(&self, text: &str) -> Result<()> {
        self.flush().await?;
        self.noted(Box::pin(self.link()?.script(text)).await)
    }

    /// Prepares a statement without running it.
    pub(crate) async fn prepare(&self, text: &str) -> Result<()> {
        self.flush().await?;
        self.noted(self.link()?.prepare(text).await)
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        self.flush().await?;
        self.noted(self.link()?.ping().await)
    }

    /// Writes rows in COPY's text form.
    pub(crate) async fn copy_in(
        &self,
        text: &str,
        parts: impl Iterator<Item = String> + Send,
    ) -> Result<()> {
        self.flush().await?;
        self.noted(Box::pin(self.link()?.copy_in(text, parts)).await)
    }

    /// Marks a point to which [`Seat::undo_to_mark`] can go back.
    pub(crate) async fn mark(&self) -> Result<()> {
        self.send(Some(("savepoint mark".into(), Vec::new()))).await.map(drop)
    }

    /// Keeps what happened since the mark, if all of it worked.
    pub(crate) async fn keep_since_mark(&self) -> Result<()> {
        self.send(Some(("release savepoint mark".into(), Vec::new()))).await.map(drop)
    }

    /// Goes back to the mark. What was not sent since then need not be taken back.
    pub(crate) async fn undo_to_mark(&self) -> Result<()> {
        self.state().unsent.clear();
        self.link()?.script("rollback to savepoint mark; release savepoint mark").await?;
        self.state().transaction = Transaction::Open;
        Ok(())
    }

    /// Ends a transaction, and returns once it is durable. One of which a statement failed cannot
    /// be kept, although the server answers that all is well.
    pub(crate) async fn commit(&self) -> Result<()> {
        if self.state().transaction == Transaction::Failed {
            bail!("a statement had failed before, so nothing of it was kept");
        }
        self.send(Some(("commit".into(), Vec::new()))).await?;
        self.state().transaction = Transaction::None;
        Ok(())
    }

    fn link(&self) -> Result<&Link> {
        self.link.as_deref().context("the connection was given back")
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let state = std::mem::take(&mut *self.state());
        let has_begun = state.unsent.first().is_none_or(|(text, _)| text != "begin");
        let has_begun = has_begun && state.transaction != Transaction::None;
        if !has_begun && !link.is_left() {
            return self.pool.give_back(link);
        }
        // Without anybody to wait for it, the connection is closed, and the server goes back.
        let Ok(runtime) = Handle::try_current() else { return };
        let (pool, permit) = (self.pool.clone(), self.permit.take());
        let text = if has_begun { "rollback" } else { "" };
        runtime.spawn(async move {
            let tls = pool.opening().tls();
            let done = tokio::time::timeout(ROLLBACK_WITHIN, link.recover(tls, text)).await;
            if matches!(done, Ok(Ok(true))) {
                pool.give_back(link);
            } else {
                drop(link);
            }
            drop(permit);
        });
    }
}
