//! Refused is not broken.

use std::error::Error;
use std::io;

/// A rule's "no": an enum with a sentence for the person who asked.
pub trait Refusal: Error + Send + Sync + 'static {}

/// What an action answers when it did not happen.
#[derive(Debug)]
pub enum Failure<R> {
    /// A rule said no; the person who asked reads why.
    Refused(R),
    /// Something does not work; the operator reads it in the log.
    Broken(anyhow::Error),
}

impl<R: Refusal> From<R> for Failure<R> {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal)
    }
}

impl<R> From<anyhow::Error> for Failure<R> {
    fn from(fault: anyhow::Error) -> Self {
        Self::Broken(fault)
    }
}

impl<R> Failure<R> {
    /// The same failure under the caller's own refusal.
    pub fn map<S>(self, wrap: impl FnOnce(R) -> S) -> Failure<S> {
        match self {
            Self::Refused(refusal) => Failure::Refused(wrap(refusal)),
            Self::Broken(fault) => Failure::Broken(fault),
        }
    }
}

/// Looking takes longer than anybody is kept waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this takes too long to look for; ask for less of it")]
pub struct TooSlow;

impl TooSlow {
    /// Whether that is why something did not work.
    pub fn is_behind(fault: &anyhow::Error) -> bool {
        fault.downcast_ref::<Self>().is_some()
    }
}

/// There is no room to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk is full; nothing that was saved is lost, and it goes on once there is room")]
pub struct StorageFull;

impl StorageFull {
    /// Whether that is why something did not work.
    pub fn is_behind(fault: &anyhow::Error) -> bool {
        let is_file = |cause: &io::Error| cause.kind() == io::ErrorKind::StorageFull;
        fault.downcast_ref::<Self>().is_some()
            || fault.chain().filter_map(|cause| cause.downcast_ref()).any(is_file)
    }
}
