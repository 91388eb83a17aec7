//! Who may do what. The one place that decides; everything else asks. Pure.

use kernel::InboxId;

use crate::{Actor, Role, Scope, Sees};

/// Everything that can be done by somebody who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Read tickets, customers and search, in the inboxes one sees.
    ReadTickets,
    /// Read who writes in, for a program that is to see no tickets.
    ReadCustomers,
    /// Read which inboxes there are.
    ReadInboxes,
    /// Write internal notes, follow, mention.
    WriteNotes,
    /// Change state, assignee, priority, tags, fields; merge, split, link.
    ChangeTickets,
    /// Write to somebody outside: replies, forwards, new tickets.
    WriteToCustomers,
    /// Change what is known about a customer.
    ChangeCustomers,
    /// Black out a message that should never have been sent in.
    Redact,
    /// Download the raw source of a mail; see the ledger.
    ReadMail,
    /// Release, drop and teach quarantined mail; retry and discard failed mail.
    HandleMail,
    /// Shared views and saved replies.
    ManageShared,
    /// Tags, categories, custom fields, problems, forms.
    ManageTaxonomy,
    /// Inboxes and their connections, senders, suppressions.
    ManageInboxes,
    /// Invite, change and deactivate people; teams.
    ManagePeople,
    /// The company, system mail, jobs, health.
    ManageCompany,
    /// One's own profile, sessions and tokens.
    ManageSelf,
}

impl Act {
    pub const ALL: [Self; 16] = [
        Self::ReadTickets,
        Self::ReadCustomers,
        Self::ReadInboxes,
        Self::WriteNotes,
        Self::ChangeTickets,
        Self::WriteToCustomers,
        Self::ChangeCustomers,
        Self::Redact,
        Self::ReadMail,
        Self::HandleMail,
        Self::ManageShared,
        Self::ManageTaxonomy,
        Self::ManageInboxes,
        Self::ManagePeople,
        Self::ManageCompany,
        Self::ManageSelf,
    ];

    /// The least role that may do it, and what an API token needs for it.
    fn rule(self) -> (Role, Scope) {
        match self {
            Self::ReadTickets => (Role::Collaborator, Scope::TicketsRead),
            Self::ReadCustomers => (Role::Collaborator, Scope::CustomersRead),
            Self::ReadInboxes => (Role::Collaborator, Scope::InboxesRead),
            Self::WriteNotes => (Role::Collaborator, Scope::TicketsWrite),
            Self::ManageSelf => (Role::Collaborator, Scope::SettingsWrite),
            Self::ChangeTickets | Self::WriteToCustomers | Self::Redact => {
                (Role::Agent, Scope::TicketsWrite)
            }
            Self::ChangeCustomers => (Role::Agent, Scope::CustomersWrite),
            Self::ReadMail => (Role::Agent, Scope::MailRead),
            Self::HandleMail => (Role::Agent, Scope::MailWrite),
            Self::ManageShared | Self::ManageTaxonomy => (Role::Lead, Scope::SettingsWrite),
            Self::ManageInboxes => (Role::Lead, Scope::InboxesWrite),
            Self::ManagePeople | Self::ManageCompany => (Role::Owner, Scope::SettingsWrite),
        }
    }

    /// What an API token has to be made for.
    pub fn scope(self) -> Scope {
        self.rule().1
    }
}

/// Whether somebody may do something at all. On which objects is [`may_see`]'s question.
pub fn may(actor: &Actor, act: Act) -> bool {
    let (least, scope) = act.rule();
    actor.role >= least && actor.scopes.allow(scope)
}

/// What a token sees that was made for some inboxes: those of them that its person sees.
pub fn narrowed(person: Sees, token: Sees) -> Sees {
    match (person, token) {
        (person, Sees::Everything) => person,
        (Sees::Everything, token @ Sees::Only(_)) => token,
        (Sees::Only(person), Sees::Only(token)) => {
            Sees::Only(token.into_iter().filter(|inbox| person.contains(inbox)).collect())
        }
    }
}

/// Whether somebody may see what is in an inbox. What may not be seen does not exist for them.
pub fn may_see(actor: &Actor, inbox: InboxId) -> bool {
    match &actor.sees {
        Sees::Everything => true,
        Sees::Only(inboxes) => inboxes.contains(&inbox),
    }
}
