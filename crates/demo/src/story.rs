//! One ticket as it lives: every step moves it by the program's own rules and leaves the rows
//! that the step would have written. Pure.

mod team;

use anyhow::{Context, Result};
use kernel::{AgentId, FieldId, ProblemId, Span, TicketId, Timestamp};
use outbox::{Party, Recipients};
use tickets::actions::Edit;
use tickets::rules::{self, Waiting, is_courtesy, next};
use tickets::{
    By, Channel, Direction, Fact, Happening, Priority, Resolution, SenderCheck, State, Then, Ticket,
};

use crate::people::Person;
use crate::shop::{AgentCard, InboxCard, Shop};

/// How long a resolved ticket comes back when its customer writes.
pub(crate) const REOPEN_PERIOD: Span = Span::days(14);

/// Something that happens to a ticket.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the fill needs the rows alone; tests do it all again")
)]
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Wrote(Box<Mail>),
    Replied {
        by: AgentId,
        reply: Box<Reply>,
    },
    Edited {
        by: AgentId,
        edit: Edit,
    },
    ProblemSet {
        by: AgentId,
        problem: ProblemId,
    },
    Noted {
        by: AgentId,
        text: String,
        mentions: Vec<AgentId>,
    },
    Linked {
        by: AgentId,
        other: TicketId,
    },
    /// Another ticket becomes a part of this one.
    Merged {
        by: AgentId,
        other: TicketId,
    },
    /// Somebody read all that was there.
    Read {
        by: AgentId,
    },
    /// The date of a hold or a snooze came.
    Woke,
    /// The reopen period was over.
    Closed,
}

/// A mail from a customer.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) channel: Channel,
    pub(crate) cc: Vec<Party>,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) quoted: String,
    pub(crate) html: Option<String>,
    /// Indices of the files that came with it.
    pub(crate) files: Vec<usize>,
    pub(crate) mail_id: String,
    pub(crate) references: Vec<String>,
    pub(crate) check: SenderCheck,
}

/// An answer of ours.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) mail_id: String,
    pub(crate) then: Then,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) cause: Option<String>,
}

/// One moment: what happened, and the rows that it left.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) ticket: TicketId,
    pub(crate) at: Timestamp,
    pub(crate) act: Act,
    pub(crate) rows: Vec<Row>,
}

/// A row with an id that grows with time.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// The message of the act, in this ticket.
    Message {
        ticket: TicketId,
        to: Option<Recipients>,
        subject: String,
    },
    Note,
    Event {
        ticket: TicketId,
        by: By,
        fact: Fact,
    },
    Notification {
        agent: AgentId,
        kind: &'static str,
        actor: String,
        read_at: Option<Timestamp>,
    },
}

/// What belongs to a ticket and has no id of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) tags: Vec<String>,
    pub(crate) fields: Vec<(FieldId, String)>,
    pub(crate) participants: Vec<(Party, Timestamp)>,
    pub(crate) followers: Vec<AgentId>,
    pub(crate) reads: Vec<(AgentId, Timestamp)>,
    /// Who, mode, text, when.
    pub(crate) drafts: Vec<(AgentId, &'static str, String, Timestamp)>,
}

/// A ticket with its whole course.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) ticket: Ticket,
    pub(crate) person: Person,
    pub(crate) inbox: usize,
    pub(crate) moments: Vec<Moment>,
    pub(crate) extras: Extras,
}

impl Story {
    /// A ticket begins with a mail.
    pub(crate) fn begin(
        id: TicketId,
        shop: &Shop,
        inbox: usize,
        person: Person,
        mail: Mail,
        at: Timestamp,
    ) -> Result<Self> {
        let card = shop.inboxes.get(inbox).context("an inbox")?;
        let within = Span::minutes(card.reply_within_minutes);
        let ticket = Ticket {
            id,
            inbox: card.id,
            customer: person.id,
            subject: rules::ticket_subject(&mail.subject, &mail.text),
            channel: mail.channel,
            state: State::New,
            state_before_spam: None,
            priority: Priority::Normal,
            category: None,
            assignee: None,
            team: None,
            problem: None,
            merged_into: None,
            hold_reason: None,
            resolution: None,
            cause: None,
            waiting: Waiting::default().customer_wrote(at, within),
            first_replied_at: None,
            // Said at once, in the same transaction.
            acknowledged_at: Some(at),
            acknowledgement_withheld: None,
            resolved_at: None,
            reopen_count: 0,
            message_count: 1,
            last_message_at: at,
            last_direction: Direction::In,
            snippet: rules::snippet(&mail.text),
            created_at: at,
            updated_at: at,
            version: 1,
        };
        let extras = Extras::default();
        let mut story = Self { ticket, person, inbox, moments: Vec::new(), extras };
        story.add_participants(&mail, at);
        let acknowledged = Fact::Acknowledged { within_minutes: card.reply_within_minutes };
        let rows = vec![
            Row::Message { ticket: id, to: None, subject: mail.subject.clone() },
            story.event(By::Customer, Fact::Created),
            story.event(By::System, acknowledged),
        ];
        story.keep(at, Act::Wrote(Box::new(mail)), rows);
        Ok(story)
    }

    fn event(&self, by: By, fact: Fact) -> Row {
        Row::Event { ticket: self.ticket.id, by, fact }
    }

    fn keep(&mut self, at: Timestamp, act: Act, rows: Vec<Row>) {
        self.moments.push(Moment { ticket: self.ticket.id, at, act, rows });
    }

    fn saved(&mut self, at: Timestamp) {
        self.ticket.updated_at = at;
        self.ticket.version += 1;
    }

    pub(crate) fn last_at(&self) -> Timestamp {
        self.moments.last().map_or(self.ticket.created_at, |moment| moment.at)
    }

    /// Lets time pass: sleepers wake, spent tickets close.
    pub(crate) fn pass(&mut self, until: Timestamp) -> Result<()> {
        let due = self.ticket.waiting.due_at(self.ticket.state);
        match self.ticket.state {
            State::Snoozed | State::OnHold if due <= until => self.wake(due),
            State::Resolved => {
                let over = self.ticket.resolved_at.context("a resolved ticket")? + REOPEN_PERIOD;
                if over <= until {
                    self.ticket.state = next(State::Resolved, Happening::PeriodOver)?;
                    self.saved(over);
                    let rows = vec![self.event(By::System, Fact::Closed)];
                    self.keep(over, Act::Closed, rows);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn wake(&mut self, at: Timestamp) -> Result<()> {
        let promised = self.ticket.waiting.next_update_at;
        self.ticket.state = next(self.ticket.state, Happening::DateReached)?;
        self.settle(at);
        self.ticket.waiting.next_update_at = promised;
        self.saved(at);
        let mut rows = vec![self.event(By::System, Fact::Woke)];
        rows.extend(self.ticket.assignee.map(|agent| told(agent, "woke", "")));
        self.keep(at, Act::Woke, rows);
        Ok(())
    }

    /// What no longer applies in the new state goes.
    fn settle(&mut self, now: Timestamp) {
        let ticket = &mut self.ticket;
        if ticket.state != State::Snoozed {
            ticket.waiting.snoozed_until = None;
        }
        if ticket.state != State::OnHold {
            ticket.hold_reason = None;
            if ticket.state != State::Open {
                ticket.waiting.next_update_at = None;
            }
        }
        match ticket.state {
            State::Resolved => {
                ticket.resolved_at = ticket.resolved_at.or(Some(now));
                ticket.waiting = ticket.waiting.answered();
            }
            State::Closed | State::Spam | State::Merged => {}
            State::New
            | State::Bot
            | State::Open
            | State::WaitingCustomer
            | State::OnHold
            | State::Snoozed => ticket.resolved_at = None,
        }
    }

    /// The customer writes again.
    pub(crate) fn wrote(&mut self, shop: &Shop, mail: Mail, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        let card = shop.inboxes.get(self.inbox).context("an inbox")?;
        let ticket = &mut self.ticket;
        ticket.message_count += 1;
        let thanks = is_courtesy(&mail.text) && mail.files.is_empty();
        let happening = if thanks { Happening::CustomerThanked } else { Happening::CustomerWrote };
        let before = ticket.state;
        ticket.state = next(before, happening)?;
        ticket.last_message_at = at;
        ticket.last_direction = Direction::In;
        ticket.snippet = rules::snippet(&mail.text);
        if matches!(ticket.state, State::New | State::Open) {
            let within = Span::minutes(card.reply_within_minutes);
            ticket.waiting = ticket.waiting.customer_wrote(at, within);
            ticket.waiting.snoozed_until = None;
        }
        let mut rows = vec![Row::Message {
            ticket: ticket.id,
            to: None,
            subject: kernel::one_line(&mail.subject),
        }];
        if before == State::Resolved && ticket.state != before {
            ticket.reopen_count += 1;
            ticket.resolved_at = None;
            ticket.resolution = None;
            rows.push(self.event(By::Customer, Fact::Reopened));
        } else if before != ticket.state {
            let (from, to) = (before.as_str().to_owned(), ticket.state.as_str().to_owned());
            rows.push(self.event(By::Customer, Fact::StateChanged { from, to }));
        }
        self.add_participants(&mail, at);
        self.saved(at);
        let mut concerned = self.extras.followers.clone();
        concerned.extend(self.ticket.assignee);
        concerned.sort_unstable();
        concerned.dedup();
        let name = self.person.name.clone();
        let sees = |agent: &AgentId| shop.agent(*agent).is_some_and(|one| one.sees(self.inbox));
        rows.extend(concerned.into_iter().filter(sees).map(|agent| told(agent, "replied", &name)));
        self.keep(at, Act::Wrote(Box::new(mail)), rows);
        Ok(())
    }

    fn add_participants(&mut self, mail: &Mail, at: Timestamp) {
        if mail.check == SenderCheck::Pass {
            self.extras.participants.extend(mail.cc.iter().map(|party| (party.clone(), at)));
        }
    }

    /// One of us answers.
    pub(crate) fn replied(&mut self, by: &AgentCard, reply: Reply, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        let waited = self.ticket.waiting.since.is_some();
        let before = self.ticket.state;
        let ticket = &mut self.ticket;
        ticket.state = next(before, Happening::Replied(reply.then))?;
        ticket.waiting = ticket.waiting.answered();
        ticket.waiting.snoozed_until = None;
        ticket.message_count += 1;
        ticket.last_message_at = at;
        ticket.last_direction = Direction::Out;
        ticket.snippet = rules::snippet(&reply.text);
        if ticket.first_replied_at.is_none() && waited {
            ticket.first_replied_at = Some(at);
        }
        ticket.assignee = ticket.assignee.or(Some(by.id));
        let mut rows = vec![Row::Message {
            ticket: ticket.id,
            to: Some(Recipients {
                to: vec![Party::new(self.person.name.as_str(), self.person.address.clone())],
                cc: self.extras.participants.iter().map(|(party, _)| party.clone()).collect(),
                bcc: Vec::new(),
            }),
            subject: rules::subject_of_reply(ticket),
        }];
        if ticket.state == State::Resolved && before != State::Resolved {
            ticket.resolved_at = Some(at);
            ticket.resolution = reply.resolution.or(ticket.resolution);
            ticket.cause = reply.cause.clone().or(ticket.cause.take());
            rows.push(self.event(By::Agent(by.id), self.resolved()));
        }
        self.saved(at);
        self.read_by(by.id, at);
        self.keep(at, Act::Replied { by: by.id, reply: Box::new(reply) }, rows);
        Ok(())
    }

    fn resolved(&self) -> Fact {
        Fact::Resolved {
            resolution: self.ticket.resolution.map(|one| one.as_str().to_owned()),
            cause: self.ticket.cause.clone(),
        }
    }

    fn read_by(&mut self, agent: AgentId, at: Timestamp) {
        match self.extras.reads.iter_mut().find(|(who, _)| *who == agent) {
            Some((_, read_at)) => *read_at = at,
            None => self.extras.reads.push((agent, at)),
        }
        for row in self.moments.iter_mut().flat_map(|moment| &mut moment.rows) {
            if let Row::Notification { agent: to, read_at, .. } = row
                && *to == agent
            {
                *read_at = read_at.or(Some(at));
            }
        }
    }

    /// Somebody opens the ticket and reads it.
    pub(crate) fn read(&mut self, by: AgentId, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        self.read_by(by, at);
        self.keep(at, Act::Read { by }, Vec::new());
        Ok(())
    }
}

fn told(agent: AgentId, kind: &'static str, actor: &str) -> Row {
    Row::Notification { agent, kind, actor: actor.to_owned(), read_at: None }
}

/// The address of an inbox, as mails name it.
pub(crate) fn shown(card: &InboxCard) -> String {
    format!("{} <{}>", crate::shop::COMPANY, card.address)
}
