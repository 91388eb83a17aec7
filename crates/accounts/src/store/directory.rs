//! The rows that the directory is made from.

use anyhow::Result;
use database::{Cols, Conn, FromRow, params};
use kernel::{AgentId, InboxId, PublicId, TeamId};
use ui::Badge;

use crate::{AgentCard, AgentState, Preferences, Role, Sees, TeamCard};

struct AgentRow(AgentCard);

impl FromRow for AgentRow {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let id: AgentId = cols.next()?;
        let public_id = cols.next()?;
        let name: String = cols.next()?;
        let email = cols.next()?;
        let role = Role::named(&cols.next::<String>()?)?;
        let state = AgentState::named(&cols.next::<String>()?)?;
        let sees = if cols.next()? { Sees::Everything } else { Sees::Only(Vec::new()) };
        let preferences: Preferences =
            serde_json::from_str(&cols.next::<String>()?).unwrap_or_default();
        let notify = preferences.notify;
        let language = cols.next()?;
        let badge = Badge::of(&name, id.0);
        Ok(Self(AgentCard {
            id,
            public_id,
            name,
            email,
            role,
            state,
            sees,
            notify,
            language,
            badge,
        }))
    }
}

/// Everybody there ever was. Which inboxes they see is in [`access`].
pub(crate) async fn agents(conn: &Conn) -> Result<Vec<AgentCard>> {
    let rows: Vec<AgentRow> = conn
        .all(
            "select id, public_id, name, email, role, state, sees_every_inbox, preferences, language
               from agents limit 5000",
            params![],
        )
        .await?;
    Ok(rows.into_iter().map(|AgentRow(card)| card).collect())
}

pub(crate) async fn access(conn: &Conn) -> Result<Vec<(AgentId, InboxId)>> {
    conn.all("select agent_id, inbox_id from inbox_access", params![]).await
}

/// All teams with their members, by name.
pub(crate) async fn teams(conn: &Conn) -> Result<Vec<TeamCard>> {
    let teams: Vec<(TeamId, PublicId, String)> =
        conn.all("select id, public_id, name from teams order by name", params![]).await?;
    let members: Vec<(TeamId, AgentId)> =
        conn.all("select team_id, agent_id from team_members order by agent_id", params![]).await?;
    let cards = teams.into_iter().map(|(id, public_id, name)| {
        let here = members.iter().filter(|(team, _)| *team == id);
        TeamCard { id, public_id, name, members: here.map(|(_, agent)| *agent).collect() }
    });
    Ok(cards.collect())
}
