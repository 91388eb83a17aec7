//! The pane beside a ticket: who writes, what the ticket is, what was before.

use accounts::Act;
use askama::Template;
use customers::Customer;
use database::Conn;
use kernel::{PublicId, TicketId, Timestamp};
use ui::{Badge, Choice, Fields, Problems, WebResult, Words};

use super::entries::Maker;
use super::ticket::Opened;
use crate::State;
use crate::desk::{Desk, reader};
use crate::seen::Slot;
use crate::store::lists::{self, Row};
use crate::store::taxonomy::{self, FieldKind};
use crate::store::{people, tickets};
use crate::ticket::{Priority, Ticket};

/// How many earlier tickets stand here; the page of the customer has all.
const EARLIER_SHOWN: i64 = 6;

#[derive(Template)]
#[template(path = "_panel.html")]
pub(crate) struct Panel {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) list: String,
    pub(crate) customer: PublicId,
    pub(crate) name: String,
    pub(crate) badge: Badge,
    pub(crate) address: String,
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) identities: Vec<IdentityLine>,
    pub(crate) details: Details,
    pub(crate) tags: Vec<String>,
    pub(crate) followers: Vec<Badge>,
    pub(crate) participants: Vec<String>,
    pub(crate) problem: Option<ProblemLine>,
    pub(crate) links: Vec<TicketLine>,
    pub(crate) earlier: Vec<TicketLine>,
    pub(crate) earlier_more: bool,
    pub(crate) notes: Vec<NoteLine>,
    pub(crate) may_change: bool,
    pub(crate) may_know: bool,
}

impl askama::filters::HtmlSafe for Panel {}

pub(crate) struct IdentityLine {
    pub(crate) address: String,
    pub(crate) is_verified: bool,
}

pub(crate) struct ProblemLine {
    pub(crate) id: PublicId,
    pub(crate) title: String,
    pub(crate) is_fixed: bool,
}

/// Another ticket in a line.
pub(crate) struct TicketLine {
    pub(crate) reference: TicketId,
    pub(crate) subject: String,
    pub(crate) meta: String,
}

pub(crate) struct NoteLine {
    pub(crate) text: String,
    pub(crate) meta: String,
}

/// What can be chosen about a ticket.
pub(crate) struct Details {
    /// What is shown, by the names under which the form says so.
    pub(crate) was: Vec<(String, String)>,
    pub(crate) problems: Problems,
    pub(crate) priorities: Vec<Choice>,
    pub(crate) categories: Vec<Choice>,
    pub(crate) teams: Vec<Choice>,
    pub(crate) inboxes: Vec<Choice>,
    pub(crate) fields: Vec<FieldLine>,
}

impl Details {
    /// The form as it was sent, with what is wrong at its fields. Where something else can be
    /// chosen it shows what is there now; what was typed stays.
    pub(crate) fn retype(&mut self, sent: &Fields, problems: Problems) {
        let choose = |name: &str, choices: &mut Vec<Choice>| {
            let Some(value) = sent.get(name).filter(|_| problems.at(name).is_none()) else {
                return;
            };
            for choice in choices {
                choice.is_chosen = choice.value == value;
            }
        };
        choose("priority", &mut self.priorities);
        choose("category", &mut self.categories);
        choose("team", &mut self.teams);
        choose("inbox", &mut self.inboxes);
        for line in &mut self.fields {
            choose(&line.name, &mut line.choices);
            if let Some(value) = sent.get(&line.name).filter(|_| !line.is_choice()) {
                line.value = value.to_owned();
            }
        }
        self.problems = problems;
    }
}

/// A custom field and its value.
pub(crate) struct FieldLine {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: FieldKind,
    pub(crate) choices: Vec<Choice>,
    pub(crate) value: String,
}

impl FieldLine {
    /// The type of the input.
    pub(crate) fn input(&self) -> &'static str {
        match self.kind {
            FieldKind::Date => "date",
            FieldKind::Text | FieldKind::Number | FieldKind::Choice => "text",
        }
    }

    pub(crate) fn is_choice(&self) -> bool {
        self.kind == FieldKind::Choice
    }
}

pub(crate) async fn make(opened: &Opened<'_>, maker: &Maker<'_>, conn: &Conn) -> WebResult<Panel> {
    let Opened { desk, actor, ticket, list } = opened;
    let others = async {
        let linked = tickets::links(conn, ticket.id).await?;
        let ids: Vec<TicketId> = linked.iter().map(|(id, ..)| *id).collect();
        lists::some(conn, reader(actor), &crate::filter::Filter::default(), &ids).await
    };
    let (customer, identities, notes, earlier, tags, followers, participants, values, others) = tokio::try_join!(
        customers::find(conn, ticket.customer),
        customers::identities(conn, ticket.customer),
        customers::notes(conn, ticket.customer),
        lists::of_customer(conn, reader(actor), ticket.customer, EARLIER_SHOWN + 2),
        taxonomy::tags_of(conn, ticket.id),
        people::followers(conn, ticket.id),
        tickets::participants(conn, ticket.id),
        taxonomy::field_values(conn, ticket.id),
        others,
    )?;
    let customer = ui::found(customer)?;
    let shelf = desk.shelf().await?;
    let problem = ticket.problem.and_then(|id| shelf.problems.iter().find(|one| one.id == id));
    let earlier: Vec<Row> = earlier.into_iter().filter(|row| row.id != ticket.id).collect();
    let name = customer.shown_name();
    Ok(Panel {
        reference: ticket.id,
        list: list.clone(),
        customer: customer.public_id,
        badge: Badge::of(&name, customer.id.0),
        address: customer.address.as_ref().map_or(String::new(), ToString::to_string),
        facts: facts(&customer, ticket, maker),
        identities: identities
            .into_iter()
            .map(|one| IdentityLine {
                address: one.value.to_string(),
                is_verified: one.verified_at.is_some(),
            })
            .collect(),
        details: details(opened, maker, &values).await?,
        tags,
        followers: followers
            .iter()
            .filter_map(|id| maker.directory.agent(*id))
            .map(|card| card.badge.clone())
            .collect(),
        participants: participants.into_iter().map(|(address, _)| address.to_string()).collect(),
        problem: problem.map(|one| ProblemLine {
            id: one.public_id,
            title: one.title.clone(),
            is_fixed: one.is_fixed,
        }),
        links: others.iter().map(|row| line(row, maker)).collect(),
        earlier_more: earlier.len() > kernel::length(EARLIER_SHOWN),
        earlier: earlier
            .iter()
            .take(kernel::length(EARLIER_SHOWN))
            .map(|row| line(row, maker))
            .collect(),
        notes: notes.iter().map(|note| note_line(note, maker)).collect(),
        may_change: actor.may(Act::ChangeTickets),
        may_know: actor.may(Act::ChangeCustomers),
        name,
        w: maker.w.clone(),
    })
}

pub(crate) fn note_line(note: &customers::CustomerNote, maker: &Maker<'_>) -> NoteLine {
    let who = maker.directory.name_of(note.author);
    let when = ui::moment(note.created_at, &maker.when, &maker.w);
    NoteLine { text: note.text.clone(), meta: format!("{who} · {when}") }
}

pub(crate) fn line(row: &Row, maker: &Maker<'_>) -> TicketLine {
    let when = ui::day(row.created_at, &maker.when);
    let state = maker.w.t(row.state.key());
    TicketLine {
        reference: row.id,
        subject: row.subject.clone(),
        meta: format!("{when} · {state}"),
    }
}

fn facts(customer: &Customer, ticket: &Ticket, maker: &Maker<'_>) -> Vec<(String, String)> {
    let w = &maker.w;
    let mut facts = Vec::new();
    let mut add = |key: &str, value: String| facts.push((w.t(key).to_owned(), value));
    if let Some(zone) = &customer.time_zone {
        let there = ui::When::in_zone(maker.when.now, zone);
        add("panel-local-time", ui::clock_time(maker.when.now, &there));
    }
    if let Some(language) = &customer.language {
        add("panel-language", language_name(language, w));
    }
    add("panel-since", ui::day(customer.created_at, &maker.when));
    add("panel-state", w.t(ticket.state.key()).to_owned());
    add("panel-opened", opened_on(ticket.created_at, maker));
    if ticket.state == State::OnHold
        && let Some(reason) = &ticket.hold_reason
    {
        add("panel-hold", reason.clone());
    }
    if let Some(resolution) = ticket.resolution.filter(|_| ticket.state.is_done()) {
        add("panel-resolution", w.t(resolution.key()).to_owned());
    }
    if let Some(cause) = ticket.cause.as_ref().filter(|_| ticket.state.is_done()) {
        add("panel-cause", cause.clone());
    }
    facts
}

fn opened_on(at: Timestamp, maker: &Maker<'_>) -> String {
    ui::moment(at, &maker.when, &maker.w)
}

/// The name of a language where we have one, else its code.
fn language_name(code: &str, w: &Words) -> String {
    const NAMED: [&str; 16] = [
        "ar", "de", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pl", "pt", "ru", "uk",
        "zh",
    ];
    let short = code.split('-').next().unwrap_or(code);
    if NAMED.contains(&short) {
        w.t(&format!("language-{short}")).to_owned()
    } else {
        code.to_owned()
    }
}

pub(crate) async fn details(
    opened: &Opened<'_>,
    maker: &Maker<'_>,
    values: &[(kernel::FieldId, String)],
) -> WebResult<Details> {
    let Opened { desk, actor, ticket, .. } = opened;
    let shelf = desk.shelf().await?;
    let w = &maker.w;
    let none = |key: &str, is_chosen: bool| Choice::new("", w.t(key).to_owned(), is_chosen);
    let priorities = Priority::ALL
        .iter()
        .map(|one| Choice::new(one.as_str(), w.t(one.key()).to_owned(), *one == ticket.priority));
    let categories = shelf
        .categories
        .iter()
        .filter(|one| !one.is_archived || ticket.category == Some(one.id))
        .map(|one| Choice::new(one.id, &one.name, ticket.category == Some(one.id)));
    let teams = maker
        .directory
        .teams()
        .iter()
        .map(|one| Choice::new(one.id, &one.name, ticket.team == Some(one.id)));
    let inboxes = maker
        .directory
        .inboxes()
        .filter(|one| actor.may_see(one.id))
        .map(|one| Choice::new(one.id, &one.name, ticket.inbox == one.id));
    let category = ticket.category.is_none();
    let fields = fields(desk, values, w).await?;
    let slots = [Slot::Priority, Slot::Category, Slot::Team, Slot::Inbox];
    let was = slots.into_iter().map(|slot| (slot.was(), slot.value(ticket)));
    let was =
        was.chain(fields.iter().map(|line| (format!("was-{}", line.name), line.value.clone())));
    Ok(Details {
        was: was.collect(),
        problems: Problems::default(),
        priorities: priorities.collect(),
        categories: std::iter::once(none("panel-no-category", category))
            .chain(categories)
            .collect(),
        teams: std::iter::once(none("panel-no-team", ticket.team.is_none())).chain(teams).collect(),
        inboxes: inboxes.collect(),
        fields,
    })
}

async fn fields(
    desk: &Desk,
    values: &[(kernel::FieldId, String)],
    w: &Words,
) -> WebResult<Vec<FieldLine>> {
    let shelf = desk.shelf().await?;
    let value_of = |id| {
        let value = values.iter().find(|(field, _)| *field == id);
        value.map_or(String::new(), |(_, value)| value.clone())
    };
    let lines = shelf
        .fields
        .iter()
        .filter(|field| !field.is_archived || values.iter().any(|(id, _)| *id == field.id))
        .map(|field| {
            let value = value_of(field.id);
            let none = Choice::new("", w.t("panel-no-value").to_owned(), value.is_empty());
            let choices = field.choices.iter().map(|one| Choice::new(one, one, *one == value));
            FieldLine {
                name: format!("field-{}", field.id),
                label: field.label.clone(),
                kind: field.kind,
                choices: std::iter::once(none).chain(choices).collect(),
                value,
            }
        });
    Ok(lines.collect())
}
