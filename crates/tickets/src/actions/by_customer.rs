//! What customers look at and do themselves, and what a form sets on a ticket that it began.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::{
    CategoryId, CustomerId, EmailAddress, Failure, FieldId, PublicId, Refusal, Span, TeamId,
    TicketId, Timestamp,
};
use live::Touch;

use super::{Office, edit, record_for_good, save, take};
use crate::customer_view::{Viewer, may_see_message, may_see_ticket, ways};
use crate::event::{By, Fact};
use crate::message::{Attachment, Message};
use crate::notify::{self, Told};
use crate::state::{CannotMove, Happening, next};
use crate::store::people::Reason;
use crate::store::taxonomy::{Category, Field, FieldKind, NewField};
use crate::store::{by_customer, entries, taxonomy, tickets};
use crate::ticket::{Priority, Resolution, Ticket};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomerSays {
    #[error("there is no such request")]
    NoTicket,
    #[error(transparent)]
    CannotMove(#[from] CannotMove),
}

impl Refusal for CustomerSays {}

/// A customer with more tickets reads the latest.
const REQUESTS_MAX: i64 = 200;
const MESSAGES_MAX: i64 = 1_000;

/// Somebody as a viewer of their own tickets.
pub async fn viewer(conn: &Conn, customer: CustomerId) -> Result<Viewer> {
    let identities = customers::identities(conn, customer).await?;
    let addresses = identities.into_iter().map(|identity| identity.value).collect();
    Ok(Viewer { customer, addresses })
}

/// The tickets of a customer, the one that moved last first.
pub async fn requests_of(conn: &Conn, viewer: &Viewer) -> Result<Vec<Ticket>> {
    by_customer::tickets_of(conn, viewer.customer, REQUESTS_MAX).await
}

/// A ticket of this customer; where it was merged, the one it became a part of, if that is theirs
/// too.
pub async fn request_of(conn: &Conn, viewer: &Viewer, id: TicketId) -> Result<Option<Ticket>> {
    let Some(original) = tickets::find(conn, id).await? else { return Ok(None) };
    if original.customer != viewer.customer {
        return Ok(None);
    }
    let Some(id) = tickets::follow(conn, id).await? else { return Ok(None) };
    let ticket = tickets::find(conn, id).await?;
    Ok(ticket.filter(|ticket| may_see_ticket(ticket, viewer)))
}

/// When somebody of us first took a ticket up.
pub async fn looked_at(conn: &Conn, id: TicketId) -> Result<Option<Timestamp>> {
    by_customer::looked_at(conn, id).await
}

/// The messages of a ticket that its customer sees, oldest first, each with its files.
pub async fn seen_by_customer(
    conn: &Conn,
    viewer: &Viewer,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Vec<(Message, Vec<Attachment>)>> {
    if !may_see_ticket(ticket, viewer) {
        return Ok(Vec::new());
    }
    let mut messages = entries::messages_before(conn, ticket.id, None, MESSAGES_MAX).await?;
    messages.reverse();
    messages.retain(|message| may_see_message(message, viewer, now));
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let mut files = entries::attachments(conn, &ids).await?;
    Ok(messages
        .into_iter()
        .map(|message| {
            let own = files.extract_if(.., |file| file.message == Some(message.id)).collect();
            (message, own)
        })
        .collect())
}

/// A file of a message that the customer sees.
pub async fn file_of_customer(
    conn: &Conn,
    viewer: &Viewer,
    id: PublicId,
    now: Timestamp,
) -> Result<Option<Attachment>> {
    let Some(file) = entries::attachment_by_public_id(conn, id).await? else { return Ok(None) };
    let Some(message) = file.message else { return Ok(None) };
    let Some(message) = entries::find_message(conn, message).await? else { return Ok(None) };
    let Some(ticket) = tickets::find(conn, message.ticket).await? else { return Ok(None) };
    let is_theirs = may_see_ticket(&ticket, viewer) && may_see_message(&message, viewer, now);
    Ok(is_theirs.then_some(file))
}

/// The address that a customer first wrote from on a ticket: there the first mail about it went.
pub async fn wrote_from(
    conn: &Conn,
    ticket: TicketId,
    customer: CustomerId,
) -> Result<Option<EmailAddress>> {
    let address = by_customer::wrote_from(conn, ticket, customer).await?;
    Ok(address.and_then(|address| address.parse().ok()))
}

/// The customer says that it is solved.
pub async fn customer_solves(
    tx: &mut Tx,
    office: &Office,
    customer: CustomerId,
    id: TicketId,
) -> Result<TicketId, Failure<CustomerSays>> {
    let mut ticket = own(tx, customer, id).await?;
    ticket.state = next(ticket.state, Happening::Resolved).map_err(CustomerSays::from)?;
    ticket.resolution = ticket.resolution.or(Some(Resolution::Solved));
    edit::settle(&mut ticket, office.now);
    let fact = Fact::Resolved {
        resolution: ticket.resolution.map(|one| one.as_str().to_owned()),
        cause: ticket.cause.clone(),
    };
    record_for_good(tx, ticket.id, By::Customer, &[fact], office.now).await?;
    save(tx, &mut ticket, Touch::Entry, office.now).await?;
    Ok(ticket.id)
}

/// The customer says that it is not solved after all.
pub async fn customer_reopens(
    tx: &mut Tx,
    office: &Office,
    customer: CustomerId,
    id: TicketId,
) -> Result<TicketId, Failure<CustomerSays>> {
    let mut ticket = own(tx, customer, id).await?;
    let after = next(ticket.state, Happening::Reopened).map_err(CustomerSays::from)?;
    if !ways(ticket.state).reopen {
        return Err(CustomerSays::from(CannotMove::NotResolved).into());
    }
    ticket.state = after;
    edit::settle(&mut ticket, office.now);
    ticket.resolution = None;
    ticket.reopen_count += 1;
    let within = Span::minutes(office.inbox(ticket.inbox)?.reply_within_minutes);
    ticket.waiting = ticket.waiting.customer_wrote(office.now, within);
    record_for_good(tx, ticket.id, By::Customer, &[Fact::Reopened], office.now).await?;
    save(tx, &mut ticket, Touch::Entry, office.now).await?;
    let by = customers::find(tx, customer).await?.map_or(String::new(), |one| one.shown_name());
    let told = Told { reason: Reason::Replied, ticket: &ticket, by: &by };
    notify::tell(tx, office, &told, None).await?;
    Ok(ticket.id)
}

/// The ticket, held for a change, if it is this customer's.
async fn own(
    tx: &mut Tx,
    customer: CustomerId,
    id: TicketId,
) -> Result<Ticket, Failure<CustomerSays>> {
    let ticket = take(tx, id).await?.filter(|ticket| ticket.customer == customer);
    ticket.ok_or_else(|| CustomerSays::NoTicket.into())
}

/// Ends every link that was sent to a customer so far, and says so on what is still open.
pub async fn revoke_links(tx: &mut Tx, customer: CustomerId, by: By, now: Timestamp) -> Result<()> {
    customers::revoke_links(tx, customer, now).await?;
    for id in by_customer::active_of(tx, customer).await? {
        let Some(ticket) = tickets::find(tx, id).await? else { continue };
        record_for_good(tx, id, by, &[Fact::LinksRevoked], now).await?;
        tx.announce(live::Change::Ticket { id, inbox: ticket.inbox, touch: Touch::Entry });
    }
    Ok(())
}

/// Puts a ticket that a form began where its topic says.
pub async fn place(
    tx: &mut Tx,
    office: &Office,
    id: TicketId,
    team: Option<TeamId>,
    priority: Priority,
) -> Result<()> {
    let Some(mut ticket) = take(tx, id).await? else { return Ok(()) };
    let team = team.and_then(|team| office.directory.team(team));
    let mut facts = Vec::new();
    if let Some(team) = team.filter(|team| ticket.team != Some(team.id)) {
        ticket.team = Some(team.id);
        facts.push(Fact::TeamChanged { to: Some(team.name.clone()) });
    }
    if ticket.priority != priority {
        let from = ticket.priority.as_str().to_owned();
        ticket.priority = priority;
        facts.push(Fact::PriorityChanged { from, to: priority.as_str().to_owned() });
    }
    if facts.is_empty() {
        return Ok(());
    }
    record_for_good(tx, ticket.id, By::System, &facts, office.now).await?;
    save(tx, &mut ticket, Touch::Entry, office.now).await
}

/// The categories that a topic can set; archived ones left out.
pub async fn categories(conn: &Conn) -> Result<Vec<Category>> {
    let all = taxonomy::categories(conn).await?;
    Ok(all.into_iter().filter(|category| !category.is_archived).collect())
}

/// The custom fields that a form can ask for; archived ones left out.
pub async fn fields(conn: &Conn) -> Result<Vec<Field>> {
    let all = taxonomy::fields(conn).await?;
    Ok(all.into_iter().filter(|field| !field.is_archived).collect())
}

/// Adds a custom field; the one that has the key already stays as it is.
pub async fn add_field(
    tx: &mut Tx,
    key: &str,
    label: &str,
    kind: FieldKind,
    choices: &[String],
) -> Result<Option<FieldId>> {
    let new = NewField { key, label, kind, choices, required_to_resolve: false };
    if let Some(id) = taxonomy::add_field(tx, &new).await? {
        return Ok(Some(id));
    }
    let all = taxonomy::fields(tx).await?;
    Ok(all.iter().find(|field| field.key == key).map(|field| field.id))
}

/// A value that fits its field, in the form in which it is kept; or the sentence that says why
/// not. Empty stays empty.
pub fn read_field(field: &Field, value: &str) -> Result<String, super::EditRefusal> {
    edit::read_field(field, value)
}

/// The category of a topic, if it still is one.
pub fn known_category(categories: &[Category], id: Option<CategoryId>) -> Option<CategoryId> {
    id.filter(|id| categories.iter().any(|category| category.id == *id))
}
