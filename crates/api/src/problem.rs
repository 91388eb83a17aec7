//! What is answered when something was refused or does not work: problem details (RFC 9457).

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::{Failure, Refusal, StorageFull};
use serde::Serialize;
use ui::WebError;
use utoipa::ToSchema;

use crate::{Guards, PREFIX};

pub(crate) type ApiResult<T> = Result<T, Problem>;

/// What went wrong, in words for a person and with a type for a program (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem and leads to its description.
    #[serde(rename = "type")]
    #[schema(example = "/api/docs#problem-invalid-field")]
    kind: String,
    #[schema(example = "A field is not as it has to be")]
    title: &'static str,
    #[schema(example = 422)]
    status: u16,
    /// What happened this time, and what to do about it.
    #[schema(example = "“colour” is not a field here.")]
    detail: String,
    /// The fields that are wrong, if some are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Wrong>,
    /// For whoever asked too often; said in a header.
    #[serde(skip)]
    wait_seconds: Option<u64>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Wrong {
    /// Its path, such as `customer.email`.
    #[schema(example = "colour")]
    field: String,
    #[schema(example = "is not a field here")]
    detail: String,
}

/// The kinds of problems. The docs list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unreadable,
    NoToken,
    NotAllowed,
    NotFound,
    WrongMethod,
    KeyReused,
    Conflict,
    Stale,
    TooLarge,
    WrongType,
    InvalidField,
    Refused,
    WrongHost,
    TooMany,
    Broken,
    Full,
    TooSlow,
}

impl Kind {
    pub(crate) const ALL: [Self; 17] = [
        Self::Unreadable,
        Self::NoToken,
        Self::NotAllowed,
        Self::NotFound,
        Self::WrongMethod,
        Self::Conflict,
        Self::Stale,
        Self::TooLarge,
        Self::WrongType,
        Self::WrongHost,
        Self::InvalidField,
        Self::Refused,
        Self::KeyReused,
        Self::TooMany,
        Self::Broken,
        Self::Full,
        Self::TooSlow,
    ];

    /// Its name and its status.
    fn face(self) -> (&'static str, StatusCode) {
        match self {
            Self::Unreadable => ("unreadable", StatusCode::BAD_REQUEST),
            Self::NoToken => ("no-token", StatusCode::UNAUTHORIZED),
            Self::NotAllowed => ("not-allowed", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND),
            Self::WrongMethod => ("wrong-method", StatusCode::METHOD_NOT_ALLOWED),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::Stale => ("stale", StatusCode::PRECONDITION_FAILED),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::WrongType => ("wrong-type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::WrongHost => ("wrong-host", StatusCode::MISDIRECTED_REQUEST),
            Self::InvalidField => ("invalid-field", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Refused => ("refused", StatusCode::UNPROCESSABLE_ENTITY),
            Self::KeyReused => ("key-reused", StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS),
            Self::Broken => ("broken", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Full => ("full", StatusCode::INSUFFICIENT_STORAGE),
            Self::TooSlow => ("too-slow", StatusCode::GATEWAY_TIMEOUT),
        }
    }

    /// Its title, and what to say where nothing better is known.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreadable => (
                "The request cannot be read",
                "Check how the request is written; the docs show every field and parameter.",
            ),
            Self::NoToken => (
                "A token is missing or not valid",
                "Send “Authorization: Bearer” with a token that is neither revoked nor expired.",
            ),
            Self::NotAllowed => (
                "The token does not allow this",
                "Make a token with the scope that the docs name, for a person whose role may do this.",
            ),
            Self::NotFound => (
                "There is no such thing",
                "Nothing is here, or not for the person whose token this is.",
            ),
            Self::WrongMethod => {
                ("This method is not known here", "The header Allow says which methods are.")
            }
            Self::Conflict => {
                ("Somebody else changed it meanwhile", "Read it again, then repeat the change.")
            }
            Self::Stale => (
                "It is not any more what “If-Match” names",
                "Nothing was changed. Get it again, then repeat the change with its new ETag.",
            ),
            Self::TooLarge => ("The request is too large", "JSON may have 2 MB, a file 25 MB."),
            Self::WrongType => {
                ("The body has the wrong type", "Send JSON with “Content-Type: application/json”.")
            }
            Self::WrongHost => {
                ("This host name is not configured here", "Use the address of the base URL.")
            }
            Self::InvalidField => {
                ("A field is not as it has to be", "The list of errors names the field.")
            }
            Self::Refused => ("A rule says no", "The detail says which, and what to do."),
            Self::KeyReused => (
                "The idempotency key was used for another request",
                "Use a new key for each new request, and the same key only to repeat one.",
            ),
            Self::TooMany => ("Too many requests", "Wait as long as the header Retry-After says."),
            Self::Broken => (
                "Something does not work here",
                "Nothing was changed. Try again; the operator finds the reason in the log.",
            ),
            Self::Full => (
                "There is no room left",
                "The disk of this installation is full and nothing was changed. Try again later.",
            ),
            Self::TooSlow => (
                "The answer took too long",
                "Try again, with the same idempotency key if it was a POST.",
            ),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.face().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.face().1
    }

    pub(crate) fn title(self) -> &'static str {
        self.words().0
    }

    pub(crate) fn advice(self) -> &'static str {
        self.words().1
    }

    /// The kind that a bare status stands for.
    fn of(status: StatusCode) -> Self {
        let by_status = Self::ALL.into_iter().find(|kind| kind.status() == status);
        by_status.unwrap_or(if status.is_server_error() { Self::Broken } else { Self::Unreadable })
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind) -> Self {
        Self::saying(kind, kind.advice())
    }

    pub(crate) fn saying(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/api/docs#problem-{}", kind.name()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            wait_seconds: None,
        }
    }

    /// A field that is wrong; the detail goes on after its name.
    pub(crate) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let (field, detail) = (field.into(), detail.into());
        let sentence = format!("“{field}” {detail}.");
        let errors = vec![Wrong { field, detail }];
        Self { errors, ..Self::saying(Kind::InvalidField, sentence) }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound)
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.status == Kind::NotFound.status().as_u16()
    }

    /// A cursor that was not handed out for this list.
    pub(crate) fn foreign_cursor() -> Self {
        Self::field("after", "is not a cursor of this list")
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Something broke: the log says what, the answer where to find it.
    fn broken(fault: &anyhow::Error) -> Self {
        if StorageFull::is_behind(fault) {
            tracing::error!("a request of a program failed: {fault:#}");
            return Self::new(Kind::Full);
        }
        let trace = keys::Token::new("trace").reveal().chars().skip(6).take(12).collect::<String>();
        tracing::error!(trace, "a request of a program failed, trace {trace}: {fault:#}");
        let detail = format!("{} Trace {trace}.", Kind::Broken.advice());
        Self::saying(Kind::Broken, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let wait_seconds = self.wait_seconds.unwrap_or(60);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_seconds));
        }
        response
    }
}

pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
const CHALLENGE: &str = "Bearer realm=\"Recourse\"";

impl From<anyhow::Error> for Problem {
    fn from(fault: anyhow::Error) -> Self {
        if database::took_too_long(&fault) {
            return Self::new(Kind::TooSlow);
        }
        Self::broken(&fault)
    }
}

impl<R: Refusal> From<Failure<R>> for Problem {
    fn from(failure: Failure<R>) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::saying(Kind::Refused, sentence(&refusal)),
            Failure::Broken(fault) => Self::from(fault),
        }
    }
}

impl From<WebError> for Problem {
    fn from(fault: WebError) -> Self {
        match fault {
            WebError::NotFound => Self::not_found(),
            WebError::Refused(sentence) => Self::saying(Kind::Refused, sentence),
            WebError::Forbidden => Self::new(Kind::NotAllowed),
            WebError::SignIn => Self::new(Kind::NoToken),
            WebError::BadInput(sentence) => Self::saying(Kind::Unreadable, sentence),
            WebError::TooLarge => Self::new(Kind::TooLarge),
            WebError::TooMany { retry_after_seconds } => {
                Self { wait_seconds: Some(retry_after_seconds), ..Self::new(Kind::TooMany) }
            }
            WebError::Conflict(sentence) => Self::saying(Kind::Conflict, sentence),
            WebError::Broken(fault) => Self::from(fault),
        }
    }
}

/// A refusal as a sentence: refusals are written to stand inside one, too.
fn sentence(refusal: &impl std::fmt::Display) -> String {
    let text = refusal.to_string();
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// The layer around the routes: whatever refused a request, the answer is a problem. The guard
/// of a route knows neither that it guards a program's door nor what to call the missing scope.
pub(crate) async fn explain(
    State(guards): State<Guards>,
    request: Request,
    next: Next,
) -> Response {
    let place = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::FORBIDDEN || is_explained(&response) {
        return dressed(response);
    }
    let scope = place.and_then(|path| guards.scope(method.as_str(), &path));
    let mut response = dressed(response);
    if let Some(scope) = scope {
        let challenge =
            format!("{CHALLENGE}, error=\"insufficient_scope\", scope=\"{}\"", scope.as_str());
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    response
}

/// The same for what stands around the whole program: sizes, times, host names, panics. Put
/// outside of everything that answers with pages.
pub async fn problems(request: Request, next: Next) -> Response {
    let is_ours = request
        .uri()
        .path()
        .strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let response = next.run(request).await;
    if is_ours { dressed(response) } else { response }
}

fn is_explained(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes() == MEDIA_TYPE.as_bytes())
}

/// The answer itself, or a problem in its place when it is a bare refusal.
fn dressed(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_explained(&response) {
        return response;
    }
    let mut problem = Problem::new(Kind::of(status));
    problem.status = status.as_u16();
    let mut explained = problem.into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::CONNECTION] {
        if let Some(value) = response.headers().get(&name) {
            explained.headers_mut().insert(name, value.clone());
        }
    }
    explained
}
