//! Finding: the page of search, and the palette that opens over everything.

use accounts::{Act, Actor, Costly};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use customers::Customer;
use kernel::{PublicId, TicketId};
use search::Piece;
use serde::Deserialize;
use ui::{Answer, Badge, Chrome, Markup, View, WebResult, Words};

use super::ticket::From;
use crate::desk::{Desk, reader};
use crate::filter::Filter;
use crate::finding::{After, Find, Finds, FoundCustomers, LIMIT, PlaceKind, find, find_customers};
use crate::frame::title;

const PAGE: i64 = 30;
const CUSTOMERS: i64 = 5;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    after: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    chrome: Chrome,
    query: String,
    results: Results,
}

/// What was found; fetched again as somebody types.
#[derive(Template)]
#[template(path = "_results.html")]
struct Results {
    w: Words,
    query: String,
    not_understood: String,
    gave_up: bool,
    customers: Vec<CustomerLine>,
    finds: Vec<FindCard>,
    more: Option<String>,
    is_first: bool,
}

impl askama::filters::HtmlSafe for Results {}

struct CustomerLine {
    id: PublicId,
    name: String,
    address: String,
    badge: Badge,
}

/// A ticket that was found, in words.
struct FindCard {
    reference: TicketId,
    href: String,
    icon: &'static str,
    subject: Markup,
    snippet: Markup,
    who: String,
    state: String,
    time: String,
    is_note: bool,
}

/// Pieces of text, with what was looked for marked.
fn marked(pieces: &[Piece]) -> Markup {
    ui::marked(pieces.iter().map(|piece| (piece.text.as_str(), piece.is_hit)))
}

pub(super) async fn index(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let results = results(&desk, &actor, &asked).await?;
    if view.is_htmx {
        return ui::page(&results);
    }
    let chrome = desk.accounts.chrome(&actor, "/search").await?;
    ui::page(&SearchPage { chrome, query: asked.q.clone(), results })
}

async fn results(desk: &Desk, actor: &Actor, asked: &Asked) -> WebResult<Results> {
    let w = desk.accounts.site().words(&actor.language);
    let query = asked.q.trim();
    let after = After::read(&asked.after);
    let mut results = Results {
        w: w.clone(),
        query: query.to_owned(),
        not_understood: String::new(),
        gave_up: false,
        customers: Vec::new(),
        finds: Vec::new(),
        more: None,
        is_first: after.is_none(),
    };
    if query.is_empty() {
        return Ok(results);
    }
    desk.accounts.count(actor, Costly::Search)?;
    let (filter, unknown) = desk.narrow(actor, Filter::default(), query).await?;
    let unknown: Vec<String> = unknown.into_iter().map(|word| word.0).collect();
    results.not_understood = unknown.join(" ");
    let conn = desk.db().read_within(LIMIT).await?;
    let found = find(&conn, reader(actor), &filter, PAGE, after).await?;
    results.gave_up = found.gave_up;
    if after.is_none() && !found.gave_up {
        let known = find_customers(&conn, reader(actor), &filter.terms, CUSTOMERS).await?;
        results.gave_up = known.gave_up;
        results.customers = known.rows.into_iter().map(customer_line).collect();
    }
    drop(conn);
    let when = actor.when(desk.now());
    results.finds = found.rows.iter().map(|find| card(find, &when, &w)).collect();
    let encoded = super::list::percent_encoded(query);
    results.more = found.next.map(|next| format!("/search?q={encoded}&after={next}"));
    Ok(results)
}

fn customer_line(customer: Customer) -> CustomerLine {
    CustomerLine {
        id: customer.public_id,
        badge: Badge::of(&customer.shown_name(), customer.id.0),
        address: customer.address.as_ref().map_or(String::new(), ToString::to_string),
        name: customer.shown_name(),
    }
}

fn card(find: &Find, when: &ui::When, w: &Words) -> FindCard {
    FindCard {
        reference: find.row.id,
        href: format!("/t/{}", find.row.id),
        icon: find.row.channel.icon(),
        subject: marked(&find.subject),
        snippet: marked(&find.snippet),
        who: find.row.customer_name.clone(),
        state: w.t(find.row.state.key()).to_owned(),
        time: ui::moment(find.place.map_or(find.row.last_message_at, |place| place.at), when, w),
        is_note: find.place.is_some_and(|place| place.kind == PlaceKind::Note),
    }
}

/// What the palette offers for what was typed.
#[derive(Template)]
#[template(path = "_palette.html")]
struct Palette {
    groups: Vec<PaletteGroup>,
    nothing: String,
}

struct PaletteGroup {
    title: String,
    options: Vec<PaletteOption>,
}

struct PaletteOption {
    icon: &'static str,
    label: String,
    meta: String,
    /// Where it leads.
    go: Option<String>,
    /// The key of a control that is on the page.
    press: Option<&'static str>,
}

impl PaletteOption {
    fn to(icon: &'static str, label: String, meta: String, go: String) -> Self {
        Self { icon, label, meta, go: Some(go), press: None }
    }
}

const PALETTE_TICKETS: i64 = 8;

pub(super) async fn palette(
    State(desk): State<Desk>,
    actor: Actor,
    from: From,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let w = desk.accounts.site().words(&actor.language);
    let query = asked.q.trim();
    let mut groups = Vec::new();
    let mut gave_up = false;
    if !query.is_empty() {
        desk.accounts.count(&actor, Costly::Search)?;
        let (filter, _) = desk.narrow(&actor, Filter::default(), query).await?;
        let conn = desk.db().read_within(LIMIT).await?;
        let found = find(&conn, reader(&actor), &filter, PALETTE_TICKETS, None).await?;
        gave_up = found.gave_up;
        groups.push((w.t("palette-tickets"), tickets(found, &w)));
        if !gave_up {
            let terms = &filter.terms;
            let known = find_customers(&conn, reader(&actor), terms, CUSTOMERS).await?;
            gave_up = known.gave_up;
            groups.push((w.t("palette-customers"), customers(known)));
        }
    }
    if from.shows_ticket() {
        groups.push((w.t("palette-actions"), actions(&actor, query, &w)));
    }
    groups.push((w.t("palette-places"), places(&desk, &actor, query, &w).await?));
    let mut groups: Vec<PaletteGroup> = groups
        .into_iter()
        .filter(|(_, options)| !options.is_empty())
        .map(|(title, options)| PaletteGroup { title: title.to_owned(), options })
        .collect();
    let count: usize = groups.iter().map(|group| group.options.len()).sum();
    let said = if gave_up {
        let title = w.t("search-gave-up").to_owned();
        groups.insert(0, PaletteGroup { title: title.clone(), options: Vec::new() });
        title
    } else {
        w.n("palette-count", count)
    };
    let palette = Palette { groups, nothing: w.t("palette-nothing").to_owned() };
    Ok(Answer::new().main(&palette)?.text("#palette-status", &said).into_response())
}

fn tickets(found: Finds, w: &Words) -> Vec<PaletteOption> {
    let options = found.rows.into_iter().map(|find| {
        let meta = format!("{} · {}", find.row.id, find.row.customer_name);
        let label = if find.row.subject.is_empty() {
            w.t("no-subject").to_owned()
        } else {
            find.row.subject.clone()
        };
        PaletteOption::to(find.row.channel.icon(), label, meta, format!("/t/{}", find.row.id))
    });
    options.collect()
}

fn customers(known: FoundCustomers) -> Vec<PaletteOption> {
    let options = known.rows.into_iter().map(|customer| {
        let meta = customer.address.as_ref().map_or(String::new(), ToString::to_string);
        let go = format!("/customers/{}", customer.public_id);
        PaletteOption::to("circle-user", customer.shown_name(), meta, go)
    });
    options.collect()
}

/// What can be done with the ticket that is open.
fn actions(actor: &Actor, query: &str, w: &Words) -> Vec<PaletteOption> {
    const ALL: [(&str, &str, &str, Act); 9] = [
        ("reply", "key-reply", "r", Act::WriteToCustomers),
        ("sticky-note", "key-note", "n", Act::WriteNotes),
        ("forward", "key-forward", "w", Act::WriteToCustomers),
        ("user-check", "key-assign", "a", Act::ChangeTickets),
        ("tag", "key-tags", "l", Act::ChangeTickets),
        ("flag", "key-priority", "p", Act::ChangeTickets),
        ("alarm-clock", "key-snooze", "z", Act::ChangeTickets),
        ("check", "key-resolve", "e", Act::ChangeTickets),
        ("git-merge", "key-merge", "m", Act::ChangeTickets),
    ];
    ALL.iter()
        .filter(|(_, label, _, act)| actor.may(*act) && fits(w.t(label), query))
        .map(|(icon, label, key, _)| PaletteOption {
            icon,
            label: w.t(label).to_owned(),
            meta: (*key).to_owned(),
            go: None,
            press: Some(key),
        })
        .collect()
}

/// The lists and pages of the frame.
async fn places(
    desk: &Desk,
    actor: &Actor,
    query: &str,
    w: &Words,
) -> WebResult<Vec<PaletteOption>> {
    let views = desk.counted_views(actor).await?;
    let lists = views.into_iter().map(|view| {
        let go = format!("/inbox/{}", view.key);
        PaletteOption::to(view.icon, title(&view.title, w), String::new(), go)
    });
    let mut pages = vec![
        PaletteOption::to(
            "users",
            w.t("customers-title").to_owned(),
            String::new(),
            "/customers".to_owned(),
        ),
        PaletteOption::to(
            "bell",
            w.t("news-title").to_owned(),
            String::new(),
            "/notifications".to_owned(),
        ),
    ];
    if actor.may(Act::WriteToCustomers) {
        let label = w.t("new-ticket").to_owned();
        pages.push(PaletteOption::to("square-pen", label, "c".to_owned(), "/t/new".to_owned()));
    }
    for group in desk.accounts.subnav(actor, "") {
        for link in group.links {
            pages.push(PaletteOption::to(link.icon, link.label, String::new(), link.href));
        }
    }
    let all = lists.chain(pages).filter(|option| fits(&option.label, query));
    Ok(all.take(12).collect())
}

/// Whether every word that was typed begins a word of the label.
fn fits(label: &str, query: &str) -> bool {
    let label = label.to_lowercase();
    let words: Vec<&str> = label.split_whitespace().collect();
    query
        .to_lowercase()
        .split_whitespace()
        .all(|typed| words.iter().any(|word| word.starts_with(typed)))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn beginnings_of_words_find_an_option() {
        assert!(fits("Needs reply", "rep"));
        assert!(fits("Needs reply", "re ne"));
        assert!(fits("Needs reply", ""));
        assert!(!fits("Needs reply", "ply"));
    }
}
