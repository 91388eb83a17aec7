//! Who may do what, told a second time.

use kernel::InboxId;

use crate::*;

use Act::*;

/// What a role adds to the one below it.
const ADDED: [(Role, &[Act]); 4] = [
    (Role::Collaborator, &[ReadTickets, ReadCustomers, ReadInboxes, WriteNotes, ManageSelf]),
    (
        Role::Agent,
        &[ChangeTickets, WriteToCustomers, ChangeCustomers, Redact, ReadMail, HandleMail],
    ),
    (Role::Lead, &[ManageShared, ManageTaxonomy, ManageInboxes]),
    (Role::Owner, &[ManagePeople, ManageCompany]),
];

/// What a token may be used for with one scope alone.
const OPENED: [(Scope, &[Act]); 9] = [
    (Scope::TicketsRead, &[ReadTickets]),
    (Scope::TicketsWrite, &[ReadTickets, WriteNotes, ChangeTickets, WriteToCustomers, Redact]),
    (Scope::CustomersRead, &[ReadCustomers]),
    (Scope::CustomersWrite, &[ReadCustomers, ChangeCustomers]),
    (Scope::InboxesRead, &[ReadInboxes]),
    (Scope::InboxesWrite, &[ReadInboxes, ManageInboxes]),
    (Scope::MailRead, &[ReadMail]),
    (Scope::MailWrite, &[ReadMail, HandleMail]),
    (
        Scope::SettingsWrite,
        &[ManageSelf, ManageShared, ManageTaxonomy, ManagePeople, ManageCompany],
    ),
];

fn actor(role: Role, sees: Sees, scopes: Scopes) -> Actor {
    Actor {
        id: kernel::AgentId(1),
        name: "Priya Nair".to_owned(),
        email: "priya@northlight.example".to_owned(),
        role,
        sees,
        teams: Vec::new(),
        time_zone: "Europe/Lisbon".to_owned(),
        language: "en".to_owned(),
        signature: String::new(),
        preferences: Preferences::default(),
        scopes,
        session: None,
        confirmed_at: None,
        owes_second_factor: false,
        came: Came::default(),
    }
}

/// Every set of scopes that a token can be made for, by the bits of a number.
fn scopes_of(bits: usize) -> Vec<Scope> {
    let chosen = Scope::ALL.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    chosen.map(|(_, scope)| scope).collect()
}

#[test]
fn everybody_may_what_their_role_and_their_token_say_and_nothing_else() {
    let of_role = |role: Role| {
        let up_to = ADDED.iter().filter(move |(least, _)| *least <= role);
        up_to.flat_map(|(_, acts)| acts.iter().copied()).collect::<Vec<Act>>()
    };
    assert_eq!(of_role(Role::Owner).len(), Act::ALL.len(), "every act is in the table once");
    for role in Role::ALL {
        let by_role = of_role(role);
        let person = actor(role, Sees::Everything, Scopes::Full);
        for act in Act::ALL {
            assert_eq!(person.may(act), by_role.contains(&act), "{role:?} {act:?}");
        }
        for bits in 0..1_usize << Scope::ALL.len() {
            let scopes = scopes_of(bits);
            let opened = |act: &Act| {
                OPENED.iter().any(|(scope, acts)| scopes.contains(scope) && acts.contains(act))
            };
            let token = actor(role, Sees::Everything, Scopes::Only(scopes.clone()));
            for act in Act::ALL {
                let expected = by_role.contains(&act) && opened(&act);
                assert_eq!(token.may(act), expected, "{role:?} {scopes:?} {act:?}");
            }
        }
    }
}

#[test]
fn scopes_say_what_they_are_and_an_unknown_one_gives_nothing() {
    for bits in 0..1_usize << Scope::ALL.len() {
        let scopes = Scopes::Only(scopes_of(bits));
        assert_eq!(Scopes::read(&scopes.to_text()), Ok(scopes));
    }
    assert_eq!(Scopes::read("*"), Ok(Scopes::Full));
    for wrong in ["tickets", "tickets:*", "TICKETS:READ", "tickets:read;mail:read", "settings:read"]
    {
        assert!(Scopes::read(wrong).is_err(), "{wrong}");
    }
    let nothing = actor(Role::Owner, Sees::Everything, Scopes::read(" , ").unwrap());
    assert!(Act::ALL.into_iter().all(|act| !nothing.may(act)));
}

#[test]
fn an_inbox_is_seen_by_those_who_were_given_it_whatever_their_role() {
    let inboxes = [1, 2, 3].map(InboxId);
    for role in Role::ALL {
        for bits in 0..1_usize << inboxes.len() {
            let given: Vec<InboxId> =
                (0..inboxes.len()).filter(|at| bits >> at & 1 == 1).map(|at| inboxes[at]).collect();
            let limited = actor(role, Sees::Only(given.clone()), Scopes::Full);
            for inbox in inboxes {
                assert_eq!(limited.may_see(inbox), given.contains(&inbox), "{role:?} {given:?}");
            }
            assert!(!limited.may_see(InboxId(4)));
        }
        let everything = actor(role, Sees::Everything, Scopes::Only(Vec::new()));
        assert!(everything.may_see(InboxId(4)));
    }
}

#[test]
fn a_token_sees_what_both_it_and_its_person_see() {
    let inboxes = [1, 2, 3].map(InboxId);
    let all: Vec<Sees> = (0..1_usize << inboxes.len())
        .map(|bits| {
            let given = (0..inboxes.len()).filter(|at| bits >> at & 1 == 1);
            Sees::Only(given.map(|at| inboxes[at]).collect())
        })
        .chain([Sees::Everything])
        .collect();
    for person in &all {
        for token in &all {
            let both = policy::narrowed(person.clone(), token.clone());
            let [both, person, token] = [both, person.clone(), token.clone()]
                .map(|sees| actor(Role::Owner, sees, Scopes::Full));
            for inbox in inboxes.into_iter().chain([InboxId(4)]) {
                let expected = person.may_see(inbox) && token.may_see(inbox);
                assert_eq!(both.may_see(inbox), expected, "{:?} {:?}", person.sees, token.sees);
            }
        }
    }
}
