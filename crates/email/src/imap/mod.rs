//! Fetching mail from a server.
//!
//! The client is our own and small, because the parsers at hand recurse into what a server sends:
//! a nested body structure that nobody asked for would end the process.
//!
//! Invariant: what is not asked for is skipped, memory is bounded for each command, and a mail
//! comes with the id it was asked for by or not at all.

mod connection;
mod fault;
mod idle;
mod names;
mod response;
mod uids;

use std::collections::BTreeMap;

use egress::Guard;
use jiff::tz::TimeZone;
use kernel::{Span, Timestamp};

use crate::format::date;
use crate::link::{Credentials, Patience, Server};

pub(crate) use connection::Connection;
use connection::SEARCH_BYTES_MAX;
use response::{Response, Value};

pub use fault::ImapFault;
pub use idle::Woken;

/// A signed-in connection to a mailbox. After a fault it is of no use any more.
pub struct Mailbox {
    connection: Connection,
    message_bytes_max: usize,
    /// Mails in the selected folder, as far as the server has said.
    exists: u32,
}

/// A folder as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// When this changes, all ids have changed their meaning.
    pub uid_validity: u32,
    /// The id that the next mail will get, if the server says so.
    pub uid_next: Option<u32>,
    pub exists: u32,
}

/// A folder of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub name: String,
    /// What it is for, such as `\Sent` or `\Junk`, if the server says so.
    pub special: Option<String>,
    /// Whether it can hold mail.
    pub selectable: bool,
}

/// A mail from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub uid: u32,
    /// When the server got it.
    pub internal_date: Option<Timestamp>,
    /// Its size, as the server says.
    pub size: u64,
    pub body: Body,
}

impl Fetched {
    fn refused(uid: u32, why: String) -> Self {
        Self { uid, internal_date: None, size: 0, body: Body::Refused(why) }
    }
}

/// What was fetched of a mail.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    Whole(Vec<u8>),
    /// The mail is larger than we take; this is its header.
    HeaderOnly(Vec<u8>),
    /// The server names the mail and does not give it, for this reason.
    Refused(String),
}

/// Says how much it is, never what it says.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::HeaderOnly(bytes) => write!(f, "HeaderOnly({} bytes)", bytes.len()),
            Self::Refused(why) => write!(f, "Refused({why})"),
        }
    }
}

/// Mails that are fetched together have at most this many bytes, as far as the server says.
const GROUP_BYTES_MAX: u64 = 8 * 1024 * 1024;
const HEADER_BYTES_MAX: usize = 256 * 1024;
/// No connection takes larger mails than this.
const LARGEST_BYTES: usize = 25 * 1024 * 1024;
/// What an answer has beside its mails.
const TRIMMINGS_BYTES: usize = 1024 * 1024;
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;
const FOLDERS_MAX: usize = 10_000;
const BATCH_MAX: usize = 500;

impl Mailbox {
    /// Connects and signs in. Mails of more than `message_bytes_max` bytes are not fetched whole.
    pub async fn connect(
        server: &Server,
        credentials: &Credentials,
        message_bytes_max: usize,
        guard: &Guard,
    ) -> Result<Self, ImapFault> {
        let mut connection = Connection::open(server, guard, Patience::USUAL).await?;
        connection.sign_in(credentials).await?;
        Ok(Self::over(connection, message_bytes_max))
    }

    pub(crate) fn over(connection: Connection, message_bytes_max: usize) -> Self {
        let message_bytes_max = message_bytes_max.min(LARGEST_BYTES);
        Self { connection, message_bytes_max, exists: 0 }
    }

    /// Whether the server can do something, by its name in the protocol: `IDLE`, `MOVE`.
    pub fn can(&self, ability: &str) -> bool {
        self.connection.can(ability)
    }

    /// All folders of the mailbox.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, ImapFault> {
        let mut folders = Vec::new();
        self.connection
            .run_within(LIST_BYTES_MAX, "LIST \"\" \"*\"", |response| {
                if folders.len() < FOLDERS_MAX
                    && let Some(folder) = folder(&response)
                {
                    folders.push(folder);
                }
            })
            .await?;
        Ok(folders)
    }

    /// Opens a folder; what follows is about its mails.
    pub async fn select(&mut self, folder: &str) -> Result<Selected, ImapFault> {
        let mut exists = 0;
        let mut uid_validity = None;
        let mut uid_next = None;
        let command = format!("SELECT {}", names::quoted(&names::encode(folder)));
        let outcome = self
            .connection
            .run(&command, |response| {
                exists = response.count("EXISTS").unwrap_or(exists);
                uid_validity = response.code("UIDVALIDITY").or(uid_validity);
                uid_next = response.code("UIDNEXT").or(uid_next);
            })
            .await;
        outcome.map_err(|fault| fault.about_folder(folder))?;
        self.exists = exists;
        let Some(uid_validity) = uid_validity else {
            return Err(ImapFault::NotImap(self.connection.host()));
        };
        Ok(Selected { uid_validity, uid_next, exists })
    }

    /// Makes a folder.
    pub async fn create_folder(&mut self, folder: &str) -> Result<(), ImapFault> {
        let name = names::quoted(&names::encode(folder));
        self.connection.run(&format!("CREATE {name}"), |_| {}).await
    }

    /// The ids of mails that came on that day or later. Servers compare days in a zone of their
    /// own, so this asks for a day more.
    pub async fn uids_since(&mut self, date: Timestamp) -> Result<Vec<u32>, ImapFault> {
        let day = (date - Span::days(1)).in_zone(&TimeZone::UTC).strftime("%d-%b-%Y").to_string();
        self.search(&format!("SINCE {day}")).await
    }

    /// The ids of all mails after an id, the lowest first.
    pub async fn uids_after(&mut self, after: u32) -> Result<Vec<u32>, ImapFault> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        // `first:*` always names the last mail, even one before `first`.
        let mut uids = self.search(&format!("UID {first}:*")).await?;
        uids.retain(|uid| *uid >= first);
        Ok(uids)
    }

    /// The next mails after an id, at most `batch` of them, the oldest first.
    pub async fn fetch_since(
        &mut self,
        after: u32,
        batch: usize,
    ) -> Result<Vec<Fetched>, ImapFault> {
        let mut uids = self.uids_after(after).await?;
        uids.truncate(batch.min(BATCH_MAX));
        self.fetch(&uids).await
    }

    /// How many of these mails, the first of them at least, are to be fetched together, so that
    /// memory holds them.
    pub async fn fitting(&mut self, uids: &[u32]) -> Result<usize, ImapFault> {
        let uids = uids.get(..BATCH_MAX).unwrap_or(uids);
        if uids.len() < 2 {
            return Ok(uids.len());
        }
        let envelopes = match self.envelopes(uids).await {
            Ok(envelopes) => envelopes,
            // One of them is damaged; which one it is shows when each is asked for.
            Err(ImapFault::Refused { .. }) => return Ok(1),
            Err(fault) => return Err(fault),
        };
        let mut bytes = 0_u64;
        let fits = |uid: &&u32| {
            bytes += envelopes.get(uid).map_or(0, |envelope| envelope.size);
            bytes <= GROUP_BYTES_MAX
        };
        Ok(uids.iter().take_while(fits).count().max(1))
    }

    /// These mails, the oldest first. Those that are gone are left out; those that the server
    /// names and does not give are among them, with the reason.
    pub async fn fetch(&mut self, uids: &[u32]) -> Result<Vec<Fetched>, ImapFault> {
        let mut mails = Vec::new();
        for batch in uids.chunks(BATCH_MAX) {
            match self.fetch_together(batch, &mut mails).await {
                // One that the server cannot read must not hold up the others.
                Err(ImapFault::Refused { .. }) => self.fetch_singly(batch, &mut mails).await?,
                outcome => outcome?,
            }
            self.note_missing(batch, &mut mails).await?;
        }
        mails.sort_by_key(|mail| mail.uid);
        Ok(mails)
    }

    async fn fetch_together(
        &mut self,
        batch: &[u32],
        mails: &mut Vec<Fetched>,
    ) -> Result<(), ImapFault> {
        let envelopes = self.envelopes(batch).await?;
        let limit = u64::try_from(self.message_bytes_max).unwrap_or(u64::MAX);
        for group in uids::groups(&envelopes, GROUP_BYTES_MAX, limit) {
            self.fetch_group(&group, &envelopes, mails).await?;
        }
        Ok(())
    }

    /// Those of a batch that are not here yet, each with a command of its own.
    async fn fetch_singly(
        &mut self,
        batch: &[u32],
        mails: &mut Vec<Fetched>,
    ) -> Result<(), ImapFault> {
        for uid in batch {
            if mails.iter().any(|mail| mail.uid == *uid) {
                continue;
            }
            match self.fetch_together(&[*uid], mails).await {
                Err(ImapFault::Refused { said, .. }) => mails.push(Fetched::refused(*uid, said)),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// What was asked for and did not come is gone, or withheld without a word.
    async fn note_missing(
        &mut self,
        batch: &[u32],
        mails: &mut Vec<Fetched>,
    ) -> Result<(), ImapFault> {
        let missing = |mails: &[Fetched]| -> Vec<u32> {
            let came = |uid: &u32| mails.iter().any(|mail| mail.uid == *uid);
            batch.iter().copied().filter(|uid| !came(uid)).collect()
        };
        let asked = missing(mails);
        if asked.is_empty() {
            return Ok(());
        }
        let mut there = self.search(&format!("UID {}", uids::set(&asked))).await?;
        there.retain(|uid| asked.contains(uid));
        self.fetch_singly(&there, mails).await?;
        let still = missing(mails).into_iter().filter(|uid| there.contains(uid));
        let why = "it names the mail and sends nothing of it";
        mails.extend(still.map(|uid| Fetched::refused(uid, why.to_owned())).collect::<Vec<_>>());
        Ok(())
    }

    /// Size and date of each mail.
    async fn envelopes(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, Envelope>, ImapFault> {
        let mut envelopes = BTreeMap::new();
        if uids.is_empty() {
            return Ok(envelopes);
        }
        let command = format!("UID FETCH {} (UID RFC822.SIZE INTERNALDATE)", uids::set(uids));
        self.connection
            .run(&command, |response| {
                let Some(items) = response.fetched() else { return };
                let uid = items.number("UID").filter(|uid| uids.contains(uid));
                let size = items.number("RFC822.SIZE").map(u64::from);
                if let (Some(uid), Some(size)) = (uid, size) {
                    let date = items.text("INTERNALDATE").and_then(|date| date::parse(&date));
                    envelopes.insert(uid, Envelope { size, date });
                }
            })
            .await?;
        Ok(envelopes)
    }

    async fn fetch_group(
        &mut self,
        group: &uids::Group,
        envelopes: &BTreeMap<u32, Envelope>,
        mails: &mut Vec<Fetched>,
    ) -> Result<(), ImapFault> {
        let what = if group.whole {
            "BODY.PEEK[]".to_owned()
        } else {
            format!("BODY.PEEK[HEADER]<0.{HEADER_BYTES_MAX}>")
        };
        let command = format!("UID FETCH {} (UID {what})", uids::set(&group.uids));
        let already = mails.len();
        // Some servers know the size of a mail by and by only, so there is room for a mistake.
        let most = if group.whole { self.message_bytes_max / 4 * 5 } else { HEADER_BYTES_MAX };
        let most = most.max(usize::try_from(GROUP_BYTES_MAX).unwrap_or(most)) + TRIMMINGS_BYTES;
        self.connection
            .run_within(most, &command, |response| {
                let uid = response.fetched().and_then(|items| items.number("UID"));
                let Some(uid) = uid.filter(|uid| group.uids.contains(uid)) else { return };
                let Some(envelope) = envelopes.get(&uid) else { return };
                // A server that sends a mail twice gets no second one.
                if mails.iter().skip(already).any(|mail| mail.uid == uid) {
                    return;
                }
                let Some(bytes) = response.into_bytes_of("BODY[") else { return };
                let body = if group.whole { Body::Whole(bytes) } else { Body::HeaderOnly(bytes) };
                let Envelope { size, date } = *envelope;
                mails.push(Fetched { uid, internal_date: date, size, body });
            })
            .await
    }

    /// Marks mails as read.
    pub async fn mark_seen(&mut self, uids: &[u32]) -> Result<(), ImapFault> {
        self.store(uids, "\\Seen").await
    }

    /// Moves mails to another folder. Servers without `MOVE` get a copy and a deletion.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<(), ImapFault> {
        let name = names::quoted(&names::encode(folder));
        for part in uids.chunks(BATCH_MAX) {
            let set = uids::set(part);
            let verb = if self.can("MOVE") { "MOVE" } else { "COPY" };
            let outcome = self.connection.run(&format!("UID {verb} {set} {name}"), |_| {}).await;
            outcome.map_err(|fault| fault.about_folder(folder))?;
            if !self.can("MOVE") {
                self.store(part, "\\Deleted").await?;
                // Without UIDPLUS, removing these would remove what others have marked.
                if self.can("UIDPLUS") {
                    self.connection.run(&format!("UID EXPUNGE {set}"), |_| {}).await?;
                }
            }
        }
        Ok(())
    }

    /// Says goodbye. Nobody minds if that fails.
    pub async fn logout(mut self) {
        let _ = self.connection.run("LOGOUT", |_| {}).await;
    }

    async fn store(&mut self, uids: &[u32], flag: &str) -> Result<(), ImapFault> {
        for part in uids.chunks(BATCH_MAX) {
            let command = format!("UID STORE {} +FLAGS.SILENT ({flag})", uids::set(part));
            self.connection.run(&command, |_| {}).await?;
        }
        Ok(())
    }

    async fn search(&mut self, what: &str) -> Result<Vec<u32>, ImapFault> {
        let mut found = Vec::new();
        let command = format!("UID SEARCH {what}");
        self.connection
            .run_within(SEARCH_BYTES_MAX, &command, |response| found.extend(response.search()))
            .await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

/// What is known of a mail before it is fetched.
#[derive(Clone, Copy)]
pub(crate) struct Envelope {
    pub(crate) size: u64,
    date: Option<Timestamp>,
}

const SPECIAL: [&str; 7] =
    ["\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash"];

/// `* LIST (\HasNoChildren \Sent) "/" "Sent"`
fn folder(response: &Response) -> Option<Folder> {
    let mut values = response.values_after("LIST")?;
    let flags = match values.next()? {
        Value::List(flags) => flags,
        Value::Text(_) => return None,
    };
    let _delimiter = values.next()?;
    let name = match values.next()? {
        Value::Text(name) => names::decode(&String::from_utf8_lossy(name)),
        Value::List(_) => return None,
    };
    let has = |flag: &str| flags.iter().any(|found| found.eq_ignore_ascii_case(flag.as_bytes()));
    let special = SPECIAL.iter().find(|flag| has(flag)).map(|flag| (*flag).to_owned());
    let selectable = !has("\\Noselect") && !has("\\NonExistent");
    Some(Folder { name, special, selectable })
}
