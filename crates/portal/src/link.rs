//! Links instead of passwords.
//!
//! Two kinds lead in: the signed one that stands in mails about a ticket, of which nothing is
//! stored before it is used, and the random one that somebody asks for. Each opens once, for the
//! person it was sent to, until it is too old or their links are revoked.

use anyhow::Result;
use customers::links;
use database::{Cols, Conn, FromRow, Tx};
use kernel::{CustomerId, EmailAddress, TicketId, Timestamp};
use keys::{Keys, Token, TokenHash};
use sha2::{Digest, Sha256};

use crate::{session, store};

const TOKEN_PREFIX: &str = "rcp";

/// A link as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredLink {
    pub(crate) customer: CustomerId,
    pub(crate) address: EmailAddress,
    pub(crate) ticket: Option<TicketId>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
}

impl FromRow for StoredLink {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            customer: cols.next()?,
            address: cols.next()?,
            ticket: cols.next()?,
            created_at: cols.next()?,
            expires_at: cols.next()?,
            used_at: cols.next()?,
        })
    }
}

/// What stands behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open(StoredLink),
    /// It was one of ours, and a new one can be sent to the same person.
    Closed(StoredLink),
    None,
}

/// Makes a link for somebody who asks for one, and stores its hash.
pub(crate) async fn make(
    tx: &mut Tx,
    customer: CustomerId,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<Token> {
    let token = Token::new(TOKEN_PREFIX);
    let valid_from = customers::links_valid_from(tx, customer).await?.unwrap_or(now);
    let link = StoredLink {
        customer,
        address: address.clone(),
        ticket: None,
        created_at: now.max(valid_from),
        expires_at: now + links::SIGN_IN_LINK_LASTS,
        used_at: None,
    };
    store::add_link(tx, &token.hash(), &link).await?;
    Ok(token)
}

/// Looks at what a token opens, without using it.
pub(crate) async fn look(conn: &Conn, keys: &Keys, token: &str, now: Timestamp) -> Result<Door> {
    let hash = hash_of(token);
    let link = match Token::read(TOKEN_PREFIX, token) {
        Some(token) => store::link(conn, &token.hash()).await?,
        None => match signed(conn, keys, token).await? {
            Some(link) => {
                let used_at = store::link(conn, &hash).await?.and_then(|stored| stored.used_at);
                Some(StoredLink { used_at, ..link })
            }
            None => None,
        },
    };
    let Some(link) = link else { return Ok(Door::None) };
    let Some(valid_from) = customers::links_valid_from(conn, link.customer).await? else {
        return Ok(Door::None);
    };
    let is_open = link.used_at.is_none() && now < link.expires_at && link.created_at >= valid_from;
    Ok(if is_open { Door::Open(link) } else { Door::Closed(link) })
}

/// The link of a mail, with the address that the mail went to.
async fn signed(conn: &Conn, keys: &Keys, token: &str) -> Result<Option<StoredLink>> {
    let Some(link) = links::read(keys, token) else { return Ok(None) };
    let wrote_from = match link.ticket {
        Some(ticket) => tickets::actions::wrote_from(conn, ticket, link.customer).await?,
        None => None,
    };
    let address = match wrote_from {
        Some(address) => Some(address),
        None => customers::find(conn, link.customer).await?.and_then(|one| one.address),
    };
    let lasts = match link.ticket {
        Some(_) => links::TICKET_LINK_LASTS,
        None => links::SIGN_IN_LINK_LASTS,
    };
    Ok(address.map(|address| StoredLink {
        customer: link.customer,
        address,
        ticket: link.ticket,
        created_at: link.made_at,
        expires_at: link.made_at + lasts,
        used_at: None,
    }))
}

/// Uses a link: whoever is first gets a session. Who opens a mail owns its address.
pub(crate) async fn enter(
    tx: &mut Tx,
    keys: &Keys,
    token: &str,
    now: Timestamp,
) -> Result<Option<(Token, StoredLink)>> {
    let Door::Open(link) = look(tx, keys, token, now).await? else { return Ok(None) };
    let hash = hash_of(token);
    let used = StoredLink { used_at: Some(now), ..link.clone() };
    let is_first =
        store::use_link(tx, &hash, now).await? || store::add_link(tx, &hash, &used).await?;
    if !is_first {
        return Ok(None);
    }
    customers::verify(tx, &link.address, now).await?;
    let session = session::open(tx, link.customer, link.address.clone(), now).await?;
    Ok(Some((session, link)))
}

/// What is stored of a token, of either kind. A signature is the same in either case, so a link
/// is, too.
fn hash_of(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.to_ascii_lowercase().as_bytes()).to_vec())
}
