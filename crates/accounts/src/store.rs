//! Every SQL statement of this feature.

pub(crate) mod agents;
pub(crate) mod api_tokens;
pub(crate) mod directory;
pub(crate) mod inboxes;
pub(crate) mod links;
pub(crate) mod networks;
pub(crate) mod passkeys;
pub(crate) mod pending;
pub(crate) mod provider;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub mod settings;
pub(crate) mod teams;
