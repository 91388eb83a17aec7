//! Views: the standing questions that lists answer. Pure.

use kernel::{AgentId, InboxId, ProblemId, PublicId};

use crate::State;
use crate::filter::{Assignee, Filter, Sort, StateSet};

/// A list with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct ListView {
    /// Names it in addresses and counts.
    pub key: String,
    pub title: Title,
    pub icon: &'static str,
    pub filter: Filter,
    pub sort: Sort,
}

/// What a list is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Title {
    /// A key of the catalogue.
    Text(&'static str),
    /// A name that somebody gave.
    Name(String),
}

/// The lists that everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    NeedsReply,
    Mine,
    Unassigned,
    /// Acknowledged, and nobody of us wrote yet.
    Unanswered,
    Waiting,
    OnHold,
    Snoozed,
    Done,
    Following,
    Spam,
    All,
}

impl Standing {
    /// Those that the sidebar shows, in its order.
    pub const WORK: [Self; 8] = [
        Self::NeedsReply,
        Self::Mine,
        Self::Unassigned,
        Self::Unanswered,
        Self::Waiting,
        Self::OnHold,
        Self::Snoozed,
        Self::Done,
    ];
    pub const MORE: [Self; 3] = [Self::Following, Self::All, Self::Spam];

    pub fn key(self) -> &'static str {
        match self {
            Self::NeedsReply => "needs-reply",
            Self::Mine => "mine",
            Self::Unassigned => "unassigned",
            Self::Unanswered => "unanswered",
            Self::Waiting => "waiting",
            Self::OnHold => "on-hold",
            Self::Snoozed => "snoozed",
            Self::Done => "resolved",
            Self::Following => "following",
            Self::Spam => "spam",
            Self::All => "all",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::NeedsReply => "view-needs-reply",
            Self::Mine => "view-mine",
            Self::Unassigned => "view-unassigned",
            Self::Unanswered => "view-unanswered",
            Self::Waiting => "view-waiting",
            Self::OnHold => "view-on-hold",
            Self::Snoozed => "view-snoozed",
            Self::Done => "view-resolved",
            Self::Following => "view-following",
            Self::Spam => "view-spam",
            Self::All => "view-all",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::NeedsReply => "inbox",
            Self::Mine => "circle-user",
            Self::Unassigned => "circle-dashed",
            Self::Unanswered => "mail-check",
            Self::Waiting => "clock",
            Self::OnHold => "timer",
            Self::Snoozed => "alarm-clock",
            Self::Done => "archive",
            Self::Following => "eye",
            Self::Spam => "ban",
            Self::All => "layers",
        }
    }

    /// Whether a number beside it says something.
    pub fn is_counted(self) -> bool {
        !matches!(self, Self::Done | Self::Following | Self::All | Self::Spam)
    }

    pub fn view(self, me: AgentId) -> ListView {
        let needs_reply = Filter { states: StateSet::NeedsReply, ..Filter::default() };
        let one = |state| Filter { states: StateSet::One(state), ..Filter::default() };
        let (filter, sort) = match self {
            Self::NeedsReply => (needs_reply, Sort::Due),
            Self::Mine => {
                let mine = Some(Assignee::Agent(me));
                (Filter { assignee: mine, ..needs_reply }, Sort::Due)
            }
            Self::Unassigned => {
                (Filter { assignee: Some(Assignee::Nobody), ..needs_reply }, Sort::Due)
            }
            Self::Unanswered => {
                let active = Filter { states: StateSet::Active, ..Filter::default() };
                (Filter { without_human: true, ..active }, Sort::Due)
            }
            Self::Waiting => (one(State::WaitingCustomer), Sort::Oldest),
            Self::OnHold => (one(State::OnHold), Sort::Due),
            Self::Snoozed => (one(State::Snoozed), Sort::Due),
            Self::Done => (Filter { states: StateSet::Done, ..Filter::default() }, Sort::Newest),
            Self::Following => {
                (Filter { followed_by: Some(me), ..Filter::default() }, Sort::Newest)
            }
            Self::Spam => (one(State::Spam), Sort::Newest),
            Self::All => (Filter::default(), Sort::Newest),
        };
        let title = Title::Text(self.title());
        ListView { key: self.key().to_owned(), title, icon: self.icon(), filter, sort }
    }

    /// The standing view with this key.
    pub fn named(key: &str) -> Option<Self> {
        Self::WORK.into_iter().chain(Self::MORE).find(|view| view.key() == key)
    }
}

/// What an inbox still has to do.
pub fn of_inbox(id: InboxId, public_id: PublicId, name: &str, icon: &'static str) -> ListView {
    ListView {
        key: format!("inbox-{public_id}"),
        title: Title::Name(name.to_owned()),
        icon,
        filter: Filter { states: StateSet::NeedsReply, inbox: Some(id), ..Filter::default() },
        sort: Sort::Due,
    }
}

/// Everything that is not done about a problem.
pub fn of_problem(id: ProblemId, public_id: PublicId, name: &str) -> ListView {
    ListView {
        key: format!("problem-{public_id}"),
        title: Title::Name(name.to_owned()),
        icon: "layers",
        filter: Filter { states: StateSet::Active, problem: Some(id), ..Filter::default() },
        sort: Sort::Due,
    }
}
