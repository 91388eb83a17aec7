//! Names for ids: the people, teams and inboxes that pages mention.

use std::collections::HashMap;

use anyhow::Result;
use database::{Cols, Conn, FromRow, params};
use kernel::{AgentId, EmailAddress, InboxId, PublicId, TeamId};
use ui::Badge;

use crate::{AgentState, Inbox, Notify, Preferences, Role, Sees};

/// Everybody and everything with a name. Kept in memory and read again when it changes.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    agents: HashMap<AgentId, AgentCard>,
    teams: Vec<TeamCard>,
    inboxes: Vec<Inbox>,
}

#[derive(Clone, Debug)]
pub struct AgentCard {
    pub id: AgentId,
    pub public_id: PublicId,
    pub name: String,
    pub email: EmailAddress,
    pub role: Role,
    pub state: AgentState,
    pub sees: Sees,
    pub notify: Notify,
    pub language: String,
    pub badge: Badge,
}

impl AgentCard {
    /// The first name, as the customer may read it.
    pub fn first_name(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or(&self.name)
    }

    pub fn may_see(&self, inbox: InboxId) -> bool {
        match &self.sees {
            Sees::Everything => true,
            Sees::Only(inboxes) => inboxes.contains(&inbox),
        }
    }
}

#[derive(Clone, Debug)]
pub struct TeamCard {
    pub id: TeamId,
    pub public_id: PublicId,
    pub name: String,
    pub members: Vec<AgentId>,
}

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

impl Directory {
    pub async fn load(conn: &mut Conn) -> Result<Self> {
        let agents: Vec<AgentRow> = conn
            .all(
                "select id, public_id, name, email, role, state, sees_every_inbox, preferences,
                    language
                   from agents limit 5000",
                params![],
            )
            .await?;
        let access: Vec<(AgentId, InboxId)> =
            conn.all("select agent_id, inbox_id from inbox_access", params![]).await?;
        let teams: Vec<(TeamId, PublicId, String)> =
            conn.all("select id, public_id, name from teams order by name", params![]).await?;
        let members: Vec<(TeamId, AgentId)> = conn
            .all("select team_id, agent_id from team_members order by agent_id", params![])
            .await?;
        let teams = teams
            .into_iter()
            .map(|(id, public_id, name)| {
                let here = members.iter().filter(|(team, _)| *team == id);
                TeamCard { id, public_id, name, members: here.map(|(_, agent)| *agent).collect() }
            })
            .collect();
        let mut agents: HashMap<AgentId, AgentCard> =
            agents.into_iter().map(|AgentRow(card)| (card.id, card)).collect();
        for (agent, inbox) in access {
            if let Some(AgentCard { sees: Sees::Only(inboxes), .. }) = agents.get_mut(&agent) {
                inboxes.push(inbox);
            }
        }
        Ok(Self { agents, teams, inboxes: Inbox::all(conn).await? })
    }

    pub fn agent(&self, id: AgentId) -> Option<&AgentCard> {
        self.agents.get(&id)
    }

    /// The name of a person, whoever they were.
    pub fn name_of(&self, id: AgentId) -> &str {
        self.agents.get(&id).map_or("?", |card| card.name.as_str())
    }

    /// Everybody who works here now, by name.
    pub fn working(&self) -> Vec<&AgentCard> {
        let mut cards: Vec<_> =
            self.agents.values().filter(|card| card.state == AgentState::Active).collect();
        cards.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        cards
    }

    /// Everybody there ever was, by name.
    pub fn everybody(&self) -> Vec<&AgentCard> {
        let mut cards: Vec<_> = self.agents.values().collect();
        cards.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        cards
    }

    pub fn by_email(&self, email: &EmailAddress) -> Option<&AgentCard> {
        self.agents.values().find(|card| card.email == *email)
    }

    pub fn by_public_id(&self, id: PublicId) -> Option<&AgentCard> {
        self.agents.values().find(|card| card.public_id == id)
    }

    pub fn teams(&self) -> &[TeamCard] {
        &self.teams
    }

    pub fn team(&self, id: TeamId) -> Option<&TeamCard> {
        self.teams.iter().find(|team| team.id == id)
    }

    /// Inboxes in use, by name.
    pub fn inboxes(&self) -> impl Iterator<Item = &Inbox> {
        self.inboxes.iter().filter(|inbox| inbox.archived_at.is_none())
    }

    pub fn all_inboxes(&self) -> &[Inbox] {
        &self.inboxes
    }

    pub fn inbox(&self, id: InboxId) -> Option<&Inbox> {
        self.inboxes.iter().find(|inbox| inbox.id == id)
    }

    pub fn inbox_by_public_id(&self, id: PublicId) -> Option<&Inbox> {
        self.inboxes.iter().find(|inbox| inbox.public_id == id)
    }

    pub fn inbox_by_address(&self, address: &EmailAddress) -> Option<&Inbox> {
        self.inboxes().find(|inbox| inbox.address.as_ref() == Some(address))
    }
}
