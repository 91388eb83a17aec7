//! The statements of the fill.

pub(crate) mod ids;
pub(crate) mod shop;
pub(crate) mod tables;
