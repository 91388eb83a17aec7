//! The rows of topics, sessions and links.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{CustomerId, EmailAddress, FieldId, PublicId, Span, Timestamp, TopicId};
use keys::TokenHash;
use live::Change;

use crate::link::StoredLink;
use crate::session::Session;
use crate::topic::{Ask, NewTopic, Topic};

/// All topics in their order, archived ones too.
pub(crate) async fn topics(conn: &Conn) -> Result<Vec<Topic>> {
    let mut topics: Vec<Topic> = conn
        .all(
            "select id, public_id, inbox_id, name, hint, category_id, team_id, priority,
                    archived_at
               from topics order by position, id limit 200",
            params![],
        )
        .await?;
    let asks: Vec<(TopicId, FieldId, bool)> = conn
        .all(
            "select topic_id, field_id, required from topic_fields
              order by topic_id, position limit 5000",
            params![],
        )
        .await?;
    for topic in &mut topics {
        let own = asks.iter().filter(|(id, ..)| *id == topic.id);
        topic.asks =
            own.map(|(_, field, required)| Ask { field: *field, required: *required }).collect();
    }
    Ok(topics)
}

pub(crate) async fn add_topic(tx: &mut Tx, topic: &NewTopic, now: Timestamp) -> Result<TopicId> {
    let id: TopicId = tx
        .scalar(
            "insert into topics (public_id, inbox_id, name, hint, category_id, team_id, priority,
                position)
             values ($1, $2, $3, $4, $5, $6, $7,
                (select coalesce(max(position), 0) + 1 from topics))
             returning id",
            params![
                PublicId::new(now),
                topic.inbox,
                &topic.name,
                &topic.hint,
                topic.category,
                topic.team,
                topic.priority.as_str()
            ],
        )
        .await?;
    set_asks(tx, id, &topic.asks).await?;
    Ok(id)
}

pub(crate) async fn set_topic(tx: &mut Tx, id: TopicId, topic: &NewTopic) -> Result<()> {
    tx.send(
        "update topics
            set inbox_id = $2, name = $3, hint = $4, category_id = $5, team_id = $6, priority = $7
          where id = $1",
        params![
            id,
            topic.inbox,
            &topic.name,
            &topic.hint,
            topic.category,
            topic.team,
            topic.priority.as_str()
        ],
    )
    .await?;
    set_asks(tx, id, &topic.asks).await
}

async fn set_asks(tx: &mut Tx, id: TopicId, asks: &[Ask]) -> Result<()> {
    tx.send("delete from topic_fields where topic_id = $1", params![id]).await?;
    for (position, ask) in asks.iter().enumerate() {
        tx.send(
            "insert into topic_fields (topic_id, field_id, required, position)
             values ($1, $2, $3, $4)",
            params![id, ask.field, ask.required, kernel::count(position)],
        )
        .await?;
    }
    tx.announce(Change::Settings);
    Ok(())
}

/// Takes a topic out of use, or back.
pub(crate) async fn archive_topic(tx: &mut Tx, id: TopicId, at: Option<Timestamp>) -> Result<()> {
    tx.send("update topics set archived_at = $2 where id = $1", params![id, at]).await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// Puts topics into this order.
pub(crate) async fn order_topics(tx: &mut Tx, ids: &[TopicId]) -> Result<()> {
    for (position, id) in ids.iter().enumerate() {
        tx.send(
            "update topics set position = $2 where id = $1",
            params![*id, kernel::count(position)],
        )
        .await?;
    }
    tx.announce(Change::Settings);
    Ok(())
}

/// Whether it is for us to make the first topics: `true` once in the life of an installation.
pub(crate) async fn claim_first_topics(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let claimed = tx
        .execute(
            "insert into settings (name, value, updated_at) values ('portal_topics', 'made', $1)
             on conflict (name) do nothing",
            params![now],
        )
        .await?;
    Ok(claimed > 0)
}

pub(crate) async fn are_first_topics_made(conn: &Conn) -> Result<bool> {
    Ok(accounts::settings::read(conn, "portal_topics").await?.is_some())
}

pub(crate) async fn open_session(
    tx: &mut Tx,
    hash: &TokenHash,
    session: &Session,
    expires_at: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into portal_sessions (token_hash, customer_id, address, created_at, last_seen_at,
            expires_at)
         values ($1, $2, $3, $4, $4, $5)",
        params![hash.0.clone(), session.customer, &session.address, session.created_at, expires_at],
    )
    .await
}

/// The session that a token opens: not over, and not from before the links were revoked.
pub(crate) async fn session(
    conn: &Conn,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Session>> {
    conn.optional(
        "select s.customer_id, s.address, s.created_at
           from portal_sessions s join customers c on c.id = s.customer_id
          where s.token_hash = $1 and s.expires_at > $2 and s.created_at >= c.links_valid_from",
        params![hash.0.clone(), now],
    )
    .await
}

pub(crate) async fn end_session(tx: &mut Tx, hash: &TokenHash) -> Result<()> {
    tx.send("delete from portal_sessions where token_hash = $1", params![hash.0.clone()]).await
}

pub(crate) async fn end_sessions_of(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    tx.send("delete from portal_sessions where customer_id = $1", params![customer]).await
}

/// Stores a link, unused or with its use; `false` if it was stored before.
pub(crate) async fn add_link(tx: &mut Tx, hash: &TokenHash, link: &StoredLink) -> Result<bool> {
    let added = tx
        .execute(
            "insert into portal_links (token_hash, customer_id, address, ticket_id, created_at,
                expires_at, used_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (token_hash) do nothing",
            params![
                hash.0.clone(),
                link.customer,
                &link.address,
                link.ticket,
                link.created_at,
                link.expires_at,
                link.used_at
            ],
        )
        .await?;
    Ok(added > 0)
}

pub(crate) async fn link(conn: &Conn, hash: &TokenHash) -> Result<Option<StoredLink>> {
    conn.optional(
        "select customer_id, address, ticket_id, created_at, expires_at, used_at
           from portal_links where token_hash = $1",
        params![hash.0.clone()],
    )
    .await
}

/// Uses a link; `false` if somebody was quicker.
pub(crate) async fn use_link(tx: &mut Tx, hash: &TokenHash, now: Timestamp) -> Result<bool> {
    let used = tx
        .execute(
            "update portal_links set used_at = $2 where token_hash = $1 and used_at is null",
            params![hash.0.clone(), now],
        )
        .await?;
    Ok(used > 0)
}

/// How many links were asked for in the name of a customer lately.
pub(crate) async fn links_asked_for(
    conn: &Conn,
    customer: CustomerId,
    since: Timestamp,
) -> Result<i64> {
    conn.scalar(
        "select count(*) from portal_links
          where customer_id = $1 and ticket_id is null and created_at >= $2",
        params![customer, since],
    )
    .await
}

/// Who asked for a link and did not get in by one yet, the latest first: their address, and when
/// they asked last.
pub(crate) async fn waiting_for_link(
    conn: &Conn,
    now: Timestamp,
) -> Result<Vec<(EmailAddress, Timestamp)>> {
    conn.all(
        "select l.address, max(l.created_at) from portal_links l
           join customers c on c.id = l.customer_id
          where l.ticket_id is null and l.used_at is null and l.expires_at > $1
            and l.created_at >= c.links_valid_from
          group by l.address order by max(l.created_at) desc limit 100",
        params![now],
    )
    .await
}

/// How long a link that is over is still known, so that a new one can be sent for it.
const LINKS_KEPT: Span = Span::days(30);

pub(crate) async fn sweep(tx: &mut Tx, now: Timestamp) -> Result<()> {
    tx.send("delete from portal_sessions where expires_at < $1", params![now]).await?;
    tx.send("delete from portal_links where expires_at < $1", params![now - LINKS_KEPT]).await
}
