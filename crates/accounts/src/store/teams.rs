//! The rows of teams and who is in them.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{AgentId, PublicId, TeamId, Timestamp};
use live::Change;

pub(crate) async fn of_agent(conn: &Conn, id: AgentId) -> Result<Vec<TeamId>> {
    conn.column("select team_id from team_members where agent_id = $1", params![id]).await
}

/// Adds a team; `None` if one has the name already.
pub(crate) async fn add(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Option<TeamId>> {
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

pub(crate) async fn set_members(tx: &mut Tx, team: TeamId, members: &[AgentId]) -> Result<()> {
    tx.send("delete from team_members where team_id = $1", params![team]).await?;
    for member in members {
        tx.send(
            "insert into team_members (team_id, agent_id) values ($1, $2) on conflict do nothing",
            params![team, *member],
        )
        .await?;
    }
    tx.announce(Change::Settings);
    Ok(())
}

/// Gives a team another name; `false` if another one has it.
pub(crate) async fn rename(tx: &mut Tx, id: TeamId, name: &str) -> Result<bool> {
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
pub(crate) async fn delete(tx: &mut Tx, id: TeamId) -> Result<()> {
    tx.send("delete from team_members where team_id = $1", params![id]).await?;
    tx.send("delete from teams where id = $1", params![id]).await?;
    tx.announce(Change::Settings);
    Ok(())
}
