//! A filled world equals one in which everything was done by the program's own actions.

use std::collections::HashSet;
use std::sync::Arc;

use accounts::{Accounts, Actor};
use database::{Db, on_both, params};
use kernel::{AgentId, ManualClock, TicketId, Timestamp};
use keys::Keys;
use live::Hub;
use outbox::Recipients;
use tickets::StoredFile;
use tickets::actions::{
    Incoming, LinkKind, NewNote, Office, Reply, ReplyTokens, Sender, edit, link, merge, post_note,
    receive, reply, set_problem, sleepers_wake, spent_tickets_close,
};
use ui::{Catalog, Site};

use super::dump::{TABLES, assert_same, lines, words};
use super::whole::{filled, order};
use crate::attached;
use crate::batch::{File, check_detail};
use crate::fate::Calendar;
use crate::rng::Rng;
use crate::store::{ids, shop};
use crate::story::{Act, Mail, Moment, REOPEN_PERIOD};
use crate::world::{New, Order, Scene, World};

/// Does by hand what the fill only writes down.
struct Life {
    db: Db,
    clock: Arc<ManualClock>,
    accounts: Accounts,
    keys: Keys,
    inboxes: Vec<kernel::InboxId>,
    files: Vec<File>,
    begun: HashSet<TicketId>,
}

async fn live_through(db: &Db, order: &Order) {
    let mut tx = db.begin().await.unwrap();
    let (first, _) = ids::free(&mut tx).await.unwrap();
    let opening = Calendar::new(order.tickets, order.now).opening();
    let mut rng = Rng::of(order.seed, 9);
    let shop = shop::open(&mut tx, &mut rng, "-", opening, order.now).await.unwrap();
    tx.commit().await.unwrap();
    let clock = ManualClock::at(opening);
    let messages = &[ui::MESSAGES_EN, accounts::MESSAGES_EN, tickets::MESSAGES_EN];
    let site = Site {
        catalog: Arc::new(Catalog::new(&[("en", messages)]).unwrap()),
        clock: clock.clone(),
        base_url: "http://localhost:8080".into(),
        is_https: false,
    };
    let keys = Keys::from_master(&[7; 32]);
    let hub = Hub::new(db.clone(), clock.clone());
    let mut life = Life {
        db: db.clone(),
        accounts: Accounts::new(db.clone(), site, hub, keys.clone()),
        clock,
        keys,
        inboxes: shop.inboxes.iter().map(|inbox| inbox.id).collect(),
        files: attached::store(&super::whole::storage()).await.unwrap(),
        begun: HashSet::new(),
    };
    let mut world = World::new(*order, shop, first).unwrap();
    while let Some(new) = world.next().unwrap() {
        if let New::Moment(scene, moment) = new {
            life.happens(&scene, *moment).await;
        }
    }
}

impl Life {
    async fn actor(&self, id: AgentId) -> Actor {
        self.accounts.actor(id).await.unwrap().unwrap()
    }

    async fn happens(&mut self, scene: &Scene, moment: Moment) {
        let Moment { ticket, at, act, .. } = moment;
        self.clock.set(at);
        let office = Office::open(&self.accounts, &self.keys).await.unwrap();
        let mut whole = self.db.begin().await.unwrap();
        let tx = &mut whole;
        match act {
            Act::Wrote(mail) => {
                let incoming = self.incoming(scene, ticket, *mail, at);
                let received = receive(tx, &office, &incoming).await.unwrap();
                assert_eq!(received.ticket, ticket);
            }
            Act::Replied { by, reply: said } => {
                let said = Reply {
                    text: said.text,
                    then: said.then,
                    resolution: said.resolution,
                    cause: said.cause,
                    ..Reply::default()
                };
                let actor = self.actor(by).await;
                reply(tx, &office, &actor, ticket, &said).await.unwrap();
            }
            Act::Edited { by, edit: change } => {
                let actor = self.actor(by).await;
                edit(tx, &office, &actor, ticket, &change).await.unwrap();
            }
            Act::ProblemSet { by, problem } => {
                let actor = self.actor(by).await;
                set_problem(tx, &office, &actor, ticket, Some(problem)).await.unwrap();
            }
            Act::Noted { by, text, .. } => {
                let note = NewNote { text, uploads: Vec::new() };
                let actor = self.actor(by).await;
                post_note(tx, &office, &actor, ticket, &note).await.unwrap();
            }
            Act::Linked { by, other } => {
                let actor = self.actor(by).await;
                link(tx, &office, &actor, ticket, other, LinkKind::Related).await.unwrap();
            }
            Act::Merged { by, other } => {
                let actor = self.actor(by).await;
                merge(tx, &office, &actor, other, ticket).await.unwrap();
            }
            Act::Read { by } => read(tx, ticket, by, at).await,
            Act::Woke => assert_eq!(sleepers_wake(tx, &office).await.unwrap(), 1),
            Act::Closed => {
                let closed = spent_tickets_close(tx, &office, REOPEN_PERIOD).await.unwrap();
                assert_eq!(closed, 1);
            }
        }
        whole.commit().await.unwrap();
    }

    fn incoming(&mut self, scene: &Scene, id: TicketId, mail: Mail, at: Timestamp) -> Incoming {
        let goes_on = !self.begun.insert(id);
        let file = |index: &usize| {
            let file = &self.files[*index];
            StoredFile {
                hash: files::FileHash::read(&file.hash).unwrap(),
                name: file.name.to_owned(),
                media_type: files::MediaType::named(file.media_type),
                size_bytes: file.size_bytes,
                content_id: None,
            }
        };
        Incoming {
            inbox: self.inboxes[scene.inbox],
            channel: mail.channel,
            sender: Sender {
                name: scene.person.name.clone(),
                address: Some(scene.person.address.clone()),
                check: mail.check,
                check_detail: check_detail(mail.check).to_owned(),
            },
            recipients: Recipients { cc: mail.cc, ..Recipients::default() },
            subject: mail.subject,
            text: mail.text,
            quoted: mail.quoted,
            html: mail.html,
            files: mail.files.iter().map(file).collect(),
            mail_id: Some(mail.mail_id),
            references: mail.references,
            // The answer goes to the address that proves where it belongs.
            tokens: ReplyTokens { ticket: goes_on.then_some(id), ..ReplyTokens::default() },
            is_automatic: false,
            must_not_be_answered: false,
            is_history: false,
            language: Some(scene.person.language.to_owned()),
            ledger: None,
            category: None,
            fields: Vec::new(),
            received_at: at,
        }
    }
}

/// What opening the page of a ticket does.
async fn read(tx: &mut database::Tx, ticket: TicketId, by: AgentId, at: Timestamp) {
    tx.execute(
        "insert into ticket_reads (agent_id, ticket_id, read_at) values ($1, $2, $3)
         on conflict (agent_id, ticket_id) do update set read_at = excluded.read_at",
        params![by, ticket, at],
    )
    .await
    .unwrap();
    tx.execute(
        "update notifications set read_at = $3
          where agent_id = $1 and ticket_id = $2 and read_at is null",
        params![by, ticket, at],
    )
    .await
    .unwrap();
}

on_both! {
    async fn the_filled_world_is_the_one_that_was_lived_through(db: Db) {
        let order = order(160, 5);
        filled(&db, &order).await;
        let lived = if db.engine() == database::Engine::Sqlite {
            database::testing::sqlite().await
        } else {
            database::testing::postgres().await.unwrap()
        };
        live_through(&lived, &order).await;
        for table in TABLES {
            assert_same(&lines(&lived, *table).await, &lines(&db, *table).await);
        }
        assert_same(&words(&lived).await, &words(&db).await);
    }
}
