//! Figures for Prometheus.

use std::sync::OnceLock;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const REQUEST_SECONDS: &str = "recourse_http_request_seconds";

/// The recorder of this process, installed on first use.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let matcher = Matcher::Full(REQUEST_SECONDS.to_owned());
            let builder = PrometheusBuilder::new().set_buckets_for_metric(matcher, SECONDS);
            builder.and_then(PrometheusBuilder::install_recorder).ok()
        })
        .as_ref()
}

/// Measures each request under the pattern of its route, never under what was typed.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().as_str().to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    let labels = [("method", method), ("path", path), ("status", status)];
    metrics::histogram!(REQUEST_SECONDS, &labels).record(begun.elapsed());
    response
}
