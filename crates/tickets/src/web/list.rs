//! Lists of tickets: whole, page by page, and row by row as tickets change.

use accounts::{Actor, Costly};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use kernel::TicketId;
use serde::Deserialize;
use ui::{Answer, Choice, Chrome, Count, View, WebResult, Words, found};

use super::panel::Panel;
use super::row::{Group, RowCard, RowMaker};
use super::sheets::moment_choices;
use super::ticket::Thread;
use crate::desk::{Desk, reader};
use crate::filter::{Cursor, Filter, Sort};
use crate::finding;
use crate::frame::title;
use crate::store::lists::{self, Row};
use crate::ticket::{Channel, Priority};
use crate::views::{ListView, Standing};

pub(crate) const PAGE: i64 = 30;

/// What a list is asked for besides its view.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) sort: String,
    pub(crate) q: String,
    channel: String,
    priority: String,
    assignee: String,
    tag: String,
    after: String,
    pub(crate) refs: String,
    pub(crate) shown: String,
}

impl Asked {
    /// The search field and the choices of the filter as one query.
    fn query(&self) -> String {
        let mut query = self.q.trim().to_owned();
        for (key, value) in [
            ("channel", &self.channel),
            ("priority", &self.priority),
            ("assignee", &self.assignee),
            ("tag", &self.tag),
        ] {
            let value = value.trim().replace('"', "");
            if !value.is_empty() {
                query.push_str(&[" ", key, ":\"", &value, "\""].concat());
            }
        }
        query.trim().to_owned()
    }
}

/// A list with everything around it.
#[derive(Template)]
#[template(path = "_list_pane.html")]
pub(crate) struct ListPane {
    pub(crate) w: Words,
    pub(crate) title: String,
    pub(crate) key: String,
    pub(crate) count: Option<Count>,
    pub(crate) sort: Sort,
    pub(crate) query: String,
    pub(crate) filter: FilterChoices,
    pub(crate) list: List,
    pub(crate) may_change: bool,
    pub(crate) people: Vec<(i64, String)>,
    /// Until when tickets can be snoozed together.
    pub(crate) moments: Vec<Choice>,
}

impl askama::filters::HtmlSafe for ListPane {}
impl askama::filters::HtmlSafe for List {}
impl askama::filters::HtmlSafe for ListEnd {}
impl askama::filters::HtmlSafe for Rows<'_> {}

/// What the filter lets choose.
pub(crate) struct FilterChoices {
    channels: Vec<Choice>,
    priorities: Vec<Choice>,
    assignees: Vec<Choice>,
}

/// The list itself: what is fetched again when a lot has changed.
#[derive(Template)]
#[template(path = "_list.html")]
pub(crate) struct List {
    pub(crate) w: Words,
    pub(crate) key: String,
    pub(crate) url: String,
    pub(crate) groups: Vec<GroupCard>,
    pub(crate) current: Option<TicketId>,
    pub(crate) end: ListEnd,
    /// What is to be said about the question.
    pub(crate) note: String,
    pub(crate) is_narrowed: bool,
    /// Whether looking took too long, so that an empty list says nothing.
    pub(crate) gave_up: bool,
}

/// Rows under a title.
pub(crate) struct GroupCard {
    pub(crate) key: &'static str,
    pub(crate) title: String,
    pub(crate) rows: Vec<RowCard>,
    /// How many there are; none while there may be more below.
    pub(crate) count: Option<usize>,
}

/// The end of what is shown so far.
#[derive(Template)]
#[template(path = "_list_end.html")]
pub(crate) struct ListEnd {
    pub(crate) w: Words,
    /// Where the next page is.
    pub(crate) more: Option<String>,
    pub(crate) shown: usize,
}

#[derive(Template)]
#[template(path = "_rows.html")]
pub(crate) struct Rows<'r> {
    pub(crate) w: &'r Words,
    pub(crate) rows: &'r [RowCard],
    pub(crate) current: Option<TicketId>,
}

/// The whole page: list, ticket, customer.
#[derive(Template)]
#[template(path = "inbox.html")]
pub(crate) struct InboxPage {
    pub(crate) chrome: Chrome,
    pub(crate) pane: ListPane,
    pub(crate) thread: Option<Thread>,
    pub(crate) panel: Option<Panel>,
    pub(crate) sent: Option<JustSent>,
}

/// What was sent on another page a moment ago, with the way to take it back.
pub(crate) struct JustSent {
    pub(crate) text: String,
    pub(crate) undo: String,
    pub(crate) left_ms: i64,
}

/// A list that was asked for, before it is drawn.
pub(crate) struct Wanted {
    pub(crate) view: ListView,
    pub(crate) filter: Filter,
    pub(crate) sort: Sort,
    query: String,
    not_understood: String,
}

pub(crate) async fn wanted(
    desk: &Desk,
    actor: &Actor,
    key: &str,
    asked: &Asked,
) -> WebResult<Wanted> {
    let view = found(desk.view(actor, key).await?)?;
    let query = asked.query();
    let (filter, unknown) = desk.narrow(actor, view.filter.clone(), &query).await?;
    let sort = Sort::named(&asked.sort).unwrap_or(view.sort);
    let unknown: Vec<String> = unknown.into_iter().map(|word| word.0).collect();
    Ok(Wanted { view, filter, sort, query, not_understood: unknown.join(" ") })
}

impl Wanted {
    /// The address of the list, with what narrows it.
    fn url(&self) -> String {
        let mut url = format!("/inbox/{}?sort={}", self.view.key, self.sort.as_str());
        if !self.query.is_empty() {
            url.push_str("&q=");
            url.push_str(&percent_encoded(&self.query));
        }
        url
    }

    /// The rows, and whether looking for them was given up.
    async fn rows(
        &self,
        desk: &Desk,
        actor: &Actor,
        after: Option<Cursor>,
    ) -> WebResult<(Vec<Row>, bool)> {
        if !self.filter.terms.is_empty() {
            desk.accounts.count(actor, Costly::Search)?;
            // What has these words, best first; one page of it is what a list can show.
            let conn = desk.db().read_within(finding::LIMIT).await?;
            let found = finding::find(&conn, reader(actor), &self.filter, PAGE, None).await?;
            return Ok((found.rows.into_iter().map(|find| find.row).collect(), found.gave_up));
        }
        let conn = desk.db().read_list().await?;
        let limit = PAGE + 1;
        let rows = lists::page(&conn, reader(actor), &self.filter, self.sort, after, limit).await;
        match rows {
            Err(fault) if database::took_too_long(&fault) => Ok((Vec::new(), true)),
            rows => Ok((rows?, false)),
        }
    }

    fn note(&self, w: &Words) -> String {
        if self.not_understood.is_empty() {
            String::new()
        } else {
            w.a("query-unknown", "word", &self.not_understood)
        }
    }

    /// One page of the list, in groups.
    async fn list(
        &self,
        desk: &Desk,
        actor: &Actor,
        after: Option<Cursor>,
        current: Option<TicketId>,
    ) -> WebResult<List> {
        let (mut rows, gave_up) = self.rows(desk, actor, after).await?;
        let has_more = rows.len() > kernel::length(PAGE);
        rows.truncate(kernel::length(PAGE));
        let last = rows.last().map(|row| row.cursor(self.sort));
        let shown = rows.len();
        let words = desk.accounts.site().words(&actor.language);
        let cards = self.cards(desk, actor, rows, &words).await?;
        let more = last.filter(|_| has_more).map(|last| format!("{}&after={last}", self.url()));
        let last_group = cards.last().map(|card| card.group);
        let groups = Group::all(self.sort)
            .iter()
            .map(|group| {
                let rows: Vec<RowCard> =
                    cards.iter().filter(|card| card.group == *group).cloned().collect();
                let is_whole = after.is_none() && !(has_more && last_group == Some(*group));
                GroupCard {
                    key: group.key(),
                    title: words.t(group.title()).to_owned(),
                    count: is_whole.then_some(rows.len()),
                    rows,
                }
            })
            .collect();
        Ok(List {
            key: self.view.key.clone(),
            url: self.url(),
            groups,
            current,
            end: ListEnd { w: words.clone(), more, shown },
            note: self.note(&words),
            is_narrowed: !self.query.is_empty(),
            gave_up,
            w: words,
        })
    }

    pub(crate) async fn cards(
        &self,
        desk: &Desk,
        actor: &Actor,
        rows: Vec<Row>,
        words: &Words,
    ) -> WebResult<Vec<RowCard>> {
        let directory = desk.accounts.directory().await?;
        let when = actor.when(desk.now());
        let maker = RowMaker {
            actor,
            directory: &directory,
            when: &when,
            words,
            view_key: &self.view.key,
            sort: self.sort,
        };
        Ok(rows.into_iter().map(|row| maker.card(row)).collect())
    }
}

pub(super) fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The list and what is around it.
pub(crate) async fn pane(
    desk: &Desk,
    actor: &Actor,
    wanted: &Wanted,
    after: Option<Cursor>,
    current: Option<TicketId>,
) -> WebResult<ListPane> {
    let list = wanted.list(desk, actor, after, current).await?;
    let counts = desk.counts(actor).await?;
    let count =
        counts.iter().find(|(key, _)| *key == wanted.view.key).and_then(|(_, count)| *count);
    let directory = desk.accounts.directory().await?;
    let people: Vec<(i64, String)> =
        directory.working().into_iter().map(|card| (card.id.0, card.name.clone())).collect();
    let w = list.w.clone();
    Ok(ListPane {
        title: title(&wanted.view.title, &w),
        key: wanted.view.key.clone(),
        count,
        sort: wanted.sort,
        query: wanted.query.clone(),
        filter: filter_choices(&people, &w),
        list,
        may_change: actor.may(accounts::Act::ChangeTickets),
        people,
        moments: moment_choices(&actor.when(desk.now()), &w),
        w,
    })
}

fn filter_choices(people: &[(i64, String)], w: &Words) -> FilterChoices {
    let any = |key: &str| Choice::new("", w.t(key).to_owned(), true);
    let channels = Channel::ALL
        .iter()
        .map(|channel| Choice::new(channel.as_str(), w.t(channel.key()).to_owned(), false));
    let priorities = Priority::ALL
        .iter()
        .map(|priority| Choice::new(priority.as_str(), w.t(priority.key()).to_owned(), false));
    let nobody = Choice::new("none", w.t("row-unassigned").to_owned(), false);
    let names = people.iter().map(|(_, name)| Choice::new(name, name, false));
    FilterChoices {
        channels: [any("filter-any-channel")].into_iter().chain(channels).collect(),
        priorities: [any("filter-any-priority")].into_iter().chain(priorities).collect(),
        assignees: [any("filter-anybody"), nobody].into_iter().chain(names).collect(),
    }
}

pub(super) async fn home() -> Response {
    ui::see_other(&format!("/inbox/{}", Standing::NeedsReply.key()))
}

pub(super) async fn index(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path(key): Path<String>,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let wanted = wanted(&desk, &actor, &key, &asked).await?;
    let after = Cursor::read(&asked.after);
    if view.is_htmx {
        return match after {
            Some(after) => next_page(&desk, &actor, &wanted, after).await,
            None => ui::page(&wanted.list(&desk, &actor, None, None).await?),
        };
    }
    let pane = pane(&desk, &actor, &wanted, after, None).await?;
    let chrome = desk.accounts.chrome(&actor, &format!("/inbox/{}", wanted.view.key)).await?;
    ui::page(&InboxPage { chrome, pane, thread: None, panel: None, sent: None })
}

/// More rows, each into its group, and the new end.
async fn next_page(
    desk: &Desk,
    actor: &Actor,
    wanted: &Wanted,
    after: Cursor,
) -> WebResult<Response> {
    let list = wanted.list(desk, actor, Some(after), None).await?;
    let mut answer = Answer::new().main(&list.end)?;
    for group in list.groups.iter().filter(|group| !group.rows.is_empty()) {
        let target = format!("#group-{} .conv-list", group.key);
        let rows = Rows { w: &list.w, rows: &group.rows, current: None };
        answer = answer.piece(&target, "beforeend", &rows)?;
    }
    Ok(answer.into_response())
}

/// The numbers beside the lists.
pub(super) async fn counts(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    let mut answer = Answer::new();
    for (key, count) in desk.counts(&actor).await?.iter() {
        let count = count.filter(|count| count.0 > 0);
        let text = count.map_or(String::new(), |count| count.to_string());
        answer = answer.text(&format!("#count-{key}"), &text);
        if key == Standing::NeedsReply.key() {
            answer = answer.text("#count-needs-reply-phone", &text);
        }
    }
    Ok(answer.into_response())
}
