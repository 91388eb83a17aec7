//! What goes over the wire: own types, so that a change inside changes no contract.

mod entry;
mod mail;
mod people;
mod ticket;

pub use entry::{Attachment, Message, NewMessage, NewNote, Note, Recipients};
pub use mail::{Auth, Inbox, Ledger, NewEndpoint, NewInbox};
pub use people::{Customer, CustomerPatch, Person, Writer};
pub(crate) use ticket::Names;
pub use ticket::{
    Found, NewTicket, Search, Tag, Ticket, TicketPatch, TicketQuery, View,
};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Goes into `after` to get the next page; null on the last one.
    pub next: Option<String>,
}

/// A thing with an id and a name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Named {
    #[schema(example = "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub id: String,
    #[schema(example = "Support")]
    pub name: String,
}

/// Tells a field that is null from one that is not there.
pub(crate) fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
