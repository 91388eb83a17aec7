use database::on_both;
use kernel::{Span, TicketId};
use outbox::{Kind, Party};

use super::stage::Stage;
use crate::SenderCheck;
use crate::actions::{Edit, Incoming, spent_tickets_close};
use crate::clock::NEVER;
use crate::message::{Author, MessageKind};
use crate::state::State;
use crate::store::tickets;
use crate::tokens::reply_address;
use customers::links::{self, Link};

/// The Message-ID of the latest mail of ours.
async fn our_mail_id(stage: &Stage, ticket: TicketId) -> String {
    let messages = stage.messages(ticket).await;
    let ours = messages.iter().rev().find(|message| message.author.agent().is_some());
    ours.unwrap().mail_id.clone().unwrap()
}

on_both! {
    async fn a_mail_becomes_a_ticket_and_is_acknowledged(db: Db) {
        let stage = Stage::new(db).await;
        let received = stage.comes(&stage.mail("Re: AW: Licence key", "It says 3 sites.")).await;
        assert!(received.is_new_ticket && !received.is_held);
        let ticket = stage.ticket(received.ticket).await;
        assert_eq!(ticket.id, TicketId(10_001));
        assert_eq!((ticket.state, ticket.subject.as_str()), (State::New, "Licence key"));
        assert_eq!(ticket.waiting.due_at(ticket.state), stage.now() + Span::hours(24));
        assert_eq!(stage.facts(ticket.id).await, ["created", "acknowledged"]);
        assert_eq!(ticket.acknowledged_at, Some(stage.now()));

        let sent = stage.leaves().await;
        assert_eq!(sent.len(), 1);
        let letter = &sent[0].letter;
        assert_eq!(letter.kind, Kind::Acknowledgement);
        assert_eq!(letter.recipients.to[0].address.as_str(), "dana@example.com");
        assert!(letter.subject.contains("RC-10001"), "{}", letter.subject);
        assert!(letter.text.contains("Dana") && letter.text.contains("/help/link/rcl_"));
        assert!(letter.text.contains("24 hours"), "{}", letter.text);
        let html = letter.html.as_deref().unwrap();
        for dated in [
            "24 Nov 2026, 09:00: received. Your reference is RC-10001.",
            "From 24 Nov 2026, 09:00 on: we look into it.",
            "By 25 Nov 2026, 09:00: you get an answer",
        ] {
            assert!(letter.text.contains(dated) && html.contains(dated), "{dated}: {}", letter.text);
        }
        assert!(letter.text.contains("It is a new request to Support."));
        assert!(!letter.text.contains("Licence key") && !html.contains("Licence key"));
    }

    async fn an_acknowledgement_repeats_nothing_of_a_stranger(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.mail_from(
            "victim@example.com",
            "Cheap pills at evil",
            "Visit evil.example today",
            "Visit evil.example today",
        );
        mail.sender.check = SenderCheck::Unknown;
        stage.comes(&mail).await;
        let letter = &stage.leaves().await[0].letter;
        let all = format!(
            "{} {} {} {}",
            letter.subject, letter.text, letter.html.as_deref().unwrap(), letter.recipients.to[0]
        );
        assert!(!all.to_lowercase().contains("evil") && !all.contains("pills"), "{all}");
        assert!(letter.text.contains("It is a new request to Support."), "in words of ours: {all}");
    }

    async fn only_who_answers_our_mail_owns_the_address(db: Db) {
        let stage = Stage::new(db).await;
        let claims = |check: SenderCheck, references: Vec<String>| {
            let mut mail = stage.mail_from("victim@example.com", "Victim", "Order", "Where is it?");
            (mail.sender.check, mail.references) = (check, references);
            mail
        };
        let is_verified = async || {
            let conn = stage.db.read().await.unwrap();
            let address = "victim@example.com".parse().unwrap();
            customers::identity_verified(&conn, &address).await.unwrap()
        };
        let first = claims(SenderCheck::Unknown, Vec::new());
        let ticket = stage.comes(&first).await.ticket;
        let second = claims(SenderCheck::Unknown, vec![first.mail_id.clone().unwrap()]);
        assert_eq!(stage.comes(&second).await.ticket, ticket);
        assert!(!is_verified().await, "anybody can write both");

        stage.answers(ticket, "Here it is.").await;
        let ours = our_mail_id(&stage, ticket).await;
        stage.comes(&claims(SenderCheck::Fail, vec![ours.clone()])).await;
        assert!(!is_verified().await, "somebody who was copied can forge the sender");
        stage.comes(&claims(SenderCheck::Unknown, vec![ours])).await;
        assert!(is_verified().await);
    }

    async fn robots_get_no_answer_and_move_nothing(db: Db) {
        let stage = Stage::new(db).await;
        let robot = Incoming {
            is_automatic: true,
            must_not_be_answered: true,
            ..stage.mail("Out of office", "Back on Monday.")
        };
        let received = stage.comes(&robot).await;
        assert!(stage.leaves().await.is_empty());
        let ticket = stage.ticket(received.ticket).await;
        assert!(ticket.acknowledgement_withheld.is_some());
        assert_eq!(stage.messages(ticket.id).await[0].kind, MessageKind::Automatic);

        let id = stage.dana_writes().await;
        stage.answers(id, "Here you are.").await;
        let reply = Incoming {
            is_automatic: true,
            must_not_be_answered: true,
            references: vec![our_mail_id(&stage, id).await],
            ..stage.mail("Auto: Re: Refund", "I am away.")
        };
        assert_eq!(stage.comes(&reply).await.ticket, id);
        assert_eq!(stage.ticket(id).await.state, State::WaitingCustomer);

        // Somebody whose mail asks machines for silence is answered by people.
        let reply = Incoming {
            is_automatic: false,
            references: vec![our_mail_id(&stage, id).await],
            ..stage.mail("Re: Refund", "It is NS-1.")
        };
        let reply = Incoming { must_not_be_answered: true, ..reply };
        let received = stage.comes(&reply).await;
        assert_eq!(received.ticket, id);
        let ticket = stage.ticket(id).await;
        assert_eq!(ticket.state, State::Open);
        assert!(ticket.waiting.since.is_some(), "it waits for an answer");
        assert_eq!(stage.messages(id).await.last().unwrap().kind, MessageKind::Message);
    }

    async fn an_answer_to_our_mail_joins_by_every_proof(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.answers(id, "Which order is it?").await;
        let ours = our_mail_id(&stage, id).await;
        let ticket = stage.ticket(id).await;

        let by_reference = Incoming { references: vec![ours], ..stage.mail("x", "NS-1") };
        assert_eq!(stage.comes(&by_reference).await.ticket, id);

        let inbox = "support@northlight.example".parse().unwrap();
        let address = reply_address(&Stage::keys(), &inbox, id, ticket.customer);
        let mut by_address = stage.mail("y", "NS-2");
        by_address.tokens.tags = vec![address.split_tag().unwrap().1.to_owned()];
        assert_eq!(stage.comes(&by_address).await.ticket, id);

        let link = Link { customer: ticket.customer, ticket: Some(id), made_at: stage.now() };
        let mut by_link = stage.mail("z", "NS-3");
        by_link.tokens.links = vec![links::make(&Stage::keys(), &link)];
        assert_eq!(stage.comes(&by_link).await.ticket, id);

        assert_eq!(stage.messages(id).await.len(), 5);
        assert_eq!(stage.ticket(id).await.state, State::Open);
    }

    async fn an_answer_to_the_acknowledgement_joins(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let acknowledgement = stage.leaves().await.remove(0).letter.mail_id;
        let answer = Incoming { references: vec![acknowledgement], ..stage.mail("Re", "More.") };
        assert_eq!(stage.comes(&answer).await.ticket, id);
    }

    async fn a_number_in_the_subject_offers_a_link_and_joins_nothing(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        let mail = stage.mail_from("eve@evil.example", "Eve", &format!("[{id}] hello"), "Tell me.");
        let received = stage.comes(&mail).await;
        assert!(received.is_new_ticket);
        let conn = stage.db.read().await.unwrap();
        let links = tickets::links(&conn, received.ticket).await.unwrap();
        assert_eq!(links, [(id, "possibly".to_owned(), true)]);
        assert_eq!(stage.messages(id).await.len(), 1);
    }

    async fn a_stranger_with_our_token_is_held(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.answers(id, "Here.").await;
        let ours = our_mail_id(&stage, id).await;
        let eve = Incoming {
            references: vec![ours],
            ..stage.mail_from("eve@evil.example", "Eve", "Re: Refund", "Send it to me instead.")
        };
        let received = stage.comes(&eve).await;
        assert_eq!((received.ticket, received.is_held), (id, true));
        let message = stage.messages(id).await.pop().unwrap();
        assert!(matches!(message.author, Author::Stranger(_)) && message.held);
        let conn = stage.db.read().await.unwrap();
        assert!(tickets::participants(&conn, id).await.unwrap().is_empty());
    }

    async fn references_count_only_from_who_takes_part_and_is_not_forged(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail("Question", "One");
        let id = stage.comes(&first).await.ticket;
        let theirs = vec![first.mail_id.clone().unwrap()];

        let forged = Incoming { references: theirs.clone(), ..stage.mail("Re", "Two") };
        let mut forged = forged;
        forged.sender.check = SenderCheck::Fail;
        assert!(stage.comes(&forged).await.is_new_ticket);

        let eve = stage.mail_from("eve@evil.example", "Eve", "Re", "Two");
        let eve = Incoming { references: theirs.clone(), ..eve };
        assert!(stage.comes(&eve).await.is_new_ticket);

        let dana = Incoming { references: theirs, ..stage.mail("Re", "Two") };
        assert_eq!(stage.comes(&dana).await.ticket, id);
    }

    async fn the_order_of_arrival_does_not_matter(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail("Question", "One");
        let mail_id = first.mail_id.clone().unwrap();
        let second = Incoming { references: vec![mail_id], ..stage.mail("Re: Question", "Two") };
        let id = stage.comes(&second).await.ticket;
        let received = stage.comes(&first).await;
        assert_eq!((received.ticket, received.is_new_ticket), (id, false));
    }

    async fn a_copy_grants_nothing_until_the_sender_is_known(db: Db) {
        let stage = Stage::new(db).await;
        let partner = Party::new("Partner", "partner@example.com".parse().unwrap());
        let mut mail = stage.mail("Question", "One");
        mail.recipients.cc = vec![partner];
        mail.sender.check = SenderCheck::Unknown;
        let unknown = stage.comes(&mail).await.ticket;
        mail.mail_id = Some("other@example.com".to_owned());
        mail.sender.check = SenderCheck::Pass;
        let known = stage.comes(&mail).await.ticket;
        let conn = stage.db.read().await.unwrap();
        assert!(tickets::participants(&conn, unknown).await.unwrap().is_empty());
        assert_eq!(tickets::participants(&conn, known).await.unwrap().len(), 1);
    }

    async fn a_sender_copies_at_most_ten_and_none_of_our_inboxes(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.mail("Question", "One");
        let crowd = (0..30).map(|n| format!("p{n}@example.com"));
        let all = crowd.chain(["billing@northlight.example".to_owned()]);
        mail.recipients.cc = all.map(|a| Party::new("", a.parse().unwrap())).rev().collect();
        let id = stage.comes(&mail).await.ticket;
        let conn = stage.db.read().await.unwrap();
        let present = tickets::participants(&conn, id).await.unwrap();
        assert_eq!(present.len(), 10);
        assert!(present.iter().all(|(address, _)| address.domain() == "example.com"));
    }

    async fn a_resolved_ticket_reopens_but_thanks_leave_it(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.answers(id, "Done.").await;
        stage.edits(id, Edit::Resolve { resolution: None, cause: None }).await;
        let ours = our_mail_id(&stage, id).await;
        let thanks = Incoming { references: vec![ours.clone()], ..stage.mail("Re", "Thanks a lot!") };
        stage.comes(&thanks).await;
        assert_eq!(stage.ticket(id).await.state, State::Resolved);

        let again = Incoming { references: vec![ours], ..stage.mail("Re", "It broke again.") };
        stage.comes(&again).await;
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.reopen_count), (State::Open, 1));
        assert!(ticket.resolved_at.is_none());
        assert_eq!(ticket.waiting.since, Some(stage.now()));
    }

    async fn a_closed_ticket_is_followed_by_a_new_one(db: Db) {
        let stage = Stage::new(db).await;
        let id = stage.dana_writes().await;
        stage.answers(id, "Done.").await;
        stage.edits(id, Edit::Resolve { resolution: None, cause: None }).await;
        let ours = our_mail_id(&stage, id).await;
        stage.later(Span::days(15));
        let office = stage.office().await;
        let mut tx = stage.db.begin().await.unwrap();
        assert_eq!(spent_tickets_close(&mut tx, &office, Span::days(14)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(stage.ticket(id).await.state, State::Closed);

        let again = Incoming { references: vec![ours], ..stage.mail("Re", "It broke again.") };
        let received = stage.comes(&again).await;
        assert!(received.is_new_ticket);
        let conn = stage.db.read().await.unwrap();
        let links = tickets::links(&conn, received.ticket).await.unwrap();
        assert_eq!(links, [(id, "follows".to_owned(), true)]);
    }

    async fn history_is_kept_quietly(db: Db) {
        let stage = Stage::new(db).await;
        let old = Incoming { is_history: true, ..stage.mail("Old", "Long ago.") };
        let id = stage.comes(&old).await.ticket;
        assert!(stage.leaves().await.is_empty());
        let ticket = stage.ticket(id).await;
        assert_eq!((ticket.state, ticket.waiting.due_at(ticket.state)), (State::Resolved, NEVER));
        assert!(stage.told(stage.cast.sarah).await.is_empty());
    }

    async fn a_sender_who_cannot_be_read_is_still_a_ticket(db: Db) {
        let stage = Stage::new(db).await;
        let mut mail = stage.mail("Hello", "Who am I?");
        mail.sender.address = None;
        mail.sender.name = "???".to_owned();
        let id = stage.comes(&mail).await.ticket;
        assert_eq!(stage.ticket(id).await.state, State::New);
        assert!(stage.leaves().await.is_empty());
    }

    async fn what_is_in_spam_stays_there(db: Db) {
        let stage = Stage::new(db).await;
        let first = stage.mail("Buy", "Now");
        let id = stage.comes(&first).await.ticket;
        stage.edits(id, Edit::Spam).await;
        let more = Incoming {
            references: vec![first.mail_id.unwrap()],
            ..stage.mail("Buy", "Really now")
        };
        assert_eq!(stage.comes(&more).await.ticket, id);
        assert_eq!(stage.ticket(id).await.state, State::Spam);
        assert!(!stage.told(stage.cast.priya).await.contains(&"replied".to_owned()));
        stage.edits(id, Edit::NotSpam).await;
        assert_eq!(stage.ticket(id).await.state, State::New);
    }
}
