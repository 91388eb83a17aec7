//! Names for ids: the people, teams and inboxes that pages mention.

use std::collections::HashMap;

use anyhow::Result;
use database::Conn;
use kernel::{AgentId, EmailAddress, InboxId, PublicId, TeamId};
use ui::Badge;

use crate::store::directory as store;
use crate::{AgentState, Inbox, Notify, Role, Sees};

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

impl Directory {
    pub async fn load(conn: &Conn) -> Result<Self> {
        let mut agents: HashMap<AgentId, AgentCard> =
            store::agents(conn).await?.into_iter().map(|card| (card.id, card)).collect();
        for (agent, inbox) in store::access(conn).await? {
            if let Some(AgentCard { sees: Sees::Only(inboxes), .. }) = agents.get_mut(&agent) {
                inboxes.push(inbox);
            }
        }
        Ok(Self { agents, teams: store::teams(conn).await?, inboxes: Inbox::all(conn).await? })
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
