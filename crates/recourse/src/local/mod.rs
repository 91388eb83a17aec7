//! Commands that a running server carries out for a second process of the same user.
//!
//! A command is one line of JSON, then as many bytes as it announces; the answer is one line of
//! JSON. The socket lies in the data folder and is for its owner only.

mod command;
mod door;

pub use command::{Answer, Command, carry_out};
pub(crate) use door::Door;
pub use door::hand_over;
