//! The shop with a mailroom, and short words for what comes in and goes out.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use accounts::testing::Cast;
use database::{Db, FromRow, params};
use egress::{Guard, Http};
use email::Dns;
use files::{BucketAccess, Files, Place};
use kernel::{InboxId, LedgerId, Secret, SharedClock, Span, TicketId, Timestamp};
use keys::Keys;
use tickets::actions::Office;

use crate::connection::{Connection, Endpoint, Tls, place};
use crate::doors::pipe;
use crate::ledger::{Filter, Line};
use crate::store::{ledger, senders};
use crate::{Fetcher, Intake, Permissions, Piped, Reader, Sender};

pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) db: Db,
    pub(super) clock: SharedClock,
    pub(super) keys: Keys,
    pub(super) intake: Intake,
    pub(super) reader: Reader,
    pub(super) files: Files,
    pub(super) folder: PathBuf,
    pub(super) permissions: Permissions,
    pub(super) guard: Guard,
}

pub(super) const MESSAGES: &[&str] =
    &[ui::MESSAGES_EN, accounts::MESSAGES_EN, tickets::MESSAGES_EN, crate::MESSAGES_EN];

/// Lets the tests reach their own servers.
pub(super) fn guard() -> Guard {
    Guard::new(vec!["127.0.0.0/8".parse().unwrap(), "localhost".parse().unwrap()])
}

impl Stage {
    pub(super) async fn new(db: Db) -> Self {
        egress::install_tls();
        let cast = Cast::new(db.clone(), MESSAGES).await;
        let clock: SharedClock = cast.clock.clone();
        let keys = Keys::from_master(&[7; 32]);
        let (intake, storing) = Intake::new(db.clone(), clock.clone());
        #[expect(clippy::disallowed_methods, reason = "ends with the last clone of the intake")]
        tokio::spawn(storing);
        let name = format!("mailroom-{:016x}", rand::random::<u64>());
        let folder = std::env::temp_dir().join("recourse-tests").join(name);
        let files = Files::open(&Place::Folder(folder.clone()), &BucketAccess::default()).unwrap();
        let guard = guard();
        let permissions = Permissions {
            db: db.clone(),
            clock: clock.clone(),
            keys: keys.clone(),
            http: Http::new(guard.clone()).unwrap(),
            turn: Arc::default(),
        };
        let reader = Reader {
            db: db.clone(),
            clock: clock.clone(),
            accounts: cast.accounts.clone(),
            keys: keys.clone(),
            files: files.clone(),
            dns: Dns::fixed([]).unwrap(),
        };
        Self { cast, db, clock, keys, intake, reader, files, folder, permissions, guard }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn later(&self, span: Span) {
        self.cast.clock.advance(span);
    }

    pub(super) async fn office(&self) -> Office {
        Office::open(&self.cast.accounts, &self.keys).await.unwrap()
    }

    /// A mail comes through the pipe, and is stored.
    pub(super) async fn piped(&self, mail: impl Into<Vec<u8>>) {
        let to = "support@northlight.example".parse().unwrap();
        let accounts = &self.cast.accounts;
        let piped = pipe(accounts, &self.intake, &to, "dana@example.com", mail.into()).await;
        assert_eq!(piped, Piped::Stored);
    }

    /// A mail comes, is read, and this is its line.
    pub(super) async fn comes(&self, mail: impl Into<Vec<u8>>) -> Line {
        self.piped(mail).await;
        self.reads().await;
        self.lines().await.remove(0)
    }

    /// Reads until nothing waits that may be read now.
    pub(super) async fn reads(&self) {
        for _ in 0..20 {
            if self.reader.read_some().await.unwrap() == 0 {
                return;
            }
        }
        panic!("the reader goes in circles");
    }

    /// The whole ledger, the latest first.
    pub(super) async fn lines(&self) -> Vec<Line> {
        let conn = self.db.read().await.unwrap();
        ledger::page(&conn, &Filter::default(), 1_000).await.unwrap()
    }

    pub(super) async fn source(&self, id: LedgerId) -> Vec<u8> {
        let conn = self.db.read().await.unwrap();
        ledger::source(&conn, id).await.unwrap().unwrap()
    }

    pub(super) async fn column<T>(&self, sql: &'static str) -> Vec<T>
    where
        (T,): FromRow + Send + Unpin,
    {
        let rows: Vec<(T,)> = self.db.read().await.unwrap().all(sql, params![]).await.unwrap();
        rows.into_iter().map(|(value,)| value).collect()
    }

    pub(super) async fn count(&self, sql: &'static str) -> i64 {
        self.db.read().await.unwrap().scalar(sql, params![]).await.unwrap()
    }

    /// The state of a ticket in its own word.
    pub(super) async fn state(&self, ticket: TicketId) -> String {
        let conn = self.db.read().await.unwrap();
        conn.scalar("select state from tickets where id = $1", params![ticket]).await.unwrap()
    }

    /// Ten lessons of each kind, so that there is an opinion.
    pub(super) async fn goes_to_school(&self) {
        let now = self.now();
        for number in 0..10 {
            self.piped(mail(&format!("s{number}"), "Win", "casino jackpot lottery winner")).await;
            self.piped(mail(&format!("h{number}"), "Download", "the video does not play")).await;
        }
        let mut tx = self.db.begin().await.unwrap();
        let ids: Vec<(LedgerId, String)> =
            tx.all("select id, mail_id from mail_ledger", params![]).await.unwrap();
        for (id, mail_id) in ids {
            let words = crate::actions::words_of(&tx, id).await.unwrap();
            let spam = mail_id.starts_with('s');
            let verdict = if spam { crate::spam::Verdict::Spam } else { crate::spam::Verdict::Ham };
            senders::teach(&mut tx, id, &words, verdict, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.reads().await;
    }

    pub(super) async fn connects(&self, inbox: InboxId, connection: &Connection) {
        let mut tx = self.db.begin().await.unwrap();
        connection.save(&mut tx, inbox, self.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) fn endpoint(&self, inbox: InboxId, what: &str, port: u16) -> Endpoint {
        let sealed = self.keys.seal(&place(inbox, what), &Secret::new("hunter2"));
        Endpoint {
            host: IpAddr::from([127, 0, 0, 1]).to_string(),
            port,
            tls: Tls::None,
            user: "desk".to_owned(),
            password: Some(sealed),
        }
    }

    pub(super) fn sender(&self) -> Sender {
        Sender {
            db: self.db.clone(),
            clock: self.clock.clone(),
            accounts: self.cast.accounts.clone(),
            keys: self.keys.clone(),
            files: self.files.clone(),
            permissions: self.permissions.clone(),
            guard: self.guard.clone(),
            hello_name: "desk.northlight.example".to_owned(),
            resting: Arc::default(),
        }
    }

    pub(super) fn fetcher(&self, node: &str) -> Fetcher {
        Fetcher {
            db: self.db.clone(),
            clock: self.clock.clone(),
            intake: self.intake.clone(),
            permissions: self.permissions.clone(),
            guard: self.guard.clone(),
            node: node.to_owned(),
            hello_name: "desk.northlight.example".to_owned(),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What stays behind is a file of a few bytes in a folder for tests.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A plain mail from Dana; `id` makes it another one.
pub(super) fn mail(id: &str, subject: &str, text: &str) -> String {
    mail_from("Dana Whitfield <dana@example.com>", id, subject, text)
}

pub(super) fn mail_from(from: &str, id: &str, subject: &str, text: &str) -> String {
    format!(
        "From: {from}\nTo: support@northlight.example\nSubject: {subject}\n\
         Date: Tue, 17 Nov 2026 09:00:00 +0000\nMessage-ID: <{id}@example.com>\n\n{text}\n"
    )
    .replace('\n', "\r\n")
}

/// Adds a field on top.
pub(super) fn with_field(mail: &str, field: &str) -> String {
    format!("{field}\r\n{mail}")
}

/// A mail with a file.
pub(super) fn mail_with_file(id: &str) -> String {
    format!(
        "From: dana@example.com\nTo: support@northlight.example\nSubject: With a file\n\
         Message-ID: <{id}@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nSee the file.\n\
         --b\nContent-Type: application/pdf; name=\"invoice.pdf\"\n\
         Content-Disposition: attachment; filename=\"invoice.pdf\"\n\n%PDF-1.4 hello\n--b--\n"
    )
    .replace('\n', "\r\n")
}
