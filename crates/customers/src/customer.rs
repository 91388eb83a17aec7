//! A customer and what belongs to one.

use anyhow::Result;
use database::{Cols, FromRow};
use kernel::{AgentId, CustomerId, EmailAddress, PublicId, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    pub public_id: PublicId,
    /// Empty when only an address is known.
    pub name: String,
    pub language: Option<String>,
    pub time_zone: Option<String>,
    pub created_at: Timestamp,
    /// The first address; none for somebody who never wrote by mail.
    pub address: Option<EmailAddress>,
}

impl Customer {
    /// What to call this person on a page: the name, or the address.
    pub fn shown_name(&self) -> String {
        match (&self.name, &self.address) {
            (name, _) if !name.is_empty() => name.clone(),
            (_, Some(address)) => address.to_string(),
            (_, None) => "?".to_owned(),
        }
    }
}

impl FromRow for Customer {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            language: cols.next()?,
            time_zone: cols.next()?,
            created_at: cols.next()?,
            address: cols.next()?,
        })
    }
}

/// An address by which somebody is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub value: EmailAddress,
    /// When the person proved to own it.
    pub verified_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl FromRow for Identity {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self { value: cols.next()?, verified_at: cols.next()?, created_at: cols.next()? })
    }
}

/// What the team wants to remember. Never leaves the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerNote {
    pub id: i64,
    pub author: AgentId,
    pub text: String,
    pub created_at: Timestamp,
}

impl FromRow for CustomerNote {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            author: cols.next()?,
            text: cols.next()?,
            created_at: cols.next()?,
        })
    }
}
