//! A ticket as a row of a list.

use accounts::{Actor, Directory};
use kernel::{Span, TicketId, Timestamp};
use ui::{Badge, When, Words};

use super::bulk::Picked;
use super::face::{Face, Facts, face};
use crate::clock::NEVER;
use crate::filter::Sort;
use crate::store::lists::Row;
use crate::ticket::{Channel, Priority};

/// Everything that a row shows, in words.
#[derive(Clone, Debug)]
pub(crate) struct RowCard {
    pub(crate) reference: TicketId,
    /// What its box sends: which ticket, and what of it is shown.
    pub(crate) pick: String,
    pub(crate) href: String,
    pub(crate) is_unread: bool,
    pub(crate) who: String,
    pub(crate) time: String,
    pub(crate) at: Timestamp,
    pub(crate) channel: Channel,
    pub(crate) subject: String,
    pub(crate) snippet: String,
    pub(crate) is_draft: bool,
    pub(crate) clock: Option<Face>,
    /// None for the usual one.
    pub(crate) priority: Option<Priority>,
    pub(crate) tags: Vec<String>,
    pub(crate) owner: Option<Badge>,
    pub(crate) owner_text: String,
    pub(crate) group: Group,
}

impl RowCard {
    /// Whether this is the ticket that is open.
    #[expect(clippy::ref_option, reason = "templates lend")]
    pub(crate) fn is_at(&self, current: &Option<TicketId>) -> bool {
        *current == Some(self.reference)
    }
}

/// Tags beyond this many are left to the open ticket.
const TAGS_SHOWN: usize = 2;

/// For whom rows are drawn, and in which list.
pub(crate) struct RowMaker<'m> {
    pub(crate) actor: &'m Actor,
    pub(crate) directory: &'m Directory,
    pub(crate) when: &'m When,
    pub(crate) words: &'m Words,
    pub(crate) view_key: &'m str,
    pub(crate) sort: Sort,
}

impl RowMaker<'_> {
    pub(crate) fn card(&self, row: Row) -> RowCard {
        let facts = Facts {
            state: row.state,
            waiting: &row.waiting,
            is_answered: row.first_replied_at.is_some(),
            hold_reason: row.hold_reason.as_deref(),
            created_at: row.created_at,
            last_message_at: row.last_message_at,
        };
        let owner = row.assignee.and_then(|id| self.directory.agent(id));
        let owner_text = match owner {
            Some(card) if card.id == self.actor.id => self.words.t("row-yours").to_owned(),
            Some(card) => self.words.a("row-assigned", "who", &card.name),
            None => self.words.t("row-unassigned").to_owned(),
        };
        RowCard {
            reference: row.id,
            pick: Picked::of(&row).to_string(),
            href: format!("/t/{}?in={}", row.id, self.view_key),
            is_unread: row.is_unread(),
            who: row.customer_name.clone(),
            time: ui::moment(row.last_message_at, self.when, self.words),
            at: row.last_message_at,
            channel: row.channel,
            subject: row.subject.clone(),
            clock: face(facts, self.when, self.words),
            priority: (row.priority != Priority::Normal).then_some(row.priority),
            tags: row.tags.iter().take(TAGS_SHOWN).cloned().collect(),
            owner: owner.map(|card| card.badge.clone()),
            owner_text,
            group: Group::of(&row, self.sort, self.when),
            is_draft: row.draft.is_some(),
            snippet: row.draft.unwrap_or(row.snippet),
        }
    }
}

/// Rows stand in groups: by when the next promise falls due, or by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Overdue,
    Hour,
    Today,
    Later,
    NoPromise,
    DayToday,
    DayYesterday,
    DayWeek,
    DayOlder,
}

impl Group {
    pub(crate) const EVERY: [Self; 9] = [
        Self::Overdue,
        Self::Hour,
        Self::Today,
        Self::Later,
        Self::NoPromise,
        Self::DayToday,
        Self::DayYesterday,
        Self::DayWeek,
        Self::DayOlder,
    ];
    const DUE: [Self; 5] = [Self::Overdue, Self::Hour, Self::Today, Self::Later, Self::NoPromise];
    const NEWEST: [Self; 4] = [Self::DayToday, Self::DayYesterday, Self::DayWeek, Self::DayOlder];
    const OLDEST: [Self; 4] = [Self::DayOlder, Self::DayWeek, Self::DayYesterday, Self::DayToday];

    /// The groups of a list, in its order.
    pub(crate) fn all(sort: Sort) -> &'static [Self] {
        match sort {
            Sort::Due => &Self::DUE,
            Sort::Newest => &Self::NEWEST,
            Sort::Oldest => &Self::OLDEST,
        }
    }

    pub(crate) fn of(row: &Row, sort: Sort, when: &When) -> Self {
        match sort {
            Sort::Due => Self::due(row.due_at, when),
            Sort::Newest | Sort::Oldest => Self::day(row.last_message_at, when),
        }
    }

    fn due(due_at: Timestamp, when: &When) -> Self {
        if due_at >= NEVER {
            return Self::NoPromise;
        }
        let left = due_at.since(when.now);
        if left < Span::ZERO {
            Self::Overdue
        } else if left <= Span::hours(1) {
            Self::Hour
        } else if due_at.in_zone(&when.zone).date() == when.now.in_zone(&when.zone).date() {
            Self::Today
        } else {
            Self::Later
        }
    }

    fn day(at: Timestamp, when: &When) -> Self {
        let then = at.in_zone(&when.zone).date();
        let today = when.now.in_zone(&when.zone).date();
        match then.until(today).map_or(0, |span| span.get_days()) {
            i32::MIN..=0 => Self::DayToday,
            1 => Self::DayYesterday,
            2..=6 => Self::DayWeek,
            7.. => Self::DayOlder,
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Hour => "hour",
            Self::Today => "today",
            Self::Later => "later",
            Self::NoPromise => "no-promise",
            Self::DayToday => "day-today",
            Self::DayYesterday => "day-yesterday",
            Self::DayWeek => "day-week",
            Self::DayOlder => "day-older",
        }
    }

    /// The key of its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overdue => "group-overdue",
            Self::Hour => "group-hour",
            Self::Today => "group-today",
            Self::Later => "group-later",
            Self::NoPromise => "group-no-promise",
            Self::DayToday => "group-day-today",
            Self::DayYesterday => "group-day-yesterday",
            Self::DayWeek => "group-day-week",
            Self::DayOlder => "group-day-older",
        }
    }
}
