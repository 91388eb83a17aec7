//! Pages for machines: alive, ready, figures.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;
use kernel::{Span, StorageFull, Timestamp};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use ui::Client;

use super::client;
use super::metrics::recorder;
use crate::Foundation;

/// What these pages ask.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) foundation: Foundation,
    pub(crate) trusted_proxies: Arc<[IpNet]>,
    /// Cancelled as soon as the server is about to end: no new requests, please.
    pub(crate) stop: CancellationToken,
    /// When writing worked last. Anybody may ask, and a write is not for nothing.
    pub(crate) written_at: Arc<Mutex<Option<Timestamp>>>,
}

const READY_WITHIN: Duration = Duration::from_secs(3);
const WRITTEN_WITHIN: Span = Span::seconds(5);

impl Health {
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    async fn tries_to_write(&self) -> anyhow::Result<()> {
        let mut written_at = self.written_at.lock().await;
        let now = self.foundation.clock.now();
        if written_at.is_some_and(|at| at <= now && now.since(at) < WRITTEN_WITHIN) {
            return Ok(());
        }
        self.foundation.db.try_to_write(&*self.foundation.clock).await?;
        *written_at = Some(now);
        Ok(())
    }
}

async fn live() -> &'static str {
    "alive\n"
}

/// Whether requests can be answered: the database can be read and written, is not known to be
/// damaged, and nobody is about to stop.
async fn ready(State(health): State<Health>) -> Response {
    if health.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if health.foundation.soundness.is_damaged() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the database file is damaged\n").into_response();
    }
    let asked = tokio::time::timeout(READY_WITHIN, async {
        health.foundation.db.read().await?.ping().await?;
        health.tries_to_write().await
    });
    match asked.await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(fault)) if StorageFull::is_behind(&fault) => {
            tracing::error!("the database cannot be written: {fault:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n").into_response()
        }
        Ok(Err(fault)) => {
            tracing::error!("the database does not answer: {fault:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
        Err(_) => {
            tracing::error!("the database does not answer in time");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is too slow\n").into_response()
        }
    }
}

/// Figures, for this machine and its private networks only: they tell how busy the shop is.
async fn metrics(
    State(health): State<Health>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    asking: Client,
    headers: HeaderMap,
) -> Response {
    let hidden = client::is_hidden(&headers, peer.ip(), &health.trusted_proxies);
    if hidden || !is_near(asking.0) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(recorder) = recorder() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    gauge(&health.foundation).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], recorder.render()).into_response()
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// Figures that are asked for rather than counted.
async fn gauge(foundation: &Foundation) {
    let damaged = i64::from(foundation.soundness.is_damaged());
    ::metrics::gauge!("recourse_database_damaged").set(float(damaged));
    let short = i64::from(foundation.db.room().is_short());
    ::metrics::gauge!("recourse_disk_full").set(float(short));
    let Ok(conn) = foundation.db.read().await else { return };
    if let Ok(waiting) = queue::waiting_count(&conn).await {
        ::metrics::gauge!("recourse_jobs_waiting").set(float(waiting));
    }
    if let Ok(oldest) = queue::oldest_due(&conn, foundation.clock.now()).await {
        let late = oldest.map_or(0, |at| foundation.clock.now().since(at).as_seconds());
        ::metrics::gauge!("recourse_jobs_late_seconds").set(float(late));
    }
    if let Ok(failed) = outbox::failed_count(&conn).await {
        ::metrics::gauge!("recourse_mails_unsent").set(float(failed));
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures for a graph")]
fn float(count: i64) -> f64 {
    count as f64
}
