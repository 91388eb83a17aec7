//! Views and saved replies: made by people, some for everybody.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Tx, params};
use kernel::{AgentId, PublicId, SavedReplyId, Timestamp, ViewId};
use live::Change;

use crate::filter::Sort;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub id: ViewId,
    pub public_id: PublicId,
    pub name: String,
    /// None: everybody's.
    pub owner: Option<AgentId>,
    pub query: String,
    pub sort: Sort,
}

impl FromRow for View {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            owner: cols.next()?,
            query: cols.next()?,
            sort: Sort::named(&cols.next::<String>()?).unwrap_or_default(),
        })
    }
}

/// All views. They are few, and kept in memory.
pub(crate) async fn views(conn: &Conn) -> Result<Vec<View>> {
    conn.all(
        "select id, public_id, name, owner_id, query, sort from views
          order by position, id limit 2000",
        params![],
    )
    .await
}

pub(crate) async fn add_view(
    tx: &mut Tx,
    name: &str,
    owner: Option<AgentId>,
    query: &str,
    sort: Sort,
    now: Timestamp,
) -> Result<PublicId> {
    let public_id = PublicId::new(now);
    tx.send(
        "insert into views (public_id, name, owner_id, query, sort, position, created_at)
         values ($1, $2, $3, $4, $5, (select coalesce(max(position), 0) + 1 from views), $6)",
        params![public_id, name, owner, query, sort.as_str(), now],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(public_id)
}

/// Changes a view that still is as it was read. `false`: somebody else was quicker.
pub(crate) async fn set_view(
    tx: &mut Tx,
    before: &View,
    name: &str,
    query: &str,
    sort: Sort,
) -> Result<bool> {
    let View { id, name: old_name, query: old_query, sort: old_sort, .. } = before;
    let changed = tx
        .execute(
            "update views set name = $2, query = $3, sort = $4
              where id = $1 and name = $5 and query = $6 and sort = $7",
            params![
                *id,
                name,
                query,
                sort.as_str(),
                old_name.as_str(),
                old_query.as_str(),
                old_sort.as_str()
            ],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(changed > 0)
}

pub(crate) async fn find_view(conn: &Conn, id: ViewId) -> Result<Option<View>> {
    conn.optional(
        "select id, public_id, name, owner_id, query, sort from views where id = $1",
        params![id],
    )
    .await
}

pub(crate) async fn delete_view(tx: &mut Tx, id: ViewId) -> Result<()> {
    tx.send("delete from views where id = $1", params![id]).await?;
    tx.announce(Change::Settings);
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedReply {
    pub id: SavedReplyId,
    pub public_id: PublicId,
    pub title: String,
    pub text: String,
    /// None: everybody's.
    pub owner: Option<AgentId>,
    pub used_count: i64,
}

impl FromRow for SavedReply {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            title: cols.next()?,
            text: cols.next()?,
            owner: cols.next()?,
            used_count: cols.next()?,
        })
    }
}

/// The saved replies that somebody may use, the most used first.
pub(crate) async fn saved_replies(conn: &Conn, agent: AgentId) -> Result<Vec<SavedReply>> {
    conn.all(
        "select id, public_id, title, text, owner_id, used_count from saved_replies
          where owner_id is null or owner_id = $1
          order by used_count desc, title limit 500",
        params![agent],
    )
    .await
}

pub(crate) async fn find_saved_reply(
    conn: &Conn,
    agent: AgentId,
    id: PublicId,
) -> Result<Option<SavedReply>> {
    conn.optional(
        "select id, public_id, title, text, owner_id, used_count from saved_replies
          where public_id = $2 and (owner_id is null or owner_id = $1)",
        params![agent, id],
    )
    .await
}

pub(crate) async fn add_saved_reply(
    tx: &mut Tx,
    title: &str,
    text: &str,
    owner: Option<AgentId>,
    now: Timestamp,
) -> Result<PublicId> {
    let public_id = PublicId::new(now);
    tx.send(
        "insert into saved_replies (public_id, title, text, owner_id, updated_at)
         values ($1, $2, $3, $4, $5)",
        params![public_id, title, text, owner, now],
    )
    .await?;
    Ok(public_id)
}

/// Changes a reply that still is as it was read. `false`: somebody else was quicker.
pub(crate) async fn set_saved_reply(
    tx: &mut Tx,
    before: &SavedReply,
    title: &str,
    text: &str,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update saved_replies set title = $2, text = $3, updated_at = $4
              where id = $1 and title = $5 and text = $6",
            params![before.id, title, text, now, before.title.as_str(), before.text.as_str()],
        )
        .await?;
    Ok(changed > 0)
}

pub(crate) async fn delete_saved_reply(tx: &mut Tx, id: SavedReplyId) -> Result<()> {
    tx.send("delete from saved_replies where id = $1", params![id]).await
}

pub(crate) async fn count_use(tx: &mut Tx, id: SavedReplyId) -> Result<()> {
    tx.send("update saved_replies set used_count = used_count + 1 where id = $1", params![id]).await
}
