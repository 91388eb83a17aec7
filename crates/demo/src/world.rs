//! The whole world in the order in which it happened, one thing at a time.
//!
//! Only what has begun and not yet ended is held, so that memory does not grow with the world.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use kernel::{CustomerId, Span, TicketId, Timestamp};
use tickets::Ticket;

use crate::fate::{Calendar, Fate};
use crate::people::{People, Person};
use crate::phrases::Phrases;
use crate::plan::{Seed, tell};
use crate::rng::Rng;
use crate::shop::{INBOXES, Shop};
use crate::story::{Extras, Moment, Story};

/// What world is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub tickets: u32,
    pub seed: u64,
    /// The moment up to which things have happened.
    pub now: Timestamp,
}

/// The ids that are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    pub(crate) ticket: i64,
    pub(crate) customer: i64,
}

/// What a moment belongs to.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) person: Person,
    /// Index of the inbox.
    pub(crate) inbox: usize,
}

/// One thing that is new in the world.
pub(crate) enum New {
    /// Somebody wrote for the first time; whether their address was proved by that.
    Person(Person, bool),
    /// A ticket as it is in the end, with what belongs to it.
    Ticket(Box<(Ticket, Extras)>),
    Moment(Arc<Scene>, Box<Moment>),
}

pub(crate) struct World {
    order: Order,
    calendar: Calendar,
    shop: Arc<Shop>,
    phrases: Phrases,
    people: People,
    rng: Rng,
    next_index: i64,
    first: First,
    met: i64,
    /// Those who may write again.
    known: Vec<Known>,
    /// The second of two mails about the same, told with the first.
    second: Option<Story>,
    ahead: BinaryHeap<Reverse<Ahead>>,
    count_ahead: u64,
    ready: VecDeque<New>,
}

struct Known {
    person: Person,
    ticket: TicketId,
}

/// How many people are remembered as those who write again.
const KNOWN_MAX: usize = 4_096;
/// How many of a hundred tickets come from somebody new.
const NEW_PEOPLE: i64 = 62;

/// A moment that is still to come.
struct Ahead {
    at: Timestamp,
    turn: u64,
    scene: Arc<Scene>,
    moment: Moment,
}

impl PartialEq for Ahead {
    fn eq(&self, other: &Self) -> bool {
        self.turn == other.turn
    }
}

impl Eq for Ahead {}

impl PartialOrd for Ahead {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ahead {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

impl World {
    pub(crate) fn new(order: Order, shop: Arc<Shop>, first: First) -> Result<Self> {
        Ok(Self {
            order,
            calendar: Calendar::new(order.tickets, order.now),
            shop,
            phrases: Phrases::load(),
            people: People::load()?,
            rng: Rng::of(order.seed, 0),
            next_index: 0,
            first,
            met: 0,
            known: Vec::new(),
            second: None,
            ahead: BinaryHeap::new(),
            count_ahead: 0,
            ready: VecDeque::new(),
        })
    }

    /// The next new thing; none when everything has happened.
    pub(crate) fn next(&mut self) -> Result<Option<New>> {
        if let Some(new) = self.ready.pop_front() {
            return Ok(Some(new));
        }
        let total = i64::from(self.order.tickets);
        let arrival = (self.next_index < total).then(|| self.arrival(self.next_index));
        let is_next = |ahead: &Ahead| arrival.is_none_or(|arrival| ahead.at <= arrival);
        if self.ahead.peek().is_some_and(|Reverse(ahead)| is_next(ahead)) {
            let Reverse(ahead) = self.ahead.pop().context("what was seen")?;
            return Ok(Some(New::Moment(ahead.scene, Box::new(ahead.moment))));
        }
        let Some(arrival) = arrival else { return Ok(None) };
        self.arrive(arrival)?;
        Ok(self.ready.pop_front())
    }

    fn arrival(&self, index: i64) -> Timestamp {
        self.calendar.arrival(index, &mut self.dice_of(index, 1))
    }

    /// The numbers of one ticket, whatever came before it.
    fn dice_of(&self, index: i64, purpose: u64) -> Rng {
        Rng::of(self.order.seed.rotate_left(17), index.unsigned_abs() * 4 + purpose)
    }

    fn arrive(&mut self, at: Timestamp) -> Result<()> {
        let index = self.next_index;
        self.next_index += 1;
        if let Some(story) = self.second.take() {
            self.hand_out(story);
            return Ok(());
        }
        let mut rng = self.dice_of(index, 2);
        let inbox = inbox(&mut rng, self.order.now.since(at));
        let within = Span::minutes(INBOXES.get(inbox).context("an inbox")?.reply_within_minutes);
        let fate = self.calendar.fate(index, at, within, &mut rng);
        let (person, earlier) = self.who(fate, at)?;
        let again_at = self.again_at(fate, index, at, &mut rng);
        let seed = Seed {
            shop: &self.shop,
            phrases: &self.phrases,
            rng,
            id: TicketId(self.first.ticket + index),
            inbox,
            person,
            fate,
            at,
            now: self.order.now,
            earlier,
            again_at,
        };
        let (story, second) = tell(seed)?;
        self.second = second;
        self.hand_out(story);
        Ok(())
    }

    /// Whether the next ticket is the same mail once more, and when it comes.
    fn again_at(&self, fate: Fate, index: i64, at: Timestamp, rng: &mut Rng) -> Option<Timestamp> {
        let may = fate != Fate::Spam && index + 1 < i64::from(self.order.tickets);
        let again = (may && rng.chance(2)).then(|| self.arrival(index + 1))?;
        let soon = again.since(at) < Span::hours(8);
        let known = again.since(at) > Span::ZERO && self.order.now.since(again) > Span::hours(1);
        (soon && known).then_some(again)
    }

    /// Who writes, and which ticket they had before.
    fn who(&mut self, fate: Fate, at: Timestamp) -> Result<(Person, Option<TicketId>)> {
        let id = CustomerId(self.first.customer + self.met);
        if fate == Fate::Spam {
            self.met += 1;
            let person = self.people.stranger(id, at)?;
            self.ready.push_back(New::Person(person.clone(), false));
            return Ok((person, None));
        }
        let ticket = TicketId(self.first.ticket + self.next_index - 1);
        if !self.rng.chance(NEW_PEOPLE) && !self.known.is_empty() {
            let chosen = self.rng.below(self.known.len());
            let known = self.known.get_mut(chosen).context("somebody known")?;
            // Nobody writes about two things in three days.
            if at.since(known.person.wrote_at) > Span::days(3) {
                let earlier = std::mem::replace(&mut known.ticket, ticket);
                known.person.wrote_at = at;
                return Ok((known.person.clone(), Some(earlier)));
            }
        }
        self.met += 1;
        let person = self.people.meet(&mut self.rng, id, at)?;
        self.ready.push_back(New::Person(person.clone(), true));
        let known = Known { person: person.clone(), ticket };
        if self.known.len() < KNOWN_MAX {
            self.known.push(known);
        } else {
            let replaced = self.rng.below(KNOWN_MAX);
            *self.known.get_mut(replaced).context("somebody known")? = known;
        }
        Ok((person, None))
    }

    fn hand_out(&mut self, story: Story) {
        let Story { ticket, person, inbox, moments, extras } = story;
        self.ready.push_back(New::Ticket(Box::new((ticket, extras))));
        let scene = Arc::new(Scene { person, inbox });
        for moment in moments {
            self.count_ahead += 1;
            let (at, turn) = (moment.at, self.count_ahead);
            self.ahead.push(Reverse(Ahead { at, turn, scene: scene.clone(), moment }));
        }
    }
}

/// Which inbox a mail of this age came to. Of those that came lately, more than their share went
/// where the answer is due soon, so that a list always has something that is pressing.
fn inbox(rng: &mut Rng, age: Span) -> usize {
    let is_due_soon = |within: i64| {
        let left = Span::minutes(within).as_micros() - age.as_micros();
        (0..Span::hours(3).as_micros()).contains(&left)
    };
    let pressing = INBOXES.iter().position(|inbox| is_due_soon(inbox.reply_within_minutes));
    if let Some(inbox) = pressing.filter(|_| rng.chance(60)) {
        return inbox;
    }
    let mut dice = rng.below(INBOXES.iter().map(|inbox| inbox.share).sum());
    let found = INBOXES.iter().position(|inbox| {
        let found = dice < inbox.share;
        dice = dice.saturating_sub(inbox.share);
        found
    });
    found.unwrap_or(0)
}
