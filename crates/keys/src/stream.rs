//! Files of any length, sealed piece by piece so that neither side holds the whole: the STREAM
//! construction over XChaCha20-Poly1305 (Hoang, Reyhanitabar, Rogaway, Vizár, 2015). Each piece is
//! bound to its place and the last one says that it is the last, so that none can be changed, moved,
//! left out or cut off unseen.

use std::io::{self, Read, Write};

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::{Derived, Keys};

/// How much is sealed at once.
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;
/// The random part of every nonce of a file.
const PREFIX: usize = 19;

/// Seals what is written to it. Without [`Sealer::finish`] the file cannot be opened to its end.
pub struct Sealer<W: Write> {
    to: W,
    pieces: Pieces,
    plain: Vec<u8>,
}

/// Gives back what was sealed.
pub struct Opener<R: Read> {
    from: R,
    pieces: Pieces,
    /// Older keys, one of which may have sealed the file: known with the first piece.
    others: Vec<Pieces>,
    /// What was read of the file and not opened so far: one piece and the beginning of the next, by
    /// which the last one is known.
    sealed: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
    is_over: bool,
}

/// The nonces of a file, one after the other.
struct Pieces {
    cipher: XChaCha20Poly1305,
    prefix: [u8; PREFIX],
    count: u32,
}

impl Pieces {
    fn new(key: &Derived, prefix: [u8; PREFIX]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&key.files.into()), prefix, count: 0 }
    }

    fn next(&mut self, is_last: bool) -> io::Result<XNonce> {
        let mut nonce = [0; 24];
        let (prefix, rest) = nonce.split_at_mut(PREFIX);
        prefix.copy_from_slice(&self.prefix);
        let (count, last) = rest.split_at_mut(4);
        count.copy_from_slice(&self.count.to_be_bytes());
        last.copy_from_slice(&[u8::from(is_last)]);
        self.count = self.count.checked_add(1).ok_or_else(|| broken("the file is too long"))?;
        Ok(XNonce::from(nonce))
    }
}

impl Pieces {
    fn open(&mut self, sealed: &[u8], is_last: bool) -> io::Result<Option<Vec<u8>>> {
        let nonce = self.next(is_last)?;
        Ok(self.cipher.decrypt(&nonce, sealed).ok())
    }
}

impl<W: Write> Sealer<W> {
    pub fn new(keys: &Keys, mut to: W) -> io::Result<Self> {
        let prefix: [u8; PREFIX] = rand::random();
        to.write_all(&prefix)?;
        Ok(Self { to, pieces: Pieces::new(&keys.now, prefix), plain: Vec::with_capacity(PIECE) })
    }

    /// Seals what is left and says that nothing follows.
    pub fn finish(mut self) -> io::Result<W> {
        self.piece(true)?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn piece(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.pieces.next(is_last)?;
        let sealed = self.pieces.cipher.encrypt(&nonce, self.plain.as_slice());
        self.plain.clear();
        self.to.write_all(&sealed.ok().ok_or_else(|| broken("a piece cannot be sealed"))?)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until something follows it: it could be the last.
        if self.plain.len() == PIECE {
            self.piece(false)?;
        }
        let taken = bytes.len().min(PIECE - self.plain.len());
        self.plain.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<R: Read> Opener<R> {
    pub fn new(keys: &Keys, mut from: R) -> io::Result<Self> {
        let mut prefix = [0; PREFIX];
        from.read_exact(&mut prefix)?;
        Ok(Self {
            from,
            pieces: Pieces::new(&keys.now, prefix),
            others: keys.older.iter().map(|key| Pieces::new(key, prefix)).collect(),
            sealed: Vec::with_capacity(PIECE + TAG + 1),
            plain: Vec::new(),
            at: 0,
            is_over: false,
        })
    }

    fn piece(&mut self) -> io::Result<()> {
        let whole = PIECE + TAG;
        let wanted = u64::try_from(whole + 1 - self.sealed.len()).unwrap_or_default();
        (&mut self.from).take(wanted).read_to_end(&mut self.sealed)?;
        let is_last = self.sealed.len() <= whole;
        let rest = self.sealed.split_off(self.sealed.len().min(whole));
        let mut opened = self.pieces.open(&self.sealed, is_last)?;
        for mut other in std::mem::take(&mut self.others) {
            if opened.is_none() {
                opened = other.open(&self.sealed, is_last)?;
                self.pieces = other;
            }
        }
        self.plain =
            opened.ok_or_else(|| broken("the file is damaged or was sealed with another key"))?;
        (self.sealed, self.at, self.is_over) = (rest, 0, is_last);
        Ok(())
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.plain.len() && !self.is_over {
            self.piece()?;
        }
        let left = self.plain.get(self.at..).unwrap_or_default();
        let given = left.len().min(to.len());
        for (to, from) in to.iter_mut().zip(left) {
            *to = *from;
        }
        self.at += given;
        Ok(given)
    }
}

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
