//! Where a mail ends, and what it is without the dots of transport.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The end of a mail, and nothing that looks like it: a bare line feed before or after the dot
/// ends nothing, or a second mail could be hidden in the first.
const END: &[u8] = b"\r\n.\r\n";

/// The memory for all mails on their way in.
#[derive(Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// What is taken at a time, so that the smallest mails do not ask for each line.
const PIECE_BYTES: usize = 64 * 1024;

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(PIECE_BYTES))))
    }
}

/// A mail on its way in. It has room until it is dropped.
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    bytes_max: usize,
    searched: usize,
    flaw: Option<Flaw>,
    room: Room,
    pieces: Vec<OwnedSemaphorePermit>,
}

/// Why a mail that arrived whole is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    TooLarge,
    /// Too much is on its way in at this moment.
    NoRoom,
    /// It has a CR without LF, or the other way round.
    BareLineEnd,
}

impl Incoming {
    pub(crate) fn new(bytes_max: usize, room: Room) -> Self {
        // The end may come at once, on the first line.
        let bytes = b"\r\n".to_vec();
        Self { bytes, bytes_max, searched: 0, flaw: None, room, pieces: Vec::new() }
    }

    /// Takes what arrived. Once the end is there, gives what came behind it.
    pub(crate) fn take(&mut self, arrived: &[u8]) -> Option<Vec<u8>> {
        self.bytes.extend_from_slice(arrived);
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        if let Some(at) = memchr::memmem::find(unsearched, END) {
            let end = self.searched + at;
            let behind = self.bytes.get(end + END.len()..).unwrap_or_default().to_vec();
            self.bytes.truncate(end + 2);
            return Some(behind);
        }
        self.searched = self.bytes.len().saturating_sub(END.len() - 1);
        // Dots are doubled on the way, so a little more than the limit may still fit.
        if self.bytes.len() > self.bytes_max + self.bytes_max / 64 + 1024 {
            self.flaw = Some(Flaw::TooLarge);
        } else if self.flaw.is_none() && !self.has_room() {
            self.flaw = Some(Flaw::NoRoom);
        }
        if self.flaw.is_some() {
            // What is not taken is only looked at for its end.
            let tail = self.bytes.split_off(self.searched);
            self.bytes = tail;
            self.searched = 0;
            self.pieces.clear();
        }
        None
    }

    fn has_room(&mut self) -> bool {
        while self.pieces.len() * PIECE_BYTES < self.bytes.len() {
            let Ok(piece) = Arc::clone(&self.room.0).try_acquire_owned() else { return false };
            self.pieces.push(piece);
        }
        true
    }

    /// The mail as it was written.
    pub(crate) fn finish(&mut self) -> Result<Vec<u8>, Flaw> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        if has_bare_line_end(&self.bytes) {
            return Err(Flaw::BareLineEnd);
        }
        let mail = unstuffed(std::mem::take(&mut self.bytes));
        if mail.len() > self.bytes_max { Err(Flaw::TooLarge) } else { Ok(mail) }
    }
}

fn has_bare_line_end(bytes: &[u8]) -> bool {
    memchr::memchr2_iter(b'\r', b'\n', bytes).any(|at| match bytes.get(at) {
        Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
        _ => at.checked_sub(1).and_then(|before| bytes.get(before)) != Some(&b'\r'),
    })
}

/// Without the line end that was put in front, and without the dots that were put before dots.
fn unstuffed(mut bytes: Vec<u8>) -> Vec<u8> {
    let dots: Vec<usize> = memchr::memmem::find_iter(&bytes, b"\r\n.").map(|at| at + 2).collect();
    if dots.is_empty() {
        bytes.drain(..2);
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 2;
    for dot in dots {
        out.extend_from_slice(bytes.get(from..dot).unwrap_or_default());
        from = dot + 1;
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out
}
