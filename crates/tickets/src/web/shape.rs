//! What belongs together: merging, splitting, linking, taking part; and single messages.

use accounts::{Act, Actor};
use audit::Deed;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use database::{Conn, Tx};
use kernel::{DeliveryId, EmailAddress, MessageId, PublicId, TicketId};
use serde_json::json;
use ui::{Fields, Toast, View, WebError, WebResult, Words, found};

use super::change::{finish, with_undo};
use super::reference::Reference;
use super::sheets::named;
use super::ticket::{From, Opened, url};
use crate::actions::{self, LinkKind};
use crate::desk::Desk;
use crate::message::Message;
use crate::store::entries;

/// The other ticket that a form names: typed, or chosen.
async fn other(desk: &Desk, actor: &Actor, fields: &Fields, w: &Words) -> WebResult<TicketId> {
    let typed = fields.get("reference").map(str::trim).filter(|text| !text.is_empty());
    let text = typed.or(fields.get("other")).unwrap_or_default();
    if text.is_empty() {
        return Err(WebError::Refused(w.t("reference-missing").to_owned()));
    }
    let id = named(desk, actor, text).await?;
    id.ok_or_else(|| WebError::Refused(w.a("reference-unknown", "text", kernel::clip(text, 40))))
}

/// Makes the ticket a part of another one, and shows that one.
pub(super) async fn merge(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["reference", "other"])?;
    let w = desk.accounts.site().words(&actor.language);
    let into = other(&desk, &actor, &fields, &w).await?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let (into, undo) = actions::merge(&mut tx, &office, &actor, id, into).await?;
    note_merged(&desk, &mut tx, &actor, id, into);
    tx.commit().await?;
    let page = url(into, &from.list);
    if !view.is_htmx {
        return Ok(ui::see_other(&page));
    }
    let text = w.a2("done-merged", "ticket", id, "into", into);
    let toast = with_undo(Toast::new(text), Some(undo), &w);
    open_instead(&desk, &actor, into, &from, &toast).await
}

/// Notes in the trail that a ticket became a part of another one.
pub(super) fn note_merged(desk: &Desk, tx: &mut Tx, actor: &Actor, from: TicketId, into: TicketId) {
    let entry = actor.did(Deed::TicketsMerged, desk.now()).on("ticket", from, "");
    desk.accounts.note(tx, entry.with(json!({ "into": into.to_string() })));
}

/// Closes the sheet and opens another ticket in the place of this one.
pub(super) async fn open_instead(
    desk: &Desk,
    actor: &Actor,
    id: TicketId,
    from: &From,
    toast: &Toast,
) -> WebResult<Response> {
    let opened = Opened::open(desk, actor, id, &from.list).await?;
    let answer = opened.in_place().await?.toast(toast).event("dialog:close", &json!({}));
    Ok(answer.into_response())
}

/// Takes messages out into a ticket of their own, and shows it.
pub(super) async fn split(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["subject", "message"])?;
    let w = desk.accounts.site().words(&actor.language);
    let subject = fields.get("subject").unwrap_or_default();
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let mut chosen: Vec<MessageId> = Vec::new();
    for public_id in fields.all("message").filter_map(|id| id.parse().ok()) {
        let message = entries::message_by_public_id(&tx, public_id).await?;
        chosen.extend(message.map(|message| message.id));
    }
    let (part, undo) = actions::split(&mut tx, &office, &actor, id, &chosen, subject).await?;
    tx.commit().await?;
    let page = url(part, &from.list);
    if !view.is_htmx {
        return Ok(ui::see_other(&page));
    }
    let toast = with_undo(Toast::new(w.a("done-split", "ticket", part)), Some(undo), &w);
    open_instead(&desk, &actor, part, &from, &toast).await
}

/// Links another ticket, or takes a link away.
pub(super) async fn link(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["reference", "other", "unlink"])?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let office = desk.office().await?;
    if let Some(gone) = fields.get("unlink") {
        let gone = gone.parse().ok().ok_or(WebError::NotFound)?;
        let mut tx = desk.db().begin().await?;
        actions::unlink(&mut tx, &office, &actor, opened.ticket.id, gone).await?;
        tx.commit().await?;
    } else {
        let other = other(&desk, &actor, &fields, &w).await?;
        let mut tx = desk.db().begin().await?;
        let kind = LinkKind::Related;
        actions::link(&mut tx, &office, &actor, opened.ticket.id, other, kind).await?;
        tx.commit().await?;
    }
    finish(&opened, office.now, &w, view).await
}

/// Adds somebody to the ticket by their address, or removes them.
pub(super) async fn people(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    from: From,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["address", "remove"])?;
    let w = desk.accounts.site().words(&actor.language);
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let (text, takes_part) = match fields.get("remove") {
        Some(address) => (address, false),
        None => (fields.get("address").unwrap_or_default(), true),
    };
    let address: EmailAddress =
        text.trim().parse().ok().ok_or_else(|| {
            WebError::Refused(w.a("address-bad", "address", kernel::clip(text, 80)))
        })?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let id = opened.ticket.id;
    actions::change_participants(&mut tx, &office, &actor, id, &address, takes_part).await?;
    tx.commit().await?;
    finish(&opened, office.now, &w, view).await
}

/// The message of a ticket; none of another one, whatever the address says.
async fn of_ticket(conn: &Conn, ticket: TicketId, message: PublicId) -> WebResult<Message> {
    let shown = entries::message_by_public_id(conn, message).await?;
    found(shown.filter(|shown| shown.ticket == ticket))
}

/// Blacks out a message for good.
pub(super) async fn redact(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path((reference, message)): Path<(String, PublicId)>,
    from: From,
) -> WebResult<Response> {
    let id: TicketId = found(reference.parse().ok())?;
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    of_ticket(&tx, opened.ticket.id, message).await?;
    actions::redact(&mut tx, &office, &actor, message).await?;
    let entry = actor.did(Deed::MessageRedacted, desk.now()).on("ticket", id, "");
    desk.accounts.note(&mut tx, entry.with(json!({ "message": message.to_string() })));
    tx.commit().await?;
    all_again(&opened, view).await
}

/// What else can be done with one message.
pub(super) async fn on_message(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Path((reference, message, what)): Path<(String, PublicId, String)>,
    from: From,
) -> WebResult<Response> {
    let id: TicketId = found(reference.parse().ok())?;
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    let office = desk.office().await?;
    let mut tx = desk.db().begin().await?;
    let shown = of_ticket(&tx, opened.ticket.id, message).await?;
    match what.as_str() {
        "admit" => {
            actor.must(Act::ChangeTickets)?;
            actions::admit(&mut tx, &office, &actor, message).await?;
        }
        "retry" => {
            actor.must(Act::WriteToCustomers)?;
            for delivery in failed(&mut tx, shown.id).await? {
                outbox::retry(&mut tx, delivery, office.now).await?;
            }
        }
        "discard" => {
            actor.must(Act::WriteToCustomers)?;
            for delivery in failed(&mut tx, shown.id).await? {
                outbox::discard(&mut tx, delivery).await?;
            }
        }
        _ => return Err(WebError::NotFound),
    }
    tx.commit().await?;
    all_again(&opened, view).await
}

/// The whole ticket as it is after a message in it looks different.
async fn all_again(opened: &Opened<'_>, view: View) -> WebResult<Response> {
    if !view.is_htmx {
        return Ok(ui::see_other(&opened.url()));
    }
    let Opened { desk, actor, ticket, list } = opened;
    let now = Opened::open(desk, actor, ticket.id, list).await?;
    let w = desk.accounts.site().words(&actor.language);
    let toast = Toast::new(w.a("done-changed", "ticket", ticket.id));
    let answer = now.whole().await?.toast(&toast).event("dialog:close", &json!({}));
    Ok(answer.into_response())
}

/// The mails of a message that did not arrive.
async fn failed(tx: &mut database::Tx, message: MessageId) -> WebResult<Vec<DeliveryId>> {
    let deliveries = outbox::deliveries_of(tx, &[message]).await?;
    let is_failed = |delivery: &&outbox::Delivery| {
        matches!(delivery.state, outbox::State::Failed | outbox::State::Bounced)
    };
    Ok(deliveries.iter().filter(is_failed).map(|delivery| delivery.id).collect())
}
