//! How many requests are worked on at once. More would make all of them slow; so a few wait for a
//! moment, and whoever comes on top of them is told at once to come back.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Response, StatusCode, header};
use axum::middleware::Next;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use ipnet::IpNet;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;
use tower_http::timeout::TimeoutBody;
use ui::{Client, Share, Shares};

use super::client::{is_hidden, resolve};
use super::layers::{ANSWER_WITHIN, BODY_PAUSE_MAX};

/// Pages take one or two milliseconds, so that the last of these is answered soon.
const AT_ONCE: usize = 32;
const WAITING_MAX: usize = 32;
/// Who waited for so long is refused.
const PATIENCE: Duration = Duration::from_millis(50);
/// Forms are read before they take a place, since who sends one slowly would keep it. What is
/// larger is read by its route while it has one of the places for uploads.
const FORM_BYTES_MAX: u64 = 64 * 1024;
const UPLOADS_AT_ONCE: usize = 32;
/// One network has at most so many of them: whoever sends slowly keeps them for a while.
const UPLOADS_OF_ONE: usize = 8;
/// A body is made in pieces beyond that, each when the one before was taken.
const BYTES_AHEAD_MAX: usize = 512 * 1024;

/// The places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    uploaders: Arc<Shares>,
    trusted: Arc<[IpNet]>,
    /// Where answers are made.
    work: Handle,
}

impl Admission {
    /// Answers are made in the threads of whoever calls this. The proxies that are trusted say
    /// who really asks.
    pub(crate) fn here(trusted: Arc<[IpNet]>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            uploaders: Shares::new(UPLOADS_OF_ONE),
            trusted,
            work: Handle::current(),
        }
    }

    /// A place, at once or within a moment.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        let _chair = self.waiting.try_acquire().ok()?;
        let waiting = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned());
        waiting.await.ok()?.ok()
    }

    /// A place for what is large. Where a proxy that is not trusted stands between, nobody can tell
    /// who asks, and nobody has a share.
    fn upload(&self, request: &Request) -> Option<(OwnedSemaphorePermit, Option<Share>)> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let known = peer.filter(|peer| !is_hidden(request.headers(), *peer, &self.trusted));
        let share = match known {
            Some(peer) => {
                let client = Client(resolve(peer, request.headers(), &self.trusted));
                Some(self.uploaders.take(client.network())?)
            }
            None => None,
        };
        let place = Arc::clone(&self.uploads).try_acquire_owned().ok()?;
        Some((place, share))
    }

    /// Has an answer made, unless nobody waits for it any more. What was at hand then keeps its
    /// place until it stops.
    async fn made<P: Send + 'static>(
        &self,
        request: Request,
        next: Next,
        place: P,
    ) -> Response<Body> {
        let work = self.work.spawn(async move {
            let _place = place;
            ahead(next.run(request).await).await
        });
        match AbortOnDropHandle::new(work).await {
            Ok(response) => response,
            Err(fault) => {
                tracing::error!("an answer broke off: {fault}");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "This did not work. Please try again.\n")
            }
        }
    }
}

/// Lets a request in, or refuses it before any work is done for it.
pub(crate) async fn admit(
    State(admission): State<Admission>,
    request: Request,
    next: Next,
) -> Response<Body> {
    // Machines ask whether we are alive above all when we are busy.
    if ["/health/live", "/health/ready"].contains(&request.uri().path()) {
        return admission.made(request, next, ()).await;
    }
    if request.body().size_hint().upper().is_none_or(|bytes| bytes > FORM_BYTES_MAX) {
        let Some(place) = admission.upload(&request) else { return refusal() };
        return admission.made(request, next, place).await;
    }
    let Some(request) = with_body(request).await else { return broken_off() };
    let Some(place) = admission.place().await else { return refusal() };
    admission.made(request, next, place).await
}

/// Makes what can be made of a body at once, and compresses it. The rest, as of a stream, is made
/// piece by piece when somebody takes it.
async fn ahead(response: Response<Body>) -> Response<Body> {
    // All of it is there, and whoever asked is told how much it is.
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let (head, mut body) = response.into_parts();
    let mut begun = Vec::new();
    let mut bytes = 0;
    let is_whole = loop {
        let next = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx))).await;
        match next {
            Poll::Ready(None) => break true,
            Poll::Pending => break false,
            Poll::Ready(Some(frame)) => {
                let data = frame.as_ref().ok().and_then(Frame::data_ref);
                bytes += data.map_or(BYTES_AHEAD_MAX, Bytes::len);
                begun.push(frame);
            }
        }
        if bytes >= BYTES_AHEAD_MAX {
            break false;
        }
    };
    let rest = (!is_whole).then_some(body);
    let body = match (rest, begun.len()) {
        (None, 0 | 1) => {
            let only = begun.pop().and_then(|frame| frame.ok()?.into_data().ok());
            Body::from(only.unwrap_or_default())
        }
        (None, _) => Body::new(StreamBody::new(stream::iter(begun))),
        (Some(rest), _) => {
            let rest = elsewhere(Handle::current(), rest);
            Body::new(StreamBody::new(stream::iter(begun).chain(rest)))
        }
    };
    Response::from_parts(head, body)
}

type Piece = Result<Frame<Bytes>, axum::Error>;

/// The pieces of a body that are made in the threads of `work`, one ahead of whoever takes them.
/// One who breaks is not taken for one who is done.
fn elsewhere(work: Handle, mut body: Body) -> impl Stream<Item = Piece> {
    let (sender, pieces) = mpsc::channel(1);
    let maker = work.spawn(async move {
        while let Some(piece) = body.frame().await {
            if sender.send(piece).await.is_err() {
                break;
            }
        }
    });
    let maker = Some(AbortOnDropHandle::new(maker));
    stream::unfold((pieces, maker), async |(mut pieces, mut maker)| {
        if let Some(piece) = pieces.recv().await {
            return Some((piece, (pieces, maker)));
        }
        let broke = maker.take()?.await.err()?;
        Some((Err(axum::Error::new(broke)), (pieces, maker)))
    })
}

/// The request once all of it has arrived.
async fn with_body(request: Request) -> Option<Request> {
    if request.body().is_end_stream() {
        return Some(request);
    }
    let (head, body) = request.into_parts();
    let most = usize::try_from(FORM_BYTES_MAX).unwrap_or(usize::MAX);
    let body = Body::new(TimeoutBody::new(BODY_PAUSE_MAX, body));
    let body = tokio::time::timeout(ANSWER_WITHIN, to_bytes(body, most));
    Some(Request::from_parts(head, Body::from(body.await.ok()?.ok()?)))
}

fn refusal() -> Response<Body> {
    metrics::counter!("recourse_requests_refused_total").increment(1);
    let sentence = "Too many requests at this moment. Please try again in a few seconds.\n";
    plain(StatusCode::SERVICE_UNAVAILABLE, sentence)
}

fn broken_off() -> Response<Body> {
    plain(StatusCode::REQUEST_TIMEOUT, "The request did not arrive whole. Please send it again.\n")
}

/// An answer from outside of all layers, with the headers that they would have added.
fn plain(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
    ui::make_careful(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(admission: &Admission) -> Vec<OwnedSemaphorePermit> {
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(admission.place().await.expect("there is a place"));
        }
        places
    }

    #[tokio::test]
    async fn who_waits_gets_the_place_of_who_goes_and_without_a_chair_nobody_waits() {
        let admission = Admission::here(Arc::default());
        let places = taken(&admission).await;
        let _chairs = admission.waiting.acquire_many(31).await.unwrap();
        let mut waiting = std::pin::pin!(admission.place());
        assert!(futures_util::poll!(&mut waiting).is_pending(), "there is one chair");
        let refused = std::pin::pin!(admission.place());
        assert!(matches!(futures_util::poll!(refused), std::task::Poll::Ready(None)));
        drop(places);
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn pages_that_never_wait_are_not_made_while_too_many_come() {
        use tower::ServiceExt;

        let layer = axum::middleware::from_fn_with_state(Admission::here(Arc::default()), admit);
        let routes = axum::Router::new().fallback(async || "a page").layer(layer);
        let ask = || routes.clone().oneshot(Request::new(Body::empty()));
        let answers = futures_util::future::join_all((0..200).map(|_| ask())).await;
        let refused = answers.iter().filter(|answer| answer.as_ref().unwrap().status() == 503);
        assert_eq!(refused.count(), 200 - AT_ONCE - WAITING_MAX);
    }

    fn in_pieces(pieces: Vec<std::io::Result<&'static str>>) -> Response<Body> {
        // Like the streams that we have, it may not be asked again after its end.
        let mut pieces = pieces.into_iter();
        let next = move || std::future::ready(pieces.next());
        let all = stream::unfold(next, async |mut next| Some((next().await?, next)));
        Response::new(Body::from_stream(all))
    }

    #[tokio::test]
    async fn one_network_does_not_take_every_place_for_uploads() {
        let admission = Admission::here(["10.0.0.1/32".parse().unwrap()].into());
        let from = |peer: &str, forwarded: &str| {
            let mut request = Request::new(Body::empty());
            let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            if !forwarded.is_empty() {
                let value = forwarded.parse().unwrap();
                request.headers_mut().insert("x-forwarded-for", value);
            }
            admission.upload(&request)
        };
        let slow: Vec<_> = (0..40).filter_map(|_| from("203.0.113.7", "")).collect();
        assert_eq!(slow.len(), UPLOADS_OF_ONE);
        assert!(from("10.0.0.1", "203.0.113.7").is_none(), "the same, through our proxy");
        assert!(from("10.0.0.1", "198.51.100.9").is_some());
        let hidden: Vec<_> = (0..40).filter_map(|_| from("192.0.2.1", "203.0.113.7")).collect();
        assert_eq!(hidden.len(), UPLOADS_AT_ONCE - UPLOADS_OF_ONE);
        drop(slow);
        assert!(from("203.0.113.7", "").is_some());
    }

    #[tokio::test]
    async fn what_is_ready_of_a_body_is_made_ahead() {
        let one = ahead(in_pieces(vec![Ok("a page")])).await.into_body();
        assert_eq!(one.size_hint().exact(), Some(6));
        assert_eq!(to_bytes(one, 100).await.unwrap(), "a page");
        let two = ahead(in_pieces(vec![Ok("a "), Ok("page")])).await.into_body();
        assert_eq!(to_bytes(two, 100).await.unwrap(), "a page");
        let none = ahead(in_pieces(vec![])).await.into_body();
        assert_eq!(none.size_hint().exact(), Some(0));
    }

    #[tokio::test]
    async fn whoever_takes_a_large_file_is_told_how_large_it_is() {
        let file = vec![7_u8; 2 * BYTES_AHEAD_MAX];
        let body = ahead(Response::new(Body::from(file.clone()))).await.into_body();
        assert_eq!(body.size_hint().exact(), Some(2 * 512 * 1024));
        assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), file);
    }

    #[tokio::test]
    async fn a_stream_goes_on_and_is_made_in_the_threads_of_the_work() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let parts = stream::unfold(receiver, async |mut parts| Some((parts.recv().await?, parts)));
        let made = parts.map(move |part: &'static str| {
            assert!(tokio::task::try_id().is_some(), "whoever takes it does not make it");
            if part == "broken" { panic!("told to") } else { Ok::<_, std::io::Error>(part) }
        });
        let mut body = ahead(Response::new(Body::from_stream(made))).await.into_body();
        for part in ["one", "two"] {
            sender.send(part).unwrap();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), part);
        }
        sender.send("broken").unwrap();
        assert!(body.frame().await.unwrap().is_err(), "it is not taken for whole");
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_whole() {
        let broken = vec![Ok("half"), Err(std::io::Error::other("gone"))];
        let body = ahead(in_pieces(broken)).await.into_body();
        assert!(to_bytes(body, 100).await.is_err());
    }

    #[tokio::test]
    async fn patience_ends() {
        let admission = Admission::here(Arc::default());
        let _places = taken(&admission).await;
        assert!(admission.place().await.is_none());
        assert_eq!(refusal().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn what_is_refused_makes_browsers_as_careful_as_a_page() {
        let broken = plain(StatusCode::INTERNAL_SERVER_ERROR, "This did not work.\n");
        for answer in [refusal(), broken_off(), broken] {
            let said =
                |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
            let policy = said("content-security-policy");
            for directive in ["default-src 'none'", "object-src 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(directive), "{directive} is not in {policy}");
            }
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
                ("content-type", "text/plain; charset=utf-8"),
            ] {
                assert_eq!(said(name), value, "{name}");
            }
        }
    }
}
