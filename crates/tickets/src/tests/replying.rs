use accounts::{Notify, Preferences};
use database::{on_both, params};
use kernel::{Failure, PublicId, Span};
use outbox::{Kind, Party, Recipients};
use proptest::prelude::*;

use super::stage::Stage;
use crate::actions::{
    Edit, Forward, Incoming, NewTicket, Reply, ReplyRefusal, admit, forward, open_ticket, redact,
    reply,
};
use crate::message::StoredFile;
use crate::state::{CannotMove, State, Then};
use crate::store::people::{self, Draft};
use crate::store::tickets;

fn party(address: &str) -> Party {
    Party::new("", address.parse().unwrap())
}

on_both! {
    async fn an_answer_threads_and_waits_for_the_customer(db: Db) {
        let stage = Stage::new(db).await;
        let mail = stage.mail("Refund", "I would like my money back.");
        let id = stage.comes(&mail).await.ticket;
        stage.leaves().await;
        stage.later(Span::minutes(39));
        stage.answers(id, "Hi Dana,\n\nit is **on its way**.").await;
        let ticket = stage.ticket(id).await;
        assert_eq!(ticket.state, State::WaitingCustomer);
        assert_eq!(ticket.first_replied_at, Some(stage.now()));
        assert_eq!(ticket.assignee, Some(stage.cast.priya));
        assert_eq!(ticket.waiting.since, None);

        assert!(stage.leaves().await.is_empty(), "held while it can be taken back");
        stage.later(Span::seconds(10));
        let sent = stage.leaves().await;
        let letter = &sent[0].letter;
        assert_eq!(letter.kind, Kind::Reply);
        assert_eq!(letter.in_reply_to, mail.mail_id);
        assert_eq!(letter.references, [mail.mail_id.clone().unwrap()]);
        assert_eq!(letter.subject, format!("Re: Refund [{id}]"));
        assert_eq!(letter.from_name, "Priya at Northlight Studio");
        assert!(letter.text.starts_with("Hi Dana,"));
        assert!(letter.text.contains("> I would like my money back."));
        assert!(letter.html.as_deref().unwrap().contains("<strong>on its way</strong>"));
    }

    async fn quoting_grows_by_a_line_not_by_a_mail(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.leaves().await;
        let mut sizes = Vec::new();
        for round in 0..100 {
            stage.answers(id, "And again?").await;
            stage.later(Span::minutes(1));
            let sent = stage.leaves().await;
            sizes.push(sent[0].letter.text.len());
            let answer = Incoming {
                references: vec![sent[0].letter.mail_id.clone()],
                quoted: sent[0].letter.text.lines().flat_map(|line| ["> ", line, "\n"]).collect(),
                ..stage.mail("Re", &format!("Yes, round {round}."))
            };
            assert_eq!(stage.comes(&answer).await.ticket, id);
        }
        // Each quotes the last answer alone, so that the sum of all grows as their number does.
        assert!(sizes.last().unwrap() - sizes[1] < 20, "{sizes:?}");
    }

    async fn sending_can_be_taken_back_until_it_leaves(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.leaves().await;
        let before = stage.ticket(id).await;
        let sent = stage.answers(id, "Oops").await;
        assert_eq!(stage.takes_back(sent.undo.unwrap()).await, Ok(()));
        let after = stage.ticket(id).await;
        assert_eq!((after.state, after.waiting), (before.state, before.waiting));
        assert_eq!((after.assignee, after.first_replied_at), (None, None));
        assert_eq!(stage.messages(id).await.len(), 1);
        let conn = stage.db.read().await.unwrap();
        let drafts = people::drafts(&conn, id, stage.cast.priya).await.unwrap();
        assert_eq!(drafts[0].text, "Oops", "the text is back where it was");
        drop(conn);
        stage.later(Span::minutes(1));
        assert!(stage.leaves().await.is_empty());

        let sent = stage.answers(id, "For good").await;
        stage.later(Span::seconds(11));
        assert_eq!(stage.leaves().await.len(), 1);
        let refused = stage.takes_back(sent.undo.unwrap()).await;
        assert_eq!(refused, Err("the mail has left already".to_owned()));
        assert!(stage.takes_back(sent.undo.unwrap()).await.is_err(), "used up");
        assert!(stage.takes_back(PublicId::new(stage.now())).await.is_err());
    }

    async fn an_answer_stops_when_the_customer_wrote_meanwhile(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail("Question", "One");
        let received = stage.comes(&first).await;
        let more = Incoming {
            references: vec![first.mail_id.unwrap()],
            ..stage.mail("Re", "Never mind, found it.")
        };
        stage.comes(&more).await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let stale = Reply {
            text: "Have you tried…".to_owned(),
            seen: Some(received.message),
            ..Reply::default()
        };
        let mut tx = stage.db.begin().await.unwrap();
        let refused = reply(&mut tx, &office, &actor, received.ticket, &stale).await;
        assert!(matches!(refused, Err(Failure::Refused(ReplyRefusal::MovedOn))));
        assert_eq!(stage.messages(received.ticket).await.len(), 2);
    }

    async fn what_cannot_be_sent_is_refused_with_a_reason(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let own = Recipients { to: vec![party("billing@northlight.example")], ..Recipients::default() };
        let crowd = Recipients {
            to: (0..51).map(|n| party(&format!("p{n}@example.com"))).collect(),
            ..Recipients::default()
        };
        for (text, recipients, said) in [
            ("  ", Recipients::default(), ReplyRefusal::Empty),
            ("x", Recipients::default(), ReplyRefusal::NoRecipient),
            ("x", Recipients { cc: vec![party("kim@example.com")], ..Recipients::default() }, ReplyRefusal::NoRecipient),
            ("x", own, ReplyRefusal::OwnAddress("billing@northlight.example".parse().unwrap())),
            ("x", crowd, ReplyRefusal::TooMany(50)),
        ] {
            let recipients = Some(recipients);
            let answer = Reply { text: text.to_owned(), recipients, ..Reply::default() };
            let mut tx = stage.db.begin().await.unwrap();
            match reply(&mut tx, &office, &actor, id, &answer).await {
                Err(Failure::Refused(refusal)) => assert_eq!(refusal, said),
                other => panic!("{other:?}"),
            }
        }
        stage.edits(id, Edit::Spam).await;
        let mut tx = stage.db.begin().await.unwrap();
        let answer = Reply { text: "x".to_owned(), ..Reply::default() };
        let refused = reply(&mut tx, &office, &actor, id, &answer).await;
        let spam = ReplyRefusal::CannotMove(CannotMove::Spam);
        assert!(matches!(refused, Err(Failure::Refused(r)) if r == spam));
    }

    async fn sending_and_resolving_are_one(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let actor = stage.priya().await;
        let answer = Reply { text: "Done.".to_owned(), then: Then::Resolve, ..Reply::default() };
        let sent = stage.sends(&actor, id, &answer).await;
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.resolved_at), (State::Resolved, Some(stage.now())));
        assert!(stage.facts(id).await.contains(&"resolved".to_owned()));
        stage.takes_back(sent.undo.unwrap()).await.unwrap();
        assert_eq!(stage.ticket(id).await.state, State::New);
        assert!(!stage.facts(id).await.contains(&"resolved".to_owned()));
    }

    async fn whom_an_agent_copies_takes_part(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let actor = stage.priya().await;
        let answer = Reply {
            text: "Kim knows.".to_owned(),
            recipients: Some(Recipients {
                to: vec![party("dana@example.com")],
                cc: vec![party("kim@example.com")],
                bcc: vec![party("boss@example.com")],
            }),
            ..Reply::default()
        };
        let participants = async || {
            let conn = stage.db.read().await.unwrap();
            let all = tickets::participants(&conn, id).await.unwrap();
            all.into_iter().map(|(address, _)| address.to_string()).collect::<Vec<_>>()
        };
        let sent = stage.sends(&actor, id, &answer).await;
        assert_eq!(participants().await, ["kim@example.com"]);
        stage.takes_back(sent.undo.unwrap()).await.unwrap();
        assert_eq!(participants().await, Vec::<String>::new());
        assert!(!stage.facts(id).await.contains(&"participant_added".to_owned()));

        stage.sends(&actor, id, &answer).await;
        stage.later(Span::minutes(1));
        let letter = stage.leaves().await.pop().unwrap().letter;
        let back = Incoming {
            references: vec![letter.mail_id],
            ..stage.mail_from("kim@example.com", "Kim", "Re", "I do.")
        };
        let received = stage.comes(&back).await;
        assert_eq!((received.ticket, received.is_held), (id, false));
    }

    async fn what_was_begun_since_is_kept_when_a_message_is_taken_back(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let sent = stage.answers(id, "The first words").await;
        let draft = Draft {
            mode: "reply".to_owned(),
            text: "And something else".to_owned(),
            recipients: Recipients::default(),
            updated_at: stage.now(),
        };
        let mut tx = stage.db.begin().await.unwrap();
        people::save_draft(&mut tx, id, stage.cast.priya, &draft).await.unwrap();
        tx.commit().await.unwrap();
        stage.takes_back(sent.undo.unwrap()).await.unwrap();
        let conn = stage.db.read().await.unwrap();
        let drafts = people::drafts(&conn, id, stage.cast.priya).await.unwrap();
        assert_eq!(drafts[0].text, "The first words\n\nAnd something else");
    }

    async fn an_answer_after_reopening_by_hand_is_the_first_one(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.edits(id, Edit::Resolve { resolution: None, cause: None }).await;
        stage.later(Span::hours(1));
        stage.edits(id, Edit::Open).await;
        let waiting = stage.ticket(id).await.waiting;
        assert_eq!(waiting.since, Some(stage.now()), "somebody waits again");
        assert!(waiting.reply_due_at.is_some());
        stage.later(Span::minutes(1));
        stage.answers(id, "Sorry for that.").await;
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.first_replied_at, ticket.waiting.since), (Some(stage.now()), None));

        // We had the last word: nobody waits for another one.
        stage.edits(id, Edit::Open).await;
        assert_eq!(stage.ticket(id).await.waiting.since, None);
    }

    async fn somebody_without_a_name_is_quoted_by_the_address(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.comes(&stage.mail_from("kim@example.com", "", "Hi", "Hello")).await.ticket;
        stage.leaves().await;
        let sent = stage.answers(id, "Hello to you").await;
        let actor = stage.priya().await;
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        let on = Forward {
            message: None,
            recipients: Recipients::to(party("printer@example.com")),
            text: "See below".to_owned(),
            uploads: vec![],
        };
        forward(&mut tx, &office, &actor, id, &on).await.unwrap();
        tx.commit().await.unwrap();
        stage.later(Span::minutes(1));
        assert!(sent.delivery.is_some());
        let letters: Vec<String> =
            stage.leaves().await.into_iter().map(|sending| sending.letter.text).collect();
        assert!(letters[0].contains(", kim@example.com wrote:"), "{}", letters[0]);
        assert!(letters[1].contains("Forwarded message from kim@example.com, "), "{}", letters[1]);
    }

    async fn we_can_write_first(db: Db) {
        let stage = Stage::new(db).await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let new = NewTicket {
            inbox: stage.cast.support,
            customer: Party::new("Aino Virtanen", "aino@example.com".parse().unwrap()),
            subject: "Your licence".to_owned(),
            text: "It runs out soon.".to_owned(),
            html: None,
            cc: vec![party("boss@example.com")],
            bcc: vec![party("books@example.com")],
            then: Then::Wait,
            uploads: Vec::new(),
        };
        let mut tx = stage.db.begin().await.unwrap();
        let id = open_ticket(&mut tx, &office, &actor, &new).await.unwrap().ticket;
        tx.commit().await.unwrap();
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.first_replied_at), (State::WaitingCustomer, None));
        stage.later(Span::minutes(1));
        let letter = stage.leaves().await.remove(0).letter;
        assert_eq!(letter.subject, format!("Your licence [{id}]"));
        assert_eq!((letter.recipients.cc.len(), letter.recipients.bcc.len()), (1, 1));

        let answer = Incoming {
            references: vec![letter.mail_id],
            ..stage.mail_from("aino@example.com", "Aino Virtanen", "Re", "Renew it, please.")
        };
        assert_eq!(stage.comes(&answer).await.ticket, id);
        let tom = stage.cast.actor(stage.cast.tom).await;
        let mut tx = stage.db.begin().await.unwrap();
        let refused = open_ticket(&mut tx, &office, &tom, &new).await;
        assert!(matches!(refused, Err(Failure::Refused(ReplyRefusal::NoInbox))));
    }

    async fn a_forward_goes_to_a_third_party_whose_answer_is_held(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.leaves().await;
        let (office, actor) = (stage.office().await, stage.priya().await);
        let forwarded = Forward {
            message: None,
            recipients: Recipients::to(party("printer@example.com")),
            text: "Can you help?".to_owned(),
            uploads: Vec::new(),
        };
        let mut tx = stage.db.begin().await.unwrap();
        forward(&mut tx, &office, &actor, id, &forwarded).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stage.ticket(id).await.state, State::New, "the customer still waits");
        stage.later(Span::minutes(1));
        let letter = stage.leaves().await.remove(0).letter;
        assert_eq!(letter.kind, Kind::Forward);
        assert!(letter.text.contains("I would like my money back."));
        assert!(!letter.text.contains("/help/"), "no way into the customer's pages");

        let answer = Incoming {
            references: vec![letter.mail_id],
            ..stage.mail_from("printer@example.com", "Printer", "Re", "Yes.")
        };
        let received = stage.comes(&answer).await;
        assert_eq!((received.ticket, received.is_held), (id, true));
        let message = stage.messages(id).await.pop().unwrap();
        let mut tx = stage.db.begin().await.unwrap();
        admit(&mut tx, &office, &actor, message.public_id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!stage.messages(id).await.pop().unwrap().held);
    }

    async fn a_redacted_message_is_gone_for_everybody(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.mail("My card", "It is 4242 4242 4242 4242");
        mail.html = Some("<p>4242</p>".to_owned());
        let id = stage.comes(&mail).await.ticket;
        let message = stage.messages(id).await.remove(0);
        let (office, actor) = (stage.office().await, stage.priya().await);
        let mut tx = stage.db.begin().await.unwrap();
        redact(&mut tx, &office, &actor, message.public_id).await.unwrap();
        assert!(redact(&mut tx, &office, &actor, message.public_id).await.is_err());
        tx.commit().await.unwrap();
        let message = stage.messages(id).await.remove(0);
        assert!(message.text.is_empty() && !message.has_html && message.redacted.is_some());
        assert_eq!(stage.ticket(id).await.snippet, "");
        let conn = stage.db.read().await.unwrap();
        let expr = search::expr(&[search::Term::Word("4242".to_owned())]).unwrap();
        assert!(search::newest(&conn, &expr, None, None, 9).await.unwrap().is_empty());
    }

    async fn nothing_of_a_redacted_message_stays_in_what_went_on_with_it(db: Db) {
        let stage = Stage::new(db).await;
        let mut tx = stage.db.begin().await.unwrap();
        let hash = files::FileHash::of(b"card");
        files::record(&mut tx, &hash, 4, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut mail = stage.mail("My card", "It is 4242 4242\nand valid");
        mail.files = vec![StoredFile {
            name: "card.png".to_owned(),
            media_type: files::MediaType::of(b"card"),
            size_bytes: 4,
            content_id: None,
            hash,
        }];
        let id = stage.comes(&mail).await.ticket;
        let (office, actor) = (stage.office().await, stage.priya().await);
        stage.answers(id, "We have it.").await;
        let mut tx = stage.db.begin().await.unwrap();
        let on = Forward {
            message: None,
            recipients: Recipients::to(party("bank@example.com")),
            text: "Is this yours?".to_owned(),
            uploads: vec![],
        };
        forward(&mut tx, &office, &actor, id, &on).await.unwrap();
        tx.commit().await.unwrap();
        let kept = async || {
            let conn = stage.db.read().await.unwrap();
            let words = "select text || coalesce(html, '') from deliveries order by id";
            let mails: Vec<String> = conn.column(words, params![]).await.unwrap();
            let sql = "select count(*) from attachments";
            (mails.join("\n"), conn.scalar::<i64>(sql, params![]).await.unwrap())
        };
        let (mails, files) = kept().await;
        assert!(mails.matches("4242 4242").count() >= 4 && files == 2, "{files}: {mails}");

        let message = stage.messages(id).await.remove(0);
        let mut tx = stage.db.begin().await.unwrap();
        redact(&mut tx, &office, &actor, message.public_id).await.unwrap();
        tx.commit().await.unwrap();
        let (mails, files) = kept().await;
        assert!(!mails.contains("4242") && files == 0, "{files}: {mails}");
        for stays in ["We have it.", "Is this yours?", "> […]"] {
            assert!(mails.contains(stays), "{stays}: {mails}");
        }
    }

    async fn notes_mention_and_never_leave(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.notes(id, "SECRET-7 @Mateo Ruiz and @tom please look, not x@priya").await;
        assert_eq!(stage.told(stage.cast.mateo).await, ["mentioned"]);
        assert!(stage.told(stage.cast.tom).await.is_empty(), "he does not see this inbox");
        assert!(stage.told(stage.cast.priya).await.is_empty());
        stage.answers(id, "Hello").await;
        stage.later(Span::minutes(1));
        for sending in stage.leaves().await {
            let all = format!("{:?}", sending.letter);
            if sending.letter.kind != Kind::System {
                assert!(!all.contains("SECRET-7"), "{all}");
            }
        }
        // Whoever was mentioned follows and hears of the answer.
        let ours = stage.messages(id).await.pop().unwrap().mail_id.unwrap();
        stage.comes(&Incoming { references: vec![ours], ..stage.mail("Re", "And?") }).await;
        assert_eq!(stage.told(stage.cast.mateo).await, ["mentioned", "replied"]);
        assert_eq!(stage.told(stage.cast.priya).await, ["replied"]);
    }

    async fn people_are_told_as_they_chose(db: Db) {
        let stage = Stage::new(db).await;
        let quiet = Notify { assigned: accounts::Ways::default(), ..Notify::default() };
        let preferences = Preferences { notify: quiet, ..Preferences::default() };
        let mut tx = stage.db.begin().await.unwrap();
        tx.execute(
            "update agents set preferences = $2 where id = $1",
            params![stage.cast.ines, serde_json::to_string(&preferences).unwrap()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let id = stage.dana_writes().await;
        stage.edits(id, Edit::Assign(Some(stage.cast.ines))).await;
        stage.edits(id, Edit::Assign(Some(stage.cast.mateo))).await;
        stage.edits(id, Edit::Assign(Some(stage.cast.priya))).await;
        assert!(stage.told(stage.cast.ines).await.is_empty());
        assert_eq!(stage.told(stage.cast.mateo).await, ["assigned"]);
        assert!(stage.told(stage.cast.priya).await.is_empty(), "she did it herself");
    }
}

/// Q23: whatever is noted, answered, forwarded and merged, no word of a note is in any mail.
#[test]
fn no_note_is_ever_in_a_mail() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(async { Stage::new(database::testing::sqlite().await).await });
    let cases = ProptestConfig { cases: 48, ..ProptestConfig::default() };
    proptest!(cases, |(acts in proptest::collection::vec(0_u8..5, 1..10))| {
        runtime.block_on(async {
            let id = stage.dana_writes().await;
            for act in acts {
                match act {
                    0 | 1 => stage.notes(id, "CANARY-NOTE @Mateo Ruiz do not tell").await,
                    2 => {
                        stage.answers(id, "A plain answer.").await;
                    }
                    3 => {
                        stage.edits(id, Edit::Subject("Another subject".to_owned())).await;
                    }
                    _ => {
                        let ours = stage.messages(id).await.pop().unwrap().mail_id.unwrap();
                        let mail = Incoming { references: vec![ours], ..stage.mail("Re", "More") };
                        stage.comes(&mail).await;
                    }
                }
            }
            stage.later(Span::minutes(1));
            for sending in stage.leaves().await {
                assert!(!format!("{:?}", sending.letter).contains("CANARY-NOTE"));
            }
        });
    });
}
