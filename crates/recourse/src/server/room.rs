//! Nothing comes in while there is no room for it on the disk.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use database::Room;
use kernel::StorageFull;
use ui::WebError;

/// Where administrators sign in, look and put things right: that takes little, and what was set
/// aside is for that.
const LET_THROUGH: [&str; 5] = ["/login", "/logout", "/confirm", "/me", "/settings"];

/// Answers 507 to whoever brings something while room is short, and notes where it ran out.
pub(super) async fn with_room(State(room): State<Room>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if room.is_short() && !request.method().is_safe() && !is_let_through(path) {
        return WebError::Broken(StorageFull.into()).into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::INSUFFICIENT_STORAGE {
        room.ran_out();
    }
    response
}

fn is_let_through(path: &str) -> bool {
    LET_THROUGH.iter().any(|start| {
        path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::is_let_through;

    #[test]
    fn signing_in_and_settings_are_let_through_and_nothing_else() {
        for path in ["/login", "/login/code", "/confirm", "/settings/people/1", "/logout"] {
            assert!(is_let_through(path), "{path}");
        }
        for path in ["/", "/loginx", "/t/10001/reply", "/help/contact", "/api/v1/tickets", "/men"] {
            assert!(!is_let_through(path), "{path}");
        }
    }
}
