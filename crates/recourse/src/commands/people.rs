//! `setup`, `agent`, `token`.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::terminal;
use crate::local::Command;

#[derive(Args)]
pub(super) struct SetUp {
    /// Name of the company
    #[arg(long)]
    company: String,
    /// Name of the owner
    #[arg(long)]
    name: String,
    /// Mail address of the owner
    #[arg(long)]
    email: String,
    /// Such as `Europe/Lisbon` [default: this machine's]
    #[arg(long)]
    time_zone: Option<String>,
}

impl SetUp {
    pub(super) fn command(self) -> Result<Command> {
        let time_zone = self.time_zone.unwrap_or_else(own_time_zone);
        let password = terminal::password("Password for the owner")?;
        let Self { company, name, email, .. } = self;
        Ok(Command::SetUp { company, name, email, password, time_zone })
    }
}

fn own_time_zone() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.iana_name().unwrap_or("UTC").to_owned()
}

#[derive(Subcommand)]
pub(super) enum Agent {
    /// Add somebody who can work at once; the password comes on standard input
    Add {
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        /// owner, lead, agent or collaborator
        #[arg(long, default_value = "agent")]
        role: String,
        /// Name or address of an inbox that they see; again for more; without it, all
        #[arg(long = "inbox")]
        inboxes: Vec<String>,
    },
    /// List everybody: address, name, role, state
    List,
    /// Let somebody go; their open tickets go back to everybody
    Deactivate {
        #[arg(long)]
        email: String,
    },
    /// Give somebody a new password, which comes on standard input
    Password {
        #[arg(long)]
        email: String,
    },
    /// Take the second factor away from somebody who lost it
    RemoveSecondFactor {
        #[arg(long)]
        email: String,
    },
}

impl Agent {
    pub(super) fn command(self) -> Result<Command> {
        Ok(match self {
            Self::Add { name, email, role, inboxes } => {
                let password = terminal::password(&format!("Password for {email}"))?;
                Command::AddAgent { name, email, role, inboxes, password }
            }
            Self::List => Command::ListAgents,
            Self::Deactivate { email } => Command::DeactivateAgent { email },
            Self::RemoveSecondFactor { email } => Command::RemoveSecondFactor { email },
            Self::Password { email } => {
                let password = terminal::password(&format!("New password for {email}"))?;
                Command::SetPassword { email, password }
            }
        })
    }
}

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, this once, as the last word
    Create {
        /// Mail address of the person in whose name it acts
        #[arg(long)]
        agent: String,
        /// What the token may do, such as `tickets:read`; with blanks, or again for more; `*` is
        /// all that the person may do
        #[arg(long, required = true)]
        scope: Vec<String>,
        /// An inbox that it sees, by name or address; again for more; without it, all that the
        /// person sees
        #[arg(long = "inbox", value_name = "INBOX")]
        inboxes: Vec<String>,
        /// How many days it works; without it, until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
        expires: Option<u16>,
        /// What it is for
        #[arg(long, default_value = "made on the command line")]
        name: String,
    },
}

impl Token {
    pub(super) fn command(self) -> Command {
        let Self::Create { agent, scope, inboxes, expires, name } = self;
        let scope = scope.join(" ");
        Command::CreateToken { agent, name, scope, inboxes, expires_in_days: expires }
    }
}
