//! What becomes of each mail that was stored.

use std::fs;

use database::{on_both, params};
use kernel::{PublicId, Span};
use tickets::actions::{Edit, edit};

use super::stage::{Stage, mail, mail_from, mail_with_file, with_field};
use crate::actions;
use crate::ledger::Fate;
use crate::senders::{Pattern, Rule};
use crate::store::senders;

async fn says(stage: &Stage, pattern: &str, rule: Rule) {
    let mut tx = stage.db.begin().await.unwrap();
    let pattern = Pattern::read(pattern).unwrap();
    senders::set_rule(&mut tx, &pattern, rule, stage.cast.priya, stage.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Every mail of the corpus of the mail crate, by name.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../email/tests/mail");
    let mut all: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "eml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect();
    all.sort();
    all
}

on_both! {
    async fn a_mail_becomes_a_ticket_that_knows_where_it_came_from(db: Db) {
        let stage = Stage::new(db).await;
        let line = stage.comes(mail_with_file("f1")).await;
        assert_eq!(line.fate, Fate::Ticketed);
        assert_eq!(line.from_address, "dana@example.com");
        assert_eq!(line.subject, "With a file");
        assert!(line.message.is_some() && line.reason.is_none());
        assert_eq!(stage.state(line.ticket.unwrap()).await, "new");
        let conn = stage.db.read().await.unwrap();
        let files = tickets::attachments_of(&conn, line.message.unwrap()).await.unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name, "invoice.pdf");
        assert_eq!(files[0].media_type.as_str(), "application/pdf");
    }

    async fn every_mail_of_the_corpus_is_handled_and_kept(db: Db) {
        let stage = Stage::new(db).await;
        let corpus = corpus();
        assert!(corpus.len() > 150);
        for (_, bytes) in &corpus {
            stage.piped(bytes.clone()).await;
        }
        stage.reads().await;
        let lines = stage.lines().await;
        let bad: Vec<_> = lines
            .iter()
            .filter(|line| matches!(line.fate, Fate::Received | Fate::Failed))
            .map(|line| (&line.mail_id, &line.reason))
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        for line in &lines {
            assert_eq!(email::raw_hash(&stage.source(line.id).await), line.raw_hash);
        }
        // Robots of every kind, and not one answer to any of them.
        let answered: Vec<String> =
            stage.column("select recipients from deliveries where kind = 'acknowledgement'").await;
        for robot in ["mailer-daemon", "postmaster", "noreply", "no-reply"] {
            assert!(!answered.iter().any(|to| to.to_lowercase().contains(robot)), "{robot}");
        }
    }

    async fn a_mail_that_cannot_be_handled_is_a_ticket_that_says_so(db: Db) {
        let stage = Stage::new(db).await;
        // The storage for files is away: a file stands where its folder was.
        fs::remove_dir_all(&stage.folder).unwrap();
        fs::write(&stage.folder, "not a folder").unwrap();
        let bytes = mail_with_file("f1");
        stage.piped(bytes.clone()).await;
        stage.piped(mail("ok", "Fine", "No file")).await;
        for tries in 1..=2 {
            stage.reads().await;
            let lines = stage.lines().await;
            assert_eq!(lines[1].fate, Fate::Received, "it is tried again");
            assert_eq!(lines[1].attempts, tries);
            assert_eq!(lines[0].fate, Fate::Ticketed, "the other one goes on");
            stage.later(Span::minutes(6));
        }
        stage.reads().await;
        let line = stage.lines().await.remove(1);
        assert_eq!(line.fate, Fate::Failed);
        let reason = line.reason.clone().unwrap();
        assert!(reason.contains("a fault on our side") && !reason.contains("os error"), "{reason}");
        assert_eq!(stage.state(line.ticket.unwrap()).await, "new");
        assert_eq!(stage.source(line.id).await, bytes.as_bytes());

        // Read again in vain: no second ticket.
        let again = async || {
            let mut tx = stage.db.begin().await.unwrap();
            actions::read_again(&mut tx, line.id).await.unwrap();
            tx.commit().await.unwrap();
            for _ in 0..3 {
                stage.reads().await;
                stage.later(Span::minutes(6));
            }
            stage.lines().await.remove(1)
        };
        assert_eq!(again().await.ticket, line.ticket);
        assert_eq!(stage.count("select count(*) from tickets").await, 2);

        // The storage is back.
        fs::remove_file(&stage.folder).unwrap();
        fs::create_dir_all(&stage.folder).unwrap();
        let read = again().await;
        assert_eq!((read.fate, read.reason), (Fate::Ticketed, None));
        assert_eq!(read.ticket, line.ticket, "what said so is the mail now");
        assert_eq!(stage.count("select count(*) from tickets").await, 2);
        let mut tx = stage.db.begin().await.unwrap();
        assert!(actions::read_again(&mut tx, line.id).await.is_err(), "it did not fail any more");
    }

    async fn what_cannot_be_handled_is_set_aside_and_holds_up_no_other(db: Db) {
        let stage = Stage::new(db).await;
        fs::remove_dir_all(&stage.folder).unwrap();
        fs::write(&stage.folder, "not a folder").unwrap();
        let is_poison = |number: usize| number.is_multiple_of(10);
        for number in 0..100 {
            let id = format!("m{number:03}");
            let bytes = if is_poison(number) { mail_with_file(&id) } else { mail(&id, "Fine", "Hello") };
            stage.piped(bytes).await;
        }
        let fates = async || {
            let mut lines = stage.lines().await;
            lines.sort_by_key(|line| line.id);
            lines.into_iter().map(|line| (line.fate, line.attempts)).collect::<Vec<_>>()
        };
        stage.reads().await;
        for (number, (fate, attempts)) in fates().await.into_iter().enumerate() {
            let expected = if is_poison(number) { Fate::Received } else { Fate::Ticketed };
            assert_eq!((number, fate), (number, expected), "the others were read at the first go");
            assert!(attempts <= 1);
        }
        // What comes meanwhile does not wait for the tries of the others.
        for tries in 2..=3 {
            stage.later(Span::minutes(6));
            stage.piped(mail(&format!("late{tries}"), "Fine", "Hello")).await;
            stage.reads().await;
            assert_eq!(fates().await.last().unwrap().0, Fate::Ticketed);
        }
        let fates = fates().await;
        let failed = fates.iter().filter(|(fate, _)| *fate == Fate::Failed).count();
        assert_eq!((failed, fates.len()), (10, 102), "set aside after three tries");
        stage.later(Span::hours(1));
        stage.reads().await;
        let tickets = stage.count("select count(*) from tickets").await;
        assert_eq!(tickets, 102, "nothing is lost, and nothing is tried for ever");
    }

    async fn blocked_senders_are_held_and_allowed_ones_let_in(db: Db) {
        let stage = Stage::new(db).await;
        stage.goes_to_school().await;
        let spam = "casino jackpot lottery winner";
        let line = stage.comes(mail_from("a@spam.example", "x1", "Win", spam)).await;
        assert_eq!(line.fate, Fate::Quarantined);
        assert!(line.reason.unwrap().contains("looks like"));
        assert_eq!(line.preview, spam);

        says(&stage, "@spam.example", Rule::Allow).await;
        let line = stage.comes(mail_from("a@spam.example", "x2", "Win", spam)).await;
        assert_eq!(line.fate, Fate::Ticketed, "the domain is let in");

        says(&stage, "a@spam.example", Rule::Block).await;
        let line = stage.comes(mail_from("A@Spam.example", "x3", "Hello", "A question")).await;
        assert_eq!(line.fate, Fate::Quarantined, "the address counts before its domain");
        assert_eq!(line.reason.unwrap(), "a@spam.example is blocked");
        let told = "select count(*) from deliveries where recipients like '%spam.example%'";
        assert_eq!(stage.count(told).await, 1);
    }

    async fn a_filter_on_the_way_is_believed_unless_the_mail_is_an_answer_or_let_in(db: Db) {
        let stage = Stage::new(db).await;
        let marked = |number: &str| {
            with_field(&mail_from("kim@shop.example", number, "Hello", "Text"), "X-Spam-Flag: YES")
        };
        let line = stage.comes(marked("f1")).await;
        assert_eq!(line.fate, Fate::Quarantined);
        assert!(line.reason.unwrap().contains("a spam filter"));
        let answer = with_field(&marked("f2"), "In-Reply-To: <an-earlier-mail@shop.example>");
        assert_eq!(stage.comes(answer).await.fate, Fate::Quarantined, "that mail is not ours");
        stage.comes(mail_from("kim@shop.example", "f0", "Hello", "A question")).await;
        let ours: Vec<String> = stage.column("select mail_id from deliveries").await;
        let answer = with_field(&marked("f4"), &format!("In-Reply-To: <{}>", ours[0]));
        assert_eq!(stage.comes(answer).await.fate, Fate::Ticketed);
        says(&stage, "@shop.example", Rule::Allow).await;
        assert_eq!(stage.comes(marked("f3")).await.fate, Fate::Ticketed);
    }

    async fn a_form_writes_for_the_customer_and_proves_nothing(db: Db) {
        let stage = Stage::new(db).await;
        for (number, (reply_to, customer)) in [
            ("Kim Lee <kim@customer.example>", "kim@customer.example"),
            ("a@customer.example, b@customer.example", "noreply@shop.example"),
            ("support@northlight.example", "noreply@shop.example"),
        ]
        .into_iter()
        .enumerate()
        {
            let plain = mail_from("noreply@shop.example", &format!("w{number}"), "Form", "Hello");
            let form = with_field(&plain, &format!("Reply-To: {reply_to}"));
            let line = stage.comes(form).await;
            assert_eq!((line.fate, &*line.from_address), (Fate::Ticketed, "noreply@shop.example"));
            let from: Vec<String> =
                stage.column("select from_address from messages order by id desc limit 1").await;
            assert_eq!(from, [customer], "{reply_to}");
        }
        let said: Vec<String> = stage.column("select text from messages order by id limit 1").await;
        assert!(said[0].contains("noreply@shop.example"), "{said:?}");

        // Who knows the mails of a customer, and ours, does not get into the ticket by them.
        let ticket = stage.comes(mail("d1", "My order", "Where is it?")).await.ticket;
        let second = with_field(&mail("d2", "My order", "Hello?"), "In-Reply-To: <d1@example.com>");
        assert_eq!(stage.comes(second).await.ticket, ticket);
        let ours: Vec<String> = stage
            .column("select mail_id from deliveries where recipients like '%dana@example.com%'")
            .await;
        for (id, answered) in
            [("x1", "d1@example.com"), ("x2", ours[0].as_str()), ("d1", "unknown@example.com")]
        {
            let plain = mail_from("noreply@shop.example", id, "Form", "Send it elsewhere");
            let fields = format!("Reply-To: dana@example.com\r\nReferences: <{answered}>");
            let line = stage.comes(with_field(&plain, &fields)).await;
            assert_eq!(line.fate, Fate::Ticketed, "{id}");
            assert_ne!(line.ticket, ticket, "{id} {answered}");
        }

        says(&stage, "noreply@shop.example", Rule::Block).await;
        let plain = mail_from("noreply@shop.example", "w9", "Form", "Hello");
        let line = stage.comes(with_field(&plain, "Reply-To: kim@customer.example")).await;
        assert_eq!(line.fate, Fate::Quarantined, "a block is about who sent it");
    }

    async fn robots_are_kept_and_never_answered(db: Db) {
        let stage = Stage::new(db).await;
        for (number, (from, field)) in [
            ("kim@customer.example", "Auto-Submitted: auto-replied (vacation)"),
            ("kim@customer.example", "X-Auto-Response-Suppress: All"),
            ("kim@customer.example", "Precedence: bulk"),
            ("list@lists.example", "List-Id: <news.lists.example>"),
            ("mailer-daemon@mx.example", "X-Nothing: special"),
            ("noreply@shop.example", "X-Nothing: special"),
        ]
        .into_iter()
        .enumerate()
        {
            let plain = mail_from(from, &format!("r{number}"), "Your mail", "I am a machine");
            let line = stage.comes(with_field(&plain, field)).await;
            assert_eq!(line.fate, Fate::Ticketed, "{field}");
        }
        assert_eq!(stage.count("select count(*) from deliveries").await, 0);
        let kinds: Vec<String> = stage.column("select kind from messages order by id").await;
        assert_eq!(kinds[0], "automatic");
        assert!(kinds[1..].iter().all(|kind| kind == "message"), "people may have written these");
    }

    async fn an_answer_with_marks_of_a_list_opens_the_ticket_and_an_absence_notice_does_not(db: Db) {
        let stage = Stage::new(db).await;
        let answers = async |number: usize, field: &str, subject: &str| {
            let dana = format!("dana{number}@example.com");
            let first = mail_from(&dana, &format!("a{number}"), "My order", "Where is it?");
            let ticket = stage.comes(first).await.ticket.unwrap();
            let actor = stage.cast.actor(stage.cast.priya).await;
            let office = stage.office().await;
            let mut tx = stage.db.begin().await.unwrap();
            let answer = tickets::actions::Reply { text: "Here.".to_owned(), ..Default::default() };
            tickets::actions::reply(&mut tx, &office, &actor, ticket, &answer).await.unwrap();
            tx.commit().await.unwrap();
            let ours: Vec<String> =
                stage.column("select mail_id from deliveries where kind = 'reply' order by id desc").await;
            let field = format!("{field}\r\nIn-Reply-To: <{}>", ours[0]);
            let second = mail_from(&dana, &format!("c{number}"), subject, "It does not open.");
            let line = stage.comes(with_field(&second, &field)).await;
            assert_eq!(line.ticket, Some(ticket), "{field}");
            stage.state(ticket).await
        };
        for (number, (field, subject, state)) in [
            ("List-Id: <team.example.com>", "Re: My order", "open"),
            ("List-Unsubscribe: <https://example.com/u>", "Re: My order", "open"),
            ("X-Auto-Response-Suppress: All", "Re: My order", "open"),
            ("Precedence: bulk", "Re: My order", "open"),
            ("X-Nothing: special", "Absence of lesson 4 in my download", "open"),
            ("X-Nothing: special", "Vacation photography course: refund?", "open"),
            ("Auto-Submitted: auto-replied", "Re: My order", "waiting_customer"),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(answers(number, field, subject).await, state, "{field} {subject}");
        }
    }

    async fn mail_from_ourselves_goes_round_no_second_time(db: Db) {
        let stage = Stage::new(db).await;
        let from = "Support <support@northlight.example>";
        let line = stage.comes(mail_from(from, "l1", "Hello", "It is me")).await;
        assert_eq!(line.fate, Fate::Quarantined);
        assert!(line.reason.unwrap().contains("loop"));

        stage.comes(mail("q1", "A question", "Where is it?")).await;
        let ours: Vec<String> = stage.column("select mail_id from deliveries").await;
        let own = mail("x", "Re: A question", "We have it")
            .replace("<x@example.com>", &format!("<{}>", ours[0]));
        let line = stage.comes(own).await;
        assert_eq!(line.fate, Fate::Dismissed);
        assert_eq!(line.reason.unwrap(), "our own mail came back");
        assert_eq!(stage.count("select count(*) from tickets").await, 1);
    }

    async fn a_bounce_reaches_the_mail_its_ticket_and_the_address(db: Db) {
        let stage = Stage::new(db).await;
        let line = stage.comes(mail_from("kim@gone.example", "k1", "Where is it?", "My order")).await;
        let ticket = line.ticket.unwrap();
        let actor = stage.cast.actor(stage.cast.priya).await;
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        let answer = tickets::actions::Reply { text: "Here.".to_owned(), ..Default::default() };
        tickets::actions::reply(&mut tx, &office, &actor, ticket, &answer).await.unwrap();
        tx.execute("update deliveries set state = 'sent'", params![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stage.state(ticket).await, "waiting_customer");

        let sent: Vec<String> =
            stage.column("select mail_id from deliveries where kind = 'reply'").await;
        let template = include_str!("../../../email/tests/mail/bounce-hard-postfix.eml");
        let forged = template.replace("m7q2kx@shop.example", "unknown@northlight.example");
        let line = stage.comes(forged).await;
        assert_eq!((line.fate, line.ticket), (Fate::Quarantined, None), "we never wrote that");
        assert!(line.reason.unwrap().contains("not known here"));
        assert_eq!(stage.count("select count(*) from suppressions").await, 0, "nor there");
        let mut tx = stage.db.begin().await.unwrap();
        actions::release(&mut tx, line.id, &[], stage.cast.priya, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(actions::UNDO_FOR);
        stage.reads().await;
        let line = stage.lines().await.remove(0);
        assert_eq!(line.fate, Fate::Ticketed, "a person wants to see it");
        let told = "select count(*) from deliveries where recipients like '%mailer-daemon%'";
        assert_eq!(stage.count(told).await, 0);

        let report = template
            .replace("m7q2kx@shop.example", &sent[0])
            .replace("bounce-hard-postfix", "another");
        let line = stage.comes(report).await;
        assert_eq!((line.fate, line.ticket), (Fate::Bounce, Some(ticket)));
        let faults: Vec<String> =
            stage.column("select fault from deliveries where state = 'bounced'").await;
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("unknown"), "{faults:?}");
        let dead: Vec<String> = stage.column("select address from suppressions").await;
        assert_eq!(dead, ["kim@gone.example"]);
        assert_eq!(stage.state(ticket).await, "open", "somebody has to look");
        assert_eq!(stage.count("select count(*) from tickets").await, 2);
    }

    async fn words_that_only_sound_like_a_bounce_are_a_ticket(db: Db) {
        let stage = Stage::new(db).await;
        for (number, (from, text)) in [
            ("mail@ilse-design.example", "die Mail mit dem Download konnte nicht zugestellt werden"),
            ("mail@tomsmith.example", "your download link did not reach me"),
            ("postmaster@petershop2.example", "I rejected your message and want a refund"),
            ("\"Paul Postmaster\" <paul@customer.example>", "The following address is my new one"),
            ("Microsoft Outlook <kim@customer.example>", "It could not be delivered"),
            ("MAILER-DAEMON@mx.example", "It could not be delivered"),
        ]
        .into_iter()
        .enumerate()
        {
            let line = stage.comes(mail_from(from, &format!("b{number}"), "My order", text)).await;
            assert_eq!(line.fate, Fate::Ticketed, "{from}");
            assert!(line.ticket.is_some());
        }
        let line = stage
            .comes(include_str!("../../../email/tests/mail/person-forwards-report.eml"))
            .await;
        assert_eq!(line.fate, Fate::Ticketed);
    }

    async fn a_forged_complaint_silences_nobody(db: Db) {
        let stage = Stage::new(db).await;
        stage.comes(mail_from("kim@gone.example", "k1", "Where is it?", "My order")).await;
        let ours: Vec<String> = stage.column("select mail_id from deliveries").await;
        let report = |id: &str, of: &str| {
            include_str!("../../../email/tests/mail/complaint-arf.eml")
                .replace("m7q2kx@shop.example", id)
                .replace("kim@gone.example", of)
        };
        for (id, of) in [("made.up@shop.example", "kim@gone.example"), (&ours[0], "victim@other.example")] {
            assert_eq!(stage.comes(report(id, of)).await.fate, Fate::Quarantined);
            assert_eq!(stage.count("select count(*) from suppressions").await, 0, "{id} {of}");
        }
        let line = stage.comes(report(&ours[0], "kim@gone.example")).await;
        assert_eq!(line.fate, Fate::Bounce);
        assert!(line.ticket.is_some());
        let facts: Vec<String> =
            stage.column("select data from events order by id desc limit 1").await;
        assert!(facts[0].contains("complaint_came") && facts[0].contains("kim@gone"), "{facts:?}");
        let silenced: Vec<String> = stage.column("select address from suppressions").await;
        assert_eq!(silenced, ["kim@gone.example"]);
    }

    async fn one_mail_to_two_of_our_inboxes_is_one_ticket(db: Db) {
        let stage = Stage::new(db).await;
        let bytes = mail("t1", "To both", "Hello").into_bytes();
        stage.piped(bytes.clone()).await;
        let billing = "billing@northlight.example".parse().unwrap();
        crate::pipe(&stage.cast.accounts, &stage.intake, &billing, "", bytes).await;
        stage.reads().await;
        let lines = stage.lines().await;
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].ticket, lines[1].ticket);
        assert_eq!(stage.count("select count(*) from messages").await, 1);
    }

    async fn a_judgement_about_a_ticket_is_learned_and_taken_back(db: Db) {
        let stage = Stage::new(db).await;
        let ticket = stage.comes(mail("a1", "Win", "casino jackpot")).await.ticket.unwrap();
        let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
        let judge = async |change: Edit| {
            let mut tx = stage.db.begin().await.unwrap();
            let edited = edit(&mut tx, &office, &actor, ticket, &change).await.unwrap();
            let undo: PublicId =
                tickets::actions::keep(&mut tx, &actor, &edited.reversal.unwrap(), office.now)
                    .await
                    .unwrap();
            tx.commit().await.unwrap();
            undo
        };
        // What the workers would do.
        let learned = async || {
            let jobs: Vec<String> = stage
                .column("select payload from jobs where name = 'tickets.teach_lesson' order by id")
                .await;
            let job: tickets::TeachLesson = serde_json::from_str(jobs.last().unwrap()).unwrap();
            actions::learn(&stage.db, job.ticket, job.lesson, stage.now()).await.unwrap();
            stage.column::<String>("select verdict from spam_lessons").await
        };
        let undo = judge(Edit::Spam).await;
        assert_eq!(learned().await, ["spam"]);
        assert_eq!(stage.count("select cast(coalesce(sum(spam_count), 0) as bigint) from spam_words").await, 4);

        let mut tx = stage.db.begin().await.unwrap();
        tickets::actions::undo(&mut tx, &office, &actor, undo).await.unwrap();
        tx.commit().await.unwrap();
        assert!(learned().await.is_empty());
        assert_eq!(stage.count("select cast(coalesce(sum(spam_count), 0) as bigint) from spam_words").await, 0);

        judge(Edit::Spam).await;
        learned().await;
        judge(Edit::NotSpam).await;
        assert_eq!(learned().await, ["ham"]);
        assert_eq!(stage.count("select cast(coalesce(sum(spam_count), 0) as bigint) from spam_words").await, 0);
        assert_eq!(stage.count("select cast(coalesce(sum(ham_count), 0) as bigint) from spam_words").await, 4);
    }
}
