//! What is sent along and nobody asked for is refused, and changes nothing.

use accounts::{Access, Route};
use database::carry;
use reqwest::{Method, StatusCode};

use super::furnished::path_with;
use super::matrix::{fields_for, json_for};
use crate::world::{Web, World, on_both};

/// Buttons: nothing that comes along is read.
const BARE: &[&str] = &[
    "/login/passkey/begin",
    "/login/code/passkey/begin",
    "/logout",
    "/me/sessions/{id}/delete",
    "/me/sessions/delete",
    "/me/second-factor/app",
    "/me/second-factor/passkeys/begin",
    "/me/second-factor/passkeys/{id}/delete",
    "/me/second-factor/codes",
    "/me/provider/delete",
    "/me/tokens/{id}/delete",
    "/settings/people/{id}/link",
    "/settings/people/{id}/second-factor/delete",
    "/settings/people/{id}/deactivate",
    "/settings/people/{id}/reactivate",
    "/settings/teams/{id}/delete",
    "/settings/sign-in/provider/delete",
    "/settings/system/jobs/{id}/retry",
    "/settings/system/jobs/{id}/delete",
    "/t/{reference}/files/{file}",
    "/t/new/files/{file}",
    "/t/{reference}/saved-replies/{reply}",
    "/t/new/saved-replies/{reply}",
    "/t/{reference}/m/{message}/redact",
    "/t/{reference}/m/{message}/{what}",
    "/undo/{id}",
    "/notifications/read",
    "/settings/views/{id}/delete",
    "/settings/replies/{id}/delete",
    "/settings/tags/{id}/delete",
    "/settings/inboxes/{id}/archive",
    "/settings/inboxes/{id}/restore",
    "/settings/inboxes/{id}/connect",
    "/settings/inboxes/{id}/dkim",
    "/settings/inboxes/{id}/dkim/delete",
    "/settings/mail/{id}/retry",
    "/settings/quarantine/undo",
    "/settings/senders/restore",
    "/settings/outgoing/{id}/retry",
    "/settings/outgoing/{id}/discard",
    "/help/link/{token}",
    "/help/link/{token}/again",
    "/help/requests/{reference}/solved",
    "/help/requests/{reference}/reopen",
    "/help/sign-out",
    "/help/links/revoke",
    "/settings/topics/{id}/up",
    "/settings/topics/{id}/archive",
    "/settings/topics/{id}/restore",
    // A file, and nothing beside it.
    "/api/v1/attachments",
];

/// The name of a field that no form and no resource has.
const SURPRISE: &str = "surprise";

/// What a program may change of a resource: its route, its table, and the columns among those of
/// the table that the documentation names.
const CHANGED: [(&str, &str, &str, &[&str]); 4] = [
    (
        "PATCH",
        "/api/v1/tickets/{reference}",
        "tickets",
        &[
            "subject",
            "priority",
            "resolution",
            "cause",
            "hold_reason",
            "next_update_at",
            "snoozed_until",
        ],
    ),
    ("PATCH", "/api/v1/customers/{id}", "customers", &["name"]),
    ("POST", "/api/v1/tickets/{reference}/notes", "notes", &["text"]),
    ("POST", "/api/v1/tickets/{reference}/messages", "messages", &["text", "html"]),
];

on_both! {
    async fn every_form_refuses_a_field_that_nobody_asked_for(world: World) {
        let house = world.furnishes().await;
        let customer = world.customer_of(&house.maya).await;
        let nobody = world.web();
        world.settles().await;
        let before = world.dump().await;
        let mut wrong = Vec::new();
        let routes = world.program().routes.clone();
        for route in routes.iter().filter(|one| one.method != "GET" && !BARE.contains(&one.path)) {
            let web: &Web = match route.access {
                Access::May(_) | Access::Confirmed(_) => &house.maya,
                Access::Customer => &customer,
                Access::Public | Access::Token(_) => &nobody,
            };
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            let request = web.request(method, &path_with(route, &house.support));
            let (request, status) = if matches!(route.access, Access::Token(_)) {
                let body = json_for(route, &house.support).replacen('{', "{\"surprise\":1,", 1);
                let request = request.bearer_auth(&house.token);
                let request = request.header("content-type", "application/json");
                (request.body(body.replace(",}", "}")), StatusCode::UNPROCESSABLE_ENTITY)
            } else {
                let mut fields = fields_for(route, &house.support);
                fields.push((SURPRISE, "1".to_owned()));
                (request.form(&fields), StatusCode::BAD_REQUEST)
            };
            let page = web.send(request).await;
            let is_named = status == StatusCode::BAD_REQUEST || page.body.contains(SURPRISE);
            if page.status != status || !is_named {
                wrong.push(format!("{} {}: {} {}", route.method, route.path, page.status, page.header("location")));
            }
        }
        assert_eq!(wrong, [""; 0], "these take what nobody asked for");
        for path in BARE {
            assert!(routes.iter().any(|route| route.path == *path), "{path} is no route");
        }
        let mut changed = world.changed_since(&before).await;
        // A token says when it was used last.
        changed.retain(|table| *table != "api_tokens");
        assert_eq!(changed, [""; 0], "what was refused has no effect");
    }

    async fn a_program_changes_what_is_documented_and_no_other_column(world: World) {
        let house = world.furnishes().await;
        let nobody = world.web();
        world.settles().await;
        let before = world.dump().await;
        let db = world.program().foundation.db.clone();
        let shapes = carry::shapes(&mut db.read().await.unwrap()).await.unwrap();
        for (method, path, table, documented) in CHANGED {
            let routes = world.program().routes.clone();
            let is_it = |route: &&Route| route.method == method && route.path == path;
            let route = routes.iter().find(is_it).unwrap_or_else(|| panic!("{path} is a route"));
            let shape = shapes.iter().find(|shape| shape.table.name == table).unwrap();
            for column in shape.columns().iter().filter(|one| !documented.contains(&one.as_str())) {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let request = nobody.request(method, &path_with(route, &house.support));
                let request = request.bearer_auth(&house.token);
                let request = request.header("content-type", "application/json");
                let page = nobody.send(request.body(format!("{{\"{column}\":1}}"))).await;
                let is_unknown = page.body.contains("is not a field here");
                assert!(is_unknown && page.body.contains(column), "{path} {column}: {}", page.body);
            }
        }
        let mut changed = world.changed_since(&before).await;
        // A token says when it was used last.
        changed.retain(|table| *table != "api_tokens");
        assert_eq!(changed, [""; 0], "what was refused has no effect");
    }
}
