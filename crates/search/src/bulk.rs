//! Many texts at once, for a database that is being filled.

use database::bulk::{Rows, Table};
use database::search::{self, Document};
use database::{Engine, params};

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
        let (subject, words) = (words::words(entry.subject), words::words(entry.text));
        let scope = scope(entry.inbox);
        let document = Document { id, subject: &subject, words: &words, scope: &scope };
        self.index.push(search::row(self.engine, &document));
    }

    /// What was added since the last time.
    pub fn take(&mut self) -> [Rows; 2] {
        [self.documents.take(), self.index.take()]
    }
}
