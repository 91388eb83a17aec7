//! Connections: how many, how slow, how large their headers may be.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::taking::Taking;
use crate::stop::Stop;

const CONNECTIONS_MAX: u16 = 4_096;
/// A client that sends its headers more slowly than this is not a browser.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Who takes nothing of an answer for so long is not there any more, or wants to keep the place.
const TAKEN_WITHIN: Duration = Duration::from_mins(1);

/// Takes the address that a setting names, or says that it cannot be had.
pub(crate) fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener> {
    listen(address).with_context(|| {
        format!("{address} cannot be listened on; choose another address with {setting}")
    })
}

/// More may come at once than the 128 that are usual: whoever comes on top of what a listener lets
/// queue is dropped by the kernel without a word, and tries again only after 200 ms or more.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // An address can be taken again while connections of the last run wind down.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(u32::from(CONNECTIONS_MAX))
}

/// The threads of connections: those that make answers are busy for milliseconds at a time, and
/// whoever comes would wait behind them only to be refused.
pub(crate) struct Front {
    runtime: Option<Runtime>,
    listener: Option<TcpListener>,
}

impl Front {
    /// Begins to listen; nobody is answered yet.
    pub(crate) fn begin(listener: TcpListener) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.div_ceil(4))
            .thread_name("connections")
            .enable_all()
            .build()?;
        let listener = listener.into_std()?;
        let listener = {
            let _within = runtime.enter();
            TcpListener::from_std(listener)?
        };
        Ok(Self { runtime: Some(runtime), listener: Some(listener) })
    }

    /// Answers until the doors close, then lets requests at hand finish.
    pub(crate) async fn serve(mut self, router: Router, stop: Stop) {
        let (Some(runtime), Some(listener)) = (&self.runtime, self.listener.take()) else {
            return;
        };
        let router = router.layer(from_fn_with_state(stop.leaving.clone(), take_leave));
        if let Err(fault) = runtime.spawn(answer(listener, router, stop)).await {
            tracing::error!("the server broke: {fault}");
        }
    }
}

/// Its threads end with it, without being waited for.
impl Drop for Front {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// While the server leaves, each answer is the last of its connection: what comes next finds another
/// node, rather than a connection that closes just then. HTTP/2 has another word for it, which is
/// said when the doors close.
async fn take_leave(
    State(leaving): State<CancellationToken>,
    request: Request,
    next: Next,
) -> Response {
    let is_plain = request.version() < Version::HTTP_2;
    let mut response = next.run(request).await;
    if is_plain && leaving.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer(listener: TcpListener, router: Router, stop: Stop) {
    let places = Arc::new(Semaphore::new(usize::from(CONNECTIONS_MAX)));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.closing.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, client, place)) = accepted else { continue };
        let connection = builder()
            .serve_connection(
                TokioIo::new(Taking::new(stream, TAKEN_WITHIN)),
                TowerToHyperService::new(service(&router, client)),
            )
            .into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(fault) = connection.await {
                tracing::debug!(%client, "a connection broke off: {fault}");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(stop.time_for_guests(), graceful.shutdown()).await.is_err() {
        tracing::info!("requests that did not finish in time were broken off");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, client)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, client, place))
        }
        Err(fault) => {
            // Too many open files, mostly: it passes when connections end.
            tracing::warn!("a connection cannot be accepted: {fault}");
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

/// The routes, with the address of the other side added to each request.
fn service(
    router: &Router,
    client: SocketAddr,
) -> impl tower::Service<
    axum::http::Request<hyper::body::Incoming>,
    Response = Response,
    Error = Infallible,
    Future = impl Send,
> + Clone
+ Send
+ 'static {
    router.clone().map_request(move |request: axum::http::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(client));
        request
    })
}
