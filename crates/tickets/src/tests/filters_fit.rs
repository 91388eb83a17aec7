//! Filters made up by chance find what a plain look at every ticket finds, on both databases.

use std::collections::BTreeSet;

use accounts::Actor;
use database::{Db, on_both, params};
use files::{FileHash, MediaType};
use kernel::{
    AgentId, CategoryId, CustomerId, InboxId, ProblemId, PublicId, Span, TicketId, Timestamp,
};
use ui::Count;

use super::chance::{Dice, cases};
use super::stage::Stage;
use crate::State;
use crate::desk::reader;
use crate::filter::{Assignee, Cursor, Filter, Sort, StateSet};
use crate::message::StoredFile;
use crate::store::lists;
use crate::ticket::{Channel, Priority};

const TAGS: [&str; 4] = ["refund", "vip", "100%", "a_b"];
/// What is special in a pattern, in another alphabet, and in capitals.
const CUSTOMERS: [(&str, &str); 5] = [
    ("Dana Whitfield", "dana@example.com"),
    ("50% Off_Sale", "sale_50@example.com"),
    ("back\\slash", "slash@example.net"),
    ("zoë müller", "zoe@example.org"),
    ("", "nameless@example.org"),
];
const FROM: [&str; 10] =
    ["dana", "example", "%", "_", "\\", "müller", "whit", "sale_50@example.com", "nobody", ""];
const TICKETS: usize = 45;

/// A ticket as the evaluator knows it.
struct Known {
    id: TicketId,
    inbox: InboxId,
    customer: CustomerId,
    state: State,
    priority: Priority,
    channel: Channel,
    category: Option<CategoryId>,
    problem: Option<ProblemId>,
    assignee: Option<AgentId>,
    created_at: Timestamp,
    last_message_at: Timestamp,
    due_at: Timestamp,
    has_human: bool,
    is_acknowledged: bool,
    has_attachment: bool,
    tags: BTreeSet<&'static str>,
    followers: BTreeSet<AgentId>,
}

struct World {
    stage: Stage,
    dice: Dice,
    customers: Vec<(CustomerId, Vec<String>)>,
    categories: Vec<CategoryId>,
    problems: Vec<ProblemId>,
    all: Vec<Known>,
}

impl World {
    async fn new(db: Db, seed: u64) -> Self {
        let stage = Stage::new(db).await;
        let mut world = Self {
            stage,
            dice: Dice::new(seed),
            customers: Vec::new(),
            categories: Vec::new(),
            problems: Vec::new(),
            all: Vec::new(),
        };
        world.lists_things().await;
        for number in 0..TICKETS {
            world.begins(number).await;
        }
        world.knows_customers().await;
        world
    }

    /// Categories, problems and tags to choose from.
    async fn lists_things(&mut self) {
        let (now, sarah) = (self.stage.now(), self.stage.cast.sarah);
        let mut tx = self.stage.db.begin().await.unwrap();
        for name in ["login", "billing"] {
            let sql = "insert into categories (public_id, name, position) values ($1, $2, 1)
                 returning id";
            let id = tx.scalar(sql, params![PublicId::new(now), name]).await.unwrap();
            self.categories.push(id);
            let sql = "insert into problems (public_id, title, state, created_by, created_at)
                 values ($1, $2, 'open', $3, $4) returning id";
            let values = params![PublicId::new(now), name, sarah, now];
            self.problems.push(tx.scalar(sql, values).await.unwrap());
        }
        for tag in TAGS {
            tx.send("insert into tags (name) values ($1)", params![tag]).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// A ticket begins with a mail, and becomes anything.
    async fn begins(&mut self, number: usize) {
        let (name, address) = CUSTOMERS[number % CUSTOMERS.len()];
        let has_attachment = self.dice.roll(3) == 0;
        let mut mail = self.stage.mail_from(address, name, "A lamp", "It is out.");
        mail.files = (0..usize::from(has_attachment)).map(|_| file()).collect();
        let id = self.stage.comes(&mail).await.ticket;
        let dice = &mut self.dice;
        let cast = &self.stage.cast;
        // Few moments, so that some are the same.
        let (start, days) =
            (self.stage.now(), |dice: &mut Dice| Span::days(kernel::count(dice.roll(9))));
        let known = Known {
            id,
            inbox: dice.pick(&[cast.support, cast.billing]),
            customer: CustomerId(0),
            state: dice.pick(&State::ALL),
            priority: dice.pick(Priority::ALL),
            channel: dice.pick(Channel::ALL),
            category: maybe(dice, &self.categories),
            problem: maybe(dice, &self.problems),
            assignee: maybe(dice, &[cast.priya, cast.mateo]),
            created_at: start - days(dice),
            last_message_at: start + days(dice),
            due_at: start + days(dice),
            has_human: dice.coin(),
            is_acknowledged: dice.coin(),
            has_attachment,
            tags: TAGS.into_iter().filter(|_| dice.roll(3) == 0).collect(),
            followers: [cast.priya, cast.tom].into_iter().filter(|_| dice.roll(3) == 0).collect(),
        };
        let customer = self.becomes(&known).await;
        self.all.push(Known { customer, ..known });
    }

    async fn becomes(&self, known: &Known) -> CustomerId {
        let at = |is: bool| is.then_some(known.created_at);
        let mut tx = self.stage.db.begin().await.unwrap();
        tx.send(
            "update tickets set inbox_id = $2, state = $3, priority = $4, channel = $5,
                category_id = $6, problem_id = $7, assignee_id = $8, created_at = $9,
                last_message_at = $10, due_at = $11, first_replied_at = $12, acknowledged_at = $13
              where id = $1",
            params![
                known.id,
                known.inbox,
                known.state.as_str(),
                known.priority.as_str(),
                known.channel.as_str(),
                known.category,
                known.problem,
                known.assignee,
                known.created_at,
                known.last_message_at,
                known.due_at,
                at(known.has_human),
                at(known.is_acknowledged)
            ],
        )
        .await
        .unwrap();
        for tag in &known.tags {
            let sql = "insert into ticket_tags (ticket_id, tag_id)
                 select $1, id from tags where name = $2";
            tx.send(sql, params![known.id, *tag]).await.unwrap();
        }
        tx.send("delete from followers where ticket_id = $1", params![known.id]).await.unwrap();
        for agent in &known.followers {
            let sql = "insert into followers (ticket_id, agent_id) values ($1, $2)";
            tx.send(sql, params![known.id, *agent]).await.unwrap();
        }
        let sql = "select customer_id from tickets where id = $1";
        let customer = tx.scalar(sql, params![known.id]).await.unwrap();
        tx.commit().await.unwrap();
        customer
    }

    /// Names and addresses, as a person compares them.
    async fn knows_customers(&mut self) {
        let conn = self.stage.db.read().await.unwrap();
        let names: Vec<(CustomerId, String)> =
            conn.all("select id, name from customers", params![]).await.unwrap();
        let addresses: Vec<(CustomerId, String)> =
            conn.all("select customer_id, value from identities", params![]).await.unwrap();
        for (id, name) in names {
            let own = addresses.iter().filter(|(customer, _)| *customer == id);
            let words = own.map(|(_, value)| value.clone()).chain([name.to_lowercase()]).collect();
            self.customers.push((id, words));
        }
    }

    /// A filter with a few conditions.
    fn filter(&mut self) -> Filter {
        let dice = &mut self.dice;
        let cast = &self.stage.cast;
        let start = self.stage.now();
        let mut filter = Filter {
            states: match dice.roll(7) {
                0 | 1 => StateSet::Any,
                2 => StateSet::NeedsReply,
                3 => StateSet::Active,
                4 => StateSet::Done,
                _ => StateSet::One(dice.pick(&State::ALL)),
            },
            ..Filter::default()
        };
        for _ in 0..dice.roll(5) {
            match dice.roll(15) {
                0 => filter.assignee = Some(Assignee::Nobody),
                1 => filter.assignee = Some(Assignee::Agent(dice.pick(&[cast.priya, cast.tom]))),
                2 => filter.inbox = Some(dice.pick(&[cast.support, cast.billing])),
                3 => filter.customer = Some(dice.pick(&self.customers).0),
                4 => filter.category = Some(dice.pick(&self.categories)),
                5 => filter.problem = Some(dice.pick(&self.problems)),
                6 => filter.priority = Some(dice.pick(Priority::ALL)),
                7 => filter.channel = Some(dice.pick(Channel::ALL)),
                8 => filter.from.push(dice.pick(&FROM).to_owned()),
                9 => filter.tags.push(dice.pick(&TAGS).to_owned()),
                10 => filter.not_tags.push(dice.pick(&TAGS).to_owned()),
                11 => filter.created_from = Some(start - Span::days(kernel::count(dice.roll(9)))),
                12 => filter.created_before = Some(start - Span::days(kernel::count(dice.roll(9)))),
                13 => filter.has_attachment = true,
                _ if dice.coin() => filter.without_human = true,
                _ => filter.followed_by = Some(dice.pick(&[cast.priya, cast.tom])),
            }
        }
        filter
    }

    /// The evaluator: every ticket that fits, in the order of the list.
    fn fitting(&self, actor: &Actor, filter: &Filter, sort: Sort) -> Vec<&Known> {
        let fits = |one: &&Known| actor.may_see(one.inbox) && self.fits(one, filter);
        let mut found: Vec<&Known> = self.all.iter().filter(fits).collect();
        found.sort_by_key(|one| key(one, sort));
        if sort == Sort::Newest {
            found.reverse();
        }
        found
    }

    fn fits(&self, one: &Known, filter: &Filter) -> bool {
        let words = self.customers.iter().find(|(id, _)| *id == one.customer).unwrap();
        let is_from = |from: &String| words.1.iter().any(|word| word.contains(from.as_str()));
        let has = |tag: &String| one.tags.contains(tag.as_str());
        fits_state(one.state, filter)
            && match filter.assignee {
                Some(Assignee::Agent(agent)) => one.assignee == Some(agent),
                Some(Assignee::Nobody) => one.assignee.is_none(),
                None => true,
            }
            && filter.inbox.is_none_or(|inbox| one.inbox == inbox)
            && filter.customer.is_none_or(|customer| one.customer == customer)
            && filter.category.is_none_or(|category| one.category == Some(category))
            && filter.problem.is_none_or(|problem| one.problem == Some(problem))
            && filter.priority.is_none_or(|priority| one.priority == priority)
            && filter.channel.is_none_or(|channel| one.channel == channel)
            && filter.created_from.is_none_or(|from| one.created_at >= from)
            && filter.created_before.is_none_or(|before| one.created_at < before)
            && (!filter.without_human || (one.is_acknowledged && !one.has_human && is_ours(one)))
            && filter.from.iter().all(is_from)
            && filter.tags.iter().all(has)
            && !filter.not_tags.iter().any(has)
            && (!filter.has_attachment || one.has_attachment)
            && filter.followed_by.is_none_or(|agent| one.followers.contains(&agent))
    }
}

fn maybe<T: Clone>(dice: &mut Dice, of: &[T]) -> Option<T> {
    dice.coin().then(|| dice.pick(of))
}

fn file() -> StoredFile {
    StoredFile {
        name: "lamp.png".to_owned(),
        media_type: MediaType::of(b"lamp"),
        size_bytes: 4,
        content_id: None,
        hash: FileHash::of(b"lamp"),
    }
}

fn key(one: &Known, sort: Sort) -> (Timestamp, TicketId) {
    match sort {
        Sort::Due => (one.due_at, one.id),
        Sort::Newest | Sort::Oldest => (one.last_message_at, one.id),
    }
}

/// Waits for us, and not for the customer.
fn is_ours(one: &Known) -> bool {
    [State::New, State::Open, State::OnHold, State::Snoozed].contains(&one.state)
}

fn fits_state(state: State, filter: &Filter) -> bool {
    let is_new = matches!(state, State::New | State::Open);
    let has_person = matches!(filter.assignee, Some(Assignee::Agent(_)));
    match filter.states {
        StateSet::Any => !matches!(state, State::Spam | State::Merged),
        StateSet::NeedsReply => is_new || (has_person && state == State::OnHold),
        StateSet::Active => {
            is_new || matches!(state, State::WaitingCustomer | State::OnHold | State::Snoozed)
        }
        StateSet::Done => matches!(state, State::Resolved | State::Closed),
        StateSet::One(one) => state == one,
    }
}

on_both! {
    async fn made_up_filters_find_what_fits(db: Db) {
        let mut world = World::new(db, 71).await;
        let actors = [world.stage.priya().await, world.stage.cast.actor(world.stage.cast.tom).await];
        let mut found_any = 0;
        for case in 0..cases(2_000) {
            let filter = world.filter();
            let actor = world.dice.pick(&actors);
            let sort = world.dice.pick(&[Sort::Due, Sort::Newest, Sort::Oldest]);
            let limit = kernel::count(1 + world.dice.roll(60));
            let skipped = if world.dice.roll(3) == 0 { world.dice.roll(10) } else { 0 };
            let expected = world.fitting(&actor, &filter, sort);
            let after = skipped.checked_sub(1).and_then(|last| expected.get(last)).map(|one| {
                let (at, id) = key(one, sort);
                Cursor { key: at.micros(), id: id.0 }
            });
            let skipped = if after.is_some() { skipped } else { 0 };
            let conn = world.stage.db.read_list().await.unwrap();
            let who = reader(&actor);
            let rows = lists::page(&conn, who, &filter, sort, after, limit).await.unwrap();
            let rows: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
            let ids: Vec<TicketId> = expected.iter().map(|one| one.id).collect();
            let wanted: Vec<TicketId> =
                ids.iter().copied().skip(skipped).take(kernel::length(limit)).collect();
            assert_eq!(rows, wanted, "case {case}, by {sort:?}: {filter:?}");
            found_any += usize::from(!ids.is_empty());
            if case % 4 == 0 {
                let counts = lists::count(&conn, who, std::slice::from_ref(&filter)).await.unwrap();
                let count = kernel::count(ids.len()).min(Count::MAX + 1);
                assert_eq!(counts, [Count(count)], "case {case}: {filter:?}");
                let all: Vec<TicketId> = world.all.iter().map(|one| one.id).collect();
                let mut fitting = lists::fitting(&conn, who, &filter, &all).await.unwrap();
                fitting.sort_unstable();
                let mut ids = ids;
                ids.sort_unstable();
                assert_eq!(fitting, ids, "case {case}: {filter:?}");
            }
        }
        // Not about nothing.
        assert!(found_any * 4 > cases(2_000), "{found_any}");
    }
}
