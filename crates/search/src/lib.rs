//! Finding things by their words, the same on both databases.
//!
//! Text is cut into normalised words here, and the database only matches them: upper case,
//! accents and English endings do not matter, and scripts without blanks are cut into pairs.

mod bulk;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod highlight;
mod store;
mod words;

pub use bulk::{Again, Bulk, DOCUMENTS};
pub use database::search::{Expr, Hit};
pub use highlight::{Piece, highlight};
pub use store::{Entry, Found, Kind, add, among, newest, put, remove, rescope, tickets_of_few};
pub use words::{Term, expr, folded, words};

#[cfg(test)]
mod tests;
