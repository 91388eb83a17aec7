//! A topic of the contact form: what it asks for, and where its tickets go.

use anyhow::Result;
use database::{Cols, FromRow};
use kernel::{CategoryId, FieldId, InboxId, PublicId, TeamId, TopicId};
use tickets::{FieldKind, Priority};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) id: TopicId,
    pub(crate) public_id: PublicId,
    pub(crate) inbox: InboxId,
    pub(crate) name: String,
    /// What to include, shown when the topic is chosen.
    pub(crate) hint: String,
    pub(crate) category: Option<CategoryId>,
    pub(crate) team: Option<TeamId>,
    pub(crate) priority: Priority,
    pub(crate) is_archived: bool,
    pub(crate) asks: Vec<Ask>,
}

/// A field that a topic asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) field: FieldId,
    pub(crate) required: bool,
}

impl FromRow for Topic {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            inbox: cols.next()?,
            name: cols.next()?,
            hint: cols.next()?,
            category: cols.next()?,
            team: cols.next()?,
            priority: Priority::named(&cols.next::<String>()?)?,
            is_archived: cols.next::<Option<i64>>()?.is_some(),
            asks: Vec::new(),
        })
    }
}

impl Topic {
    pub(crate) fn ask(&self, field: FieldId) -> Option<Ask> {
        self.asks.iter().find(|ask| ask.field == field).copied()
    }
}

/// A topic before it has a row.
#[derive(Clone, Debug)]
pub(crate) struct NewTopic {
    pub(crate) inbox: InboxId,
    pub(crate) name: String,
    pub(crate) hint: String,
    pub(crate) category: Option<CategoryId>,
    pub(crate) team: Option<TeamId>,
    pub(crate) priority: Priority,
    pub(crate) asks: Vec<Ask>,
}

/// A topic that stands there before anybody made one. Name and hint are keys of the catalogue.
pub(crate) struct FirstTopic {
    pub(crate) name: &'static str,
    pub(crate) hint: &'static str,
    /// Fields by their key.
    pub(crate) asks: &'static [&'static str],
}

/// A field that the first topics ask for: its key, the key of its label, its kind.
pub(crate) const FIRST_FIELDS: [(&str, &str, FieldKind); 4] = [
    ("order_number", "field-order-number", FieldKind::Text),
    ("product", "field-product", FieldKind::Text),
    ("version", "field-version", FieldKind::Text),
    ("web_address", "field-web-address", FieldKind::Text),
];

/// What somebody who sells digital things is asked about.
pub(crate) const FIRST_TOPICS: [FirstTopic; 6] = [
    FirstTopic {
        name: "topic-download",
        hint: "topic-download-hint",
        asks: &["product", "order_number"],
    },
    FirstTopic { name: "topic-course", hint: "topic-course-hint", asks: &["product"] },
    FirstTopic {
        name: "topic-plugin",
        hint: "topic-plugin-hint",
        asks: &["product", "version", "web_address"],
    },
    FirstTopic { name: "topic-money", hint: "topic-money-hint", asks: &["order_number"] },
    FirstTopic { name: "topic-sign-in", hint: "topic-sign-in-hint", asks: &["web_address"] },
    FirstTopic { name: "topic-other", hint: "topic-other-hint", asks: &[] },
];
