//! Values on their way into a statement.

use kernel::{EmailAddress, PublicId, Timestamp};
use uuid::Uuid;

/// One bound parameter. A missing value names its kind, because PostgreSQL wants to know what a
/// NULL would have been.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
    Null(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Float,
    Bool,
    Text,
    Bytes,
    Uuid,
}

/// Parameters of a statement, in the order of `$1`, `$2`, …
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::Value::from($value)),*]
    };
}

macro_rules! value_from {
    ($($kind:ident: $type:ty => |$it:ident| $make:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($it: $type) -> Self {
                Value::$kind($make)
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                value.map_or(Value::Null(Kind::$kind), Value::from)
            }
        }
    )*};
}

value_from! {
    Int: i64 => |it| it;
    Int: i32 => |it| i64::from(it);
    Int: u32 => |it| i64::from(it);
    Int: Timestamp => |it| it.micros();
    Float: f64 => |it| it;
    Bool: bool => |it| it;
    Text: String => |it| without_nul(it);
    Text: &str => |it| without_nul(it.to_owned());
    Text: &String => |it| without_nul(it.clone());
    Text: &EmailAddress => |it| it.to_string();
    Text: EmailAddress => |it| it.to_string();
    Bytes: Vec<u8> => |it| it;
    Bytes: &[u8] => |it| it.to_vec();
    Uuid: Uuid => |it| it;
    Uuid: PublicId => |it| it.0;
}

/// PostgreSQL stores no text with a NUL in it, and SQLite forgets what comes after one.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

macro_rules! ids {
    ($($id:ident)*) => {
        value_from! { $(Int: kernel::$id => |it| it.0;)* }
    };
}

ids! {
    AgentId AttachmentId CategoryId CustomerId DeliveryId EventId FieldId InboxId JobId LedgerId
    MessageId NoteId NotificationId ProblemId SavedReplyId TagId TeamId TicketId TopicId ViewId
}
