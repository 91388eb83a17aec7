//! `RC-10482` in addresses.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use kernel::TicketId;
use ui::WebError;

/// The ticket that an address names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference(pub(crate) TicketId);

impl<S: Send + Sync> FromRequestParts<S> for Reference {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        #[derive(serde::Deserialize)]
        struct Named {
            reference: String,
        }
        let named = Path::<Named>::from_request_parts(parts, state).await;
        let named = named.ok().ok_or(WebError::NotFound)?;
        named.reference.parse().map(Self).ok().ok_or(WebError::NotFound)
    }
}
