//! The shop with its customers, and short words for what they do.

use accounts::Actor;
use accounts::testing::Cast;
use database::{Db, params};
use kernel::{AgentId, InboxId, PublicId, Span, TicketId, Timestamp};
use keys::Keys;
use outbox::{Recipients, Sending};

use crate::SenderCheck;
use crate::actions::{
    Edit, Edited, Incoming, NewNote, Office, Received, Replied, Reply, ReplyTokens, Sender, edit,
    post_note, receive, reply, spent_tickets_close, undo,
};
use crate::message::Message;
use crate::store::{entries, tickets};
use crate::ticket::{Channel, Ticket};

pub(crate) struct Stage {
    pub(crate) cast: Cast,
    pub(crate) db: Db,
}

pub(crate) const MESSAGES: &[&str] = &[ui::MESSAGES_EN, accounts::MESSAGES_EN, crate::MESSAGES_EN];

impl Stage {
    pub(crate) async fn new(db: Db) -> Self {
        let cast = Cast::new(db.clone(), MESSAGES).await;
        Self { cast, db }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.cast.accounts.now()
    }

    pub(crate) fn later(&self, span: Span) {
        self.cast.clock.advance(span);
    }

    pub(crate) fn keys() -> Keys {
        Keys::from_master(&[7; 32])
    }

    pub(crate) async fn office(&self) -> Office {
        Office::open(&self.cast.accounts, &Self::keys()).await.unwrap()
    }

    pub(crate) async fn priya(&self) -> Actor {
        self.cast.actor(self.cast.priya).await
    }

    /// A mail from Dana to support, as plain as mails are.
    pub(crate) fn mail(&self, subject: &str, text: &str) -> Incoming {
        self.mail_from("dana@example.com", "Dana Whitfield", subject, text)
    }

    pub(crate) fn mail_from(
        &self,
        address: &str,
        name: &str,
        subject: &str,
        text: &str,
    ) -> Incoming {
        Incoming {
            inbox: self.cast.support,
            channel: Channel::Email,
            sender: Sender {
                name: name.to_owned(),
                address: Some(address.parse().unwrap()),
                check: SenderCheck::Pass,
                check_detail: "{}".to_owned(),
            },
            recipients: Recipients::default(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            quoted: String::new(),
            html: None,
            files: Vec::new(),
            mail_id: Some(format!("{}@example.com", PublicId::new(self.now()))),
            references: Vec::new(),
            tokens: ReplyTokens::default(),
            is_automatic: false,
            must_not_be_answered: false,
            is_history: false,
            language: None,
            ledger: None,
            category: None,
            fields: Vec::new(),
            received_at: self.now(),
        }
    }

    pub(crate) async fn comes(&self, incoming: &Incoming) -> Received {
        let office = self.office().await;
        let mut tx = self.db.begin().await.unwrap();
        let received = receive(&mut tx, &office, incoming).await.unwrap();
        tx.commit().await.unwrap();
        received
    }

    /// Dana writes and a ticket begins.
    pub(crate) async fn dana_writes(&self) -> TicketId {
        let mail = self.mail("Refund for Web Design Foundations", "I would like my money back.");
        self.comes(&mail).await.ticket
    }

    pub(crate) async fn answers(&self, ticket: TicketId, text: &str) -> Replied {
        let actor = self.priya().await;
        let answer = Reply { text: text.to_owned(), ..Reply::default() };
        self.sends(&actor, ticket, &answer).await
    }

    pub(crate) async fn sends(&self, actor: &Actor, ticket: TicketId, answer: &Reply) -> Replied {
        let office = self.office().await;
        let mut tx = self.db.begin().await.unwrap();
        let replied = reply(&mut tx, &office, actor, ticket, answer).await.unwrap();
        tx.commit().await.unwrap();
        replied
    }

    pub(crate) async fn notes(&self, ticket: TicketId, text: &str) {
        let (office, actor) = (self.office().await, self.priya().await);
        let mut tx = self.db.begin().await.unwrap();
        let note = NewNote { text: text.to_owned(), uploads: vec![] };
        post_note(&mut tx, &office, &actor, ticket, &note).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn edits(&self, ticket: TicketId, change: Edit) -> Edited {
        let (office, actor) = (self.office().await, self.priya().await);
        let mut tx = self.db.begin().await.unwrap();
        let edited = edit(&mut tx, &office, &actor, ticket, &change).await.unwrap();
        tx.commit().await.unwrap();
        edited
    }

    pub(crate) async fn takes_back(&self, undoable: PublicId) -> Result<(), String> {
        let (office, actor) = (self.office().await, self.priya().await);
        let mut tx = self.db.begin().await.unwrap();
        match undo(&mut tx, &office, &actor, undoable).await {
            Ok(_) => {
                tx.commit().await.unwrap();
                Ok(())
            }
            Err(kernel::Failure::Refused(refusal)) => Err(refusal.to_string()),
            Err(kernel::Failure::Broken(fault)) => panic!("{fault:#}"),
        }
    }

    /// The time to come back is over for a resolved ticket.
    pub(crate) async fn is_closed(&self, ticket: TicketId) {
        let office = self.office().await;
        let mut tx = self.db.begin().await.unwrap();
        spent_tickets_close(&mut tx, &office, Span::ZERO).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(self.ticket(ticket).await.state, crate::State::Closed);
    }

    pub(crate) async fn ticket(&self, id: TicketId) -> Ticket {
        tickets::find(&self.db.read().await.unwrap(), id).await.unwrap().unwrap()
    }

    pub(crate) async fn messages(&self, id: TicketId) -> Vec<Message> {
        entries::messages(&self.db.read().await.unwrap(), id, None, 100).await.unwrap()
    }

    /// The kinds of facts on the timeline.
    pub(crate) async fn facts(&self, id: TicketId) -> Vec<String> {
        let conn = self.db.read().await.unwrap();
        let all = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let events = entries::events_between(&conn, id, all.0, all.1, 100).await.unwrap();
        events.into_iter().map(|event| event.fact.kind()).collect()
    }

    /// Everything that leaves by now, as the sender of mail gets it.
    pub(crate) async fn leaves(&self) -> Vec<Sending> {
        let now = self.now();
        let due = outbox::inboxes_due(&self.db.read().await.unwrap(), now, &[]).await.unwrap();
        let shares: Vec<_> = due.into_iter().map(|inbox| (inbox, 100)).collect();
        outbox::claim(&self.db, now, Span::seconds(60), &shares).await.unwrap()
    }

    pub(crate) async fn move_to(&self, ticket: TicketId, inbox: InboxId) {
        let (office, actor) = (self.office().await, self.cast.actor(self.cast.mateo).await);
        let mut tx = self.db.begin().await.unwrap();
        edit(&mut tx, &office, &actor, ticket, &Edit::Inbox(inbox)).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn told(&self, agent: AgentId) -> Vec<String> {
        let conn = self.db.read().await.unwrap();
        conn.column(
            "select kind from notifications where agent_id = $1 order by id",
            params![agent],
        )
        .await
        .unwrap()
    }
}
