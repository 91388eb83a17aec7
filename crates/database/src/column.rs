//! Values on their way out of a row.

use anyhow::Result;
use kernel::{EmailAddress, PublicId, Timestamp};
use sqlx::Row as _;
use uuid::Uuid;

use crate::row::Row;

/// A type that can be read from one column. NULL is read by `Option` alone.
pub trait Column: Sized {
    fn read(row: &Row, index: usize) -> Result<Self>;
}

macro_rules! native {
    ($($type:ty)*) => {$(
        impl Column for $type {
            fn read(row: &Row, index: usize) -> Result<Self> {
                Ok(match row {
                    Row::Sqlite(row) => row.try_get(index)?,
                    Row::Postgres(row) => row.try_get(index)?,
                })
            }
        }

        impl Column for Option<$type> {
            fn read(row: &Row, index: usize) -> Result<Self> {
                Ok(match row {
                    Row::Sqlite(row) => row.try_get(index)?,
                    Row::Postgres(row) => row.try_get(index)?,
                })
            }
        }
    )*};
}

native! { i64 f64 bool String Vec<u8> Uuid }

macro_rules! wrapped {
    ($($type:ty: $inner:ty, $wrap:expr;)*) => {$(
        impl Column for $type {
            fn read(row: &Row, index: usize) -> Result<Self> {
                let inner = <$inner>::read(row, index)?;
                ($wrap)(inner)
            }
        }

        impl Column for Option<$type> {
            fn read(row: &Row, index: usize) -> Result<Self> {
                let inner = Option::<$inner>::read(row, index)?;
                inner.map($wrap).transpose()
            }
        }
    )*};
}

wrapped! {
    Timestamp: i64, |micros| Ok(Timestamp::from_micros(micros));
    PublicId: Uuid, |uuid| Ok(PublicId(uuid));
    EmailAddress: String, |text: String| Ok(text.parse::<EmailAddress>()?);
}

macro_rules! ids {
    ($($id:ident)*) => {
        wrapped! { $(kernel::$id: i64, |row| Ok(kernel::$id(row));)* }
    };
}

ids! {
    AgentId AttachmentId CategoryId CustomerId DeliveryId EventId FieldId InboxId JobId LedgerId
    MessageId NoteId NotificationId ProblemId SavedReplyId TagId TeamId TicketId TopicId ViewId
}
