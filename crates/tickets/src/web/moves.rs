//! Rows that change while a list is open: which stay, which move, which come and go.

use accounts::Actor;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use kernel::TicketId;
use ui::{Answer, WebResult, Words};

use super::list::{Asked, PAGE, Rows, wanted};
use super::row::{Group, RowCard};
use crate::desk::{Desk, reader};
use crate::filter::{Filter, Sort};
use crate::finding::{self, with_words};
use crate::store::lists::{self, Row};

/// A browser that shows more rows than this asks for the whole list again.
const SHOWN_MAX: usize = 400;

/// Brings changed tickets to their places in a list that is open: `refs` changed, `shown` are on
/// the screen, group by group.
pub(super) async fn rows(
    State(desk): State<Desk>,
    actor: Actor,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let wanted = wanted(&desk, &actor, &key, &asked).await?;
    let changed = ids(&asked.refs);
    let shown = Shown::read(&asked.shown);
    let mut all = changed.clone();
    all.extend(shown.rows.iter().map(|(id, _)| *id).filter(|id| !changed.contains(id)));
    let filter = Filter { terms: Vec::new(), ..wanted.filter.clone() };
    let conn = desk.db().read_list().await?;
    let mut rows = lists::some(&conn, reader(&actor), &filter, &all).await?;
    drop(conn);
    if !wanted.filter.terms.is_empty() {
        let conn = desk.db().read_within(finding::LIMIT).await?;
        let has_words = with_words(&conn, reader(&actor), &wanted.filter.terms, &changed).await?;
        rows.retain(|row| !changed.contains(&row.id) || has_words.contains(&row.id));
    }
    in_order(&mut rows, wanted.sort);
    let words = desk.accounts.site().words(&actor.language);
    let cards = wanted.cards(&desk, &actor, rows, &words).await?;
    let answer = Moves { changed: &changed, shown: &shown, cards: &cards }.answer(&words)?;
    Ok(answer.into_response())
}

fn ids(text: &str) -> Vec<TicketId> {
    text.split(',').filter_map(|id| id.parse().ok()).take(SHOWN_MAX).collect()
}

fn in_order(rows: &mut [Row], sort: Sort) {
    rows.sort_by(|a, b| {
        let (a, b) = (a.cursor(sort), b.cursor(sort));
        let ascending = (a.key, a.id).cmp(&(b.key, b.id));
        match sort {
            Sort::Due | Sort::Oldest => ascending,
            Sort::Newest => ascending.reverse(),
        }
    });
}

/// The rows on the screen in their order, each with its group.
#[derive(Debug, Default)]
struct Shown {
    rows: Vec<(TicketId, String)>,
}

impl Shown {
    /// Reads `overdue:RC-1,RC-2;hour:RC-3`.
    fn read(text: &str) -> Self {
        let groups = text.split(';').filter_map(|part| part.split_once(':'));
        let rows = groups
            .flat_map(|(group, refs)| ids(refs).into_iter().map(move |id| (id, group.to_owned())));
        Self { rows: rows.take(SHOWN_MAX).collect() }
    }

    fn group_of(&self, id: TicketId) -> Option<&str> {
        self.rows.iter().find(|(shown, _)| *shown == id).map(|(_, group)| group.as_str())
    }

    fn has(&self, id: TicketId) -> bool {
        self.group_of(id).is_some()
    }
}

/// What moved where, among rows in the order of the list.
struct Moves<'m> {
    changed: &'m [TicketId],
    shown: &'m Shown,
    cards: &'m [RowCard],
}

impl Moves<'_> {
    fn answer(&self, w: &Words) -> WebResult<Answer> {
        let mut answer = Answer::new();
        for id in self.changed {
            let is_shown = self.shown.has(*id);
            let Some(at) = self.cards.iter().position(|card| card.reference == *id) else {
                if is_shown {
                    answer = answer.delete(&format!("#conv-{id}"));
                }
                continue;
            };
            let Some(card) = self.cards.get(at) else { continue };
            let html = Rows { w, rows: std::slice::from_ref(card), current: None };
            if is_shown && self.stays(at, card) {
                answer = answer.piece(&format!("#conv-{id}"), "outerMorph", &html)?;
            } else if is_shown || self.is_in_view(at) {
                if is_shown {
                    answer = answer.delete(&format!("#conv-{id}"));
                }
                let (target, swap) = self.anchor(at, card.group);
                answer = answer.piece(&target, swap, &html)?;
            }
        }
        for (group, count) in self.counts() {
            answer = answer.text(&format!("#gc-{}", group.key()), &count.to_string());
        }
        Ok(answer)
    }

    /// A row that stands still: neither changed nor gone.
    fn is_still(&self, card: &RowCard) -> bool {
        self.shown.has(card.reference) && !self.changed.contains(&card.reference)
    }

    /// Whether a changed row belongs where it stands: in its group, after the same neighbour.
    fn stays(&self, at: usize, card: &RowCard) -> bool {
        if self.shown.group_of(card.reference) != Some(card.group.key()) {
            return false;
        }
        let wanted = self
            .cards
            .iter()
            .take(at)
            .rev()
            .find(|other| self.is_still(other) && other.group == card.group)
            .map(|other| other.reference);
        let on_screen = self
            .shown
            .rows
            .iter()
            .take_while(|(id, _)| *id != card.reference)
            .filter(|(id, group)| {
                group == card.group.key()
                    && self.cards.iter().any(|other| {
                        other.reference == *id && self.is_still(other) && other.group == card.group
                    })
            })
            .last()
            .map(|(id, _)| *id);
        wanted == on_screen
    }

    /// Whether a new row belongs among those on the screen: after the last one of a full page it
    /// comes by itself when somebody goes there.
    fn is_in_view(&self, at: usize) -> bool {
        self.shows_all() || self.cards.iter().skip(at + 1).any(|card| self.is_still(card))
    }

    fn shows_all(&self) -> bool {
        self.shown.rows.len() < kernel::length(PAGE)
    }

    /// The next row that stays where it is, or the end of the group.
    fn anchor(&self, at: usize, group: Group) -> (String, &'static str) {
        let next = self.cards.iter().skip(at + 1).find(|card| self.is_still(card));
        match next.filter(|next| next.group == group) {
            Some(next) => (format!("#conv-{}", next.reference), "beforebegin"),
            None => (format!("#group-{} .conv-list", group.key()), "beforeend"),
        }
    }

    /// How many rows each group has now; not known while there is more below.
    fn counts(&self) -> Vec<(Group, usize)> {
        if !self.shows_all() {
            return Vec::new();
        }
        let touched = |group: &Group| {
            let is_from = |id: &TicketId| self.shown.group_of(*id) == Some(group.key());
            let is_to =
                |card: &RowCard| card.group == *group && self.changed.contains(&card.reference);
            self.changed.iter().any(is_from) || self.cards.iter().any(is_to)
        };
        let groups = Group::EVERY.into_iter().filter(touched);
        groups
            .map(|group| (group, self.cards.iter().filter(|card| card.group == group).count()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;
    use crate::ticket::Channel;

    fn card(id: i64, group: Group) -> RowCard {
        RowCard {
            reference: TicketId(id),
            pick: String::new(),
            href: String::new(),
            is_unread: false,
            who: String::new(),
            time: String::new(),
            at: Timestamp::from_seconds(0),
            channel: Channel::Email,
            subject: String::new(),
            snippet: String::new(),
            is_draft: false,
            clock: None,
            priority: None,
            tags: Vec::new(),
            owner: None,
            owner_text: String::new(),
            group,
        }
    }

    /// The targets and swaps of an answer, in short: `#conv-RC-1 delete`.
    fn moves(changed: &[i64], shown: &str, cards: &[(i64, Group)]) -> Vec<String> {
        let changed: Vec<TicketId> = changed.iter().map(|id| TicketId(*id)).collect();
        let cards: Vec<RowCard> = cards.iter().map(|(id, group)| card(*id, *group)).collect();
        let moves = Moves { changed: &changed, shown: &Shown::read(shown), cards: &cards };
        let catalog = ui::Catalog::new(&[("en", &[ui::MESSAGES_EN])]).unwrap();
        moves.answer(&catalog.words("en")).unwrap().places()
    }

    #[test]
    fn rows_stay_move_come_and_go() {
        use Group::{Hour, Overdue};
        for (name, changed, shown, cards, expected) in [
            (
                "a change in place",
                &[2][..],
                "hour:RC-1,RC-2,RC-3",
                &[(1, Hour), (2, Hour), (3, Hour)][..],
                &["#conv-RC-2 outerMorph", "#gc-hour innerHTML"][..],
            ),
            (
                "the only one of its group",
                &[1],
                "overdue:RC-1;hour:RC-2",
                &[(1, Overdue), (2, Hour)],
                &["#conv-RC-1 outerMorph", "#gc-overdue innerHTML"],
            ),
            (
                "to the front",
                &[3],
                "hour:RC-1,RC-2,RC-3",
                &[(3, Hour), (1, Hour), (2, Hour)],
                &["#conv-RC-3 delete", "#conv-RC-1 beforebegin", "#gc-hour innerHTML"],
            ),
            (
                "into another group",
                &[1],
                "hour:RC-1,RC-2",
                &[(1, Overdue), (2, Hour)],
                &[
                    "#conv-RC-1 delete",
                    "#group-overdue .conv-list beforeend",
                    "#gc-overdue innerHTML",
                    "#gc-hour innerHTML",
                ],
            ),
            (
                "gone",
                &[2],
                "hour:RC-1,RC-2",
                &[(1, Hour)],
                &["#conv-RC-2 delete", "#gc-hour innerHTML"],
            ),
            (
                "new at the end",
                &[9],
                "hour:RC-1",
                &[(1, Hour), (9, Hour)],
                &["#group-hour .conv-list beforeend", "#gc-hour innerHTML"],
            ),
            ("new and elsewhere", &[9], "hour:RC-1", &[(1, Hour)], &[]),
        ] {
            assert_eq!(moves(changed, shown, cards), expected, "{name}");
        }
    }
}
