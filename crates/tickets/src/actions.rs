//! What people and machines do with tickets: load, decide, save, say so.
//!
//! Every function takes the transaction that its caller opened, and none waits for the network.

mod acknowledge;
mod begin;
mod by_customer;
mod edit;
mod entry;
pub(crate) mod findable;
mod late;
mod mail;
mod merge;
mod receive;
mod reply;
mod seen;
mod shape;
mod threading;
mod time;
mod tying;
mod undo;

use std::sync::Arc;

use accounts::{Accounts, Company, Directory, Inbox};
use anyhow::{Context, Result};
use database::Tx;
use kernel::{EmailAddress, InboxId, TicketId, Timestamp};
use keys::Keys;
use live::Touch;
use outbox::Caps;
use ui::{Site, Words};

use crate::event::{By, Fact};
use crate::letters;
use crate::message::{Message, MessageKind};
use crate::store::{entries, tickets};
use crate::ticket::Ticket;

pub use begin::{NewTicket, open_ticket};
pub use by_customer::{
    CustomerSays, add_field, categories, customer_reopens, customer_solves, fields,
    file_of_customer, known_category, looked_at, place, read_field, request_of, requests_of,
    revoke_links, seen_by_customer, viewer, wrote_from,
};
pub(crate) use edit::TAG_CHARS_MAX;
pub use edit::{Edit, EditRefusal, Edited, edit};
pub use entry::{
    EntryRefusal, NewNote, Noted, admit, change_participants, follow, post_note, redact, unfollow,
};
pub use late::{receive_late, settle_stand_in};
pub use mail::{bounce_came, complaint_came, sent_elsewhere};
pub use merge::{merge, merge_all};
pub use receive::{
    Before, Incoming, Received, ReplyTokens, Sender, before, receive, receive_known,
};
pub(crate) use reply::UNDO_FOR;
pub use reply::{Forward, Replied, Reply, ReplyRefusal, forward, reply};
pub(crate) use seen::{edit_seen, problem_seen};
pub use shape::{LinkKind, ShapeRefusal, link, merge_customers, set_problem, split, unlink};
pub use time::{hand_over, sleepers_wake, spent_tickets_close, sweep};
pub(crate) use undo::undoable_for;
pub use undo::{Many, Merged, Reversal, Sent, UndoRefusal, Undone, keep, undo};

/// What an action needs to know about the company at this moment.
#[derive(Clone)]
pub struct Office {
    pub directory: Arc<Directory>,
    pub company: Arc<Company>,
    pub keys: Keys,
    pub site: Site,
    pub caps: Caps,
    pub now: Timestamp,
}

impl Office {
    pub async fn open(accounts: &Accounts, keys: &Keys) -> Result<Self> {
        Ok(Self {
            directory: accounts.directory().await?,
            company: accounts.company().await?,
            keys: keys.clone(),
            site: accounts.site().clone(),
            caps: Caps::default(),
            now: accounts.now(),
        })
    }

    /// The inbox, if there still is one of that id.
    pub fn inbox_of(&self, id: InboxId) -> Option<&Inbox> {
        self.directory.inbox(id)
    }

    /// Whether an address, with or without a tag, is one of our own.
    pub fn is_own_address(&self, address: &EmailAddress) -> bool {
        let knows = |address: &EmailAddress| self.directory.inbox_by_address(address).is_some();
        knows(address) || address.split_tag().is_some_and(|(base, _)| knows(&base))
    }

    pub(crate) fn inbox(&self, id: InboxId) -> Result<&Inbox> {
        self.directory.inbox(id).with_context(|| format!("inbox {id} is not in the directory"))
    }

    /// The words for somebody outside, in their language as far as it is spoken here.
    pub(crate) fn words(&self, language: Option<&str>) -> Words {
        self.site.words(language.unwrap_or(&self.company.language))
    }
}

/// The ticket, held for a change; where it was merged, the one it became a part of.
pub(crate) async fn take(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>> {
    match tickets::follow(tx, id).await? {
        Some(id) => tickets::take(tx, id).await,
        None => Ok(None),
    }
}

/// Holds a ticket until the end of the transaction: what is read of it now stays so until then.
pub async fn hold(tx: &mut Tx, id: TicketId) -> Result<()> {
    tickets::take(tx, id).await.map(drop)
}

/// Saves a ticket that was taken in this transaction, so nobody can have been quicker. What becomes
/// work again, by whatever way, leaves the hands of who no longer works here.
pub(crate) async fn save(
    tx: &mut Tx,
    ticket: &mut Ticket,
    touch: Touch,
    now: Timestamp,
) -> Result<()> {
    ticket.updated_at = now;
    let saved = tickets::save(tx, ticket, touch).await?;
    let assignee = saved.with_context(|| format!("ticket {} changed while held", ticket.id))?;
    ticket.version += 1;
    if let (Some(who), None) = (ticket.assignee, assignee) {
        ticket.assignee = None;
        let fact = Fact::AssigneeLeft { who };
        record_for_good(tx, ticket.id, By::System, &[fact], now).await?;
    }
    Ok(())
}

/// Says again what was written last, after messages left a ticket.
pub(crate) async fn recount(tx: &mut Tx, ticket: &mut Ticket) -> Result<()> {
    ticket.message_count = entries::count_messages(tx, ticket.id).await?;
    let latest = entries::messages_before(tx, ticket.id, None, 20).await?;
    let is_ours_or_theirs = |one: &&Message| one.kind != MessageKind::Forward && !one.held;
    if let Some(last) = latest.iter().find(is_ours_or_theirs) {
        ticket.last_message_at = last.created_at;
        ticket.last_direction = last.direction;
        ticket.snippet = letters::snippet(&last.text);
    }
    Ok(())
}

/// Adds facts to the timeline that nobody takes back.
pub(crate) async fn record_for_good(
    tx: &mut Tx,
    ticket: TicketId,
    by: By,
    facts: &[Fact],
    now: Timestamp,
) -> Result<()> {
    for fact in facts {
        entries::record_for_good(tx, ticket, by, fact, now).await?;
    }
    Ok(())
}

/// Adds facts to the timeline and gives their ids, for whoever may take them back.
pub(crate) async fn record(
    tx: &mut Tx,
    ticket: TicketId,
    by: By,
    facts: &[Fact],
    now: Timestamp,
) -> Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(facts.len());
    for fact in facts {
        ids.push(entries::record(tx, ticket, by, fact, now).await?.0);
    }
    Ok(ids)
}
