//! Rows, read column by column in the order in which the statement names them.

use anyhow::{Context, Result};

use crate::{Column, postgres};

/// A row that is being read.
#[derive(Clone, Copy)]
pub enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

/// Walks over the columns of a row from left to right.
pub struct Cols<'r> {
    row: Row<'r>,
    at: usize,
}

impl<'r> Cols<'r> {
    pub(crate) fn new(row: Row<'r>) -> Self {
        Self { row, at: 0 }
    }

    /// The next column. Fails when the statement and the reader disagree, which a test finds.
    #[expect(clippy::should_implement_trait, reason = "each column has a type of its own")]
    pub fn next<T: Column>(&mut self) -> Result<T> {
        let index = self.at;
        self.at += 1;
        T::read(self.row, index).with_context(|| format!("column {index}"))
    }
}

/// A value that is read from one row.
pub trait FromRow: Sized {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self>;
}

macro_rules! tuples {
    ($(($($part:ident)*))*) => {$(
        impl<$($part: Column),*> FromRow for ($($part,)*) {
            fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
                Ok(($(cols.next::<$part>()?,)*))
            }
        }
    )*};
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
}
