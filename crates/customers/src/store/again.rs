//! The words of customers, read again for an index that is made anew.

use anyhow::Result;
use database::{Conn, Sql, params};
use kernel::CustomerId;
use search::Again;

/// Adds the next customers after a document, at most so many. Says which document was the last;
/// none at the end.
pub async fn index_again(
    conn: &Conn,
    after: i64,
    limit: i64,
    index: &mut Again,
) -> Result<Option<i64>> {
    let found: Vec<(i64, CustomerId, String)> = conn
        .all(
            "select d.id, c.id, c.name from search_documents d
               join customers c on c.id = d.source_id
              where d.kind = 'customer' and d.id > $1 order by d.id limit $2",
            params![after, limit],
        )
        .await?;
    let mut sql = Sql::new("select customer_id, value from identities where customer_id in (");
    sql.bind_list(found.iter().map(|(_, id, _)| *id)).push(") order by id");
    let identities: Vec<(CustomerId, String)> = conn.all_sql(sql).await?;
    let mut sql = Sql::new("select customer_id, text from customer_notes where customer_id in (");
    sql.bind_list(found.iter().map(|(_, id, _)| *id)).push(") order by id desc");
    let notes: Vec<(CustomerId, String)> = conn.all_sql(sql).await?;
    for (document, id, name) in &found {
        let own = |rows: &[(CustomerId, String)]| -> Vec<String> {
            rows.iter().filter(|(of, _)| of == id).map(|(_, text)| text.clone()).collect()
        };
        let words = [own(&identities), own(&notes)].concat().join("\n");
        index.add(*document, None, (name, &words));
    }
    Ok(found.last().map(|(document, ..)| *document))
}
