//! A route without a guard is a mistake.

use crate::tree::{expect_none, production};

/// Where routers are put together by hand: the table of guards itself, what has no person behind
/// it, and what only says that there is nothing.
const BY_HAND: [&str; 5] = [
    "crates/api/src/lib.rs",
    "crates/accounts/src/routes.rs",
    "crates/ui/src/serve.rs",
    "crates/recourse/src/server/disclosure.rs",
    "crates/recourse/src/server/health.rs",
];

#[test]
fn every_route_names_its_guard() {
    let mut wrong = Vec::new();
    for source in production() {
        if BY_HAND.contains(&source.path.as_str()) {
            continue;
        }
        for (at, line) in source.parts().code.lines().enumerate() {
            let adds = [".route(", ".route_service(", ".nest_service(", ".fallback_service("];
            if adds.iter().any(|add| line.contains(add)) {
                wrong.push(format!("{}:{}", source.path, at + 1));
            }
        }
    }
    expect_none(&wrong, "Add the route to a table of `accounts::Routes`, with its `Access`.");
}
