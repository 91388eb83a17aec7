//! Entries as a page shows them.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, params};
use kernel::Timestamp;

/// An entry that was noted.
#[derive(Clone, Debug)]
pub struct Line {
    pub number: i64,
    pub at: Timestamp,
    pub who_kind: String,
    pub who_id: Option<i64>,
    pub who_name: String,
    pub via: Option<i64>,
    pub act: String,
    pub object_kind: Option<String>,
    pub object_id: Option<String>,
    pub object_name: Option<String>,
    pub address: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub hash: Vec<u8>,
}

impl FromRow for Line {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            number: cols.next()?,
            at: cols.next()?,
            who_kind: cols.next()?,
            who_id: cols.next()?,
            who_name: cols.next()?,
            via: cols.next()?,
            act: cols.next()?,
            object_kind: cols.next()?,
            object_id: cols.next()?,
            object_name: cols.next()?,
            address: cols.next()?,
            before: cols.next()?,
            after: cols.next()?,
            hash: cols.next()?,
        })
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The kind of somebody, and who of them.
    pub who: Option<(&'static str, Option<i64>)>,
    /// Both what they did themselves and what their programs did.
    pub agent: Option<i64>,
    pub act: Option<&'static str>,
    /// Part of the name or the id of what it was done to.
    pub object: Option<String>,
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// The number before which the page begins.
    pub before: Option<i64>,
}

/// Entries that fit, the newest first.
pub async fn page(conn: &Conn, filter: &Filter, limit: i64) -> Result<Vec<Line>> {
    let mut sql = Sql::new(
        "select number, at, who_kind, who_id, who_name, via, act, object_kind, object_id,
                object_name, address, before, after, hash
           from audit_entries where number < ",
    );
    sql.bind(filter.before.unwrap_or(i64::MAX));
    if let Some((kind, id)) = filter.who {
        sql.push(" and who_kind = ").bind(kind);
        if let Some(id) = id {
            sql.push(" and who_id = ").bind(id);
        }
    }
    if let Some(agent) = filter.agent {
        sql.push(" and who_kind in ('agent', 'token') and who_id = ").bind(agent);
    }
    if let Some(act) = filter.act {
        sql.push(" and act = ").bind(act);
    }
    if let Some(object) = &filter.object {
        let part = format!("%{}%", escaped(&object.to_lowercase()));
        sql.push(" and (object_id = ").bind(object.as_str());
        sql.push(" or lower(object_name) like ").bind(part).push(" escape '\\')");
    }
    if let Some(from) = filter.from {
        sql.push(" and at >= ").bind(from);
    }
    if let Some(until) = filter.until {
        sql.push(" and at < ").bind(until);
    }
    sql.push(" order by number desc limit ").bind(limit);
    conn.all_sql(sql).await
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// One entry.
pub async fn find(conn: &Conn, number: i64) -> Result<Option<Line>> {
    conn.optional(
        "select number, at, who_kind, who_id, who_name, via, act, object_kind, object_id,
                object_name, address, before, after, hash
           from audit_entries where number = $1",
        params![number],
    )
    .await
}
