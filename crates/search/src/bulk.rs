//! Many texts at once, for a database that is being filled.

use database::bulk::{Rows, Table};
use database::search::{self, Document};
use database::{Engine, Value, params};
use kernel::InboxId;

use crate::store::{Entry, scope};
use crate::words;

/// What says what a found document is.
pub const DOCUMENTS: Table = Table {
    name: "search_documents",
    columns: &["id", "kind", "source_id", "ticket_id", "customer_id", "created_at"],
};

/// Rows of documents that were not there. Their words are cut when they are added, so that
/// another thread can do it than the one that writes.
pub struct Bulk {
    engine: Engine,
    documents: Rows,
    index: Rows,
}

impl Bulk {
    pub fn new(engine: Engine) -> Self {
        let documents = Rows::new(DOCUMENTS);
        Self { engine, documents, index: Rows::new(search::table(engine)) }
    }

    /// Adds a document under an id that the caller gives, ascending.
    pub fn add(&mut self, id: i64, entry: &Entry<'_>) {
        let (kind, source) = entry.kind.parts();
        self.documents.push(params![id, kind, source, entry.ticket, entry.customer, entry.at]);
        self.index.push(index_row(self.engine, id, entry.inbox, (entry.subject, entry.text)));
    }

    /// What was added since the last time.
    pub fn take(&mut self) -> [Rows; 2] {
        [self.documents.take(), self.index.take()]
    }
}

/// The index made anew for documents that are there.
pub struct Again {
    engine: Engine,
    index: Rows,
}

impl Again {
    pub fn new(engine: Engine) -> Self {
        Self { engine, index: Rows::new(search::table(engine)) }
    }

    /// Adds the words of a document: those that weigh more, and the others.
    pub fn add(&mut self, id: i64, inbox: Option<InboxId>, words: (&str, &str)) {
        self.index.push(index_row(self.engine, id, inbox, words));
    }

    /// What was added since the last time.
    pub fn take(&mut self) -> Rows {
        self.index.take()
    }
}

fn index_row(
    engine: Engine,
    id: i64,
    inbox: Option<InboxId>,
    (subject, text): (&str, &str),
) -> Vec<Value> {
    let (subject, words) = (words::words(subject), words::words(text));
    let scope = scope(inbox);
    search::row(engine, &Document { id, subject: &subject, words: &words, scope: &scope })
}
