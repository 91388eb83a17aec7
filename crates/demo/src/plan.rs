//! Thinks up the story of a ticket. Pure.

use anyhow::{Context, Result};
use kernel::{AgentId, Span, TicketId, Timestamp};
use tickets::actions::Edit;
use tickets::{Priority, Resolution, State, Then};

use crate::fate::{Fate, working};
use crate::letters::{self, Pen, spam};
use crate::people::Person;
use crate::phrases::{Facts, Phrases};
use crate::rng::Rng;
use crate::shop::{AgentCard, COMMON_ISSUES, INBOXES, ISSUES, Shop};
use crate::story::{Reply, Story};

/// What a story begins from.
pub(crate) struct Seed<'w> {
    pub(crate) shop: &'w Shop,
    pub(crate) phrases: &'w Phrases,
    pub(crate) rng: Rng,
    pub(crate) id: TicketId,
    pub(crate) inbox: usize,
    pub(crate) person: Person,
    pub(crate) fate: Fate,
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
    /// An earlier ticket of the same person.
    pub(crate) earlier: Option<TicketId>,
    /// When the same person sends the same again, in the next ticket.
    pub(crate) again_at: Option<Timestamp>,
}

/// Who tells it.
struct Teller<'w> {
    shop: &'w Shop,
    pen: Pen<'w>,
    story: Story,
    agent: &'w AgentCard,
    lead: &'w AgentCard,
    now: Timestamp,
}

/// The story, and the one that was merged into it.
pub(crate) fn tell(seed: Seed<'_>) -> Result<(Story, Option<Story>)> {
    if seed.fate == Fate::Spam {
        return Ok((unwanted(seed)?, None));
    }
    let Seed { shop, phrases, mut rng, id, inbox, person, fate, at, now, earlier, again_at } = seed;
    let plan = INBOXES.get(inbox).context("an inbox")?;
    let (issue, language) = issue_of(&mut rng, phrases, plan.issues, person.language)?;
    let facts = facts(&mut rng, plan.products, &person, at);
    let subject = String::new();
    let mut pen = Pen { phrases, rng, issue, language, facts, subject, thread: Vec::new() };
    let answering = shop.answering(inbox);
    let agent = *pen.rng.pick(&answering).context("somebody who answers")?;
    let lead = *answering.iter().find(|one| one.role == accounts::Role::Lead).unwrap_or(&agent);
    let peer = *pen.rng.pick(&answering).context("somebody who answers")?;
    peer.first_name().clone_into(&mut pen.facts.peer);
    let mail = pen.first(&person, at);
    let story = Story::begin(id, shop, inbox, person, mail, at)?;
    let mut teller = Teller { shop, pen, story, agent, lead, now };
    let second = again_at.map(|at| teller.sent_again(at)).transpose()?;
    teller.sort(fate, peer)?;
    if let Some(earlier) = earlier.filter(|_| teller.pen.rng.chance(12)) {
        let at = teller.soon(Span::minutes(2));
        teller.story.linked(lead, earlier, at)?;
    }
    teller.go(fate)?;
    teller.end(fate)?;
    Ok((teller.story, second))
}

fn unwanted(seed: Seed<'_>) -> Result<Story> {
    let Seed { shop, phrases, mut rng, id, inbox, person, at, now, .. } = seed;
    let mail = spam(phrases, &mut rng, &person, at);
    let mut story = Story::begin(id, shop, inbox, person, mail, at)?;
    let answering = shop.answering(inbox);
    let agent = rng.pick(&answering).context("somebody who answers")?;
    let room = now.since(at).as_seconds() / 3;
    let at = at + Span::seconds(rng.between(1, room.clamp(1, 6 * 3_600)));
    story.edited(agent, Edit::Spam, at)?;
    Ok(story)
}

fn issue_of(
    rng: &mut Rng,
    phrases: &Phrases,
    issues: &'static [&'static str],
    language: &'static str,
) -> Result<(&'static crate::shop::Issue, &'static str)> {
    let own = language != "en" && phrases.has(language, "hello") && rng.chance(78);
    let (key, language) =
        if own { (rng.pick(&COMMON_ISSUES), language) } else { (rng.pick(issues), "en") };
    let key = key.context("an issue")?;
    let issue = ISSUES.iter().find(|issue| issue.key == *key).context("an issue")?;
    Ok((issue, language))
}

fn facts(
    rng: &mut Rng,
    products: &'static [&'static str],
    person: &Person,
    at: Timestamp,
) -> Facts {
    let bought = at - Span::days(rng.between(1, 40));
    let price = rng.pick(&[19, 29, 39, 49, 59, 79, 99, 149]).copied().unwrap_or(49);
    let mark = if person.language == "en" { "$" } else { "€" };
    Facts {
        given: person.given.clone(),
        agent: String::new(),
        peer: String::new(),
        product: rng.pick(products).copied().unwrap_or_default(),
        order: format!("NL-{}", rng.between(100_000, 999_999)),
        amount: format!("{mark}{price}.00"),
        date: letters::date(bought),
        year: rng.between(2_019, 2_025).to_string(),
        code: format!("{}{}", if rng.chance(50) { "NORTH" } else { "LIGHT" }, rng.between(10, 99)),
        digits: rng.between(1_000, 9_999).to_string(),
        lesson: rng.between(2, 24).to_string(),
        page: rng.between(11, 380).to_string(),
        version: format!("{}.{}", rng.between(2, 6), rng.between(0, 14)),
    }
}

impl Teller<'_> {
    /// A moment after the last one: after about `delay`, while somebody works, and always with
    /// room for more before now.
    fn later(&mut self, delay: Span) -> Timestamp {
        let last = self.story.last_at();
        let room = (self.now.since(last).as_micros() / 3).max(1);
        let wanted = self.pen.rng.between(delay.as_micros() / 3, delay.as_micros() * 5 / 3);
        let raw = last + Span::micros(wanted.clamp(1, room));
        let fit = working(raw);
        if fit.since(last).as_micros() < room * 2 { fit } else { raw }
    }

    /// A moment right after the last one, of the same sitting.
    fn soon(&mut self, delay: Span) -> Timestamp {
        let last = self.story.last_at();
        let room = (self.now.since(last).as_micros() / 3).max(1);
        let wanted = self.pen.rng.between(delay.as_micros() / 3, delay.as_micros());
        last + Span::micros(wanted.clamp(1, room))
    }

    /// A moment of the customer's, who knows no office hours.
    fn their_time(&mut self, delay: Span) -> Timestamp {
        self.soon(Span::micros(delay.as_micros() * 2))
    }

    /// The same mail a second time; whoever sees both makes them one.
    fn sent_again(&mut self, at: Timestamp) -> Result<Story> {
        let first = &self.story;
        let id = TicketId(first.ticket.id.0 + 1);
        let person = first.person.clone();
        let subject = self.pen.subject.clone();
        let mut mail = self.pen.follow_up(&person, "nudge", at);
        mail.subject = subject;
        mail.quoted = String::new();
        mail.references = Vec::new();
        let mut second = Story::begin(id, self.shop, self.story.inbox, person, mail, at)?;
        let room = (self.now.since(at).as_micros() / 3).max(1);
        let wanted = self.pen.rng.between(300_000_000, 5_400_000_000);
        let at = at + Span::micros(wanted.clamp(1, room));
        self.story.merge(&mut second, self.lead, at)?;
        Ok(second)
    }

    /// What is done when a ticket is looked at for the first time.
    fn sort(&mut self, fate: Fate, peer: &AgentCard) -> Result<()> {
        let untouched = fate == Fate::New && !self.pen.rng.chance(35);
        if untouched {
            return Ok(());
        }
        let lead = self.lead;
        let at = self.later(Span::hours(2));
        let category = self.pen.issue.category;
        if let Some(id) = self.shop.categories.get(category).filter(|_| self.pen.rng.chance(75)) {
            self.story.categorised(lead, (*id, category), at)?;
        }
        for tag in self.pen.issue.tags {
            if self.pen.rng.chance(40) && self.shop.tag(tag).is_some() {
                let at = self.soon(Span::seconds(40));
                self.story.edited(lead, Edit::Tag((*tag).to_owned()), at)?;
            }
        }
        if self.pen.rng.chance(14) {
            let priorities = [Priority::Low, Priority::High, Priority::High, Priority::Urgent];
            let priority = *self.pen.rng.pick(&priorities).context("a priority")?;
            let at = self.soon(Span::seconds(30));
            self.story.edited(lead, Edit::Priority(priority), at)?;
        }
        if self.pen.rng.chance(15) {
            let team = usize::from(matches!(self.story.inbox, 1 | 3));
            let team = if self.story.inbox == 4 { 2 } else { team };
            let at = self.soon(Span::seconds(30));
            self.story.given_to_team(lead, self.shop, team, at)?;
        }
        if fate == Fate::New {
            return Ok(());
        }
        self.take()?;
        self.remember(peer)
    }

    fn take(&mut self) -> Result<()> {
        if self.pen.rng.chance(65) {
            let by = if self.pen.rng.chance(60) { self.agent } else { self.lead };
            let at = self.soon(Span::minutes(10));
            self.story.edited(by, Edit::Assign(Some(self.agent.id)), at)?;
        }
        if self.pen.rng.chance(18) {
            let value = self.pen.facts.order.clone();
            let at = self.soon(Span::minutes(5));
            self.story.filled(self.agent, self.shop, (0, value), at)?;
        }
        let problem = match self.pen.issue.key {
            "download" => Some(0),
            "conflict" => Some(1),
            "cert" => Some(2),
            _ => None,
        };
        if let Some(problem) = problem.filter(|_| self.pen.rng.chance(15)) {
            let at = self.soon(Span::minutes(5));
            self.story.problem_found(self.agent, self.shop, problem, at)?;
        }
        Ok(())
    }

    /// Notes for the team.
    fn remember(&mut self, peer: &AgentCard) -> Result<()> {
        if !self.pen.rng.chance(16) {
            return Ok(());
        }
        let asks = peer.id != self.agent.id && self.pen.rng.chance(45);
        let mut mentions: Vec<AgentId> = Vec::new();
        let text = if asks {
            mentions.push(peer.id);
            self.pen.english("mention")
        } else {
            self.pen.note()
        };
        let at = self.soon(Span::minutes(12));
        self.story.noted(self.agent, text, mentions, at)?;
        if asks && self.pen.rng.chance(70) {
            let at = self.later(Span::minutes(50));
            self.story.read(peer.id, at)?;
            if self.pen.rng.chance(70) {
                let text = self.pen.note();
                let at = self.soon(Span::minutes(6));
                self.story.noted(peer, text, Vec::new(), at)?;
            }
        }
        Ok(())
    }

    fn reply(&mut self, section: &str, then: Then, ends: Option<Resolution>) -> Result<()> {
        let delay = Span::hours(self.pen.rng.between(1, 9));
        let at = self.later(delay);
        self.story.pass(at)?;
        let card = self.shop.inboxes.get(self.story.inbox).context("an inbox")?;
        let from = letters::shown_from(card);
        let (text, mail_id) = self.pen.answer(self.agent, &from, section, at);
        let cause = match ends {
            Some(_) if self.pen.rng.chance(55) => {
                self.pen.rng.pick(self.pen.issue.causes).map(|cause| (*cause).to_owned())
            }
            _ => None,
        };
        let reply = Reply { text, mail_id, then, resolution: ends, cause };
        self.story.replied(self.agent, reply, at)
    }

    fn customer(&mut self, section: &str, delay: Span) -> Result<()> {
        let at = self.their_time(delay);
        self.story.pass(at)?;
        let person = self.story.person.clone();
        let mail = self.pen.follow_up(&person, section, at);
        self.story.wrote(self.shop, mail, at)
    }

    fn hold(&mut self, until: Timestamp) -> Result<()> {
        let reason = self.pen.english("hold");
        let at = self.later(Span::hours(2));
        let next_update_at = until.max(at + Span::minutes(1));
        self.story.edited(self.agent, Edit::Hold { reason, next_update_at }, at)
    }

    fn snooze(&mut self, until: Timestamp) -> Result<()> {
        let at = self.later(Span::hours(2));
        let until = until.max(at + Span::minutes(1));
        self.story.edited(self.agent, Edit::Snooze { until }, at)
    }

    /// A date in the coming days, on the hour.
    fn coming(&mut self) -> Timestamp {
        let hours = self.pen.rng.between(1, 90);
        self.now + Span::hours(hours)
    }

    /// The course of the story up to its fate.
    fn go(&mut self, fate: Fate) -> Result<()> {
        let good = if self.pen.rng.chance(70) { Resolution::Solved } else { Resolution::Answered };
        match fate {
            Fate::New | Fate::Spam => {
                if self.pen.rng.chance(10) {
                    self.customer("nudge", Span::hours(20))?;
                }
            }
            Fate::Taken => {}
            Fate::WroteAgain => {
                let (ours, theirs) =
                    if self.pen.rng.chance(50) { ("asked", "told") } else { ("answer", "more") };
                self.reply(ours, Then::Wait, None)?;
                self.customer(theirs, Span::hours(9))?;
                if self.pen.rng.chance(12) {
                    self.customer("nudge", Span::hours(20))?;
                }
            }
            Fate::Waiting => {
                let section = if self.pen.rng.chance(60) { "asked" } else { "answer" };
                self.reply(section, Then::Wait, None)?;
            }
            Fate::StaysOpen => self.reply("later", Then::StayOpen, None)?,
            Fate::OnHold => {
                if self.pen.rng.chance(70) {
                    self.reply("later", Then::StayOpen, None)?;
                }
                let until = self.coming();
                self.hold(until)?;
            }
            Fate::Snoozed => {
                if self.pen.rng.chance(60) {
                    self.reply("later", Then::Wait, None)?;
                }
                let until = self.coming();
                self.snooze(until)?;
            }
            Fate::Solved => self.reply("answer", Then::Resolve, Some(good))?,
            Fate::SolvedLater => {
                self.reply("asked", Then::Wait, None)?;
                self.customer("told", Span::hours(9))?;
                self.reply("answer", Then::Resolve, Some(good))?;
            }
            Fate::SolvedAfterHold => self.solved_after_hold()?,
            Fate::SolvedAfterSnooze => self.solved_after_snooze(good)?,
            Fate::SolvedTwice => {
                self.reply("answer", Then::Resolve, Some(good))?;
                self.customer("more", Span::hours(14))?;
                self.reply("answer", Then::Resolve, Some(good))?;
            }
            Fate::NoAnswer => {
                self.reply("asked", Then::Wait, None)?;
                let at = self.later(Span::days(6));
                let resolution = Some(Resolution::NoAnswer);
                self.story.edited(self.agent, Edit::Resolve { resolution, cause: None }, at)?;
            }
            Fate::Declined => self.reply("answer", Then::Resolve, Some(Resolution::Declined))?,
        }
        Ok(())
    }

    fn solved_after_hold(&mut self) -> Result<()> {
        self.reply("later", Then::StayOpen, None)?;
        let until = self.later(Span::hours(40));
        self.hold(until)?;
        if self.pen.rng.chance(30) {
            self.customer("nudge", Span::hours(30))?;
        }
        let until = self.story.ticket.waiting.due_at(self.story.ticket.state);
        self.story.pass(until.min(self.now - Span::millis(1)))?;
        self.reply("answer", Then::Resolve, Some(Resolution::Workaround))
    }

    fn solved_after_snooze(&mut self, good: Resolution) -> Result<()> {
        self.reply("later", Then::Wait, None)?;
        let until = self.later(Span::hours(30));
        self.snooze(until)?;
        self.story.pass(until.min(self.now - Span::millis(1)))?;
        self.reply("answer", Then::Resolve, Some(good))
    }

    /// Thanks, drafts, and the time that passed since.
    fn end(&mut self, fate: Fate) -> Result<()> {
        if self.story.ticket.state == State::Resolved && self.pen.rng.chance(28) {
            self.customer("thanks", Span::hours(5))?;
            // Not every language's thanks is known to be nothing else.
            if self.story.ticket.state == State::Open {
                let at = self.later(Span::hours(4));
                let resolution = Some(Resolution::Solved);
                self.story.edited(self.agent, Edit::Resolve { resolution, cause: None }, at)?;
            }
        }
        if fate != Fate::New && self.pen.rng.chance(80) {
            let at = self.later(Span::hours(3));
            self.story.read(self.agent.id, at)?;
        }
        let open = matches!(self.story.ticket.state, State::New | State::Open);
        if open && fate.is_active() && self.pen.rng.chance(9) {
            let at = self.soon(Span::minutes(30));
            let greet = self.pen.english("greet");
            let text = format!("{greet}\n\n{}", self.pen.english("asked"));
            self.story.extras.drafts.push((self.agent.id, "reply", text, at));
        }
        self.story.pass(self.now)
    }
}
