//! How much of a mail is looked at.

use std::time::Duration;

use crate::format::parts::Budget;
use crate::{Deadline, quote};

/// Reading a mail takes milliseconds; one that takes longer was made for that.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// Bounds for one mail. Beyond them it is still stored and shown, only less of it is understood.
#[derive(Clone, Debug)]
pub struct Limits {
    pub message_bytes_max: usize,
    pub parts_max: usize,
    pub nesting_max: usize,
    pub header_bytes_max: usize,
    pub addresses_max: usize,
    /// Lines that our own mails carry above quoted history, in every language we write.
    pub reply_lines: Vec<String>,
    pub deadline: Deadline,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 25 * 1024 * 1024,
            parts_max: 1_000,
            nesting_max: 50,
            header_bytes_max: 256 * 1024,
            addresses_max: 1_000,
            reply_lines: vec![quote::REPLY_LINE.to_owned()],
            deadline: Deadline::never(),
        }
    }
}

impl Limits {
    /// The usual bounds, for a mail that is read now: it may take two seconds.
    pub fn from_now() -> Self {
        Self { deadline: Deadline::within(READ_WITHIN), ..Self::default() }
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget {
            parts_max: self.parts_max,
            nesting_max: self.nesting_max,
            header_bytes_max: self.header_bytes_max,
        }
    }
}
