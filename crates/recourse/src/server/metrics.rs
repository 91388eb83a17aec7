//! Figures for Prometheus.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

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

/// From here on what happens is counted: before the first worker works.
pub(crate) fn record_figures() {
    if recorder().is_none() {
        tracing::error!("figures cannot be recorded: something else records them");
    }
}

/// A client may make up methods; each of them would be kept for ever.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

const TIDIED_EVERY: Duration = Duration::from_secs(30);

/// Sums up what was measured until `stop`: without it every single measurement is kept until
/// somebody asks for the figures.
pub(crate) async fn sum_up(stop: CancellationToken) {
    let Some(recorder) = recorder() else { return };
    while stop.run_until_cancelled(tokio::time::sleep(TIDIED_EVERY)).await.is_some() {
        recorder.run_upkeep();
    }
}

/// Measures each request under the pattern of its route, never under what was typed.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = name_of(request.method());
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    let labels = [("method", method.to_owned()), ("path", path), ("status", status)];
    metrics::histogram!(REQUEST_SECONDS, &labels).record(begun.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_methods_are_one() {
        for (method, expected) in
            [("GET", "GET"), ("DELETE", "DELETE"), ("get", "other"), ("XYZZY", "other")]
        {
            assert_eq!(name_of(&method.parse().unwrap()), expected);
        }
    }
}
