//! Notes never leave, whatever is done to the tickets they stand on.
//!
//! `RECOURSE_CASES=10000 cargo test -p tickets notes_stay` is the long form.

use accounts::Actor;
use database::{on_both, params};
use kernel::{MessageId, PublicId, Span, TicketId};
use outbox::{Party, Recipients};

use super::chance::{Dice, cases};
use super::stage::Stage;
use crate::actions::{
    Edit, Forward, Incoming, NewTicket, Reply, admit, customer_reopens, customer_solves, edit,
    forward, merge, merge_all, open_ticket, redact, reply, requests_of, seen_by_customer,
    sleepers_wake, split, viewer,
};
use crate::mail_view::mail_view;
use crate::message::Message;
use crate::state::Then;
use crate::store::people::{self, Draft};
use crate::store::tickets;

/// What every note and every draft of one has in it, and nothing else that is written here.
const CANARY: &str = "canary";
const PEOPLE: [&str; 3] = ["dana@example.com", "kim@example.com", "greta@example.com"];
const ACTIONS: usize = 12;

/// A handful of tickets that things happen to.
struct Desk<'s> {
    stage: &'s Stage,
    priya: Actor,
    dice: Dice,
    tickets: Vec<TicketId>,
    notes: usize,
    undoable: Vec<PublicId>,
    /// What left, to be answered with quotes.
    sent: Vec<(String, String)>,
    done: [usize; ACTIONS],
}

impl Desk<'_> {
    fn ticket(&mut self) -> TicketId {
        self.dice.pick(&self.tickets)
    }

    async fn message(&mut self, ticket: TicketId) -> Option<Message> {
        let messages = self.stage.messages(ticket).await;
        (!messages.is_empty()).then(|| self.dice.pick(&messages))
    }

    fn party(&mut self) -> Party {
        Party::new("", self.dice.pick(&PEOPLE).parse().unwrap())
    }

    /// Does something to a ticket. What is refused is as good as what is done.
    async fn act(&mut self) {
        let action = self.dice.roll(ACTIONS);
        let ticket = self.ticket();
        let is_done = match action {
            0 => self.customer_writes().await,
            1 | 2 => self.somebody_notes(ticket).await,
            3 => self.agent_replies(ticket).await,
            4 => self.agent_forwards(ticket).await,
            5 => self.tickets_merge(ticket).await,
            6 => self.ticket_is_split(ticket).await,
            7 => self.message_is_redacted_or_admitted(ticket).await,
            8 => self.ticket_changes(ticket).await,
            9 => self.customer_acts_on_the_portal(ticket).await,
            10 => self.something_is_taken_back().await,
            _ => self.time_goes_by().await,
        };
        self.done[action] += usize::from(is_done);
    }

    async fn customer_writes(&mut self) -> bool {
        let from = self.dice.pick(&PEOPLE);
        let mut mail = self.stage.mail_from(from, "", "About my order", "Any news?");
        if self.dice.coin() && !self.sent.is_empty() {
            let (mail_id, text) = self.dice.pick(&self.sent);
            let quoted = text.lines().flat_map(|line| ["> ", line, "\n"]).collect();
            mail = Incoming { references: vec![mail_id], quoted, ..mail };
        }
        let received = self.stage.comes(&mail).await;
        self.tickets.push(received.ticket);
        true
    }

    async fn somebody_notes(&mut self, ticket: TicketId) -> bool {
        self.notes += 1;
        let text = format!("@Mateo the {CANARY}{} sings <b>{CANARY}</b>\n\n> sings", self.notes);
        if self.dice.roll(3) > 0 {
            self.stage.notes(ticket, &text).await;
            return true;
        }
        let recipients = Recipients::to(self.party());
        let draft =
            Draft { mode: "note".to_owned(), text, recipients, updated_at: self.stage.now() };
        let mut tx = self.stage.db.begin().await.unwrap();
        people::save_draft(&mut tx, ticket, self.priya.id, &draft).await.unwrap();
        tx.commit().await.unwrap();
        true
    }

    async fn agent_replies(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let to = self.party();
        let cc = vec![self.party()];
        let recipients = Recipients { to: vec![to.clone()], cc, bcc: vec![] };
        let then = self.dice.pick(&[Then::Wait, Then::StayOpen, Then::Resolve]);
        let answer = Reply {
            text: "We look into it.".to_owned(),
            recipients: self.dice.coin().then_some(recipients),
            then,
            ..Reply::default()
        };
        let begins = self.dice.roll(5) == 0;
        let mut tx = self.stage.db.begin().await.unwrap();
        let replied = if begins {
            let new = NewTicket {
                inbox: self.stage.cast.support,
                customer: to,
                subject: "Your order".to_owned(),
                text: answer.text,
                html: None,
                cc: vec![],
                bcc: vec![],
                then,
                uploads: vec![],
            };
            open_ticket(&mut tx, &office, &self.priya, &new).await
        } else {
            reply(&mut tx, &office, &self.priya, ticket, &answer).await
        };
        let Ok(replied) = replied else { return false };
        tx.commit().await.unwrap();
        self.undoable.extend(replied.undo);
        self.tickets.push(replied.ticket);
        true
    }

    async fn agent_forwards(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let message = if self.dice.coin() {
            self.message(ticket).await.map(|message| message.id)
        } else {
            None
        };
        let sent_on = Forward {
            message,
            recipients: Recipients::to(Party::new("", "desk@bank.example".parse().unwrap())),
            text: "Please check this payment.".to_owned(),
            uploads: vec![],
        };
        let mut tx = self.stage.db.begin().await.unwrap();
        let forwarded = forward(&mut tx, &office, &self.priya, ticket, &sent_on).await;
        let Ok(forwarded) = forwarded else { return false };
        tx.commit().await.unwrap();
        self.undoable.extend(forwarded.undo);
        true
    }

    async fn tickets_merge(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let chosen = [self.ticket(), self.ticket(), ticket];
        let mut tx = self.stage.db.begin().await.unwrap();
        let merged = if self.dice.coin() {
            merge(&mut tx, &office, &self.priya, chosen[0], ticket).await
        } else {
            merge_all(&mut tx, &office, &self.priya, &chosen).await
        };
        let Ok((_, undo)) = merged else { return false };
        tx.commit().await.unwrap();
        self.undoable.push(undo);
        true
    }

    async fn ticket_is_split(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let messages = self.stage.messages(ticket).await;
        let mut chosen: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        chosen.retain(|_| self.dice.coin());
        let subject = self.dice.pick(&["", "Another matter"]);
        let mut tx = self.stage.db.begin().await.unwrap();
        let parted = split(&mut tx, &office, &self.priya, ticket, &chosen, subject).await;
        let Ok((part, undo)) = parted else { return false };
        tx.commit().await.unwrap();
        self.tickets.push(part);
        self.undoable.push(undo);
        true
    }

    async fn message_is_redacted_or_admitted(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let Some(message) = self.message(ticket).await else { return false };
        let mut tx = self.stage.db.begin().await.unwrap();
        let done = if message.held {
            admit(&mut tx, &office, &self.priya, message.public_id).await
        } else {
            redact(&mut tx, &office, &self.priya, message.public_id).await
        };
        let is_done = done.is_ok();
        if is_done {
            tx.commit().await.unwrap();
        }
        is_done
    }

    async fn ticket_changes(&mut self, ticket: TicketId) -> bool {
        let (office, now) = (self.stage.office().await, self.stage.now());
        let change = self.dice.pick(&[
            Edit::Assign(Some(self.stage.cast.mateo)),
            Edit::Inbox(self.stage.cast.billing),
            Edit::Open,
            Edit::Wait,
            Edit::Hold { reason: "The bank".to_owned(), next_update_at: now + Span::hours(2) },
            Edit::Snooze { until: now + Span::hours(1) },
            Edit::Resolve { resolution: None, cause: None },
            Edit::Spam,
            Edit::NotSpam,
        ]);
        let mut tx = self.stage.db.begin().await.unwrap();
        let edited = edit(&mut tx, &office, &self.priya, ticket, &change).await;
        let is_done = edited.is_ok();
        if is_done {
            tx.commit().await.unwrap();
        }
        is_done
    }

    async fn customer_acts_on_the_portal(&mut self, ticket: TicketId) -> bool {
        let office = self.stage.office().await;
        let customer = self.stage.ticket(ticket).await.customer;
        let mut tx = self.stage.db.begin().await.unwrap();
        let done = if self.dice.coin() {
            customer_solves(&mut tx, &office, customer, ticket).await
        } else {
            customer_reopens(&mut tx, &office, customer, ticket).await
        };
        let is_done = done.is_ok();
        if is_done {
            tx.commit().await.unwrap();
        }
        is_done
    }

    async fn something_is_taken_back(&mut self) -> bool {
        let Some(undo) = self.undoable.pop() else { return false };
        let is_done = self.stage.takes_back(undo).await.is_ok();
        // A ticket that was begun is no more once its first mail was taken back.
        let conn = self.stage.db.read().await.unwrap();
        for id in std::mem::take(&mut self.tickets) {
            if tickets::find(&conn, id).await.unwrap().is_some() {
                self.tickets.push(id);
            }
        }
        is_done
    }

    /// Letters leave, and what slept wakes up.
    async fn time_goes_by(&mut self) -> bool {
        self.stage.later(Span::minutes(self.dice.pick(&[1, 90])));
        let office = self.stage.office().await;
        let mut tx = self.stage.db.begin().await.unwrap();
        sleepers_wake(&mut tx, &office).await.unwrap();
        tx.commit().await.unwrap();
        let left = self.stage.leaves().await;
        self.sent.extend(left.into_iter().map(|sent| (sent.letter.mail_id, sent.letter.text)));
        true
    }

    /// Looks at everything that somebody outside gets to see.
    async fn nothing_was_heard(&self, seed: usize, posted_before: i64) {
        let conn = self.stage.db.read().await.unwrap();
        let posted: Vec<String> = conn
            .column(
                "select from_name || coalesce(reply_to, '') || recipients || subject || text
                        || coalesce(html, '') || coalesce(mail_references, '')
                        || coalesce(in_reply_to, '')
                   from deliveries where ticket_id is not null and id > $1
                  order by id",
                params![posted_before],
            )
            .await
            .unwrap();
        for letter in posted {
            assert!(!letter.contains(CANARY), "a letter of desk {seed}: {letter}");
        }
        for id in &self.tickets {
            let ticket = self.stage.ticket(*id).await;
            let who = viewer(&conn, ticket.customer).await.unwrap();
            let listed = requests_of(&conn, &who).await.unwrap();
            let seen = seen_by_customer(&conn, &who, &ticket, self.stage.now()).await.unwrap();
            let portal = format!("{listed:?} {ticket:?} {seen:?}");
            assert!(!portal.contains(CANARY), "the portal of desk {seed}: {portal}");
            for message in self.stage.messages(*id).await {
                let mail = mail_view(&conn, *id, message.public_id).await.unwrap();
                let shown = format!("{message:?} {mail:?}");
                assert!(!shown.contains(CANARY), "a message of desk {seed}: {shown}");
            }
        }
    }
}

/// The last letter so far.
async fn posted(stage: &Stage) -> i64 {
    let conn = stage.db.read().await.unwrap();
    conn.scalar("select coalesce(max(id), 0) from deliveries", params![]).await.unwrap()
}

on_both! {
    async fn no_word_of_a_note_leaves_whatever_is_done(db: Db) {
        let stage = Stage::new(db).await;
        let (mut letters, mut done) = (0, [0_usize; ACTIONS]);
        for seed in 0..cases(12) {
            let posted_before = posted(&stage).await;
            let first = stage.dana_writes().await;
            let other = stage.dana_writes().await;
            let mut desk = Desk {
                stage: &stage,
                priya: stage.priya().await,
                dice: Dice::new(u64::try_from(seed).unwrap()),
                tickets: vec![first, other],
                notes: 0,
                undoable: Vec::new(),
                sent: Vec::new(),
                done: [0; ACTIONS],
            };
            for _ in 0..24 {
                desk.act().await;
            }
            desk.somebody_notes(first).await;
            desk.agent_replies(first).await;
            desk.time_goes_by().await;
            desk.nothing_was_heard(seed, posted_before).await;
            letters += desk.sent.len();
            for (all, own) in done.iter_mut().zip(desk.done) {
                *all += own;
            }
        }
        // It counts for nothing unless notes were written, letters left and each action was taken.
        assert!(letters > 10, "{letters}");
        assert!(done.iter().all(|times| *times > 0), "{done:?}");
        let conn = stage.db.read().await.unwrap();
        let kept: i64 =
            conn.scalar("select count(*) from notes where text like '%canary%'", params![]).await.unwrap();
        assert!(kept > 20, "{kept}");
    }
}
