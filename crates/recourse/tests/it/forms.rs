//! Forms that come twice have one effect: each that makes something names itself.

use std::collections::BTreeSet;

use accounts::Access;

use super::furnished::path_with;
use crate::world::{OWNER, Page, Web, World, on_both};

/// What makes something of which there could be two. Their forms carry a key.
const MAKES: &[&str] = &[
    "/t/new",
    "/t/{reference}/messages",
    "/problems",
    "/customers/{id}",
    "/settings/views",
    "/settings/replies",
    "/settings/categories",
    "/settings/fields",
    "/settings/teams",
    "/settings/people",
    "/settings/topics",
    "/settings/topics/{id}/up",
    "/me/tokens",
    "/help/requests/{reference}/messages",
];

/// What has the same effect once or twice, because it sets, takes away, or says no the second
/// time; and what is counted or limited besides.
const TWICE_IS_ONCE: &[&str] = &[
    // Their own tokens: of the form, of a link, of a step of signing in.
    "/help/contact",
    "/help/link",
    "/help/link/{token}",
    "/help/link/{token}/again",
    "/login",
    "/login/code",
    "/login/code/passkey",
    "/login/code/passkey/begin",
    "/login/passkey",
    "/login/passkey/begin",
    "/logout",
    "/forgot",
    "/confirm",
    "/reset/{token}",
    "/invite/{token}",
    "/setup/{token}",
    // Unique by their address, or refused when they are there already.
    "/setup/inbox",
    "/setup/team",
    "/settings/inboxes",
    "/settings/senders",
    "/settings/senders/restore",
    "/t/{reference}/links",
    "/t/{reference}/merge",
    "/t/{reference}/people",
    "/t/{reference}/problem",
    "/t/{reference}/split",
    "/customers/{id}/merge",
    // A new one takes the place of the one before.
    "/me/second-factor/app",
    "/me/second-factor/app/confirm",
    "/me/second-factor/codes",
    "/me/second-factor/passkeys",
    "/me/second-factor/passkeys/begin",
    "/settings/inboxes/{id}/dkim",
    "/settings/links",
    "/settings/people/{id}/link",
    // Files are taken one by one by a script, which shows each.
    "/t/new/files",
    "/t/{reference}/files",
    // Only looks, tries or counts.
    "/settings/inboxes/probe",
    "/settings/inboxes/{id}/probe",
    "/setup/inbox/probe",
    "/settings/trail/export",
    "/t/new/saved-replies/{reply}",
    "/t/{reference}/saved-replies/{reply}",
    "/t/{reference}/presence",
    // Sets, moves or takes away what is named.
    "/help/links/revoke",
    "/help/requests/{reference}/reopen",
    "/help/requests/{reference}/solved",
    "/help/sign-out",
    "/me",
    "/me/notifications",
    "/me/password",
    "/me/preferences",
    "/me/provider/delete",
    "/me/second-factor/app/delete",
    "/me/second-factor/passkeys/{id}/delete",
    "/me/sessions/delete",
    "/me/sessions/{id}/delete",
    "/me/tokens/{id}/delete",
    "/notifications/read",
    "/problems/{id}",
    "/settings/categories/{id}",
    "/settings/company",
    "/settings/sign-in/sessions",
    "/settings/fields/{id}",
    "/settings/inboxes/{id}",
    "/settings/inboxes/{id}/archive",
    "/settings/inboxes/{id}/dkim/delete",
    "/settings/inboxes/{id}/restore",
    "/settings/mail/{id}/retry",
    "/settings/outgoing/suppressions/delete",
    "/settings/outgoing/{id}/discard",
    "/settings/outgoing/{id}/retry",
    "/settings/people/{id}",
    "/settings/people/{id}/deactivate",
    "/settings/people/{id}/reactivate",
    "/settings/people/{id}/second-factor/delete",
    "/settings/quarantine/dismiss",
    "/settings/quarantine/hold",
    "/settings/quarantine/release",
    "/settings/quarantine/undo",
    "/settings/replies/{id}",
    "/settings/replies/{id}/delete",
    "/settings/senders/delete",
    "/settings/sign-in",
    "/settings/sign-in/provider",
    "/settings/sign-in/provider/delete",
    "/settings/system/jobs/{id}/delete",
    "/settings/system/jobs/{id}/retry",
    "/settings/tags/{id}",
    "/settings/tags/{id}/delete",
    "/settings/teams/{id}",
    "/settings/teams/{id}/delete",
    "/settings/topics/{id}",
    "/settings/topics/{id}/archive",
    "/settings/topics/{id}/restore",
    "/settings/views/{id}",
    "/settings/views/{id}/delete",
    "/t/{reference}/change",
    "/t/{reference}/details",
    "/t/{reference}/following",
    "/t/{reference}/m/{message}/redact",
    "/t/{reference}/m/{message}/{what}",
    "/tickets/bulk",
    "/undo/{id}",
];

/// The forms of a page that are posted: where to, and what stands in them.
fn forms(page: &Page) -> Vec<(String, String)> {
    let mut forms = Vec::new();
    for form in page.body.split("<form ").skip(1) {
        let (head, rest) = form.split_once('>').expect("a form");
        let Some((_, action)) = head.split_once(" action=\"") else { continue };
        if !head.contains("method=\"post\"") {
            continue;
        }
        let action = action.split(['"', '?']).next().unwrap_or_default();
        let inside = rest.split("</form>").next().unwrap_or_default();
        forms.push((action.to_owned(), inside.to_owned()));
    }
    forms
}

/// Whether a path is one of a route.
fn is_of(path: &str, route: &str) -> bool {
    let (path, route): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), route.split('/').collect());
    let fits = |(here, there): (&&str, &&str)| here == there || there.starts_with('{');
    path.len() == route.len() && path.iter().zip(&route).all(fits)
}

/// What is typed into a form.
type Typed<'t> = Vec<(&'t str, &'t str)>;

/// The key of the first form that goes to where its page stands, and has one.
async fn key_of(web: &Web, action: &str) -> String {
    let page = web.get(action).await;
    let mut here = forms(&page).into_iter().filter(|(to, _)| to == action);
    let inside = here.find_map(|(_, inside)| {
        let (_, rest) = inside.split_once("name=\"key\"")?;
        let (_, value) = rest.split_once("value=\"")?;
        Some(value.split('"').next()?.to_owned())
    });
    inside.unwrap_or_else(|| panic!("{action} has no key in {}", page.body))
}

on_both! {
    async fn every_form_that_makes_something_carries_a_key(world: World) {
        let house = world.furnishes().await;
        let customer = world.customer_of(&house.maya).await;
        let routes = world.program().routes.clone();
        for route in routes.iter().filter(|route| route.method == "POST") {
            if matches!(route.access, Access::Token(_)) {
                continue;
            }
            let (makes, repeats) = (MAKES.contains(&route.path), TWICE_IS_ONCE.contains(&route.path));
            assert!(makes != repeats, "say of POST {} what it does when it comes twice", route.path);
        }
        let mut with_key = BTreeSet::new();
        for route in routes.iter().filter(|route| route.method == "GET") {
            let web = match route.access {
                Access::May(_) | Access::Confirmed(_) => &house.maya,
                Access::Customer => &customer,
                Access::Public | Access::Token(_) => continue,
            };
            if route.path == "/live" {
                continue;
            }
            let path = path_with(route, &house.support);
            for (action, inside) in forms(&web.get(&path).await) {
                let Some(made) = MAKES.iter().find(|route| is_of(&action, route)) else { continue };
                // Of the forms at a customer one adds a note; the others set something.
                if *made == "/customers/{id}" && !inside.contains("name=\"note\"") {
                    continue;
                }
                assert!(inside.contains("name=\"key\""), "{path}, {action}: {inside}");
                with_key.insert(*made);
            }
        }
        assert_eq!(with_key, MAKES.iter().copied().collect(), "every one of them stands on a page");
    }

    async fn a_form_that_comes_twice_or_after_a_restart_has_one_effect(world: World) {
        let house = world.furnishes().await;
        let customer = format!("/customers/{}", house.support["customer"]);
        let inbox = house.support["inbox number"].clone();
        let sent: [(&str, &str, Typed<'_>); 9] = [
            ("/problems", "problems", vec![("title", "Twice")]),
            ("/settings/views", "views", vec![("name", "Twice"), ("query", "x")]),
            ("/settings/replies", "saved_replies", vec![("title", "Twice"), ("text", "Yes")]),
            ("/settings/categories", "categories", vec![("name", "Twice")]),
            ("/settings/teams", "teams", vec![("name", "Twice")]),
            ("/settings/topics", "topics", vec![("name", "Twice"), ("inbox", inbox.as_str())]),
            ("/me/tokens", "api_tokens", vec![("name", "Twice"), ("scope", "tickets:read"), ("lifetime", "30")]),
            (customer.as_str(), "customer_notes", vec![("note", "Twice")]),
            ("/settings/people", "agents", vec![
                ("name", "Twice"), ("email", "twice@northlight.example"), ("role", "agent"), ("sees", "all"),
            ]),
        ];
        let count = async |world: &World, table: &str| {
            world.cell::<i64>(format!("select count(*) from {table}")).await
        };
        let mut before = Vec::new();
        let mut keyed = Vec::new();
        for (action, table, fields) in sent {
            before.push(count(world, table).await);
            let key = key_of(&house.maya, action).await;
            let mut fields: Vec<(String, String)> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            fields.push(("key".to_owned(), key));
            keyed.push((action.to_owned(), table, fields));
        }
        let posts = async |web: &Web, action: &str, fields: &[(String, String)]| {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let page = web.post(action, &fields).await;
            assert!(!page.status.is_server_error(), "{action}: {}", page.body);
        };
        for (action, _, fields) in &keyed {
            tokio::join!(posts(&house.maya, action, fields), posts(&house.maya, action, fields));
        }
        world.stop().await;
        world.start().await;
        let maya = world.signs_in(OWNER).await;
        for ((action, table, fields), before) in keyed.iter().zip(before) {
            posts(&maya, action, fields).await;
            assert_eq!(count(world, table).await, before + 1, "{action}");
        }
        // Whoever goes back and changes what was typed sends another form.
        let (action, table, mut fields) = keyed.swap_remove(0);
        let before = count(world, table).await;
        "Another one".clone_into(&mut fields[0].1);
        posts(&maya, &action, &fields).await;
        assert_eq!(count(world, table).await, before + 1, "{action}");
    }
}
