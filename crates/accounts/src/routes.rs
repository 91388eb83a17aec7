//! Routes that name the rule that guards them. There is no way to add one without.

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use ui::{Client, Insider, WebError};

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
        let guard = from_fn_with_state((self.accounts.clone(), access), guard);
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

/// Lets in whom the rule of the route lets in.
async fn guard(
    State((accounts, access)): State<(Accounts, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let (found, act) = match access {
        Access::Public | Access::Customer => return next.run(request).await,
        Access::May(act) => (accounts.actor_of(request.headers()).await, act),
        Access::Token(act) => (accounts.actor_of_token(request.headers()).await, act),
    };
    let refused = match found {
        Ok(Some(mut actor)) if actor.may(act) => {
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
