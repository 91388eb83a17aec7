//! One connection, and the statements that are prepared on it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use futures_util::future::join_all;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, Error, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Statement;
use crate::Value;
use crate::conn::{say_if_slow, short};

/// What a connection keeps prepared is between this and twice as much.
const STATEMENTS_KEPT: usize = 250;
/// What nobody waits for any more may take so long until it is cancelled.
const MOMENT: Duration = Duration::from_millis(50);

type Wire = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// A connection whose task is whoever asks: nothing goes over it while nobody does. Several
/// questions may be asked at once, if one task waits for all of them.
pub(crate) struct Link {
    client: Client,
    /// Nobody ever waits for these locks: one task has the connection for itself.
    wire: Mutex<Wire>,
    prepared: Mutex<Prepared>,
    /// No more can be said over it.
    is_over: AtomicBool,
    /// Somebody asked and did not wait for the answer: the server may be at it for long.
    is_left: AtomicBool,
    opened: Instant,
}

/// What PostgreSQL said was wrong, without the values that it adds: they are what people wrote.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL: {message} ({code})")]
pub(crate) struct Fault {
    message: String,
    /// Of the standard's and PostgreSQL's, such as `23505`.
    pub(crate) code: String,
}

fn without_values(fault: Error) -> anyhow::Error {
    let said = fault.as_db_error().map(|said| Fault {
        message: said.message().to_owned(),
        code: said.code().code().to_owned(),
    });
    said.map_or_else(|| fault.into(), anyhow::Error::from)
}

/// Says, if it is dropped before the end, that somebody gave up waiting.
struct Waiting<'l> {
    link: &'l Link,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.link.is_left.store(true, Ordering::Relaxed);
        }
    }
}

/// What the server said to one statement.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    /// How many rows it changed.
    pub(crate) changed: u64,
}

impl Link {
    pub(super) fn new(client: Client, wire: Wire) -> Self {
        Self {
            client,
            wire: Mutex::new(wire),
            prepared: Mutex::default(),
            is_over: AtomicBool::new(false),
            is_left: AtomicBool::new(false),
            opened: Instant::now(),
        }
    }

    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Whether an answer may still be on its way that nobody waits for.
    pub(super) fn is_left(&self) -> bool {
        self.is_left.load(Ordering::Relaxed)
    }

    /// Ends what the server is at for nobody, and waits until it is free. In a transaction, that
    /// is taken back. Says whether the connection can be used again: where something had to be
    /// cancelled, the server may come to that late, and end what is asked then.
    pub(super) async fn recover(&self, tls: MakeRustlsConnect, text: &str) -> Result<bool> {
        // What was left is over in a moment, mostly.
        let moment = if self.is_left() { MOMENT } else { Duration::MAX };
        if let Ok(recovered) = tokio::time::timeout(moment, self.script(text)).await {
            recovered?;
            self.is_left.store(false, Ordering::Relaxed);
            return Ok(true);
        }
        let _ = self.client.cancel_token().cancel_query(tls).await;
        self.script(text).await?;
        Ok(false)
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server did not hang up, as far as that is known here already.
    pub(super) fn is_still_there(&self) -> bool {
        let mut nobody = Task::from_waker(Waker::noop());
        let mut wire = self.wire();
        while self.is_usable() {
            match wire.poll_message(&mut nobody) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => self.is_over.store(true, Ordering::Relaxed),
                Poll::Pending => return true,
            }
        }
        false
    }

    /// Whether a statement is prepared.
    pub(super) fn knows(&self, text: &str) -> bool {
        self.known().get(text).is_some()
    }

    /// Prepares a statement for values of these types.
    pub(super) async fn learn(&self, text: &str, types: &[Type]) -> Result<()> {
        let statement = self.drive(self.client.prepare_typed(text, types)).await?;
        self.known().keep(text, statement);
        Ok(())
    }

    /// Sends prepared statements one after the other, as soon as this is looked at for the first
    /// time, and then waits for all answers.
    pub(super) async fn answers(&self, statements: Vec<Statement>) -> Result<Vec<Answer>> {
        let mut prepared = Vec::with_capacity(statements.len());
        for (text, _) in &statements {
            let statement = self.known().get(text);
            prepared.push(statement.with_context(|| format!("not prepared: {}", short(text)))?);
        }
        let began = Instant::now();
        let asked = prepared
            .iter()
            .zip(&statements)
            .map(|(statement, (_, values))| answer(&self.client, statement, values));
        // All of them are waited for: what comes after the one that failed says only so.
        let answers = self.drive(async { join_all(asked).await.into_iter().collect() }).await;
        if let Some((last, _)) = statements.last() {
            say_if_slow(last, began.elapsed());
        }
        answers
    }

    /// Prepares a statement and forgets it.
    pub(super) async fn prepare(&self, text: &str) -> Result<()> {
        self.drive(self.client.prepare(text)).await.map(drop)
    }

    /// Runs statements without parameters.
    pub(crate) async fn script(&self, text: &str) -> Result<()> {
        self.drive(self.client.batch_execute(text)).await
    }

    pub(super) async fn ping(&self) -> Result<()> {
        self.drive(self.client.check_connection()).await
    }

    pub(super) async fn copy_in(
        &self,
        text: &str,
        parts: impl Iterator<Item = String> + Send,
    ) -> Result<()> {
        let work = async {
            let mut sink = pin!(self.client.copy_in(text).await?);
            for part in parts {
                sink.send(std::io::Cursor::new(part)).await?;
            }
            sink.finish().await.map(drop)
        };
        self.drive(work).await
    }

    /// What the server says without being asked.
    pub(crate) async fn heard(&self) -> Result<Option<AsyncMessage>> {
        Ok(poll_fn(|task| self.wire().poll_message(task)).await.transpose()?)
    }

    /// Waits for `work` and meanwhile sends and receives what it needs. Where several wait at once,
    /// whoever is looked at sends and receives for all: they are parts of one task, which wakes as
    /// a whole.
    async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T> {
        let mut work = pin!(work);
        let mut waiting = Waiting { link: self, is_over: false };
        let done = poll_fn(|task| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(task) {
                    return Poll::Ready(done.map_err(without_values));
                }
                if !self.is_usable() {
                    return Poll::Ready(Err(anyhow!("PostgreSQL ended the connection")));
                }
                let heard = self.wire().poll_message(task);
                match heard {
                    // Notices and warnings; whoever listens for them does not ask meanwhile.
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(Some(Err(fault))) => {
                        self.is_over.store(true, Ordering::Relaxed);
                        // The answer may have come before the end.
                        let done = work.as_mut().poll(task);
                        return match done {
                            Poll::Ready(Ok(done)) => Poll::Ready(Ok(done)),
                            _ => Poll::Ready(Err(without_values(fault))),
                        };
                    }
                    Poll::Ready(None) => self.is_over.store(true, Ordering::Relaxed),
                    Poll::Pending => {
                        return work.as_mut().poll(task).map(|done| done.map_err(without_values));
                    }
                }
            }
        })
        .await;
        waiting.is_over = true;
        done
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        drop((self.client, self.prepared));
        let wire = self.wire.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A server that does not answer is left.
        let _ = tokio::time::timeout(Duration::from_secs(2), wire).await;
    }
}

async fn answer(
    client: &Client,
    statement: &tokio_postgres::Statement,
    values: &[Value],
) -> Result<Answer, Error> {
    let values = values.iter().map(|value| -> &(dyn ToSql + Sync) { value });
    let mut stream = pin!(client.query_raw(statement, values).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    Ok(Answer { rows, changed: stream.rows_affected().unwrap_or_default() })
}

/// Statements by their texts. When the young ones are many, they are the old ones, and those that
/// were old and that nobody asked for since then are forgotten.
#[derive(Default)]
struct Prepared {
    young: HashMap<Box<str>, tokio_postgres::Statement>,
    old: HashMap<Box<str>, tokio_postgres::Statement>,
}

impl Prepared {
    fn get(&mut self, text: &str) -> Option<tokio_postgres::Statement> {
        if let Some(statement) = self.young.get(text) {
            return Some(statement.clone());
        }
        let (text, statement) = self.old.remove_entry(text)?;
        self.young.insert(text, statement.clone());
        Some(statement)
    }

    fn keep(&mut self, text: &str, statement: tokio_postgres::Statement) {
        if self.young.len() >= STATEMENTS_KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text.into(), statement);
    }
}
