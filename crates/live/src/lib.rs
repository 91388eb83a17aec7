//! What just changed, told to the browsers that watch it.
//!
//! A change says what, never how it looks: whoever sends it to a browser renders it for the
//! person at that browser and asks the policy first.

mod change;
mod hub;
mod presence;
mod stream;

pub use change::{Activity, Change, Touch};
pub use hub::{Hub, Numbered, Remembered};
pub use stream::{STREAMS_MAX, Stream};

#[cfg(test)]
mod tests;
