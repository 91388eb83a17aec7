//! Pages of accounts.

use axum::Router;

use crate::{Accounts, Route, Routes};

pub fn routes(accounts: &Accounts) -> (Router, Vec<Route>) {
    Routes::new(accounts).with_state(accounts.clone())
}
