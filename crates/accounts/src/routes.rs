//! Routes that name the rule that guards them. There is no way to add one without.

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use ui::{Client, Insider, WebError};

use crate::percent::encoded;
use crate::{Accounts, Act};

/// Who may come in by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: pages that come before signing in, or whose link is the key.
    Public,
    /// A customer with a session of the portal; the portal looks itself.
    Customer,
    /// Somebody signed in who may do this.
    May(Act),
    /// The same for what concerns secrets: they prove once more who they are, if they did not
    /// lately.
    Confirmed(Act),
    /// A program with a token that may do this.
    Token(Act),
}

/// A route as the tests and the crawler see it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
}

/// Routes of a feature, with their state still open.
pub struct Routes<S> {
    accounts: Accounts,
    router: Router<S>,
    list: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new(accounts: &Accounts) -> Self {
        Self { accounts: accounts.clone(), router: Router::new(), list: Vec::new() }
    }

    pub fn get<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("GET", MethodFilter::GET, path, access, handler)
    }

    pub fn post<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("POST", MethodFilter::POST, path, access, handler)
    }

    pub fn put<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("PUT", MethodFilter::PUT, path, access, handler)
    }

    pub fn patch<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("PATCH", MethodFilter::PATCH, path, access, handler)
    }

    pub fn delete<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add("DELETE", MethodFilter::DELETE, path, access, handler)
    }

    fn add<H, T>(
        mut self,
        method: &'static str,
        filter: MethodFilter,
        path: &'static str,
        access: Access,
        handler: H,
    ) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let beyond = beyond_page(&self.list, path);
        let guard = from_fn_with_state((self.accounts.clone(), access, beyond), guard);
        self.router = self.router.route(path, on(filter, handler).route_layer(guard));
        self.list.push(Route { method, path, access });
        self
    }

    /// The routes so far.
    pub fn list(&self) -> &[Route] {
        &self.list
    }

    /// Closes the routes over their state.
    pub fn with_state(self, state: S) -> (Router, Vec<Route>) {
        (self.router.with_state(state), self.list)
    }
}

/// How many segments at the end of a path have to go until a page is there: where somebody begins
/// again who sent a form too late.
fn beyond_page(list: &[Route], path: &str) -> usize {
    let is_page = |path: &str| list.iter().any(|one| one.method == "GET" && one.path == path);
    let (mut beyond, mut page) = (0, path);
    while !is_page(page) {
        match page.rsplit_once('/') {
            Some((before, _)) if !before.is_empty() => page = before,
            Some(_) | None => break,
        }
        beyond += 1;
    }
    beyond
}

/// Where somebody may be who has to set up a second factor before all else.
fn is_for_setting_up(path: &str) -> bool {
    path == SECOND_FACTOR || path.starts_with("/me/second-factor/") || path == "/confirm"
}

const SECOND_FACTOR: &str = "/me/second-factor";
/// What of a path stays as it is in a query.
const PATH: &[u8] = b"/-_.";

/// Sends on, whether a page was asked for or htmx asks for a part of one.
fn send(request: &Request, to: &str) -> Response {
    if !request.headers().contains_key("hx-request") {
        return ui::see_other(to);
    }
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert("hx-redirect", to);
    }
    response
}

/// Asks first who it is. What was sent is not done; its page is where it can be done again.
fn confirm_first(request: &Request, beyond: usize) -> Response {
    let uri = request.uri();
    if request.method() == Method::GET {
        let here = uri.path_and_query().map_or("/", |whole| whole.as_str());
        return send(request, &format!("/confirm?next={}", encoded(here, PATH)));
    }
    let mut page = uri.path();
    for _ in 0..beyond {
        page = page.rsplit_once('/').map_or("", |(before, _)| before);
    }
    send(request, &format!("/confirm?late=yes&next={}", encoded(page, PATH)))
}

/// Lets in whom the rule of the route lets in.
async fn guard(
    State((accounts, access, beyond)): State<(Accounts, Access, usize)>,
    mut request: Request,
    next: Next,
) -> Response {
    let (found, act) = match access {
        Access::Public | Access::Customer => return next.run(request).await,
        Access::May(act) | Access::Confirmed(act) => {
            (accounts.actor_of(request.headers()).await, act)
        }
        Access::Token(act) => (accounts.actor_of_token(request.headers()).await, act),
    };
    let refused = match found {
        Ok(Some(actor)) if actor.owes_second_factor && !is_for_setting_up(request.uri().path()) => {
            return send(&request, SECOND_FACTOR);
        }
        Ok(Some(mut actor)) if actor.may(act) => {
            let asks = matches!(access, Access::Confirmed(_));
            if asks && !actor.is_confirmed(accounts.now()) {
                return confirm_first(&request, beyond);
            }
            actor.came.address = request.extensions().get::<Client>().map(|client| client.0);
            request.extensions_mut().insert(actor);
            request.extensions_mut().insert(Insider);
            return next.run(request).await;
        }
        Ok(Some(_)) => WebError::Forbidden,
        Ok(None) => WebError::SignIn,
        Err(fault) => WebError::Broken(fault),
    };
    refused.into_response()
}
