//! What is in the database already, and which ids are free.

use anyhow::Result;
use database::{Conn, Engine, Sql, params};
use tickets::rules;

use crate::batch::Ids;
use crate::world::First;

/// Whether there is a ticket.
pub(crate) async fn has_tickets(conn: &Conn) -> Result<bool> {
    let rows: Vec<i64> = conn.column("select id from tickets limit 1", params![]).await?;
    Ok(!rows.is_empty())
}

/// The free ids. What was there and is gone again may have had some; it never mattered to anybody.
pub(crate) async fn free(conn: &mut Conn) -> Result<(First, Ids)> {
    let mut next = Vec::new();
    for sql in [
        "select coalesce(max(id), 0) + 1 from customers",
        "select coalesce(max(id), 0) + 1 from identities",
        "select coalesce(max(id), 0) + 1 from messages",
        "select coalesce(max(id), 0) + 1 from attachments",
        "select coalesce(max(id), 0) + 1 from deliveries",
        "select coalesce(max(id), 0) + 1 from notes",
        "select coalesce(max(id), 0) + 1 from events",
        "select coalesce(max(id), 0) + 1 from notifications",
        "select coalesce(max(id), 0) + 1 from search_documents",
    ] {
        let id: i64 = conn.scalar_sql(Sql::new(sql)).await?;
        next.push(id);
    }
    let [customer, identity, message, attachment, delivery, note, event, notification, document] =
        next[..]
    else {
        anyhow::bail!("nine tables were asked")
    };
    let first = First { ticket: rules::FIRST.0, customer };
    let ids = Ids { identity, message, attachment, delivery, note, event, notification, document };
    Ok((first, ids))
}

/// How much there is, for whoever looks at the filled database.
pub(crate) async fn analyze(conn: &mut Conn) -> Result<()> {
    if conn.engine() == Engine::Sqlite {
        // So many entries of each index say enough.
        let _: i64 = conn.scalar("pragma analysis_limit = 1000", params![]).await?;
    }
    conn.execute("analyze", params![]).await?;
    if conn.engine() == Engine::Sqlite {
        // Of tables that are empty now it would be believed for ever that they are.
        conn.execute("delete from sqlite_stat1 where stat like '0 %'", params![]).await?;
    }
    Ok(())
}
