//! Lines and bytes over a connection.

use std::time::Duration;

use egress::Guard;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use crate::link::{LinkFault, Security, Server, tls};

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the greeting and for the handshake.
    pub(crate) hello: Duration,
    /// For an answer to a command, from the first byte to the last.
    pub(crate) answer: Duration,
    /// For all that a command brings, mails among it.
    pub(crate) command: Duration,
    /// For the answer to a whole mail: servers check it for spam while we wait.
    pub(crate) delivery: Duration,
}

impl Patience {
    pub(crate) const USUAL: Self = Self {
        hello: Duration::from_secs(30),
        answer: Duration::from_mins(1),
        command: Duration::from_mins(10),
        delivery: Duration::from_mins(5),
    };

    /// For somebody who waits in front of the screen.
    pub(crate) const OF_A_PERSON: Self = Self {
        hello: Duration::from_secs(6),
        answer: Duration::from_secs(15),
        command: Duration::from_secs(30),
        delivery: Duration::from_secs(30),
    };
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that gives lines and counted bytes.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    pub(crate) host: String,
    held: Vec<u8>,
    /// How much of what is held was taken already.
    taken: usize,
}

const READ_BYTES: usize = 16 * 1024;
const KEPT_BYTES_MAX: usize = 16 * READ_BYTES;

impl Wire {
    /// Connects through the guard, encrypted at once if that is how the server is set up.
    pub(crate) async fn dial(
        server: &Server,
        guard: &Guard,
        patience: Patience,
    ) -> Result<Self, LinkFault> {
        let wire = Self::reach(server, guard).await?;
        match server.security {
            Security::Plain | Security::StartTls => Ok(wire),
            Security::Tls => wire.encrypted(server, patience).await,
        }
    }

    /// Connects, and no more.
    pub(crate) async fn reach(server: &Server, guard: &Guard) -> Result<Self, LinkFault> {
        let stream = guard.connect(&server.host, server.port).await?;
        Ok(Self::over(stream, &server.host))
    }

    pub(crate) fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        host: &str,
    ) -> Self {
        Self { stream: Box::new(stream), host: host.to_owned(), held: Vec::new(), taken: 0 }
    }

    /// The same connection, encrypted. What the server sent before is thrown away: anybody on
    /// the way could have put it there.
    pub(crate) async fn encrypted(
        self,
        server: &Server,
        patience: Patience,
    ) -> Result<Self, LinkFault> {
        let deadline = Instant::now() + patience.hello;
        let stream = match timeout_at(deadline, tls::encrypt(self.stream, server)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(silent(&self.host, patience.hello)),
        };
        Ok(Self { stream: Box::new(stream), host: self.host, held: Vec::new(), taken: 0 })
    }

    /// The next line without its end, of at most `bytes_max` bytes.
    pub(crate) async fn line(
        &mut self,
        bytes_max: usize,
        wait: Duration,
    ) -> Result<Vec<u8>, LinkFault> {
        let deadline = Instant::now() + wait;
        let mut searched = 0;
        loop {
            let fresh = self.held.get(self.taken..).unwrap_or_default();
            let unsearched = fresh.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unsearched) {
                let line = fresh.get(..searched + at).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.taken += searched + at + 1;
                if line.len() > bytes_max {
                    return Err(LinkFault::TooMuch(self.host.clone()));
                }
                return Ok(line);
            }
            searched = fresh.len();
            if searched > bytes_max {
                return Err(LinkFault::TooMuch(self.host.clone()));
            }
            self.fill(deadline, wait).await?;
        }
    }

    /// Exactly `count` bytes, put behind `into`. Each piece may take `wait`.
    pub(crate) async fn exactly(
        &mut self,
        count: usize,
        into: &mut Vec<u8>,
        wait: Duration,
    ) -> Result<(), LinkFault> {
        let mut missing = count;
        while missing > 0 {
            let fresh = self.held.get(self.taken..).unwrap_or_default();
            if fresh.is_empty() {
                self.fill(Instant::now() + wait, wait).await?;
                continue;
            }
            let piece = fresh.get(..missing).unwrap_or(fresh);
            into.extend_from_slice(piece);
            missing -= piece.len();
            self.taken += piece.len();
        }
        Ok(())
    }

    /// Sends everything.
    pub(crate) async fn send(&mut self, bytes: &[u8], wait: Duration) -> Result<(), LinkFault> {
        let deadline = Instant::now() + wait;
        let work = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(deadline, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(LinkFault::Closed(self.host.clone())),
            Err(_) => Err(silent(&self.host, wait)),
        }
    }

    async fn fill(&mut self, deadline: Instant, wait: Duration) -> Result<(), LinkFault> {
        if self.taken > 0 {
            self.held.drain(..self.taken);
            self.taken = 0;
            // One long line is no reason to keep room for another.
            if self.held.capacity() > KEPT_BYTES_MAX {
                self.held.shrink_to(KEPT_BYTES_MAX);
            }
        }
        self.held.reserve(READ_BYTES);
        match timeout_at(deadline, self.stream.read_buf(&mut self.held)).await {
            Ok(Ok(0) | Err(_)) => Err(LinkFault::Closed(self.host.clone())),
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(silent(&self.host, wait)),
        }
    }
}

fn silent(host: &str, wait: Duration) -> LinkFault {
    LinkFault::Silent { host: host.to_owned(), seconds: wait.as_secs() }
}
