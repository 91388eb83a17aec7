//! What every reader of this crate stands on: header fields, encodings, character sets, the tree
//! of parts.
//!
//! Invariant: nothing here waits, recurses or panics, and everything is bounded by its input.

pub(crate) mod address;
pub(crate) mod charset;
pub(crate) mod content_type;
pub(crate) mod date;
pub(crate) mod header;
pub(crate) mod ids;
pub(crate) mod parts;
pub(crate) mod transfer;
pub(crate) mod words;
