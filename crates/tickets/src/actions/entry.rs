//! What is added to or hidden in a ticket by the team: notes, followers, admissions, redactions.

use accounts::Actor;
use anyhow::Result;
use database::Tx;
use kernel::{AgentId, EmailAddress, Failure, NoteId, PublicId, Refusal, TicketId};
use live::{Change, Touch};
use search::{Entry, Kind};

use super::reply::is_all;
use super::{Office, findable, record_for_good, save, take};
use crate::event::{By, Fact};
use crate::letters;
use crate::notify::{self, Told};
use crate::store::people::{self, Reason};
use crate::store::{entries, tickets};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryRefusal {
    #[error("write something before you save the note")]
    Empty,
    #[error("the note has more than {0} characters; put the rest into a second one")]
    TooLong(usize),
    #[error("there is no such ticket")]
    NoTicket,
    #[error("there is no such message")]
    NoMessage,
    #[error("this message was redacted already")]
    AlreadyRedacted,
    #[error("this message is not held")]
    NotHeld,
    #[error("a file is no longer there; attach it again")]
    FileGone,
    #[error("“{0}” is one of our own inboxes; it takes part already")]
    OwnAddress(EmailAddress),
}

impl Refusal for EntryRefusal {}

type Done<T> = Result<T, Failure<EntryRefusal>>;

#[derive(Clone, Debug, Default)]
pub struct NewNote {
    pub text: String,
    pub uploads: Vec<PublicId>,
}

#[derive(Clone, Copy, Debug)]
pub struct Noted {
    pub ticket: TicketId,
    pub note: NoteId,
    pub public_id: PublicId,
}

const NOTE_CHARS_MAX: usize = 50_000;

/// Writes an internal note. Whoever is mentioned is told and follows from then on.
pub async fn post_note(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    note: &NewNote,
) -> Done<Noted> {
    let text = note.text.trim();
    if text.is_empty() && note.uploads.is_empty() {
        return Err(EntryRefusal::Empty.into());
    }
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(EntryRefusal::TooLong(NOTE_CHARS_MAX).into());
    }
    let ticket = take(tx, id).await?.ok_or(EntryRefusal::NoTicket)?;
    let now = office.now;
    let uploads = &note.uploads;
    let (note, public_id) = entries::insert_note(tx, ticket.id, actor.id, text, now).await?;
    let claimed = entries::claim_note_uploads(tx, note, actor.id, uploads).await?;
    if !is_all(claimed, uploads) {
        return Err(EntryRefusal::FileGone.into());
    }
    let entry = Entry {
        kind: Kind::Note(note),
        ticket: Some(ticket.id),
        customer: Some(ticket.customer),
        inbox: Some(ticket.inbox),
        subject: "",
        text,
        at: now,
    };
    search::add(tx, &entry).await?;
    people::follow(tx, ticket.id, actor.id).await?;
    for mentioned in mentioned(text, office) {
        let card = office.directory.agent(mentioned);
        if !card.is_some_and(|card| card.may_see(ticket.inbox)) {
            continue;
        }
        people::mention(tx, note, mentioned).await?;
        people::follow(tx, ticket.id, mentioned).await?;
        if mentioned != actor.id {
            let told = Told { reason: Reason::Mentioned, ticket: &ticket, by: &actor.name };
            notify::tell_one(tx, office, &told, mentioned).await?;
        }
    }
    people::delete_draft(tx, ticket.id, actor.id, "note").await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    Ok(Noted { ticket: ticket.id, note, public_id })
}

/// Who is mentioned: `@Priya`, `@Priya Nair`; the longest name that fits.
pub(crate) fn mentioned(text: &str, office: &Office) -> Vec<AgentId> {
    let lower = text.to_lowercase();
    let working = office.directory.working();
    let mut found = Vec::new();
    for (at, _) in lower.match_indices('@') {
        let before = lower.get(..at).and_then(|before| before.chars().next_back());
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let rest = lower.get(at + 1..).unwrap_or_default();
        let by_length = |name: &str| starts_with_name(rest, name).then(|| name.chars().count());
        let best = working
            .iter()
            .filter_map(|card| {
                let full = card.name.to_lowercase();
                let first = card.first_name().to_lowercase();
                let length = by_length(&full).or_else(|| by_length(&first))?;
                Some((length, card.id))
            })
            .max_by_key(|(length, id)| (*length, std::cmp::Reverse(*id)));
        if let Some((_, id)) = best
            && !found.contains(&id)
        {
            found.push(id);
        }
    }
    found
}

fn starts_with_name(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

pub async fn follow(tx: &mut Tx, actor: &Actor, id: TicketId) -> Result<()> {
    people::follow(tx, id, actor.id).await.map(drop)
}

pub async fn unfollow(tx: &mut Tx, actor: &Actor, id: TicketId) -> Result<()> {
    people::unfollow(tx, id, actor.id).await.map(drop)
}

/// Blacks out a message that should never have been sent in: text, HTML and files are gone, and
/// the timeline says by whom.
pub async fn redact(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    message: PublicId,
) -> Done<TicketId> {
    let message = entries::message_by_public_id(tx, message).await?;
    let message = message.ok_or(EntryRefusal::NoMessage)?;
    let mut ticket = take(tx, message.ticket).await?.ok_or(EntryRefusal::NoTicket)?;
    if !actor.may_see(ticket.inbox) {
        return Err(EntryRefusal::NoMessage.into());
    }
    let files = entries::attachments(tx, &[message.id]).await?;
    if !entries::redact(tx, message.id, actor.id, office.now).await? {
        return Err(EntryRefusal::AlreadyRedacted.into());
    }
    let files: Vec<&str> = files.iter().map(|file| file.file_hash.as_str()).collect();
    entries::drop_copies(tx, ticket.id, &files).await?;
    outbox::black_out(tx, message.id, ticket.id, &letters::quotes_of(&message)).await?;
    search::remove(tx, Kind::Message(message.id)).await?;
    findable::head_again(tx, &ticket).await?;
    if ticket.snippet == letters::snippet(&message.text) {
        ticket.snippet = String::new();
    }
    record_for_good(tx, ticket.id, By::Agent(actor.id), &[Fact::Redacted], office.now).await?;
    save(tx, &mut ticket, Touch::Message, office.now).await?;
    Ok(ticket.id)
}

/// Lets a stranger's message into the customer's view, and the stranger into the ticket.
pub async fn admit(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    message: PublicId,
) -> Done<TicketId> {
    let message = entries::message_by_public_id(tx, message).await?;
    let message = message.ok_or(EntryRefusal::NoMessage)?;
    let ticket = take(tx, message.ticket).await?.ok_or(EntryRefusal::NoTicket)?;
    if !actor.may_see(ticket.inbox) {
        return Err(EntryRefusal::NoMessage.into());
    }
    if !entries::admit(tx, message.id).await? {
        return Err(EntryRefusal::NotHeld.into());
    }
    let mut facts = Vec::new();
    if let Some(address) = &message.from_address {
        tickets::add_participant(tx, ticket.id, address, &message.from_name, office.now).await?;
        facts.push(Fact::Admitted { address: address.to_string() });
    }
    record_for_good(tx, ticket.id, By::Agent(actor.id), &facts, office.now).await?;
    tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Message });
    Ok(ticket.id)
}

/// Adds somebody to a ticket, or removes them.
pub async fn change_participants(
    tx: &mut Tx,
    office: &Office,
    actor: &Actor,
    id: TicketId,
    address: &EmailAddress,
    take_part: bool,
) -> Done<()> {
    let ticket = take(tx, id).await?.ok_or(EntryRefusal::NoTicket)?;
    if take_part && office.is_own_address(address) {
        return Err(EntryRefusal::OwnAddress(address.clone()).into());
    }
    let (changed, fact) = if take_part {
        let added = tickets::add_participant(tx, ticket.id, address, "", office.now).await?;
        (added, Fact::ParticipantAdded { address: address.to_string() })
    } else {
        let gone = tickets::remove_participant(tx, ticket.id, address).await?;
        (gone, Fact::ParticipantRemoved { address: address.to_string() })
    };
    if changed {
        record_for_good(tx, ticket.id, By::Agent(actor.id), &[fact], office.now).await?;
        tx.announce(Change::Ticket { id: ticket.id, inbox: ticket.inbox, touch: Touch::Entry });
    }
    Ok(())
}
