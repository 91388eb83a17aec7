//! The rows of people, teams and one-time links.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, EmailAddress, InboxId, PublicId, Span, TeamId, Timestamp};
use keys::{Token, TokenHash};
use live::Change;

use crate::agent::AGENT_COLUMNS;
use crate::{Agent, AgentState, Preferences, Role};

pub(crate) async fn find(conn: &mut Conn, id: AgentId) -> Result<Option<Agent>> {
    let mut sql = Sql::new("select ");
    sql.push(AGENT_COLUMNS).push(" from agents where id = ").bind(id);
    conn.optional_sql(sql).await
}

pub(crate) async fn find_by_email(conn: &mut Conn, email: &EmailAddress) -> Result<Option<Agent>> {
    let mut sql = Sql::new("select ");
    sql.push(AGENT_COLUMNS).push(" from agents where email = ").bind(email);
    conn.optional_sql(sql).await
}

pub(crate) async fn owners_working(conn: &mut Conn) -> Result<i64> {
    conn.scalar("select count(*) from agents where role = 'owner' and state = 'active'", params![])
        .await
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
    tx.execute(
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
    tx.execute("update agents set password_hash = $2 where id = $1", params![id, hash]).await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn password_hash(conn: &mut Conn, id: AgentId) -> Result<Option<String>> {
    conn.scalar("select password_hash from agents where id = $1", params![id]).await
}

pub(crate) async fn set_name_and_zone(
    tx: &mut Tx,
    id: AgentId,
    name: &str,
    time_zone: &str,
) -> Result<()> {
    tx.execute(
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
    tx.execute(
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
    tx.execute(
        "update agents set preferences = $2 where id = $1",
        params![id, serde_json::to_string(preferences)?],
    )
    .await?;
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn inboxes_of(conn: &mut Conn, id: AgentId) -> Result<Vec<InboxId>> {
    conn.column(
        "select inbox_id from inbox_access where agent_id = $1 order by inbox_id",
        params![id],
    )
    .await
}

pub(crate) async fn set_inboxes(tx: &mut Tx, id: AgentId, inboxes: &[InboxId]) -> Result<()> {
    tx.execute("delete from inbox_access where agent_id = $1", params![id]).await?;
    for inbox in inboxes {
        tx.execute(
            "insert into inbox_access (agent_id, inbox_id) values ($1, $2)
             on conflict do nothing",
            params![id, *inbox],
        )
        .await?;
    }
    tx.announce(Change::Agent { id });
    Ok(())
}

pub(crate) async fn teams_of(conn: &mut Conn, id: AgentId) -> Result<Vec<TeamId>> {
    conn.column("select team_id from team_members where agent_id = $1", params![id]).await
}

/// Adds a team; `None` if one has the name already.
pub(crate) async fn add_team(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Option<TeamId>> {
    let row: Option<(TeamId,)> = tx
        .optional(
            "insert into teams (public_id, name, created_at) values ($1, $2, $3)
             on conflict (name) do nothing returning id",
            params![PublicId::new(now), name, now],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn set_team_members(tx: &mut Tx, team: TeamId, members: &[AgentId]) -> Result<()> {
    tx.execute("delete from team_members where team_id = $1", params![team]).await?;
    for member in members {
        tx.execute(
            "insert into team_members (team_id, agent_id) values ($1, $2) on conflict do nothing",
            params![team, *member],
        )
        .await?;
    }
    tx.announce(Change::Settings);
    Ok(())
}

/// Gives a team another name; `false` if another one has it.
pub(crate) async fn rename_team(tx: &mut Tx, id: TeamId, name: &str) -> Result<bool> {
    let changed = tx
        .execute(
            "update teams set name = $2
              where id = $1
                and not exists (select 1 from teams other where other.name = $2 and other.id <> $1)",
            params![id, name],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(changed > 0)
}

/// Dissolves a team. Its tickets forget it by the rule of their foreign key.
pub(crate) async fn delete_team(tx: &mut Tx, id: TeamId) -> Result<()> {
    tx.execute("delete from team_members where team_id = $1", params![id]).await?;
    tx.execute("delete from teams where id = $1", params![id]).await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// What a one-time link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    SetUp,
    Invite,
    Reset,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }

    /// The prefix of its tokens.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::SetUp => "rcu",
            Self::Invite => "rci",
            Self::Reset => "rcp",
        }
    }

    fn lasts(self) -> Span {
        match self {
            // Until it is used; each start makes a new one.
            Self::SetUp => Span::days(365),
            Self::Invite => Span::hours(72),
            Self::Reset => Span::hours(1),
        }
    }
}

/// Makes a link; older ones for the same door stop working.
pub(crate) async fn make_link(
    tx: &mut Tx,
    purpose: Purpose,
    agent: Option<AgentId>,
    now: Timestamp,
) -> Result<Token> {
    tx.execute(
        "delete from one_time_links
          where purpose = $1 and used_at is null and coalesce(agent_id, 0) = $2",
        params![purpose.as_str(), agent.map_or(0, i64::from)],
    )
    .await?;
    let token = Token::new(purpose.prefix());
    tx.execute(
        "insert into one_time_links (token_hash, purpose, agent_id, created_at, expires_at)
         values ($1, $2, $3, $4, $5)",
        params![token.hash().0, purpose.as_str(), agent, now, now + purpose.lasts()],
    )
    .await?;
    Ok(token)
}

/// Whose link this is, if it still opens. Looking does not use it up.
pub(crate) async fn look_at_link(
    conn: &mut Conn,
    purpose: Purpose,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Option<AgentId>>> {
    let row: Option<(Option<AgentId>,)> = conn
        .optional(
            "select agent_id from one_time_links
              where token_hash = $1 and purpose = $2 and expires_at > $3 and used_at is null",
            params![hash.0.clone(), purpose.as_str(), now],
        )
        .await?;
    Ok(row.map(|(agent,)| agent))
}

/// Uses a link up. Of many who try at once, one wins.
pub(crate) async fn use_link(
    tx: &mut Tx,
    purpose: Purpose,
    hash: &TokenHash,
    now: Timestamp,
) -> Result<Option<Option<AgentId>>> {
    let row: Option<(Option<AgentId>,)> = tx
        .optional(
            "update one_time_links set used_at = $3
              where token_hash = $1 and purpose = $2 and expires_at > $3 and used_at is null
              returning agent_id",
            params![hash.0.clone(), purpose.as_str(), now],
        )
        .await?;
    Ok(row.map(|(agent,)| agent))
}

/// Closes every door that a link could still open for a person.
pub(crate) async fn revoke_links(tx: &mut Tx, agent: AgentId) -> Result<()> {
    tx.execute("delete from one_time_links where agent_id = $1 and used_at is null", params![agent])
        .await
        .map(drop)
}
