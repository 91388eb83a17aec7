//! What the team does with a ticket besides answering.

use anyhow::{Context, Result};
use kernel::{AgentId, CategoryId, TicketId, Timestamp};
use tickets::actions::Edit;
use tickets::rules::next;
use tickets::{By, Fact, Happening, State};

use super::{Act, Row, Story, told};
use crate::shop::{AgentCard, CATEGORIES, FIELDS, PROBLEMS, Shop, TEAMS};

impl Story {
    /// Somebody changes what the ticket is.
    pub(crate) fn edited(&mut self, by: &AgentCard, edit: Edit, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        let mut rows = Vec::new();
        if let Some(fact) = self.apply(by, &edit, at)? {
            rows.push(self.event(By::Agent(by.id), fact));
        }
        if let Edit::Assign(Some(to)) = edit
            && to != by.id
        {
            rows.push(told(to, "assigned", by.name));
        }
        if !matches!(edit, Edit::Tag(_) | Edit::Field { .. }) {
            self.saved(at);
        }
        self.keep(at, Act::Edited { by: by.id, edit }, rows);
        Ok(())
    }

    fn apply(&mut self, by: &AgentCard, edit: &Edit, at: Timestamp) -> Result<Option<Fact>> {
        let ticket = &mut self.ticket;
        let fact = match edit {
            Edit::Assign(to) => {
                ticket.assignee = *to;
                if *to == Some(by.id) && ticket.state == State::New {
                    ticket.state = next(ticket.state, Happening::Taken)?;
                }
                Fact::Assigned { to: *to }
            }
            Edit::Priority(to) => {
                let from = ticket.priority.as_str().to_owned();
                ticket.priority = *to;
                Fact::PriorityChanged { from, to: to.as_str().to_owned() }
            }
            Edit::Tag(tag) => {
                self.extras.tags.push(tag.clone());
                return Ok(Some(Fact::Tagged { tag: tag.clone() }));
            }
            Edit::Hold { reason, next_update_at } => {
                ticket.state = next(ticket.state, Happening::Held)?;
                ticket.hold_reason = Some(reason.clone());
                ticket.waiting.next_update_at = Some(*next_update_at);
                Fact::Held { reason: reason.clone(), next_update_at: Some(*next_update_at) }
            }
            Edit::Snooze { until } => {
                ticket.state = next(ticket.state, Happening::Snoozed)?;
                ticket.waiting.snoozed_until = Some(*until);
                Fact::Snoozed { until: *until }
            }
            Edit::Resolve { resolution, cause } => {
                ticket.state = next(ticket.state, Happening::Resolved)?;
                ticket.resolution = resolution.or(ticket.resolution);
                ticket.cause = cause.clone().or(ticket.cause.take());
                self.resolved()
            }
            Edit::Spam => {
                ticket.state_before_spam = Some(ticket.state);
                ticket.state = next(ticket.state, Happening::MarkedSpam)?;
                Fact::MarkedSpam
            }
            other => anyhow::bail!("no story tells of {other:?}"),
        };
        if !matches!(edit, Edit::Assign(_) | Edit::Priority(_)) {
            self.settle(at);
        }
        Ok(Some(fact))
    }

    pub(crate) fn categorised(
        &mut self,
        by: &AgentCard,
        (id, index): (CategoryId, usize),
        at: Timestamp,
    ) -> Result<()> {
        self.pass(at)?;
        self.ticket.category = Some(id);
        let to = CATEGORIES.get(index).map(|name| (*name).to_owned());
        self.changed(by, Edit::Category(Some(id)), Fact::CategoryChanged { to }, at);
        Ok(())
    }

    pub(crate) fn given_to_team(
        &mut self,
        by: &AgentCard,
        shop: &Shop,
        index: usize,
        at: Timestamp,
    ) -> Result<()> {
        self.pass(at)?;
        let team = shop.teams.get(index).copied();
        self.ticket.team = team;
        let to = TEAMS.get(index).map(|name| (*name).to_owned());
        self.changed(by, Edit::Team(team), Fact::TeamChanged { to }, at);
        Ok(())
    }

    fn changed(&mut self, by: &AgentCard, edit: Edit, fact: Fact, at: Timestamp) {
        self.saved(at);
        let rows = vec![self.event(By::Agent(by.id), fact)];
        self.keep(at, Act::Edited { by: by.id, edit }, rows);
    }

    /// Fills in a custom field.
    pub(crate) fn filled(
        &mut self,
        by: &AgentCard,
        shop: &Shop,
        (index, value): (usize, String),
        at: Timestamp,
    ) -> Result<()> {
        self.pass(at)?;
        let field = *shop.fields.get(index).context("a field")?;
        let label = FIELDS.get(index).context("a field")?.1.to_owned();
        self.extras.fields.push((field, value.clone()));
        let fact = Fact::FieldChanged { label, value: value.clone() };
        let rows = vec![self.event(By::Agent(by.id), fact)];
        self.keep(at, Act::Edited { by: by.id, edit: Edit::Field { field, value } }, rows);
        Ok(())
    }

    pub(crate) fn problem_found(
        &mut self,
        by: &AgentCard,
        shop: &Shop,
        index: usize,
        at: Timestamp,
    ) -> Result<()> {
        self.pass(at)?;
        let problem = *shop.problems.get(index).context("a problem")?;
        self.ticket.problem = Some(problem);
        self.saved(at);
        let title = PROBLEMS.get(index).context("a problem")?.0.to_owned();
        let rows = vec![self.event(By::Agent(by.id), Fact::ProblemLinked { title })];
        self.keep(at, Act::ProblemSet { by: by.id, problem }, rows);
        Ok(())
    }

    /// Writes a note. Whoever is mentioned is told and follows from then on.
    pub(crate) fn noted(
        &mut self,
        by: &AgentCard,
        text: String,
        mentions: Vec<AgentId>,
        at: Timestamp,
    ) -> Result<()> {
        self.pass(at)?;
        let mut rows = vec![Row::Note];
        for agent in [by.id].iter().chain(&mentions) {
            if !self.extras.followers.contains(agent) {
                self.extras.followers.push(*agent);
            }
        }
        let others = mentions.iter().filter(|agent| **agent != by.id);
        rows.extend(others.map(|agent| told(*agent, "mentioned", by.name)));
        self.keep(at, Act::Noted { by: by.id, text, mentions }, rows);
        Ok(())
    }

    pub(crate) fn linked(&mut self, by: &AgentCard, other: TicketId, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        let fact = |other| Fact::Linked { other, how: "related".to_owned() };
        let event = |ticket, other| Row::Event { ticket, by: By::Agent(by.id), fact: fact(other) };
        let rows = vec![event(self.ticket.id, other), event(other, self.ticket.id)];
        self.keep(at, Act::Linked { by: by.id, other }, rows);
        Ok(())
    }

    /// A second ticket about the same becomes a part of this one. Both are as new as they came.
    pub(crate) fn merge(&mut self, other: &mut Self, by: &AgentCard, at: Timestamp) -> Result<()> {
        self.pass(at)?;
        let (into, from) = (&mut self.ticket, &mut other.ticket);
        from.state = next(from.state, Happening::MergedAway)?;
        from.merged_into = Some(into.id);
        into.message_count += from.message_count;
        into.last_message_at = from.last_message_at;
        into.last_direction = from.last_direction;
        into.snippet.clone_from(&from.snippet);
        let rows = vec![
            Row::Event {
                ticket: into.id,
                by: By::Agent(by.id),
                fact: Fact::MergedIn { other: from.id, subject: from.subject.clone() },
            },
            Row::Event {
                ticket: from.id,
                by: By::Agent(by.id),
                fact: Fact::MergedAway { into: into.id },
            },
        ];
        for row in other.moments.iter_mut().flat_map(|moment| &mut moment.rows) {
            if let Row::Message { ticket, .. } = row {
                *ticket = into.id;
            }
        }
        let act = Act::Merged { by: by.id, other: from.id };
        other.saved(at);
        self.saved(at);
        self.keep(at, act, rows);
        Ok(())
    }
}
