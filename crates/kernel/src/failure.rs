//! Refused is not broken.

use std::error::Error;

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
