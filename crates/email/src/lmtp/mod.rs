//! Taking mail from a mail server in front of us (RFC 2033).
//!
//! Invariant: `250` is said for a recipient only after whoever delivers has said that it is
//! stored; only CRLF dot CRLF ends a mail; one connection cannot hurt another.

mod connection;
mod data;
mod peers;

use std::sync::Arc;
use std::time::Duration;

use kernel::EmailAddress;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use connection::Connection;
use data::Room;
use peers::Peers;

/// Bounds for the listener.
#[derive(Clone, Debug)]
pub struct Limits {
    pub message_bytes_max: usize,
    pub recipients_max: usize,
    pub connections_max: usize,
    pub connections_per_peer_max: usize,
    /// How long a peer may say nothing, and may take for one line.
    pub idle: Duration,
    /// How long a peer may stay without handing a mail over.
    pub errand: Duration,
    /// How long one mail may take to arrive.
    pub data: Duration,
    /// Who hands nothing over for so long gives up the seat when others wait for one.
    pub grace: Duration,
    /// All mails that are on their way in at one time.
    pub transit_bytes_max: usize,
    /// Connections in the middle of a mail get this long when the listener ends.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 25 * 1024 * 1024,
            recipients_max: 100,
            connections_max: 400,
            connections_per_peer_max: 100,
            idle: Duration::from_mins(1),
            errand: Duration::from_mins(5),
            data: Duration::from_mins(10),
            grace: Duration::from_secs(5),
            transit_bytes_max: 256 * 1024 * 1024,
            farewell: Duration::from_secs(20),
        }
    }
}

/// From whom and for whom a mail was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub mail_from: MailFrom,
    pub recipients: Vec<EmailAddress>,
}

/// The return path of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailFrom {
    /// `<>`: a report, or something else that nobody may answer.
    Nobody,
    Address(EmailAddress),
    /// Something that is not an address as we read them.
    Other(String),
}

/// What became of a mail for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stored,
    /// Never; the reason goes back to the sender.
    Refused(String),
    /// Not now.
    TryAgain(String),
    /// Not before there is room.
    NoRoom(String),
}

/// Whether there is such a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Yes,
    No,
    /// Nobody can tell right now.
    TryAgain,
}

/// The door behind the listener: who is known, and what becomes of a mail.
pub trait Door: Send + Sync + 'static {
    fn knows(&self, recipient: EmailAddress) -> impl Future<Output = Known> + Send;

    /// One verdict for each recipient, in their order.
    fn deliver(
        &self,
        envelope: Envelope,
        mail: Vec<u8>,
    ) -> impl Future<Output = Vec<Verdict>> + Send;
}

/// How the listener introduces itself and what it bears.
#[derive(Clone, Debug)]
pub struct Manners {
    pub hello_name: String,
    pub limits: Limits,
}

/// Serves connections until `shutdown` is done; mails in transit are finished.
pub async fn serve(
    listener: TcpListener,
    manners: Manners,
    door: Arc<impl Door>,
    shutdown: impl Future<Output = ()>,
) {
    let limits = &manners.limits;
    let farewell = limits.farewell;
    let peers = Peers::new(limits.connections_max, limits.connections_per_peer_max, limits.grace);
    let room = Room::new(limits.transit_bytes_max);
    let manners = Arc::new(manners);
    let (ending, is_ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            // A connection that panicked takes only itself along.
            Some(ended) = connections.join_next() => note(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Small answers should not wait for one another; failing to say so is fine.
                    let _ = stream.set_nodelay(true);
                    if connections.len() > manners.limits.connections_max * 2 {
                        // Too many even to be told so.
                        continue;
                    }
                    let seat = peers.seat(peer.ip());
                    let room = room.clone();
                    let manners = Arc::clone(&manners);
                    let connection = Connection::new(stream, manners, room, seat, is_ending.clone());
                    let door = Arc::clone(&door);
                    connections.spawn(async move { connection.run(door.as_ref()).await });
                }
                Err(fault) => {
                    tracing::warn!(%fault, "a connection for mail could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    // Fails only when no connection is left.
    let _ = ending.send(true);
    let finish = async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(farewell, finish).await.is_err() {
        connections.shutdown().await;
    }
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(fault) = ended
        && fault.is_panic()
    {
        tracing::error!(%fault, "a mail connection broke off; the other server will try again");
    }
}
