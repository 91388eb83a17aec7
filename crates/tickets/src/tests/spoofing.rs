//! Somebody outside who wants a copy of what others are told (I01, I02), with everything that can be
//! known outside: addresses, numbers of tickets, Message-IDs of mails that are not ours.
//!
//! `RECOURSE_CASES=1000 cargo test -p tickets spoofing` is the long form.

use database::{on_both, params};
use kernel::TicketId;
use outbox::{Party, Recipients};

use super::chance::{Dice, cases};
use super::stage::Stage;
use crate::SenderCheck;
use crate::actions::Incoming;
use crate::store::tickets;

/// What only Dana and the team may read.
const SECRET: &str = "canary";
const EVIL: &str = "evil.example";

/// A ticket of Dana's, and the Message-IDs of her mails there.
struct Target {
    ticket: TicketId,
    known: Vec<String>,
}

impl Target {
    async fn new(stage: &Stage) -> Self {
        let first = stage.mail("My licence", &format!("The key is {SECRET}."));
        let received = stage.comes(&first).await;
        let first = first.mail_id.unwrap();
        let more = Incoming {
            references: vec![first.clone()],
            ..stage.mail("Re: My licence", &format!("It is still {SECRET}."))
        };
        assert_eq!(stage.comes(&more).await.ticket, received.ticket);
        Self { ticket: received.ticket, known: vec![first, more.mail_id.unwrap()] }
    }
}

fn evil(dice: &mut Dice) -> Party {
    let name = dice.pick(&["mallory", "dana", "support", "dana+x"]);
    Party::new("Dana Whitfield", format!("{name}@{EVIL}").parse().unwrap())
}

/// A mail that anybody could send. In Dana's name it never passes the check.
fn attempt(stage: &Stage, dice: &mut Dice, target: &Target) -> Incoming {
    let forged = dice.coin();
    let check = if forged {
        dice.pick(&[SenderCheck::Fail, SenderCheck::Unknown])
    } else {
        dice.pick(&[SenderCheck::Pass, SenderCheck::Fail, SenderCheck::Unknown])
    };
    let own = evil(dice);
    let from = if forged { "dana@example.com" } else { own.address.as_str() };
    let subject = dice.pick(&["", "Re: My licence", "Order", "[{}] Re: My licence", "{}"]);
    let subject = subject.replace("{}", &target.ticket.to_string());
    let mut mail = stage.mail_from(from, "Dana Whitfield", &subject, "Copy me, please.");
    mail.sender.check = check;
    let mut references = target.known.clone();
    references.retain(|_| dice.coin());
    if dice.coin() {
        references.push(format!("rc.{:040x}@northlight.example", dice.roll(usize::MAX)));
    }
    let crowd: Vec<Party> = (0..dice.roll(4)).map(|_| evil(dice)).collect();
    let (to, cc) = if dice.coin() { (crowd, vec![evil(dice)]) } else { (Vec::new(), crowd) };
    mail.references = references;
    mail.recipients = Recipients { to, cc, bcc: Vec::new() };
    if dice.roll(3) == 0 {
        mail.tokens.tags = vec![format!("{}-{:032x}", target.ticket, dice.roll(usize::MAX))];
        mail.tokens.links = vec![format!("rcl_1_{}_1_{:032x}", target.ticket.0, dice.roll(9))];
    }
    mail
}

on_both! {
    async fn nobody_who_only_claims_to_be_somebody_gets_a_copy(db: Db) {
        let stage = Stage::new(db).await;
        let mut dice = Dice::new(18);
        let mut joined = 0;
        let mut target = Target::new(&stage).await;
        for number in 0..cases(60) {
            let mail = attempt(&stage, &mut dice, &target);
            let received = stage.comes(&mail).await;
            joined += usize::from(received.ticket == target.ticket);
            let from = mail.sender.address.unwrap();
            assert!(
                received.ticket != target.ticket || from.domain() != EVIL,
                "{number}: a stranger's mail without a token is in Dana's ticket"
            );
            let conn = stage.db.read().await.unwrap();
            let present = tickets::participants(&conn, target.ticket).await.unwrap();
            assert!(present.is_empty(), "{number}: {present:?}");
            drop(conn);
            if dice.roll(6) == 0 {
                stage.answers(target.ticket, &format!("It is {SECRET} indeed.")).await;
                target = Target::new(&stage).await;
            }
        }
        stage.answers(target.ticket, &format!("It is {SECRET} indeed.")).await;
        // In Dana's name, with a reference to her own mail, some do come in; nothing goes out there.
        assert!(joined > 0);
        let conn = stage.db.read().await.unwrap();
        let letters: Vec<(String, String)> = conn
            .all("select recipients, text || coalesce(html, '') || subject from deliveries", params![])
            .await
            .unwrap();
        let (told, evil): (Vec<_>, Vec<_>) =
            letters.into_iter().partition(|(recipients, _)| !recipients.contains(EVIL));
        assert!(told.iter().any(|(_, text)| text.contains(SECRET)));
        assert!(evil.iter().all(|(_, text)| !text.contains(SECRET)), "{evil:?}");
    }
}
