//! One entry, as those who act describe it.

use std::net::IpAddr;

use kernel::{AgentId, CustomerId, Timestamp};
use serde_json::{Map, Value};

use crate::Deed;

/// What kind of somebody acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhoKind {
    /// Somebody who works here, in a browser.
    Agent,
    /// A program with the token of somebody who works here.
    Token,
    Customer,
    /// Somebody who was not let in.
    Visitor,
    /// The operator, on the command line.
    Command,
    /// The program by itself.
    System,
}

impl WhoKind {
    pub const ALL: [Self; 6] =
        [Self::Agent, Self::Token, Self::Customer, Self::Visitor, Self::Command, Self::System];

    /// The name that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Token => "token",
            Self::Customer => "customer",
            Self::Visitor => "visitor",
            Self::Command => "command",
            Self::System => "system",
        }
    }
}

/// Who acted, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub kind: WhoKind,
    pub id: Option<i64>,
    pub name: String,
    /// The session or token.
    pub via: Option<i64>,
    pub address: Option<IpAddr>,
}

/// Longer names are cut.
const NAME_CHARS_MAX: usize = 200;

impl Who {
    fn new(kind: WhoKind, id: Option<i64>, name: &str) -> Self {
        let name = kernel::clip(&kernel::one_line(name), NAME_CHARS_MAX);
        Self { kind, id, name, via: None, address: None }
    }

    pub fn agent(id: AgentId, name: &str) -> Self {
        Self::new(WhoKind::Agent, Some(id.0), name)
    }

    pub fn token(agent: AgentId, name: &str) -> Self {
        Self::new(WhoKind::Token, Some(agent.0), name)
    }

    pub fn customer(id: CustomerId, name: &str) -> Self {
        Self::new(WhoKind::Customer, Some(id.0), name)
    }

    pub fn visitor() -> Self {
        Self::new(WhoKind::Visitor, None, "")
    }

    pub fn command() -> Self {
        Self::new(WhoKind::Command, None, "")
    }

    pub fn system() -> Self {
        Self::new(WhoKind::System, None, "")
    }

    pub fn via(self, via: Option<i64>) -> Self {
        Self { via, ..self }
    }

    pub fn from(self, address: Option<IpAddr>) -> Self {
        Self { address: address.map(|address| address.to_canonical()), ..self }
    }
}

/// What was acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Such as `person` or `inbox`.
    pub kind: String,
    /// As addresses of pages name it.
    pub id: String,
    /// As it was called then.
    pub name: String,
}

/// Something that was done, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub(crate) act: Deed,
    pub(crate) who: Who,
    pub(crate) at: Timestamp,
    pub(crate) object: Option<Object>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Entry {
    pub fn new(act: Deed, who: Who, at: Timestamp) -> Self {
        Self { act, who, at, object: None, before: None, after: None }
    }

    /// On what.
    pub fn on(self, kind: &'static str, id: impl ToString, name: &str) -> Self {
        let object = Object {
            kind: kind.to_owned(),
            id: without_nul(&kernel::clip(&id.to_string(), NAME_CHARS_MAX)),
            name: without_nul(&kernel::clip(&kernel::one_line(name), NAME_CHARS_MAX)),
        };
        Self { object: Some(object), ..self }
    }

    /// What was so before and is so now. Kept is what differs. Never hand a secret in: give
    /// [`Entry::secret`] for one.
    pub fn change(self, before: Value, after: Value) -> Self {
        let (before, after) = differing(before, after);
        Self { before: written(before), after: written(after), ..self }
    }

    /// What is so now, where there was nothing before.
    pub fn with(self, after: Value) -> Self {
        Self { after: written(after), ..self }
    }

    /// What was so, where nothing is left.
    pub fn without(self, before: Value) -> Self {
        Self { before: written(before), ..self }
    }

    /// Stands for a secret on both sides of [`Entry::change`]: that it changed, and nothing of what
    /// it was.
    pub fn secret(is_changed: bool) -> (Value, Value) {
        if is_changed { (Value::Null, Value::from("changed")) } else { (Value::Null, Value::Null) }
    }
}

/// Keeps of two objects what differs.
fn differing(before: Value, after: Value) -> (Value, Value) {
    let (Value::Object(before), Value::Object(mut after)) = (before.clone(), after.clone()) else {
        return if before == after { (Value::Null, Value::Null) } else { (before, after) };
    };
    let mut kept = Map::new();
    for (key, value) in before {
        if after.get(&key) == Some(&value) {
            after.remove(&key);
        } else {
            kept.insert(key, value);
        }
    }
    (Value::Object(kept), Value::Object(after))
}

/// Longer texts in what changed are cut.
const TEXT_CHARS_MAX: usize = 500;

fn written(value: Value) -> Option<String> {
    let is_nothing = match &value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(Value::is_null),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    (!is_nothing).then(|| cut(value).to_string())
}

fn cut(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(kernel::clip(&text, TEXT_CHARS_MAX)),
        Value::Array(all) => Value::Array(all.into_iter().map(cut).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, cut(value)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// What would be stored otherwise than it was hashed.
pub(crate) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
