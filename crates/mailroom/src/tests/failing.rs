//! Mail that could not be read when it came, and what becomes of it later.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use database::{on_both, params};
use kernel::{Clock, LedgerId, SharedClock, Span, TicketId, Timestamp};
use tickets::actions::{NewNote, post_note};

use super::stage::{Stage, mail, mail_with_file, with_field};
use crate::ledger::{Fate, Line, program_version};
use crate::{Reader, actions, check};

impl Stage {
    /// The storage for files goes away: a file stands where its folder was.
    fn storage_goes(&self) {
        fs::remove_dir_all(&self.folder).unwrap();
        fs::write(&self.folder, "not a folder").unwrap();
    }

    fn storage_is_back(&self) {
        fs::remove_file(&self.folder).unwrap();
        fs::create_dir_all(&self.folder).unwrap();
    }

    /// A mail comes that cannot be read, however often it is tried.
    async fn comes_in_vain(&self, mail: String) -> Line {
        self.storage_goes();
        self.piped(mail).await;
        self.tries().await;
        self.storage_is_back();
        let line = self.lines().await.remove(0);
        assert_eq!(line.fate, Fate::Failed);
        line
    }

    async fn tries(&self) {
        for _ in 0..3 {
            self.reads().await;
            self.later(Span::minutes(6));
        }
    }

    async fn is_asked_to_read_again(&self, id: LedgerId) {
        let mut tx = self.db.begin().await.unwrap();
        actions::read_again(&mut tx, id).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn line(&self, id: LedgerId) -> Line {
        self.lines().await.into_iter().find(|line| line.id == id).unwrap()
    }

    async fn subject(&self, ticket: TicketId) -> String {
        let conn = self.db.read().await.unwrap();
        conn.scalar("select subject from tickets where id = $1", params![ticket]).await.unwrap()
    }

    async fn is_sound(&self) {
        let conn = self.db.read().await.unwrap();
        for rule in check::RULES.iter().chain(tickets::check::RULES) {
            let found = rule.check(&conn).await.unwrap();
            assert!(found.is_none(), "{found:?}");
        }
    }
}

/// A clock that breaks at the second and the third look.
struct BreakingTwice {
    clock: SharedClock,
    looks: AtomicUsize,
}

impl Clock for BreakingTwice {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        assert!(!(1..=2).contains(&look), "the clock breaks");
        self.clock.now()
    }
}

on_both! {
    async fn a_mail_whose_handling_panics_each_time_is_a_ticket_that_says_so(db: Db) {
        let stage = Stage::new(db).await;
        let bytes = mail("p1", "Hello", "Text");
        stage.piped(bytes.clone()).await;
        for tries in 1..=3 {
            // While it is written down together with others, and by itself.
            let clock = Arc::new(BreakingTwice { clock: stage.clock.clone(), looks: AtomicUsize::default() });
            let reader = Reader { clock, ..stage.reader.clone() };
            reader.read_some().await.unwrap();
            let expected = if tries < 3 { Fate::Received } else { Fate::Failed };
            assert_eq!(stage.lines().await[0].fate, expected, "{tries}");
            stage.later(Span::minutes(6));
        }
        let line = stage.lines().await.remove(0);
        let ticket = line.ticket.expect("a ticket says so");
        assert_eq!(stage.subject(ticket).await, "A mail that could not be read");
        let texts: Vec<String> = stage.column("select text from messages").await;
        assert!(texts[0].contains(line.reason.as_ref().unwrap()), "{texts:?}");
        assert_eq!(stage.source(line.id).await, bytes.as_bytes());
        stage.is_asked_to_read_again(line.id).await;
        stage.reads().await;
        assert_eq!(stage.line(line.id).await.ticket, Some(ticket));
        assert_eq!(stage.subject(ticket).await, "Hello");
        stage.is_sound().await;
    }

    async fn the_ticket_that_says_so_becomes_that_of_the_mail(db: Db) {
        let stage = Stage::new(db).await;
        let line = stage.comes_in_vain(mail_with_file("f1")).await;
        let ticket = line.ticket.unwrap();
        // Somebody saw it meanwhile.
        let (office, priya) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
        let mut tx = stage.db.begin().await.unwrap();
        let note = NewNote { text: "Who is it from?".to_owned(), ..NewNote::default() };
        post_note(&mut tx, &office, &priya, ticket, &note).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stage.count("select count(*) from deliveries where kind = 'acknowledgement'").await, 0);

        stage.is_asked_to_read_again(line.id).await;
        stage.reads().await;
        let read = stage.line(line.id).await;
        assert_eq!((read.fate, read.ticket), (Fate::Ticketed, Some(ticket)));
        assert_eq!(stage.subject(ticket).await, "With a file");
        assert_eq!(stage.state(ticket).await, "new");
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
        assert_eq!(stage.count("select count(*) from messages").await, 1);
        assert_eq!(stage.count("select count(*) from notes").await, 1);
        let conn = stage.db.read().await.unwrap();
        let customer = tickets::customer_of(&conn, ticket).await.unwrap().unwrap();
        let customer = customers::find(&conn, customer).await.unwrap().unwrap();
        assert_eq!(customer.address.unwrap().as_str(), "dana@example.com");
        assert_eq!(tickets::attachments_of(&conn, read.message.unwrap()).await.unwrap().len(), 1);
        drop(conn);
        let nobody = "select count(*) from customers c where not exists (
            select 1 from identities i where i.customer_id = c.id)";
        assert_eq!(stage.count(nobody).await, 0, "who was not known is no record any more");
        assert_eq!(stage.count("select count(*) from deliveries where kind = 'acknowledgement'").await, 1);
        stage.is_sound().await;
    }

    async fn a_mail_that_belongs_to_a_ticket_goes_there_when_it_can_be_read(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.comes(mail("q1", "Where is it?", "The download")).await.ticket.unwrap();
        let answer = with_field(&mail_with_file("f1"), "In-Reply-To: <q1@example.com>");
        let line = stage.comes_in_vain(answer).await;
        assert_ne!(line.ticket, Some(first));
        stage.is_asked_to_read_again(line.id).await;
        stage.reads().await;
        assert_eq!(stage.line(line.id).await.ticket, Some(first));
        assert_eq!(stage.state(line.ticket.unwrap()).await, "merged", "its number leads there");
        assert_eq!(stage.count("select count(*) from messages").await, 2);
        stage.is_sound().await;
    }

    async fn what_is_no_message_after_all_is_settled_and_can_still_become_one(db: Db) {
        let stage = Stage::new(db).await;
        let spam = with_field(&mail_with_file("f1"), "X-Spam-Flag: YES");
        let line = stage.comes_in_vain(spam).await;
        let ticket = line.ticket.unwrap();
        stage.is_asked_to_read_again(line.id).await;
        stage.reads().await;
        let held = stage.line(line.id).await;
        assert_eq!(held.fate, Fate::Quarantined);
        assert_eq!(stage.state(ticket).await, "resolved");
        let said: Vec<String> = stage.column("select text from messages").await;
        assert!(said[0].contains("held in quarantine: a spam filter"), "{said:?}");

        let mut tx = stage.db.begin().await.unwrap();
        actions::release(&mut tx, line.id, &[], stage.cast.priya, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(Span::seconds(11));
        stage.reads().await;
        assert_eq!(stage.line(line.id).await.ticket, Some(ticket));
        assert_eq!(stage.state(ticket).await, "open");
        assert_eq!(stage.subject(ticket).await, "With a file");
        stage.is_sound().await;
    }

    async fn a_later_version_reads_once_more_what_an_earlier_one_could_not(db: Db) {
        let stage = Stage::new(db).await;
        let line = stage.comes_in_vain(mail_with_file("f1")).await;
        let starts = async |version: i64| {
            stage.reader.read_again_by(version).await.unwrap();
            stage.tries().await;
            stage.line(line.id).await
        };
        let now = program_version();
        assert_eq!(starts(now).await.fate, Fate::Failed, "this one has tried");
        stage.storage_goes();
        let again = starts(now + 1).await;
        assert_eq!((again.fate, again.attempts), (Fate::Failed, 2), "a new one tries in vain");
        stage.storage_is_back();
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute("update mail_ledger set read_by = $1", params![now + 1]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(starts(now + 1).await.fate, Fate::Failed, "and not again");
        let read = starts(now + 2).await;
        assert_eq!((read.fate, read.ticket), (Fate::Ticketed, line.ticket));
        stage.is_sound().await;
    }
}
