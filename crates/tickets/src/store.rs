//! Every statement of this feature, and rows as values.

pub(crate) mod again;
pub(crate) mod by_customer;
pub mod check;
pub(crate) mod entries;
pub(crate) mod found;
pub(crate) mod lists;
pub(crate) mod new_drafts;
pub(crate) mod people;
pub(crate) mod reading;
pub(crate) mod shared;
pub(crate) mod taxonomy;
pub(crate) mod tickets;
