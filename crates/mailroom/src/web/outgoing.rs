//! What waits to leave, what did not arrive, and who cannot be reached.

use accounts::{Act, Actor};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use kernel::{DeliveryId, EmailAddress};
use outbox::{Listed, Shelf};
use serde::Deserialize;
use ui::{Chrome, Form, WebResult, found};

use super::ledger::inbox_names;
use crate::Mailroom;
use crate::mailroom::seen_by;

const HERE: &str = "/settings/outgoing";
const ROWS: i64 = 50;
const SUPPRESSIONS_SHOWN: i64 = 500;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// `failed`, `dead`, or what waits.
    show: String,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "outgoing.html")]
struct Outgoing {
    chrome: Chrome,
    show: &'static str,
    rows: Vec<Row>,
    dead: Vec<Dead>,
    older: Option<String>,
    may_lift: bool,
}

struct Row {
    id: DeliveryId,
    to: String,
    subject: String,
    kind: &'static str,
    inbox: String,
    state: &'static str,
    tone: &'static str,
    /// When it leaves, or when it was written.
    at: String,
    fault: String,
    ticket: Option<String>,
    can_retry: bool,
    can_discard: bool,
}

struct Dead {
    address: String,
    reason: String,
    since: String,
}

fn shelf(show: &str) -> (&'static str, Shelf) {
    if show == "failed" { ("failed", Shelf::Failed) } else { ("waiting", Shelf::Waiting) }
}

pub(super) async fn index(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let chrome = mailroom.accounts.chrome(&actor, HERE).await?;
    let may_lift = actor.may(Act::ManageInboxes);
    let conn = mailroom.db().read_list().await?;
    if asked.show == "dead" {
        // An address belongs to no inbox, so only who sees everything sees them.
        let dead = match seen_by(&actor) {
            None => outbox::suppressions(&conn, SUPPRESSIONS_SHOWN).await?,
            Some(_) => Vec::new(),
        };
        let dead = dead.into_iter().map(|(address, reason, since)| Dead {
            address: address.to_string(),
            reason,
            since: ui::day(since, &chrome.when),
        });
        let dead = dead.collect();
        let (rows, older) = (Vec::new(), None);
        return ui::page(&Outgoing { chrome, show: "dead", rows, dead, older, may_lift });
    }
    let (show, shelf) = shelf(&asked.show);
    let seen = seen_by(&actor);
    let before = asked.before.map(DeliveryId);
    let mut letters = outbox::listed(&conn, shelf, seen.as_deref(), before, ROWS + 1).await?;
    drop(conn);
    let older = if letters.len() > usize::try_from(ROWS).unwrap_or(0) {
        letters.pop();
        letters.last().map(|one| format!("{HERE}?show={show}&before={}", one.delivery.id))
    } else {
        None
    };
    let names = inbox_names(&mailroom).await?;
    let rows = letters
        .iter()
        .map(|letter| {
            let inbox = letter.inbox.and_then(|id| names.get(&id).cloned());
            Row::of(letter, inbox.unwrap_or_default(), &chrome)
        })
        .collect();
    ui::page(&Outgoing { chrome, show, rows, dead: Vec::new(), older, may_lift })
}

impl Row {
    fn of(letter: &Listed, inbox: String, chrome: &Chrome) -> Self {
        use outbox::State::{Bounced, Discarded, Failed, Queued, Sending, Sent};
        let one = &letter.delivery;
        let to = one.recipients.everyone().map(|party| party.address.to_string());
        let (state, tone) = match one.state {
            Queued if one.fault.is_some() => ("outgoing-again", "warn"),
            Queued => ("outgoing-queued", "info"),
            Sending => ("outgoing-sending", "info"),
            Sent => ("outgoing-sent", "ok"),
            Failed => ("outgoing-failed", "bad"),
            Bounced => ("outgoing-bounced", "bad"),
            Discarded => ("outgoing-discarded", "neutral"),
        };
        let at = match one.state {
            Queued => ui::relative(one.send_after, &chrome.when, &chrome.words),
            Sending | Sent | Failed | Bounced | Discarded => {
                ui::moment_in_full(one.created_at, &chrome.when)
            }
        };
        Self {
            id: one.id,
            to: to.collect::<Vec<_>>().join(", "),
            subject: one.subject.clone(),
            kind: match one.kind {
                outbox::Kind::Reply => "letter-reply",
                outbox::Kind::Forward => "letter-forward",
                outbox::Kind::Acknowledgement => "letter-acknowledgement",
                outbox::Kind::Automatic => "letter-automatic",
                outbox::Kind::System => "letter-system",
            },
            inbox,
            state,
            tone,
            at,
            fault: one.fault.clone().unwrap_or_default(),
            ticket: one.ticket.map(|ticket| ticket.to_string()),
            can_retry: matches!(one.state, Failed | Bounced),
            can_discard: matches!(one.state, Queued | Failed | Bounced),
        }
    }
}

/// A letter, if it is of an inbox that this person sees.
async fn letter(mailroom: &Mailroom, actor: &Actor, id: i64) -> WebResult<Listed> {
    let conn = mailroom.db().read().await?;
    let letter = outbox::find_listed(&conn, DeliveryId(id)).await?;
    let seen = seen_by(actor);
    found(letter.filter(|letter| match (&seen, letter.inbox) {
        (None, _) => true,
        (Some(seen), Some(inbox)) => seen.contains(&inbox),
        (Some(_), None) => false,
    }))
}

pub(super) async fn retry(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    let letter = letter(&mailroom, &actor, id).await?;
    let mut tx = mailroom.db().begin().await?;
    found(outbox::retry(&mut tx, letter.delivery.id, mailroom.now()).await?.then_some(()))?;
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}

pub(super) async fn discard(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    let letter = letter(&mailroom, &actor, id).await?;
    let mut tx = mailroom.db().begin().await?;
    found(outbox::discard(&mut tx, letter.delivery.id).await?.then_some(()))?;
    tx.commit().await?;
    let failed = matches!(letter.delivery.state, outbox::State::Failed | outbox::State::Bounced);
    Ok(ui::see_other(if failed { "/settings/outgoing?show=failed" } else { HERE }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftForm {
    address: String,
}

/// Writes to an address again that mail did not reach.
pub(super) async fn lift(
    State(mailroom): State<Mailroom>,
    Form(form): Form<LiftForm>,
) -> WebResult<Response> {
    let address = found(form.address.parse::<EmailAddress>().ok())?;
    let mut tx = mailroom.db().begin().await?;
    found(outbox::lift_suppression(&mut tx, &address).await?.then_some(()))?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/outgoing?show=dead"))
}
