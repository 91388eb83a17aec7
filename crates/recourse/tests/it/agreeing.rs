//! Looking whether everything that is stored agrees.

use database::{Db, Engine, Sql};
use files::Files;

use crate::world::{Letter, World, mail, on_both};

/// What happens to a database, and what is found then.
const DAMAGE: &[(&str, &str)] = &[
    (
        "update tickets set message_count = message_count + 1 where id = (
        select max(id) from tickets where merged_into is null)",
        "a ticket counts other messages than it has",
    ),
    (
        "update tickets set state = 'merged' where id = (
        select min(id) from tickets where merged_into is null)",
        "a ticket was merged into none, or is part of another without being merged",
    ),
    (
        "update tickets set merged_into = id, state = 'merged' where id = 10001",
        "tickets were merged into one another in a circle",
    ),
    (
        "update tickets set merged_into = 10001, state = 'merged' where id = (
        select max(id) from tickets)",
        "a ticket that was merged has messages or notes of its own",
    ),
    (
        "update tickets set resolved_at = null where id = (
        select min(id) from tickets where state = 'resolved')",
        "a ticket is done without a time, or has the time without being done",
    ),
    (
        "update tickets set hold_reason = null where state = 'on_hold'",
        "a ticket is on hold without a reason, or without a time at which somebody looks",
    ),
    ("update tickets set snoozed_until = null where state = 'snoozed'", "a ticket sleeps for ever"),
    (
        "delete from events where kind = 'created' and ticket_id = (
        select max(ticket_id) from messages)",
        "a ticket has no beginning in its timeline, or several",
    ),
    (
        "delete from search_documents where kind = 'message' and source_id = (
        select max(id) from messages)",
        "a message cannot be found, or is found as one of another ticket",
    ),
    (
        "update search_documents set ticket_id = 10001 where kind = 'note' and source_id = (
        select max(id) from notes where ticket_id <> 10001)",
        "a note cannot be found, or is found as one of another ticket",
    ),
    (
        "update search_documents set source_id = 99999999 where kind = 'note' and source_id = (
        select max(id) from notes)",
        "a message or note is found that is not there, or that was redacted",
    ),
    (
        "update messages set redacted_at = 1 where id = (select max(id) from messages)",
        "a redacted message has its text, its HTML or its files",
    ),
    (
        "update messages set customer_id = null where author = 'customer'",
        "a customer's message has no customer, or an agent's no agent",
    ),
    (
        "update attachments set note_id = (select min(id) from notes) where message_id is not null",
        "a file belongs to a message and to a note",
    ),
    (
        "delete from search_documents where kind = 'customer' and source_id = (
        select min(id) from customers)",
        "a customer cannot be found",
    ),
    (
        "update search_documents set source_id = 99999999 where kind = 'customer' and source_id = (
        select min(id) from customers)",
        "a customer is found who is not there",
    ),
    (
        "insert into search_documents (kind, source_id, created_at) values ('customer', 99999999, 0)",
        "a document cannot be found by the search",
    ),
    (
        "delete from search_documents where kind = 'note'",
        "the search finds a document that is not there",
    ),
    ("delete from mail_sources", "a received mail has no source"),
    ("update mail_ledger set message_id = null", "a mail became a ticket and is in none"),
    (
        "update messages set ledger_id = (select max(id) from mail_ledger) where id = (
        select min(id) from messages)",
        "a mail became two messages",
    ),
    (
        "update messages set ledger_id = 99999999 where id = (select min(id) from messages)",
        "a message came from a mail that is not in the ledger",
    ),
    (
        "update mail_ledger set message_id = null, state = 'received'",
        "a mail waits to be read and was read already",
    ),
    ("update mail_ledger set raw_hash = content_hash", "the source of a mail is not what came in"),
    (
        "update deliveries set state = 'sent', sent_at = null where id = (
        select max(id) from deliveries)",
        "a mail was sent without a time, or has the time without being sent",
    ),
    (
        "update deliveries set state = 'sending', leased_until = null where id = (
        select max(id) from deliveries)",
        "a mail is being sent by nobody",
    ),
    (
        "insert into jobs (name, payload, lane, state, run_at, created_at)
        values ('n', '{}', 'l', 'running', 1, 1)",
        "a job is at work by nobody",
    ),
    ("update files set size_bytes = size_bytes + 1", "a stored file is not what was stored"),
    (
        "insert into files (hash, size_bytes, created_at) values ('ab', 1, 1)",
        "a stored file is not there",
    ),
];

on_both! {
    async fn whatever_does_not_agree_is_found(world: World) {
        world.fills_with_demo(60).await;
        let (code, said) = world.delivers("billing@northlight.example", "d1");
        assert_eq!(code, 0, "{said}");
        // The mail becomes a ticket, and nothing else goes on.
        crate::world::eventually("the mail is read", async || {
            let text = "select count(*) from mail_ledger where state = 'ticketed'";
            (world.number(text).await > 0).then_some(())
        })
        .await;
        world.stop().await;
        let db = Db::open_unchanged(&world.settings.database).await.unwrap();
        let files = Files::open(&world.settings.storage, &world.settings.bucket_access).unwrap();
        let keys = keys::Keys::load(&world.settings.key_file).unwrap();
        let mut silent = |_| {};
        for (damage, fault) in DAMAGE {
            let mut tx = db.begin().await.unwrap();
            let done = tx.execute_sql(Sql::new(damage)).await.unwrap();
            assert!(done > 0, "{damage}");
            let found = recourse::check::look(&mut tx, &files, &keys, false, &mut silent).await.unwrap();
            assert!(found.iter().any(|one| one.fault == *fault), "{damage}: {found:?}");
        }
        if db.engine() == Engine::Sqlite {
            let mut tx = db.begin().await.unwrap();
            tx.execute("pragma defer_foreign_keys = on", vec![]).await.unwrap();
            tx.execute("update tickets set customer_id = 99999999", vec![]).await.unwrap();
            let found = recourse::check::look(&mut tx, &files, &keys, true, &mut silent).await.unwrap();
            let fault = "a row refers to one that is not there";
            assert!(found.iter().any(|one| one.fault == fault), "{found:?}");
        }
        db.close().await;
    }

    async fn the_command_says_what_it_found(world: World) {
        world.fills_with_demo(20).await;
        let (code, said) = world.run(&["check"], "");
        assert!(code == 0 && said.contains("20 tickets") && said.contains("everything agrees"), "{said}");
        let before = left_over(&said);
        let stored = std::fs::read_dir(world.folder.join("files")).unwrap();
        let folder = stored.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
        let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, "something else").unwrap();
        let (code, said) = world.run(&["check"], "");
        assert!(code == 65 && said.contains("a stored file is not what was stored: "), "{said}");
        assert_eq!(world.run(&["check", "--quick"], "").0, 0);
        std::fs::write(&file, bytes).unwrap();
        std::fs::write(file.with_file_name("0".repeat(62)), "left over").unwrap();
        let (code, said) = world.run(&["check"], "");
        assert!(code == 0 && left_over(&said) == before + 1, "{said}");
        let (code, said) = world.run(&["check", "--data", "nowhere"], "");
        assert_ne!(code, 0, "{said}");
    }
}

impl World {
    /// A mail of Dana comes by the pipe.
    pub(crate) fn delivers(&self, to: &str, id: &str) -> (i32, String) {
        self.delivers_from(&self.dana(), to, id)
    }

    pub(crate) fn delivers_from(&self, from: &str, to: &str, id: &str) -> (i32, String) {
        let id = self.mail_id(id);
        let letter =
            Letter { from, to, id: &id, subject: "A lamp", text: "It is out.", fields: "" };
        self.run(&["mail", "deliver", "--inbox", to, "--from", from], &mail(&letter))
    }

    async fn number(&self, text: &'static str) -> i64 {
        let db = self.program().foundation.db.clone();
        let conn = db.read().await.unwrap();
        conn.scalar(text, vec![]).await.unwrap()
    }
}

/// How many files belong to nothing, as the command says it.
fn left_over(said: &str) -> u64 {
    let rest = said.split("belong to nothing any more: ").nth(1).unwrap_or("0");
    rest.split(' ').next().unwrap().parse().unwrap()
}
