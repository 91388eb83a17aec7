#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]
//! People for tests of this and other features: one small shop, the same everywhere.

use std::sync::Arc;

use database::testing::TUESDAY;
use database::{Db, Tx};
use kernel::{AgentId, InboxId, ManualClock};
use keys::Keys;
use live::Hub;
use tokio::sync::OnceCell;
use ui::{Catalog, Site};

use crate::totp::TotpSecret;
use crate::{
    Accounts, Actor, AgentState, Company, NewInbox, NewPassword, Role, Sees, add_inbox, password,
    store,
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
        let keys = Keys::from_master(&[7; 32]);
        let accounts = Accounts::new(db.clone(), site, hub.clone(), keys);
        let mut tx = db.begin().await.expect("begin");
        let company = Company {
            name: "Northlight Studio".to_owned(),
            time_zone: "Europe/Lisbon".to_owned(),
            set_up_at: Some(TUESDAY),
            ..Company::default()
        };
        company.save(&mut tx, TUESDAY).await.expect("a company");
        let mut inboxes = Vec::new();
        for (name, at) in [("Support", "support"), ("Billing", "billing")] {
            let at = address(&format!("{at}@northlight.example"));
            let inbox = NewInbox::email(name, at, "Northlight Studio");
            inboxes.push(add_inbox(&mut tx, &inbox, TUESDAY).await.expect("an inbox"));
        }
        let (support, billing) = (inboxes[0], inboxes[1]);
        let mut people = Vec::new();
        for (name, role, sees) in [
            ("Sarah Lindqvist", Role::Owner, Sees::Everything),
            ("Mateo Ruiz", Role::Lead, Sees::Everything),
            ("Priya Nair", Role::Agent, Sees::Everything),
            ("Tom Okafor", Role::Agent, Sees::Only(vec![billing])),
            ("Ines Costa", Role::Collaborator, Sees::Everything),
        ] {
            people.push(join(&mut tx, name, role, &sees).await);
        }
        tx.commit().await.expect("commit");
        let [sarah, mateo, priya, tom, ines] = people[..] else { panic!("five people") };
        Self { db, clock, hub, accounts, support, billing, sarah, mateo, priya, tom, ines }
    }

    pub async fn actor(&self, id: AgentId) -> Actor {
        self.accounts.actor(id).await.expect("ask").expect("somebody works here")
    }
}

/// What an authenticator app shows that was given this key.
pub fn totp_code(key: &str, now: kernel::Timestamp) -> String {
    TotpSecret::stored(kernel::Secret::new(key)).code_at(now)
}

/// Adds somebody who can work at once.
async fn join(tx: &mut Tx, name: &str, role: Role, sees: &Sees) -> AgentId {
    let first = name.split(' ').next().unwrap_or_default().to_lowercase();
    let email = address(&format!("{first}@northlight.example"));
    let new = store::agents::NewAgent {
        name,
        email: &email,
        role,
        state: AgentState::Active,
        password_hash: Some(password_hash().await),
        sees_every_inbox: *sees == Sees::Everything,
        time_zone: "Europe/Lisbon",
    };
    let id =
        store::agents::insert(tx, &new, TUESDAY).await.expect("insert").expect("a new address");
    if let Sees::Only(inboxes) = sees {
        store::agents::set_inboxes(tx, id, inboxes).await.expect("inboxes");
    }
    id
}

/// Hashing is slow on purpose; once is enough for all tests.
async fn password_hash() -> String {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let hash = HASH.get_or_init(|| async {
        let password = NewPassword::read(PASSWORD, &[]).expect("a good password");
        password::hash(password).await.expect("a hash")
    });
    hash.await.clone()
}

fn address(text: &str) -> kernel::EmailAddress {
    text.parse().expect("an address")
}
