//! Mail that is held: looked at, released, put aside, held again.

use accounts::Actor;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use kernel::{EmailAddress, PublicId};
use serde::Deserialize;
use ui::{Answer, Chrome, Fields, Toast, View, WebError, WebResult, Words};

use super::ledger::{Row, inbox_names, line};
use crate::ledger::{Fate, Filter, Line, page};
use crate::mailroom::seen_by;
use crate::senders::{Pattern, Rule};
use crate::{Mailroom, actions, noted};

const ROWS: i64 = 50;
/// More at once is not looked at but waved through.
const AT_ONCE_MAX: usize = 100;
const HERE: &str = "/settings/quarantine";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// `aside`: what was put aside.
    show: String,
    before: Option<PublicId>,
}

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Quarantine {
    chrome: Chrome,
    is_aside: bool,
    rows: Vec<Row>,
    older: Option<String>,
}

impl Quarantine {
    async fn new(mailroom: &Mailroom, actor: &Actor, asked: &Asked) -> WebResult<Self> {
        let chrome = mailroom.accounts.chrome(actor, HERE).await?;
        let is_aside = asked.show == "aside";
        let fate = if is_aside { Fate::Dismissed } else { Fate::Quarantined };
        let filter = Filter { inboxes: seen_by(actor), fate: Some(fate), before: asked.before };
        let mut lines = page(&mailroom.db().read_list().await?, &filter, ROWS + 1).await?;
        let older = if lines.len() > usize::try_from(ROWS).unwrap_or(0) {
            lines.pop();
            let show = if is_aside { "aside" } else { "" };
            lines.last().map(|last| format!("{HERE}?show={show}&before={}", last.public_id))
        } else {
            None
        };
        let names = inbox_names(mailroom).await?;
        // Our own mail that came back was never held.
        let lines = lines.iter().filter(|line| !is_aside || line.decision.is_some());
        let rows = lines.map(|line| Row::of(line, &chrome, &names)).collect();
        Ok(Self { chrome, is_aside, rows, older })
    }
}

pub(super) async fn index(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    ui::page(&Quarantine::new(&mailroom, &actor, &asked).await?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Do {
    Release,
    Dismiss,
    Hold,
}

pub(super) async fn release(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    decide(&mailroom, &actor, view, &fields, Do::Release).await
}

pub(super) async fn dismiss(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    decide(&mailroom, &actor, view, &fields, Do::Dismiss).await
}

/// Holds again what was decided.
pub(super) async fn hold(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    fields: Fields,
) -> WebResult<Response> {
    decide(&mailroom, &actor, view, &fields, Do::Hold).await
}

/// The same from a toast, which sends no form: the address names the mails.
pub(super) async fn undo(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Query(named): Query<Vec<(String, String)>>,
) -> WebResult<Response> {
    decide(&mailroom, &actor, view, &Fields(named), Do::Hold).await
}

/// The mails that a form names: one by its own button, or those that are ticked.
async fn named(mailroom: &Mailroom, actor: &Actor, fields: &Fields) -> WebResult<Vec<Line>> {
    let one: Vec<&str> = fields.all("one").collect();
    let ids = if one.is_empty() { fields.all("id").collect() } else { one };
    let mut lines = Vec::new();
    for id in ids.into_iter().take(AT_ONCE_MAX) {
        let id = id.parse::<PublicId>().ok().ok_or(WebError::NotFound)?;
        lines.push(line(mailroom, actor, id).await?);
    }
    Ok(lines)
}

async fn decide(
    mailroom: &Mailroom,
    actor: &Actor,
    view: View,
    fields: &Fields,
    what: Do,
) -> WebResult<Response> {
    fields.only(&["id", "one", "remember"])?;
    let lines = named(mailroom, actor, fields).await?;
    let w = mailroom.accounts.site().words(&actor.language);
    if lines.is_empty() {
        return Err(WebError::Refused(w.t("quarantine-none-chosen").to_owned()));
    }
    let mut lessons = Vec::with_capacity(lines.len());
    for line in &lines {
        let conn = mailroom.db().read().await?;
        lessons.push((line, actions::words_of(&conn, line.id).await?));
    }
    let remembers = fields.get("remember").is_some();
    let (by, now) = (actor.id, mailroom.now());
    let mut tx = mailroom.db().begin().await?;
    // In one order, so that two people who decide about the same mails do not wait for each other.
    lessons.sort_by_key(|(line, _)| line.id);
    for (line, words) in &lessons {
        match what {
            Do::Release => actions::release(&mut tx, line.id, words, by, now).await?,
            Do::Dismiss => actions::dismiss(&mut tx, line.id, words, by, now).await?,
            Do::Hold => actions::hold_again(&mut tx, line, words).await?,
        }
        let rule = match what {
            Do::Release => Rule::Allow,
            Do::Dismiss => Rule::Block,
            Do::Hold => continue,
        };
        if remembers && let Ok(address) = line.from_address.parse::<EmailAddress>() {
            actions::set_rule(&mut tx, &Pattern::of(&address), rule, by, now).await?;
            noted::rule(mailroom, &mut tx, actor, address.as_str(), Some(rule));
        }
    }
    tx.commit().await?;
    Ok(answer(view, &lines, what, &w))
}

fn answer(view: View, lines: &[Line], what: Do, w: &Words) -> Response {
    if !view.is_htmx {
        return ui::see_other(HERE);
    }
    if what == Do::Hold {
        return Answer::new().redirect(HERE).into_response();
    }
    let key = if what == Do::Release { "quarantine-released" } else { "quarantine-dismissed" };
    let ids: Vec<String> = lines.iter().map(|line| format!("id={}", line.public_id)).collect();
    let undo = format!("{HERE}/undo?{}", ids.join("&"));
    let toast = Toast::new(w.n(key, lines.len())).with_undo(undo, w.t("undo"));
    let mut answer = Answer::new().toast(&toast);
    for line in lines {
        answer = answer.delete(&format!("#held-{}", line.public_id));
    }
    answer.into_response()
}
