//! What is done about customers.

use anyhow::{Result, anyhow};
use database::Tx;
use kernel::{AgentId, CustomerId, EmailAddress, Failure, Refusal, Timestamp};
use search::{Entry, Kind};

use crate::{Customer, Known, store};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRefusal {
    #[error("a customer cannot be merged with themselves")]
    Same,
    #[error("there is no such customer any more")]
    Gone,
    #[error("write something before you save the note")]
    EmptyNote,
}

impl Refusal for CustomerRefusal {}

const NAME_MAX: usize = 200;

/// The customer with this address; met for the first time, they are added.
pub async fn meet(
    tx: &mut Tx,
    address: &EmailAddress,
    name: &str,
    language: Option<&str>,
    now: Timestamp,
) -> Result<CustomerId> {
    let known = store::known(tx, address).await?;
    meet_known(tx, known, address, name, language, now).await
}

/// The same, for whoever knows already whose address it is.
pub async fn meet_known(
    tx: &mut Tx,
    known: Option<Known>,
    address: &EmailAddress,
    name: &str,
    language: Option<&str>,
    now: Timestamp,
) -> Result<CustomerId> {
    let name = kernel::clip(&kernel::one_line(name), NAME_MAX);
    // A mail program without a name sends the address in its place.
    let name = if name.eq_ignore_ascii_case(address.as_str()) { "" } else { name.as_str() };
    if let Some(known) = known {
        let says_more =
            (!known.has_name && !name.is_empty()) || (!known.has_language && language.is_some());
        if says_more && store::learn(tx, known.customer, name, language, now).await? {
            index(tx, known.customer).await?;
        }
        return Ok(known.customer);
    }
    let id = store::insert(tx, name, language, now).await?;
    if !store::add_identity(tx, id, address, now).await? {
        // Another node met the same person in this moment.
        store::delete(tx, id).await?;
        let known = store::by_address(tx, address).await?;
        return known.ok_or_else(|| anyhow!("an address is taken and has no customer"));
    }
    let entry = Entry {
        kind: Kind::Customer(id),
        ticket: None,
        customer: Some(id),
        inbox: None,
        subject: name,
        text: address.as_str(),
        at: now,
    };
    search::add(tx, &entry).await?;
    Ok(id)
}

/// Somebody without an address that could be read: a record with whatever they call themselves.
pub async fn meet_nameless(tx: &mut Tx, name: &str, now: Timestamp) -> Result<CustomerId> {
    let id = store::insert(tx, &kernel::clip(&kernel::one_line(name), NAME_MAX), None, now).await?;
    index(tx, id).await?;
    Ok(id)
}

/// Notes that somebody proved to own an address.
pub async fn verify(tx: &mut Tx, address: &EmailAddress, now: Timestamp) -> Result<()> {
    store::set_verified(tx, address, now).await
}

pub async fn rename(tx: &mut Tx, id: CustomerId, name: &str, now: Timestamp) -> Result<()> {
    let name = kernel::clip(&kernel::one_line(name), NAME_MAX);
    store::set_name(tx, id, &name, now).await?;
    index(tx, id).await
}

/// What the team wants to remember about somebody.
pub async fn add_note(
    tx: &mut Tx,
    id: CustomerId,
    author: AgentId,
    text: &str,
    now: Timestamp,
) -> Result<i64, Failure<CustomerRefusal>> {
    let text = text.trim();
    if text.is_empty() {
        return Err(CustomerRefusal::EmptyNote.into());
    }
    let note = store::insert_note(tx, id, author, text, now).await?;
    index(tx, id).await?;
    Ok(note)
}

/// Ends every link that was sent to this customer so far.
pub async fn revoke_links(tx: &mut Tx, id: CustomerId, now: Timestamp) -> Result<()> {
    // Links keep whole minutes: those of this minute end too.
    let next_minute = Timestamp::from_seconds((now.seconds() / 60 + 1) * 60);
    store::set_links_valid_from(tx, id, next_minute).await
}

/// Makes two records of one person into one. Tickets are moved by whoever holds them.
pub async fn merge(
    tx: &mut Tx,
    from: CustomerId,
    into: CustomerId,
    now: Timestamp,
) -> Result<Customer, Failure<CustomerRefusal>> {
    if from == into {
        return Err(CustomerRefusal::Same.into());
    }
    let gone = || Failure::from(CustomerRefusal::Gone);
    let old = store::find(tx, from).await?.ok_or_else(gone)?;
    store::find(tx, into).await?.ok_or_else(gone)?;
    store::learn(tx, into, &old.name, old.language.as_deref(), now).await?;
    take_over(tx, from, into).await?;
    Ok(old)
}

/// Gives everything that belongs to one record to another, but not its name: for a record that
/// stood for somebody who was not known yet. Its row is removed by whoever moves its tickets.
pub async fn take_over(tx: &mut Tx, from: CustomerId, into: CustomerId) -> Result<()> {
    store::move_all(tx, from, into).await?;
    search::remove(tx, Kind::Customer(from)).await?;
    index(tx, into).await
}

/// Makes a customer findable by the name, every address, and what the team noted: by everybody
/// who may see the customer, as the notes are read.
async fn index(tx: &mut Tx, id: CustomerId) -> Result<()> {
    let Some(customer) = store::find(tx, id).await? else { return Ok(()) };
    let identities = store::identities(tx, id).await?;
    let notes = store::notes(tx, id).await?;
    let addresses = identities.iter().map(|identity| identity.value.as_str());
    let words: Vec<&str> = addresses.chain(notes.iter().map(|note| note.text.as_str())).collect();
    let entry = Entry {
        kind: Kind::Customer(id),
        ticket: None,
        customer: Some(id),
        inbox: None,
        subject: &customer.name,
        text: &words.join("\n"),
        at: customer.created_at,
    };
    search::put(tx, &entry).await
}
