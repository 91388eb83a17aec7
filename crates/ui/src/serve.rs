//! Static files: embedded, compressed at build time, cacheable for ever.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::assets;
use crate::headers::Shipped;

/// `/assets/{version}/…`.
pub fn asset_routes() -> Router {
    Router::new()
        .route("/assets/{version}/{*path}", get(show))
        .route("/brand/{file}", get(brand))
        .with_state(())
}

/// The hue of a seller's pages, as a style sheet: the policy allows nothing inline.
async fn brand(Path(file): Path<String>) -> Response {
    let hue = file.strip_suffix(".css").and_then(|hue| hue.parse::<u16>().ok());
    let Some(hue) = hue.filter(|hue| *hue < 360) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, format!(":root{{--hue:{hue}}}")).into_response()
}

async fn show(
    State(()): State<()>,
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let Some(asset) = assets::serve(&version, &path, accepted) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = asset.bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = asset.encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let caching = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response.extensions_mut().insert(Shipped);
    response
}
