//! Facts of the timeline as sentences.

use accounts::Directory;
use kernel::AgentId;
use ui::{Markup, When, Words};

use crate::event::{By, Event, Fact};
use crate::state::State;

/// Who reads, and with whose names.
pub(crate) struct Telling<'t> {
    pub(crate) me: AgentId,
    pub(crate) directory: &'t Directory,
    pub(crate) when: &'t When,
    pub(crate) w: &'t Words,
}

/// A fact as the timeline shows it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) icon: &'static str,
    /// A tone of the design, or empty.
    pub(crate) tone: &'static str,
    pub(crate) text: Markup,
}

impl Telling<'_> {
    /// The sentence for an event; none for what the messages themselves say.
    pub(crate) fn tell(&self, event: &Event) -> Option<Told> {
        let who = self.actor(event.by);
        let told = |icon, tone, text| Some(Told { icon, tone, text });
        match &event.fact {
            Fact::Created => match event.by {
                By::Agent(_) => {
                    told("square-pen", "", self.rich("event-created", &[("who", &who)]))
                }
                By::Customer | By::System => None,
            },
            Fact::Acknowledged { within_minutes } => {
                let span = kernel::Span::minutes(*within_minutes);
                let span = ui::duration(span);
                told("mail-check", "", self.rich("event-acknowledged", &[("span", &span)]))
            }
            Fact::AcknowledgementWithheld { reason } => {
                told("mail-x", "", self.rich("event-not-acknowledged", &[("reason", reason)]))
            }
            Fact::SentElsewhere { inbox } => {
                told("inbox", "", self.rich("event-sent-elsewhere", &[("inbox", inbox)]))
            }
            Fact::BounceCame { address, reason } => {
                let args: [(&str, &dyn std::fmt::Display); 2] =
                    [("address", address), ("reason", reason)];
                told("mail-x", "bad", self.rich("event-bounced", &args))
            }
            Fact::ComplaintCame { address } => {
                told("mail-x", "bad", self.rich("event-complaint", &[("address", address)]))
            }
            Fact::LinksRevoked => {
                told("link", "", self.rich("event-links-revoked", &[("who", &who)]))
            }
            Fact::Redacted => told("eye-off", "", self.rich("event-redacted", &[("who", &who)])),
            fact => self
                .state(fact, event.by, &who)
                .or_else(|| self.people(fact, event.by, &who))
                .or_else(|| self.shape(fact, &who)),
        }
    }

    /// Facts about the state.
    fn state(&self, fact: &Fact, event_by: By, who: &str) -> Option<Told> {
        let (icon, tone, text) = match fact {
            // What somebody outside did stands there as their message.
            Fact::StateChanged { .. } if event_by == By::Customer => return None,
            Fact::StateChanged { to, .. } => {
                let state = State::named(to).map_or("", |state| self.w.t(state.key()));
                ("activity", "", self.rich("event-state", &[("who", &who), ("state", &state)]))
            }
            Fact::Taken => ("user-check", "", self.rich("event-opened", &[("who", &who)])),
            Fact::Snoozed { until } => {
                let until = ui::moment_ahead(*until, self.when, self.w);
                let args: [(&str, &dyn std::fmt::Display); 2] = [("who", &who), ("until", &until)];
                ("alarm-clock", "info", self.rich("event-snoozed", &args))
            }
            Fact::Woke => ("alarm-clock", "info", self.rich("event-woke", &[])),
            Fact::Held { reason, next_update_at } => {
                let until = next_update_at
                    .map_or(String::new(), |at| ui::moment_ahead(at, self.when, self.w));
                let args: [(&str, &dyn std::fmt::Display); 3] =
                    [("who", &who), ("reason", reason), ("until", &until)];
                ("timer", "info", self.rich("event-held", &args))
            }
            Fact::Resolved { resolution, cause } => {
                self.resolved(resolution.as_deref(), cause.as_deref(), who)
            }
            Fact::Reopened => ("rotate-cw", "", self.rich("event-reopened", &[("who", &who)])),
            Fact::Closed => ("archive", "", self.rich("event-closed", &[])),
            Fact::MarkedSpam => ("ban", "", self.rich("event-spam", &[("who", &who)])),
            Fact::NotSpam => ("circle-check", "", self.rich("event-not-spam", &[("who", &who)])),
            _ => return None,
        };
        Some(Told { icon, tone, text })
    }

    fn resolved(
        &self,
        resolution: Option<&str>,
        cause: Option<&str>,
        who: &str,
    ) -> (&'static str, &'static str, Markup) {
        let resolution = resolution
            .map(|one| self.w.t(&format!("resolution-{}", one.replace('_', "-"))).to_owned());
        let detail = match (resolution, cause) {
            (Some(resolution), Some(cause)) => format!("{resolution}, {cause}"),
            (Some(one), None) => one,
            (None, Some(cause)) => cause.to_owned(),
            (None, None) => String::new(),
        };
        let text = if detail.is_empty() {
            self.rich("event-resolved", &[("who", &who)])
        } else {
            self.rich("event-resolved-as", &[("who", &who), ("detail", &detail)])
        };
        ("check", "ok", text)
    }

    /// Facts about who works on it and what it is about.
    fn people(&self, fact: &Fact, by: By, who: &str) -> Option<Told> {
        let two = |key, name: &str, value: &dyn std::fmt::Display| {
            self.rich(key, &[("who", &who), (name, value)])
        };
        let (icon, text) = match fact {
            Fact::Assigned { to: None } => {
                ("user-x", self.rich("event-unassigned", &[("who", &who)]))
            }
            Fact::Assigned { to: Some(to) } if by == By::Agent(*to) => {
                ("user-check", self.rich("event-took", &[("who", &who)]))
            }
            Fact::Assigned { to: Some(to) } => {
                ("user-check", two("event-assigned", "whom", &self.object(*to)))
            }
            Fact::AssigneeLeft { who } => {
                let who = self.directory.name_of(*who);
                ("user-x", self.rich("event-assignee-left", &[("who", &who)]))
            }
            Fact::TeamChanged { to } => match to {
                Some(team) => ("users", two("event-team", "team", team)),
                None => ("users", self.rich("event-no-team", &[("who", &who)])),
            },
            Fact::PriorityChanged { to, .. } => {
                let priority = self.w.t(&format!("priority-{to}")).to_owned();
                ("flag", two("event-priority", "priority", &priority))
            }
            Fact::CategoryChanged { to } => match to {
                Some(category) => ("layers", two("event-category", "category", category)),
                None => ("layers", self.rich("event-no-category", &[("who", &who)])),
            },
            Fact::Tagged { tag } => ("tag", two("event-tagged", "tag", tag)),
            Fact::Untagged { tag } => ("tag", two("event-untagged", "tag", tag)),
            Fact::FieldChanged { label, value } => {
                let args: [(&str, &dyn std::fmt::Display); 3] =
                    [("who", &who), ("label", label), ("value", value)];
                ("pencil", self.rich("event-field", &args))
            }
            Fact::SubjectChanged { from } => ("pencil", two("event-subject", "from", from)),
            Fact::MovedTo { inbox } => ("inbox", two("event-moved", "inbox", inbox)),
            Fact::Admitted { address } => ("user-plus", two("event-admitted", "address", address)),
            Fact::ParticipantAdded { address } => {
                ("user-plus", two("event-participant", "address", address))
            }
            Fact::ParticipantRemoved { address } => {
                ("user-x", two("event-no-participant", "address", address))
            }
            _ => return None,
        };
        Some(Told { icon, tone: "", text })
    }

    /// Facts about what belongs together.
    fn shape(&self, fact: &Fact, who: &str) -> Option<Told> {
        let two = |key, name: &str, value: &dyn std::fmt::Display| {
            self.rich(key, &[("who", &who), (name, value)])
        };
        let (icon, text) = match fact {
            Fact::MergedIn { other, subject } => {
                let args: [(&str, &dyn std::fmt::Display); 3] =
                    [("who", &who), ("other", other), ("subject", subject)];
                ("git-merge", self.rich("event-merged-in", &args))
            }
            Fact::MergedAway { into } => ("git-merge", two("event-merged-away", "into", into)),
            Fact::SplitOff { other } => ("split", two("event-split-off", "other", other)),
            Fact::SplitFrom { other } => ("split", two("event-split-from", "other", other)),
            Fact::Linked { other, .. } => ("link", two("event-linked", "other", other)),
            Fact::Unlinked { other } => ("link", two("event-unlinked", "other", other)),
            Fact::ProblemLinked { title } => ("layers", two("event-problem", "title", title)),
            Fact::ProblemUnlinked { title } => ("layers", two("event-no-problem", "title", title)),
            _ => return None,
        };
        Some(Told { icon, tone: "", text })
    }

    fn rich(&self, key: &str, args: &[(&str, &dyn std::fmt::Display)]) -> Markup {
        self.w.rich(key, args)
    }

    /// Who did something, at the beginning of a sentence.
    fn actor(&self, by: By) -> String {
        match by {
            By::Agent(id) if id == self.me => self.w.t("you-did").to_owned(),
            By::Agent(id) => first_name(self.directory.name_of(id)),
            By::Customer => self.w.t("customer-did").to_owned(),
            By::System => self.w.t("system-did").to_owned(),
        }
    }

    /// To whom something was done.
    fn object(&self, id: AgentId) -> String {
        if id == self.me {
            self.w.t("to-you").to_owned()
        } else {
            first_name(self.directory.name_of(id))
        }
    }
}

fn first_name(name: &str) -> String {
    name.split_whitespace().next().unwrap_or(name).to_owned()
}
