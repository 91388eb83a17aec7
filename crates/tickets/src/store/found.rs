//! The texts of what was found.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql};
use kernel::{MessageId, NoteId, PublicId};

/// A message or a note as a search result shows it.
pub(crate) struct Text {
    pub(crate) id: i64,
    pub(crate) public_id: PublicId,
    pub(crate) text: String,
}

impl FromRow for Text {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self { id: cols.next()?, public_id: cols.next()?, text: cols.next()? })
    }
}

pub(crate) async fn messages(conn: &Conn, ids: &[MessageId]) -> Result<Vec<Text>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, public_id, text from messages where id in (");
    sql.bind_list(ids.iter().copied()).push(")");
    conn.all_sql(sql).await
}

pub(crate) async fn notes(conn: &Conn, ids: &[NoteId]) -> Result<Vec<Text>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select id, public_id, text from notes where id in (");
    sql.bind_list(ids.iter().copied()).push(")");
    conn.all_sql(sql).await
}
