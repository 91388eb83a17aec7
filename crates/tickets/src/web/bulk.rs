//! One change for many tickets, under one undo.

use std::collections::BTreeSet;
use std::fmt;

use accounts::Actor;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use database::Tx;
use kernel::{Failure, TicketId};
use ui::{Answer, Fields, Toast, View, WebError, WebResult, Words, found};

use super::change::{read, with_undo};
use super::shape::{note_merged, open_instead};
use super::ticket::{From, list_url, seen, url};
use crate::actions::{self, Edit, EditRefusal, Many, Office, Reversal, edit_seen, keep};
use crate::desk::Desk;
use crate::seen::{Slot, state_shown};
use crate::store::lists::Row;

/// More are not ticked by hand.
const TICKETS_MAX: usize = 200;

/// Changes what is ticked. What cannot be changed stays as it is, and is counted.
pub(super) async fn change(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["ticket", "do", "tag"])?;
    let w = desk.accounts.site().words(&actor.language);
    let chosen: Vec<Picked> =
        fields.all("ticket").filter_map(Picked::read).take(TICKETS_MAX).collect();
    if chosen.is_empty() {
        return Err(WebError::Refused(w.t("bulk-nothing").to_owned()));
    }
    let what = found(fields.get("do"))?;
    if what == "merge" {
        let chosen: Vec<TicketId> = chosen.iter().map(|picked| picked.id).collect();
        return merge(&desk, &actor, &view, &from, &chosen, &w).await;
    }
    // A tag is typed beside its button.
    let typed = || (what == "tag").then(|| ("tag", fields.get("tag").unwrap_or_default().trim()));
    let (name, value) = found(what.split_once('=').or_else(typed))?;
    if what == "tag" && value.is_empty() {
        return Err(WebError::Refused(w.t("bulk-no-tag").to_owned()));
    }
    let value = if value == "me" { actor.id.to_string() } else { value.to_owned() };
    let named = |name: &str, value: String| (name.to_owned(), value);
    let one = match name {
        "snooze" => vec![named("state", "snooze".to_owned()), named("until", value)],
        _ => vec![named(name, value)],
    };
    let wanted = read(&Fields(one), &actor.when(desk.now()).zone, &w)?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let Became { changed, reversals, refused, meanwhile } =
        change_all(&mut tx, &office, &actor, &chosen, &wanted).await?;
    let undo = if reversals.is_empty() {
        None
    } else {
        let all = Reversal::Many(Many::new(reversals));
        Some(keep(&mut tx, &actor, &all, office.now).await?)
    };
    tx.commit().await?;
    let mut text = w.n("bulk-done", changed);
    if let Some((_, first)) = refused.first() {
        text = format!("{text} {} {first}", w.n("bulk-refused", refused.len()));
    }
    if !meanwhile.is_empty() {
        text = format!("{text} {}", left_alone(&meanwhile, &w));
    }
    if !view.is_htmx {
        if !meanwhile.is_empty() {
            return Err(WebError::Conflict(text));
        }
        return Ok(ui::see_other(&list_url(&from.list)));
    }
    Ok(Answer::new().toast(&with_undo(Toast::new(text), undo, &w)).into_response())
}

/// What became of many tickets.
#[derive(Default)]
struct Became {
    changed: i64,
    reversals: Vec<Reversal>,
    /// What a rule said no to, with its sentence.
    refused: Vec<(TicketId, String)>,
    /// What somebody else changed since it was shown.
    meanwhile: Vec<(TicketId, String)>,
}

/// Changes what can be changed.
async fn change_all(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    chosen: &[Picked],
    wanted: &Edit,
) -> WebResult<Became> {
    let mut became = Became::default();
    for picked in chosen {
        let Ok(ticket) = seen(tx, actor, picked.id).await else { continue };
        let was = Slot::of(wanted).and_then(|slot| picked.was(slot));
        match edit_seen(tx, office, actor, ticket.id, wanted, was).await {
            Ok(edited) => {
                became.changed += i64::from(edited.changed);
                became.reversals.extend(edited.reversal);
            }
            Err(Failure::Refused(EditRefusal::Meanwhile(sentence))) => {
                became.meanwhile.push((ticket.id, sentence));
            }
            Err(Failure::Refused(refusal)) => {
                became.refused.push((ticket.id, ui::sentence(&refusal)));
            }
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    Ok(became)
}

/// More of them are not named in one sentence.
const NAMED_MAX: usize = 10;

/// Which tickets somebody else changed meanwhile, and what was done to the first of them.
fn left_alone(meanwhile: &[(TicketId, String)], w: &Words) -> String {
    let mut names: Vec<String> =
        meanwhile.iter().take(NAMED_MAX).map(|(id, _)| id.to_string()).collect();
    if meanwhile.len() > NAMED_MAX {
        names.push("…".to_owned());
    }
    let first = meanwhile.first().map_or(String::new(), |(_, sentence)| ui::sentence(sentence));
    w.a2("bulk-meanwhile", "tickets", names.join(", "), "what", first)
}

/// A ticket whose box is ticked, with what its row shows of it.
pub(super) struct Picked {
    id: TicketId,
    /// State, assignee and priority, where the row said so.
    was: Option<[String; 3]>,
}

impl Picked {
    pub(super) fn of(row: &Row) -> Self {
        let assignee = row.assignee.map_or(String::new(), |id| id.to_string());
        let state = state_shown(row.state, &row.waiting);
        Self { id: row.id, was: Some([state, assignee, row.priority.as_str().to_owned()]) }
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(str::to_owned);
        let id = words.next()?.parse().ok()?;
        let was = words.collect::<Vec<_>>().try_into().ok();
        Some(Self { id, was })
    }

    fn was(&self, slot: Slot) -> Option<&str> {
        let [state, assignee, priority] = self.was.as_ref()?;
        match slot {
            Slot::State => Some(state),
            Slot::Assignee => Some(assignee),
            Slot::Priority => Some(priority),
            Slot::Category
            | Slot::Team
            | Slot::Subject
            | Slot::Inbox
            | Slot::Problem
            | Slot::Field(_) => None,
        }
    }
}

impl fmt::Display for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        self.was.iter().flatten().try_for_each(|word| write!(f, " {word}"))
    }
}

/// Makes one ticket of all, or changes none.
async fn merge(
    desk: &Desk,
    actor: &Actor,
    view: &View,
    from: &From,
    chosen: &[TicketId],
    w: &Words,
) -> WebResult<Response> {
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let (into, undo) = actions::merge_all(&mut tx, &office, actor, chosen).await?;
    for from in chosen.iter().copied().collect::<BTreeSet<_>>() {
        if from != into {
            note_merged(desk, &mut tx, actor, from, into);
        }
    }
    tx.commit().await?;
    let page = url(into, &from.list);
    if !view.is_htmx {
        return Ok(ui::see_other(&page));
    }
    let toast = with_undo(Toast::new(w.a("bulk-merged", "into", into)), Some(undo), w);
    open_instead(desk, actor, into, from, &toast).await
}
