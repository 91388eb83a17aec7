//! The names that a query of somebody may use: people, teams, inboxes, categories, problems.

use accounts::{Actor, AgentCard, Directory, Inbox};
use kernel::{AgentId, CategoryId, InboxId, ProblemId, TeamId};

use crate::filter::Names;
use crate::store::taxonomy::{Category, Problem};

/// What is known under a name to the one who asks.
pub struct Known<'k> {
    pub actor: &'k Actor,
    pub directory: &'k Directory,
    pub categories: &'k [Category],
    pub problems: &'k [Problem],
}

impl Names for Known<'_> {
    fn me(&self) -> Option<AgentId> {
        Some(self.actor.id)
    }

    /// By address, full name or first name.
    fn agent(&self, name: &str) -> Option<AgentId> {
        let everybody = self.directory.everybody();
        let by = |fits: &dyn Fn(&AgentCard) -> bool| {
            everybody.iter().find(|card| fits(card)).map(|card| card.id)
        };
        by(&|card| card.email.as_str() == name)
            .or_else(|| by(&|card| card.name.to_lowercase() == name))
            .or_else(|| by(&|card| card.first_name().to_lowercase() == name))
    }

    fn team(&self, name: &str) -> Option<TeamId> {
        let mut teams = self.directory.teams().iter();
        teams.find(|team| team.name.to_lowercase() == name).map(|team| team.id)
    }

    fn inbox(&self, name: &str) -> Option<InboxId> {
        let visible = |inbox: &&Inbox| self.actor.may_see(inbox.id);
        let fits = |inbox: &&Inbox| {
            inbox.name.to_lowercase() == name
                || inbox.address.as_ref().is_some_and(|address| address.as_str() == name)
        };
        let mut inboxes = self.directory.all_inboxes().iter().filter(visible);
        inboxes.find(fits).map(|inbox| inbox.id)
    }

    fn category(&self, name: &str) -> Option<CategoryId> {
        let mut categories = self.categories.iter();
        categories.find(|one| one.name.to_lowercase() == name).map(|one| one.id)
    }

    fn problem(&self, name: &str) -> Option<ProblemId> {
        let mut problems = self.problems.iter();
        problems.find(|one| one.title.to_lowercase() == name).map(|one| one.id)
    }
}
