//! The people outside: who they are, by which addresses they are known, how to address them.
//!
//! Invariant: an address belongs to one customer.

mod actions;
mod customer;
pub mod links;
pub mod names;
mod store;

pub use actions::{
    CustomerRefusal, add_note, meet, meet_known, meet_nameless, merge, rename, revoke_links,
    take_over, verify,
};
pub use customer::{Customer, CustomerNote, Identity};
pub use store::again::index_again;
pub use store::check;
pub use store::{
    Known, by_address, find, find_by_public_id, find_many, hold, identities, identity_verified,
    known, links_valid_from, newest, notes,
};

#[cfg(test)]
mod tests;
