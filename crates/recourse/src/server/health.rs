//! Pages for machines: alive, ready, figures.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ipnet::IpNet;
use tokio::sync::Mutex;
use ui::Client;

use super::client;
use super::metrics::recorder;
use super::readiness::{self, Unready};
use crate::Foundation;
use crate::stop::Stop;

/// What these pages ask.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) foundation: Foundation,
    pub(crate) trusted_proxies: Arc<[IpNet]>,
    /// No new requests, please, once the server leaves.
    pub(crate) stop: Stop,
    /// Where something has to find room.
    pub(crate) folders: Arc<[PathBuf]>,
    /// When the server began to work.
    pub(crate) begun: Instant,
    /// When all was well last. Anybody may ask, and to look is not for nothing.
    pub(crate) passed_at: Arc<Mutex<Option<Instant>>>,
}

const READY_WITHIN: Duration = Duration::from_secs(3);
/// Within this time of the last look nobody looks again.
const LOOKED_WITHIN: Duration = Duration::from_secs(5);

impl Health {
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
    }

    /// Why the server should get no requests now, if there is a reason. Those who ask at one time
    /// wait for one look.
    async fn unready(&self) -> Option<Unready> {
        if self.stop.leaving.is_cancelled() {
            return Some(Unready::Stopping);
        }
        if self.foundation.soundness.is_damaged() {
            return Some(Unready::Damaged);
        }
        let look = async {
            let mut passed_at = self.passed_at.lock().await;
            if passed_at.is_some_and(|at| at.elapsed() < LOOKED_WITHIN) {
                return None;
            }
            let found = readiness::look(&self.foundation, &self.folders, self.begun).await.err();
            *passed_at = found.is_none().then(Instant::now);
            found
        };
        tokio::time::timeout(READY_WITHIN, look).await.unwrap_or_else(|_| {
            tracing::error!("the database does not answer in time");
            Some(Unready::Slow)
        })
    }
}

async fn live() -> &'static str {
    "alive\n"
}

/// Whether requests can be answered and what they leave is worked on. Strangers are not told why
/// not.
async fn ready(
    State(health): State<Health>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    asking: Client,
    headers: HeaderMap,
) -> Response {
    health.stop.note_asked();
    let Some(unready) = health.unready().await else { return "ready\n".into_response() };
    let hidden = client::is_hidden(&headers, peer.ip(), &health.trusted_proxies);
    let why = if hidden || !is_near(asking.0) {
        "not ready\n".to_owned()
    } else {
        format!("{unready}\n")
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
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
    gauge(&health).await;
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
async fn gauge(health: &Health) {
    let foundation = &health.foundation;
    if let Some(percent) = readiness::least_free_percent(Arc::clone(&health.folders)).await {
        let percent = i64::try_from(percent).unwrap_or(i64::MAX);
        ::metrics::gauge!("recourse_disk_free_percent").set(float(percent));
    }
    let damaged = i64::from(foundation.soundness.is_damaged());
    ::metrics::gauge!("recourse_database_damaged").set(float(damaged));
    let short = i64::from(foundation.db.room().is_short());
    ::metrics::gauge!("recourse_disk_full").set(float(short));
    let Ok(conn) = foundation.db.read().await else { return };
    let now = foundation.clock.now();
    for (name, count) in [
        ("recourse_jobs_waiting", queue::waiting_count(&conn).await),
        ("recourse_jobs_set_aside", queue::failed_count(&conn).await),
        ("recourse_mails_unsent", outbox::failed_count(&conn).await),
        ("recourse_mails_set_aside", mailroom::set_aside_count(&conn).await),
    ] {
        if let Ok(count) = count {
            ::metrics::gauge!(name).set(float(count));
        }
    }
    for (name, oldest) in [
        ("recourse_jobs_late_seconds", queue::oldest_due(&conn, now).await),
        ("recourse_mails_unread_seconds", mailroom::oldest_unread(&conn).await),
        ("recourse_mails_late_seconds", outbox::oldest_due(&conn, now).await),
    ] {
        if let Ok(oldest) = oldest {
            let late = oldest.map_or(0, |at| now.since(at).as_seconds());
            ::metrics::gauge!(name).set(float(late));
        }
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures for a graph")]
fn float(count: i64) -> f64 {
    count as f64
}
