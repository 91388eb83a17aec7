//! A mail that can be read after all, although a ticket says that it cannot.
//!
//! The message that says so is called its stand-in. It makes room for the mail, so that the team
//! never has two tickets about one mail.

use anyhow::{Context, Result};
use database::{Conn, Tx};
use kernel::{CustomerId, MessageId, TicketId};
use live::{Change, Touch};
use search::Kind;

use super::acknowledge::{Acknowledgement, acknowledge, acknowledgement};
use super::edit::settle;
use super::merge::{keep_followers, keep_tags};
use super::receive::{
    Before, Incoming, Received, Writer, add_participants, candidates, meet, moved_by_customer,
    receive_known, write,
};
use super::{Office, findable, record_for_good, recount, save};
use crate::event::{By, Fact};
use crate::joining::{Joined, join};
use crate::letters;
use crate::message::{Author, Message};
use crate::notify::{self, Told};
use crate::state::{Happening, State, next};
use crate::store::entries::{self, Waits};
use crate::store::{people::Reason, tickets};
use crate::ticket::Ticket;

/// Takes a message in whose place a stand-in was. It gets the ticket of the stand-in, or goes into
/// the one to which it belongs, and the other becomes a part of that. `before` was asked in this
/// transaction, and nothing else points to the stand-in any more.
pub async fn receive_late(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    before: Before,
    stand_in: MessageId,
) -> Result<Received> {
    let Some(old) = entries::find_message(tx, stand_in).await? else {
        return Box::pin(receive_known(tx, office, incoming, before)).await;
    };
    let ticket = tickets::take(tx, old.ticket).await?.context("a message without its ticket")?;
    if old.redacted.is_some() {
        // What somebody blacked out does not come back.
        let id = ticket.id;
        let kept = Received { ticket: id, message: stand_in, is_new_ticket: false, is_held: false };
        return Ok(kept);
    }
    let is_own = is_made_for(tx, &ticket, &old).await?;
    search::remove(tx, Kind::Message(stand_in)).await?;
    entries::delete_message(tx, stand_in, Waits::FOR_NEW).await?;
    let sender = before.sender.map(|known| known.customer);
    let pointed = candidates(tx, incoming, before.pointed.clone(), sender).await?;
    let joined = join(&pointed, incoming.sender.check);
    let belongs_elsewhere = match joined {
        Joined::Continue(id) | Joined::ContinueHeld(id) => {
            id != ticket.id && !would_move_notes(tx, &ticket, id).await?
        }
        // Where nobody looks any more, nobody would see it.
        Joined::Start { .. } => ticket.state == State::Closed,
    };
    let takes_part = matches!(joined, Joined::Continue(id) if id == ticket.id);
    if belongs_elsewhere {
        let received = Box::pin(receive_known(tx, office, incoming, before)).await?;
        Box::pin(make_way(tx, office, ticket, received.ticket, is_own)).await?;
        return Ok(received);
    }
    let writer = meet(tx, incoming, before.sender).await?;
    let ticket = if is_own { hand_to(tx, ticket, writer.customer).await? } else { ticket };
    Box::pin(take_place(tx, office, incoming, ticket, (writer, takes_part, &old))).await
}

/// Whether notes would come where others read them: they are for those who see their inbox.
async fn would_move_notes(conn: &Conn, ticket: &Ticket, into: TicketId) -> Result<bool> {
    let other = tickets::find(conn, into).await?;
    let is_elsewhere = other.is_none_or(|other| other.inbox != ticket.inbox);
    Ok(is_elsewhere && !entries::note_ids(conn, ticket.id).await?.is_empty())
}

/// Whether a ticket is about nothing else than its stand-in, and its customer nobody else than who
/// was not known when it came.
async fn is_made_for(conn: &Conn, ticket: &Ticket, stand_in: &Message) -> Result<bool> {
    let customer = customers::find(conn, ticket.customer).await?;
    Ok(ticket.message_count == 1
        && stand_in.author.customer() == Some(ticket.customer)
        && customer.is_some_and(|customer| customer.address.is_none())
        && tickets::count_of(conn, ticket.customer).await? == 1)
}

/// Gives the ticket of nobody to who wrote.
async fn hand_to(tx: &mut Tx, ticket: Ticket, writer: CustomerId) -> Result<Ticket> {
    customers::take_over(tx, ticket.customer, writer).await?;
    tickets::move_customer(tx, ticket.customer, writer).await?;
    tickets::take(tx, ticket.id).await?.context("a ticket that was just there")
}

/// The message comes into the ticket that its stand-in was in.
async fn take_place(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    mut ticket: Ticket,
    (writer, takes_part, old): (Writer, bool, &Message),
) -> Result<Received> {
    let held = ticket.customer != writer.customer && !takes_part;
    let author =
        if held { Author::Stranger(writer.customer) } else { Author::Customer(writer.customer) };
    let message = write(tx, incoming, &ticket, author, held).await?;
    if ticket.subject == letters::ticket_subject(&old.subject, &old.text) {
        ticket.subject = letters::ticket_subject(&incoming.subject, &incoming.text);
    }
    if !incoming.is_automatic && !incoming.is_history {
        moved_by_customer(tx, office, incoming, &mut ticket).await?;
    }
    recount(tx, &mut ticket).await?;
    let acknowledgement = if held || ticket.state == State::Spam {
        Acknowledgement::None
    } else {
        acknowledgement(tx, office, incoming, writer.is_verified).await?
    };
    match &acknowledgement {
        Acknowledgement::Leaves(_) => ticket.acknowledged_at = Some(office.now),
        Acknowledgement::Withheld(why) => ticket.acknowledgement_withheld = Some(why.clone()),
        Acknowledgement::None => {}
    }
    save(tx, &mut ticket, Touch::Entry, office.now).await?;
    findable::rescope(tx, &ticket).await?;
    if !held {
        add_participants(tx, office, incoming, &ticket).await?;
    }
    acknowledge(tx, office, incoming, &ticket, writer.is_verified, acknowledgement).await?;
    if !incoming.is_automatic && !incoming.is_history && ticket.state != State::Spam {
        let told = Told { reason: Reason::Replied, ticket: &ticket, by: &incoming.sender.name };
        notify::tell(tx, office, &told, None).await?;
    }
    Ok(Received { ticket: ticket.id, message, is_new_ticket: false, is_held: held })
}

/// The ticket of a stand-in becomes a part of the one that has the message. Where people made more
/// of it, it stays, without the stand-in.
async fn make_way(
    tx: &mut Tx,
    office: &Office,
    mut ticket: Ticket,
    into: TicketId,
    is_own: bool,
) -> Result<()> {
    let now = office.now;
    if entries::count_messages(tx, ticket.id).await? > 0 {
        recount(tx, &mut ticket).await?;
        return save(tx, &mut ticket, Touch::Entry, now).await;
    }
    let mut into = tickets::take(tx, into).await?.context("a ticket that was just there")?;
    if is_own {
        ticket = hand_to(tx, ticket, into.customer).await?;
    }
    let notes = entries::note_ids(tx, ticket.id).await?;
    entries::move_notes(tx, &notes, into.id).await?;
    keep_tags(tx, ticket.id, into.id).await?;
    keep_followers(tx, ticket.id, into.id).await?;
    into.assignee = into.assignee.or(ticket.assignee);
    ticket.state = next(ticket.state, Happening::MergedAway).context("a merge")?;
    ticket.merged_into = Some(into.id);
    ticket.message_count = 0;
    let came = Fact::MergedIn { other: ticket.id, subject: ticket.subject.clone() };
    record_for_good(tx, into.id, By::System, &[came], now).await?;
    let went = Fact::MergedAway { into: into.id };
    record_for_good(tx, ticket.id, By::System, &[went], now).await?;
    save(tx, &mut ticket, Touch::Row, now).await?;
    save(tx, &mut into, Touch::Entry, now).await?;
    findable::rescope(tx, &into).await
}

/// The mail of a stand-in was read since and is no message to answer: the stand-in says so, and its
/// ticket is done, unless people made more of it.
pub async fn settle_stand_in(
    tx: &mut Tx,
    office: &Office,
    stand_in: MessageId,
    said: &str,
) -> Result<()> {
    let Some(old) = entries::find_message(tx, stand_in).await? else { return Ok(()) };
    let taken = tickets::take(tx, old.ticket).await?;
    let Some(mut ticket) = taken.filter(|_| old.redacted.is_none()) else { return Ok(()) };
    entries::reword(tx, stand_in, said).await?;
    let is_alone = entries::count_messages(tx, ticket.id).await? == 1;
    match next(ticket.state, Happening::Resolved) {
        Ok(done) if is_alone => {
            ticket.state = done;
            settle(&mut ticket, office.now);
            let fact = Fact::Resolved { resolution: None, cause: None };
            record_for_good(tx, ticket.id, By::System, &[fact], office.now).await?;
            recount(tx, &mut ticket).await?;
            save(tx, &mut ticket, Touch::Entry, office.now).await?;
        }
        Ok(_) | Err(_) => {
            tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
        }
    }
    findable::message_again(tx, &ticket, stand_in).await
}
