//! What stands in mail that leaves, and on its envelope.

use accounts::{SystemLetter, send_system_letter};
use database::on_both;
use kernel::{Span, TicketId};
use outbox::{Party, Recipients};
use tickets::actions::{Forward, Reply, forward, reply};

use super::servers::{Got, Sink};
use super::stage::{Stage, mail};
use crate::connection::Connection;

async fn stage_with_sink(db: database::Db) -> (Stage, Sink) {
    let stage = Stage::new(db).await;
    let sink = Sink::new().await;
    let inbox = stage.cast.support;
    let smtp = Some(stage.endpoint(inbox, "smtp", sink.port()));
    stage.connects(inbox, &Connection { smtp, ..Connection::default() }).await;
    (stage, sink)
}

fn party(address: &str) -> Party {
    Party::new("", address.parse().unwrap())
}

async fn answers(stage: &Stage, ticket: TicketId, recipients: Option<Recipients>) {
    let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
    let mut tx = stage.db.begin().await.unwrap();
    let answer = Reply { text: "Here it is.".to_owned(), recipients, ..Reply::default() };
    reply(&mut tx, &office, &actor, ticket, &answer).await.unwrap();
    tx.commit().await.unwrap();
}

async fn forwards(stage: &Stage, ticket: TicketId) {
    let (office, actor) = (stage.office().await, stage.cast.actor(stage.cast.priya).await);
    let on = Forward {
        message: None,
        recipients: Recipients::to(party("desk@bank.example")),
        text: "Is that yours?".to_owned(),
        uploads: Vec::new(),
    };
    let mut tx = stage.db.begin().await.unwrap();
    forward(&mut tx, &office, &actor, ticket, &on).await.unwrap();
    tx.commit().await.unwrap();
}

/// What has left since the last time.
async fn leaves(stage: &Stage, sink: &Sink, before: usize) -> Vec<Got> {
    stage.later(Span::seconds(30));
    while stage.sender().send_due().await.unwrap() > 0 {}
    sink.got().split_off(before)
}

on_both! {
    async fn what_answers_by_itself_has_no_return_path_and_all_else_has_the_inboxs(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let line = stage.comes(mail("q1", "Where is it?", "I cannot find it")).await;
        let acknowledgement = leaves(&stage, &sink, 0).await;
        assert_eq!(acknowledgement.len(), 1);
        assert!(acknowledgement[0].from.starts_with("MAIL FROM:<> "), "{}", acknowledgement[0].from);

        answers(&stage, line.ticket.unwrap(), None).await;
        let (company, site) = {
            let office = stage.office().await;
            (office.company, office.site)
        };
        let priya = "priya@northlight.example".parse().unwrap();
        let notice = SystemLetter {
            to: ("Priya", &priya),
            subject: "Something happened".to_owned(),
            text: "Look at it.".to_owned(),
            link: site.url("/"),
            useful_for: Span::days(1),
        };
        let mut tx = stage.db.begin().await.unwrap();
        let words = site.words("en");
        send_system_letter(&mut tx, &company, &words, notice, stage.now()).await.unwrap();
        tx.commit().await.unwrap();
        let rest = leaves(&stage, &sink, 1).await;
        assert_eq!(rest.len(), 2);
        for one in rest {
            assert!(one.from.starts_with("MAIL FROM:<support@northlight.example>"), "{}", one.from);
        }
    }

    async fn nobody_reads_who_was_copied_blindly(db: Db) {
        let (stage, sink) = stage_with_sink(db).await;
        let ticket = stage.comes(mail("q1", "Where is it?", "I cannot find it")).await.ticket.unwrap();
        leaves(&stage, &sink, 0).await;
        let recipients = Recipients {
            to: vec![party("dana@example.com")],
            cc: vec![party("kim@example.com")],
            bcc: vec![Party::new("Blind Boss", "blind@example.com".parse().unwrap())],
        };
        answers(&stage, ticket, Some(recipients)).await;
        let sent = leaves(&stage, &sink, 1).await;
        assert_eq!(sent.len(), 1);
        let to: String = sent[0].to.concat();
        assert!(["dana@", "kim@", "blind@"].iter().all(|one| to.contains(one)), "{to}");

        // It comes back with everything that Dana has, is answered, and is sent on.
        let id = sent[0].field("Message-ID").unwrap();
        let (_, body) = sent[0].mail.split_once("\r\n\r\n").unwrap();
        let quoted = body.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n");
        let answer = mail("q2", "Re: Where is it?", &format!("Thanks\n\n{quoted}"))
            .replace("To: support@", &format!("In-Reply-To: {id}\r\nTo: support@"));
        assert_eq!(stage.comes(answer).await.ticket, Some(ticket));
        answers(&stage, ticket, None).await;
        forwards(&stage, ticket).await;
        let rest = leaves(&stage, &sink, 2).await;
        assert_eq!(rest.len(), 2);
        for one in &rest {
            assert!(!one.to.concat().to_lowercase().contains("blind"), "{:?}", one.to);
        }
        for one in sent.iter().chain(&rest) {
            let mail = one.mail.to_lowercase();
            assert!(!mail.contains("blind") && !mail.contains("bcc:"), "{}", one.mail);
        }
    }
}
