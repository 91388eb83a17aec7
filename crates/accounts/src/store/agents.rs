//! The rows of people, and which inboxes they see.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, dialect, params};
use kernel::{AgentId, EmailAddress, InboxId, PublicId, Timestamp};
use live::Change;

use crate::{Agent, AgentState, Preferences, Role};

const COLUMNS: &str = "id, public_id, name, email, role, state,
    sees_every_inbox, time_zone, language, signature, preferences, created_at";

impl FromRow for Agent {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            email: cols.next()?,
            role: Role::named(&cols.next::<String>()?)?,
            state: AgentState::named(&cols.next::<String>()?)?,
            sees_every_inbox: cols.next()?,
            time_zone: cols.next()?,
            language: cols.next()?,
            signature: cols.next()?,
            // Preferences of an older program may lack what is new or have what is gone.
            preferences: serde_json::from_str(&cols.next::<String>()?).unwrap_or_default(),
            created_at: cols.next()?,
        })
    }
}

pub(crate) async fn find(conn: &Conn, id: AgentId) -> Result<Option<Agent>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from agents where id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn find_by_email(conn: &Conn, email: &EmailAddress) -> Result<Option<Agent>> {
    let mut sql = Sql::new("select ");
    sql.push(COLUMNS).push(" from agents where email = ").bind(email);
    conn.optional_sql(sql).await
}

/// How many owners work here. They stay as they are until the transaction ends, so that of two
/// who let each other go one is refused.
pub(crate) async fn owners_working(tx: &mut Tx) -> Result<usize> {
    let mut sql =
        Sql::new("select id from agents where role = 'owner' and state = 'active' order by id");
    sql.push(dialect::for_update(tx.engine()));
    let owners: Vec<(AgentId,)> = tx.all_sql(sql).await?;
    Ok(owners.len())
}

#[derive(Clone, Debug)]
pub(crate) struct NewAgent<'n> {
    pub(crate) name: &'n str,
    pub(crate) email: &'n EmailAddress,
    pub(crate) role: Role,
    pub(crate) state: AgentState,
    pub(crate) password_hash: Option<String>,
    pub(crate) sees_every_inbox: bool,
    pub(crate) time_zone: &'n str,
}

/// Adds a person; `None` if the address belongs to somebody already.
pub(crate) async fn insert(
    tx: &mut Tx,
    new: &NewAgent<'_>,
    now: Timestamp,
) -> Result<Option<AgentId>> {
    let row: Option<(AgentId,)> = tx
        .optional(
            "insert into agents (public_id, name, email, role, state, password_hash,
                sees_every_inbox, time_zone, language, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'en', $9)
             on conflict (email) do nothing
             returning id",
            params![
                PublicId::new(now),
                new.name,
                new.email,
                new.role.as_str(),
                new.state.as_str(),
                new.password_hash.clone(),
                new.sees_every_inbox,
                new.time_zone,
                now
            ],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn set_role(
    tx: &mut Tx,
    id: AgentId,
    name: &str,
    role: Role,
    sees_every_inbox: bool,
) -> Result<()> {
    tx.send(
        "update agents set name = $2, role = $3, sees_every_inbox = $4 where id = $1",
        params![id, name, role.as_str(), sees_every_inbox],
    )
    .await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

/// Moves a person from one state to another; `false` if they were not in it.
pub(crate) async fn set_state(
    tx: &mut Tx,
    id: AgentId,
    from: AgentState,
    to: AgentState,
    now: Timestamp,
) -> Result<bool> {
    let deactivated_at = (to == AgentState::Deactivated).then_some(now);
    let changed = tx
        .execute(
            "update agents set state = $3, deactivated_at = $4 where id = $1 and state = $2",
            params![id, from.as_str(), to.as_str(), deactivated_at],
        )
        .await?;
    tx.announce(Change::Agent { id });
    Ok(changed > 0)
}

pub(crate) async fn set_password(tx: &mut Tx, id: AgentId, hash: &str) -> Result<()> {
    tx.send("update agents set password_hash = $2 where id = $1", params![id, hash]).await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn password_hash(conn: &Conn, id: AgentId) -> Result<Option<String>> {
    let row: Option<(Option<String>,)> =
        conn.optional("select password_hash from agents where id = $1", params![id]).await?;
    Ok(row.and_then(|(hash,)| hash))
}

pub(crate) async fn set_name_and_zone(
    tx: &mut Tx,
    id: AgentId,
    name: &str,
    time_zone: &str,
) -> Result<()> {
    tx.send(
        "update agents set name = $2, time_zone = $3 where id = $1",
        params![id, name, time_zone],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// What somebody says of themselves.
pub(crate) struct Profile<'p> {
    pub(crate) name: &'p str,
    pub(crate) time_zone: &'p str,
    pub(crate) language: &'p str,
    pub(crate) signature: &'p str,
}

pub(crate) async fn set_profile(tx: &mut Tx, id: AgentId, profile: &Profile<'_>) -> Result<()> {
    tx.send(
        "update agents set name = $2, time_zone = $3, language = $4, signature = $5
          where id = $1",
        params![id, profile.name, profile.time_zone, profile.language, profile.signature],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(())
}

pub(crate) async fn set_preferences(
    tx: &mut Tx,
    id: AgentId,
    preferences: &Preferences,
) -> Result<()> {
    tx.send(
        "update agents set preferences = $2 where id = $1",
        params![id, serde_json::to_string(preferences)?],
    )
    .await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn inboxes_of(conn: &Conn, id: AgentId) -> Result<Vec<InboxId>> {
    conn.column(
        "select inbox_id from inbox_access where agent_id = $1 order by inbox_id",
        params![id],
    )
    .await
}

/// Adds an inbox to those that somebody sees.
pub(crate) async fn add_to_inboxes(tx: &mut Tx, id: AgentId, inbox: InboxId) -> Result<()> {
    tx.send(
        "insert into inbox_access (agent_id, inbox_id) values ($1, $2) on conflict do nothing",
        params![id, inbox],
    )
    .await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn set_inboxes(tx: &mut Tx, id: AgentId, inboxes: &[InboxId]) -> Result<()> {
    tx.send("delete from inbox_access where agent_id = $1", params![id]).await?;
    for inbox in inboxes {
        tx.send(
            "insert into inbox_access (agent_id, inbox_id) values ($1, $2)
             on conflict do nothing",
            params![id, *inbox],
        )
        .await?;
    }
    tx.announce(Change::Agent { id });
    Ok(())
}
