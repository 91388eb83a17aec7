//! One change for many tickets, under one undo.

use std::collections::BTreeSet;

use accounts::Actor;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use kernel::{Failure, TicketId};
use ui::{Answer, Fields, Toast, View, WebError, WebResult, Words, found};

use super::change::{read, with_undo};
use super::shape::{note_merged, open_instead};
use super::ticket::{From, list_url, seen, url};
use crate::actions::{self, Many, Reversal, edit, keep};
use crate::desk::Desk;

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
    let chosen: Vec<TicketId> =
        fields.all("ticket").filter_map(|id| id.parse().ok()).take(TICKETS_MAX).collect();
    if chosen.is_empty() {
        return Err(WebError::Refused(w.t("bulk-nothing").to_owned()));
    }
    let what = found(fields.get("do"))?;
    if what == "merge" {
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
    let (mut reversals, mut changed, mut first_refusal, mut refused) =
        (Vec::new(), 0_i64, None, 0_i64);
    let mut tx = desk.db().begin().await?;
    for id in chosen {
        let Ok(ticket) = seen(&tx, &actor, id).await else { continue };
        match edit(&mut tx, &office, &actor, ticket.id, &wanted).await {
            Ok(edited) => {
                changed += i64::from(edited.changed);
                reversals.extend(edited.reversal);
            }
            Err(Failure::Refused(refusal)) => {
                refused += 1;
                first_refusal.get_or_insert(ui::sentence(&refusal));
            }
            Err(Failure::Broken(fault)) => return Err(fault.into()),
        }
    }
    let undo = if reversals.is_empty() {
        None
    } else {
        let all = Reversal::Many(Many::new(reversals));
        Some(keep(&mut tx, &actor, &all, office.now).await?)
    };
    tx.commit().await?;
    if !view.is_htmx {
        return Ok(ui::see_other(&list_url(&from.list)));
    }
    let mut text = w.n("bulk-done", changed);
    if let Some(refusal) = first_refusal {
        text = format!("{text} {} {refusal}", w.n("bulk-refused", refused));
    }
    Ok(Answer::new().toast(&with_undo(Toast::new(text), undo, &w)).into_response())
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
