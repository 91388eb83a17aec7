//! `mail deliver`, for the pipe transport of a mail server.

use std::ffi::OsString;
use std::io::Read;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::local::Command;

#[derive(Subcommand)]
pub(super) enum Mail {
    /// Take one mail from standard input; exits with 0 (stored), 65 (refused) or 75 (try again)
    Deliver {
        /// Address of the inbox it is for
        #[arg(long)]
        inbox: String,
        /// The envelope's sender; empty, `<>` or MAILER-DAEMON when it has none
        #[arg(long, allow_hyphen_values = true)]
        from: Option<OsString>,
    },
}

/// One byte more than is taken, so that what is too large is seen to be.
const READ_MAX: u64 = 25 * 1024 * 1024 + 1;

impl Mail {
    pub(super) fn command(self) -> Result<(Command, Vec<u8>)> {
        let Self::Deliver { inbox, from } = self;
        let from = mailroom::envelope_sender(from.as_deref());
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(READ_MAX)
            .read_to_end(&mut bytes)
            .context("the mail cannot be read from standard input")?;
        let size = kernel::count(bytes.len()).unsigned_abs();
        Ok((Command::DeliverMail { inbox, from, size }, bytes))
    }
}
