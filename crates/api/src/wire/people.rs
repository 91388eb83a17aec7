//! People inside and outside.

use accounts::{AgentCard, Directory};
use kernel::AgentId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Somebody who works here.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
pub(crate) struct Person {
    #[schema(example = "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) id: String,
    #[schema(example = "Priya Nair")]
    pub(crate) name: String,
    #[schema(example = "priya@shop.example")]
    pub(crate) email: String,
}

impl Person {
    fn of(card: &AgentCard) -> Self {
        Self {
            id: card.public_id.to_string(),
            name: card.name.clone(),
            email: card.email.to_string(),
        }
    }

    pub(crate) fn find(directory: &Directory, id: AgentId) -> Option<Self> {
        directory.agent(id).map(Self::of)
    }
}

/// A person outside, as somebody names them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Writer {
    #[schema(example = "dana@example.com")]
    pub(crate) email: String,
    #[schema(example = "Dana Whitfield")]
    pub(crate) name: Option<String>,
}

/// A person outside.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Customer {
    #[schema(example = "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) id: String,
    /// Empty when only an address is known.
    #[schema(example = "Dana Whitfield")]
    pub(crate) name: String,
    /// The first address; null for somebody who never gave one.
    #[schema(example = "dana@example.com")]
    pub(crate) email: Option<String>,
    /// Every address by which this person is known; only where one customer is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addresses: Option<Vec<Address>>,
    #[schema(example = "en")]
    pub(crate) language: Option<String>,
    #[schema(example = "Europe/Lisbon")]
    pub(crate) time_zone: Option<String>,
    #[schema(format = DateTime, example = "2026-11-24T09:00:00Z")]
    pub(crate) created_at: String,
    #[schema(example = "/api/v1/customers/0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f")]
    pub(crate) url: String,
}

/// An address by which somebody is known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Address {
    #[schema(example = "dana@example.com")]
    pub(crate) email: String,
    /// When the person proved to own it.
    #[schema(format = DateTime)]
    pub(crate) verified_at: Option<String>,
}

impl Customer {
    pub(crate) fn of(customer: &customers::Customer) -> Self {
        Self {
            id: customer.public_id.to_string(),
            name: customer.name.clone(),
            email: customer.address.as_ref().map(ToString::to_string),
            addresses: None,
            language: customer.language.clone(),
            time_zone: customer.time_zone.clone(),
            created_at: customer.created_at.to_string(),
            url: format!("{}/customers/{}", crate::PREFIX, customer.public_id),
        }
    }

    pub(crate) fn with(self, identities: &[customers::Identity]) -> Self {
        let addresses = identities.iter().map(|identity| Address {
            email: identity.value.to_string(),
            verified_at: identity.verified_at.map(|at| at.to_string()),
        });
        Self { addresses: Some(addresses.collect()), ..self }
    }
}

/// What is to change about a customer. What is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Dana Whitfield-Costa"}))]
pub(crate) struct CustomerPatch {
    #[schema(example = "Dana Whitfield-Costa")]
    pub(crate) name: Option<String>,
}
