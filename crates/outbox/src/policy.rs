//! Who may be written to automatically, and how often. Pure.

use kernel::EmailAddress;

/// How much automatic mail may leave.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    /// To one address about one ticket in 24 hours.
    pub per_ticket: i64,
    /// To one address in 24 hours.
    pub per_address: i64,
    /// To one address that nobody verified, in 24 hours.
    pub per_unverified: i64,
    /// To all unverified addresses together, in an hour.
    pub unverified_per_hour: i64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_ticket: 1, per_address: 3, per_unverified: 1, unverified_per_hour: 10_000 }
    }
}

/// What is known when an automatic mail is about to leave.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'f> {
    pub(crate) address: &'f EmailAddress,
    pub(crate) recipient_count: usize,
    pub(crate) verified: bool,
    pub(crate) suppressed: bool,
    pub(crate) is_own: bool,
    pub(crate) today: i64,
    pub(crate) today_on_ticket: i64,
    pub(crate) unverified_this_hour: i64,
}

/// Why an automatic mail was not sent. The sentence is for the team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    #[error("automatic mail goes to one person only")]
    SeveralRecipients,
    #[error("the address belongs to one of our own inboxes")]
    OwnAddress,
    #[error("the address belongs to a robot")]
    Robot,
    #[error("mail to this address bounced before")]
    Suppressed,
    #[error("this ticket was answered automatically within the last day")]
    TicketCap,
    #[error("this address got enough automatic mail today")]
    AddressCap,
    #[error("nobody has verified this address, and it got its one automatic mail today")]
    UnverifiedCap,
    #[error("too much automatic mail went to unverified addresses this hour")]
    HourCap,
}

pub(crate) fn gate(facts: &Facts<'_>, caps: &Caps) -> Result<(), Withheld> {
    let rules = [
        (facts.recipient_count != 1, Withheld::SeveralRecipients),
        (facts.is_own, Withheld::OwnAddress),
        (is_robot(facts.address), Withheld::Robot),
        (facts.suppressed, Withheld::Suppressed),
        (facts.today_on_ticket >= caps.per_ticket, Withheld::TicketCap),
        (facts.today >= caps.per_address, Withheld::AddressCap),
        (!facts.verified && facts.today >= caps.per_unverified, Withheld::UnverifiedCap),
        (
            !facts.verified && facts.unverified_this_hour >= caps.unverified_per_hour,
            Withheld::HourCap,
        ),
    ];
    match rules.into_iter().find(|(applies, _)| *applies) {
        Some((_, withheld)) => Err(withheld),
        None => Ok(()),
    }
}

/// Names behind which nobody reads (RFC 3834, 2; RFC 2142).
fn is_robot(address: &EmailAddress) -> bool {
    let name: String = address.local().chars().filter(|c| c.is_alphanumeric()).collect();
    ["mailerdaemon", "postmaster", "noreply", "donotreply", "notreply", "bounce", "bounces"]
        .iter()
        .any(|robot| name == *robot || (robot.len() > 6 && name.starts_with(robot)))
}
