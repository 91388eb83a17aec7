//! Stored files: by the hash of their content, outside of anything that is served.
//!
//! Invariant: a name that somebody gave a file is shown, never used as a path; what a file is
//! told by its bytes, never by its name.

mod check;
mod collect;
mod media;
mod name;
mod picture;
mod storage;
mod store;
pub mod testing;
mod trash;

pub use check::check;
pub use collect::{Collected, Reference, Unreferenced, collect, unreferenced};
pub use media::MediaType;
pub use name::clean_name;
pub use storage::{BucketAccess, FileHash, Files, NotAStorage, Place};
pub use store::{hashes, record};

#[cfg(test)]
mod tests;
