#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]
//! People for tests of this and other features: one small shop, the same everywhere.

use std::sync::Arc;

use database::Db;
use database::testing::TUESDAY;
use kernel::{AgentId, InboxId, ManualClock};
use live::Hub;
use ui::{Catalog, Site};

use crate::{
    Accounts, Actor, Invitation, NewInbox, NewOwner, NewPassword, Role, Sees, add_agent,
    add_inbox, set_up,
};

/// What everybody in the cast types.
pub const PASSWORD: &str = "lighthouse under maps";

/// Northlight Studio: Sarah owns it, Mateo leads, Priya and Tom answer, Ines writes notes.
pub struct Cast {
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub hub: Hub,
    pub accounts: Accounts,
    pub support: InboxId,
    pub billing: InboxId,
    pub sarah: AgentId,
    pub mateo: AgentId,
    pub priya: AgentId,
    /// Sees the billing inbox only.
    pub tom: AgentId,
    pub ines: AgentId,
}

impl Cast {
    /// The shop on its first Tuesday.
    pub async fn new(db: Db, messages: &[&str]) -> Self {
        let clock = ManualClock::at(TUESDAY);
        let hub = Hub::new(db.clone(), clock.clone());
        let catalog = Catalog::new(&[("en", messages)]).expect("the catalogue can be read");
        let site = Site {
            catalog: Arc::new(catalog),
            clock: clock.clone(),
            base_url: "http://localhost:8080".into(),
            is_https: false,
        };
        let accounts = Accounts::new(db.clone(), site, hub.clone());
        let mut tx = db.begin().await.expect("begin");
        let owner = NewOwner {
            company: "Northlight Studio".to_owned(),
            name: "Sarah Lindqvist".to_owned(),
            email: address("sarah@northlight.example"),
            password: password(),
            time_zone: "Europe/Lisbon".to_owned(),
        };
        let sarah = set_up(&mut tx, owner, TUESDAY).await.expect("set up");
        let mut inboxes = Vec::new();
        for (name, at) in [("Support", "support"), ("Billing", "billing")] {
            let at = address(&format!("{at}@northlight.example"));
            let inbox = NewInbox::email(name, at, "Northlight Studio");
            inboxes.push(add_inbox(&mut tx, &inbox, TUESDAY).await.expect("an inbox"));
        }
        let (support, billing) = (inboxes[0], inboxes[1]);
        let mut others = Vec::new();
        for (name, role, sees) in [
            ("Mateo Ruiz", Role::Lead, Sees::Everything),
            ("Priya Nair", Role::Agent, Sees::Everything),
            ("Tom Okafor", Role::Agent, Sees::Only(vec![billing])),
            ("Ines Costa", Role::Collaborator, Sees::Everything),
        ] {
            let first = name.split(' ').next().unwrap_or_default().to_lowercase();
            let email = address(&format!("{first}@northlight.example"));
            let invitation = Invitation { name: name.to_owned(), email, role, sees };
            let added = add_agent(&mut tx, &invitation, password(), "Europe/Lisbon", TUESDAY);
            others.push(added.await.expect("somebody"));
        }
        tx.commit().await.expect("commit");
        let (mateo, priya, tom, ines) = (others[0], others[1], others[2], others[3]);
        Self { db, clock, hub, accounts, support, billing, sarah, mateo, priya, tom, ines }
    }

    pub async fn actor(&self, id: AgentId) -> Actor {
        self.accounts.actor(id).await.expect("ask").expect("somebody works here")
    }
}

fn password() -> NewPassword {
    NewPassword::read(PASSWORD, &[]).expect("a good password")
}

fn address(text: &str) -> kernel::EmailAddress {
    text.parse().expect("an address")
}
