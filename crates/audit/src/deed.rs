//! What is noted. The names are stored and exported, so they never change.

use std::fmt;
use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no deed “{0}”")]
pub struct UnknownDeed(String);

macro_rules! deeds {
    ($($(#[$doc:meta])* $deed:ident = $name:literal,)*) => {
        /// Something that is noted in the trail.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Deed {
            $($(#[$doc])* $deed,)*
        }

        impl Deed {
            pub const ALL: &[Self] = &[$(Self::$deed),*];

            /// The name that is stored.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$deed => $name,)*
                }
            }
        }
    };
}

deeds! {
    /// The first entry of every trail.
    TrailBegan = "trail.began",
    TrailExported = "trail.exported",
    InstallationSetUp = "installation.set_up",
    SignedIn = "session.opened",
    SignInFailed = "session.refused",
    SignedOut = "session.closed",
    /// Sessions ended from elsewhere.
    SessionsEnded = "session.ended",
    PasswordChanged = "password.changed",
    /// A link to a new password was sent or shown.
    PasswordLinkMade = "password.link_made",
    SecondFactorSetUp = "second_factor.set_up",
    SecondFactorRemoved = "second_factor.removed",
    RecoveryCodesMade = "second_factor.codes_made",
    /// A sign-in at a provider was joined to an account, or parted from it.
    ProviderJoined = "provider.joined",
    ProviderParted = "provider.parted",
    SignInRulesChanged = "sign_in.rules_changed",
    PersonInvited = "person.invited",
    PersonJoined = "person.joined",
    PersonAdded = "person.added",
    PersonChanged = "person.changed",
    PersonDeactivated = "person.deactivated",
    PersonReactivated = "person.reactivated",
    TeamMade = "team.made",
    TeamChanged = "team.changed",
    TeamDeleted = "team.deleted",
    TokenMade = "token.made",
    TokenRevoked = "token.revoked",
    CompanyChanged = "company.changed",
    InboxMade = "inbox.made",
    InboxChanged = "inbox.changed",
    InboxArchived = "inbox.archived",
    InboxRestored = "inbox.restored",
    /// Servers, accounts and passwords of an inbox.
    ConnectionChanged = "inbox.connection_changed",
    /// The key that signs mail of an inbox.
    DkimChanged = "inbox.dkim_changed",
    SenderBlocked = "sender.blocked",
    SenderUnblocked = "sender.unblocked",
    CustomerChanged = "customer.changed",
    CustomersMerged = "customer.merged",
    CustomerLinksRevoked = "customer.links_revoked",
    CustomerLinkShown = "customer.link_shown",
    TicketsMerged = "ticket.merged",
    MessageRedacted = "message.redacted",
    AttachmentRead = "attachment.read",
    MailSourceRead = "mail.source_read",
    BackedUp = "installation.backed_up",
    Restored = "installation.restored",
    Moved = "installation.moved",
    KeysTurned = "keys.rotated",
    KeysForgotten = "keys.forgotten",
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Deed {
    type Err = UnknownDeed;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let act = Self::ALL.iter().copied().find(|act| act.as_str() == name);
        act.ok_or_else(|| UnknownDeed(name.to_owned()))
    }
}
