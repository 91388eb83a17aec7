//! The figures, one file each.

mod growth;
mod mail;
mod overload;
mod pages;
mod start;

use anyhow::Result;

use crate::{Figure, Order};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// From the start of the process to the first page, and memory.
    Start,
    /// The inbox, a ticket and the search, one request after the other and many at once.
    Pages,
    /// Mails into tickets.
    Mail,
    /// Three times as many requests as can be answered.
    Overload,
    /// The inbox of a large world against that of a small one.
    Growth,
}

pub(crate) async fn take(order: &Order, what: What) -> Result<Vec<Figure>> {
    match what {
        What::Start => start::take(order).await,
        What::Pages => pages::take(order).await,
        What::Mail => mail::take(order).await,
        What::Overload => overload::take(order).await,
        What::Growth => growth::take(order).await,
    }
}
