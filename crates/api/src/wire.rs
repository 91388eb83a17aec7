//! What goes over the wire: own types, so that a change inside changes no contract.

mod entry;
mod mail;
mod people;
mod ticket;

pub(crate) use entry::{Attachment, Message, NewMessage, NewNote, Note, Recipients};
pub(crate) use mail::{Auth, Inbox, Ledger, NewEndpoint, NewInbox};
pub(crate) use people::{Customer, CustomerPatch, Person, Writer};
pub(crate) use ticket::Names;
pub(crate) use ticket::{Found, NewTicket, Search, Tag, Ticket, TicketPatch, TicketQuery, View};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    /// Goes into `after` to get the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// A thing with an id and a name.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Named {
    #[schema(example = "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) id: String,
    #[schema(example = "Support")]
    pub(crate) name: String,
}

/// A field that may be left out, which changes nothing, or be null, which takes away.
#[derive(Clone, Debug, Default)]
pub(crate) enum Given {
    #[default]
    Absent,
    Null,
    This(String),
}

/// A field that may be left out but says something where it stands: null would say nothing.
pub(crate) fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.map_or(Self::Null, Self::This))
    }
}
