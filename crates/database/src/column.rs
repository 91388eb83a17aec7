//! Values on their way out of a row.

use anyhow::{Context, Result};
use kernel::{EmailAddress, PublicId, Timestamp};
use rusqlite::types::ValueRef;
use uuid::Uuid;

use crate::row::Row;
use crate::sqlite::Native;

/// A type that can be read from one column. NULL is read by `Option` alone.
pub trait Column: Sized {
    fn read(row: Row<'_>, index: usize) -> Result<Self>;
}

macro_rules! native {
    ($($type:ty)*) => {$(
        impl Column for $type {
            fn read(row: Row<'_>, index: usize) -> Result<Self> {
                match row {
                    Row::Sqlite(row) => {
                        let value = row.get_ref(index)?;
                        Native::of(value).with_context(|| unfit::<Self>(value.data_type()))
                    }
                    Row::Postgres(row) => Ok(row.try_get(index)?),
                }
            }
        }

        impl Column for Option<$type> {
            fn read(row: Row<'_>, index: usize) -> Result<Self> {
                match row {
                    Row::Sqlite(row) => match row.get_ref(index)? {
                        ValueRef::Null => Ok(None),
                        value => Native::of(value)
                            .with_context(|| unfit::<Self>(value.data_type()))
                            .map(Some),
                    },
                    Row::Postgres(row) => Ok(row.try_get(index)?),
                }
            }
        }
    )*};
}

fn unfit<T>(found: rusqlite::types::Type) -> String {
    format!("{found} is no {}", std::any::type_name::<T>())
}

native! { i64 f64 bool String Vec<u8> Uuid }

macro_rules! wrapped {
    ($($type:ty: $inner:ty, $wrap:expr;)*) => {$(
        impl Column for $type {
            fn read(row: Row<'_>, index: usize) -> Result<Self> {
                let inner = <$inner>::read(row, index)?;
                ($wrap)(inner)
            }
        }

        impl Column for Option<$type> {
            fn read(row: Row<'_>, index: usize) -> Result<Self> {
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
