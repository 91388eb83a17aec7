//! How many requests are worked on at once. More would make all of them slow; so a few wait for a
//! moment, and whoever comes on top of them is told at once to come back.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::middleware::Next;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use tower_http::timeout::TimeoutBody;

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
/// A body is made in pieces beyond that, each when the one before was taken.
const BYTES_AHEAD_MAX: usize = 512 * 1024;

/// The places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    /// Where answers are made.
    work: Handle,
}

impl Admission {
    /// Answers are made in the threads of whoever calls this.
    pub(crate) fn here() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
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

    /// Has an answer made, unless nobody waits for it any more.
    async fn made(&self, request: Request, next: Next) -> Response<Body> {
        let work = self.work.spawn(async move { ahead(next.run(request).await).await });
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
    if request.uri().path().starts_with("/health/") {
        return admission.made(request, next).await;
    }
    if request.body().size_hint().upper().is_none_or(|bytes| bytes > FORM_BYTES_MAX) {
        let Ok(_place) = admission.uploads.try_acquire() else { return refusal() };
        return admission.made(request, next).await;
    }
    let Some(request) = with_body(request).await else { return broken_off() };
    let Some(_place) = admission.place().await else { return refusal() };
    admission.made(request, next).await
}

/// Makes what can be made of a body at once, and compresses it. The rest, as of a stream, is made
/// when somebody takes it.
async fn ahead(response: Response<Body>) -> Response<Body> {
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
    let body = if is_whole && begun.len() <= 1 {
        let only = begun.pop().and_then(|frame| frame.ok()?.into_data().ok());
        Body::from(only.unwrap_or_default())
    } else {
        Body::new(StreamBody::new(stream::iter(begun).chain(BodyStream::new(body))))
    };
    Response::from_parts(head, body)
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

fn plain(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(sentence));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    let nosniff = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
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
        let admission = Admission::here();
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

        let layer = axum::middleware::from_fn_with_state(Admission::here(), admit);
        let routes = axum::Router::new().fallback(async || "a page").layer(layer);
        let ask = || routes.clone().oneshot(Request::new(Body::empty()));
        let answers = futures_util::future::join_all((0..200).map(|_| ask())).await;
        let refused = answers.iter().filter(|answer| answer.as_ref().unwrap().status() == 503);
        assert_eq!(refused.count(), 200 - AT_ONCE - WAITING_MAX);
    }

    #[tokio::test]
    async fn what_is_ready_of_a_body_is_made_ahead_and_a_stream_goes_on() {
        let page = ahead(Response::new(Body::from("a page"))).await.into_body();
        assert_eq!(page.size_hint().exact(), Some(6));
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let parts = stream::unfold(receiver, async |mut parts| Some((parts.recv().await?, parts)));
        let say = |part: &'static str| sender.send(Ok::<_, std::io::Error>(part)).unwrap();
        say("one ");
        let body = ahead(Response::new(Body::from_stream(parts))).await.into_body();
        say("two");
        drop(sender);
        assert_eq!(to_bytes(body, 100).await.unwrap(), "one two");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_taken_for_whole() {
        let parts = stream::iter([Ok("half"), Err(std::io::Error::other("gone"))]);
        let body = ahead(Response::new(Body::from_stream(parts))).await.into_body();
        assert!(to_bytes(body, 100).await.is_err());
    }

    #[tokio::test]
    async fn patience_ends() {
        let admission = Admission::here();
        let _places = taken(&admission).await;
        assert!(admission.place().await.is_none());
        assert_eq!(refusal().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
