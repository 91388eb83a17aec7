//! Every route, its guard, and what stands around all of them.

use accounts::{Access, Act};
use reqwest::{Method, StatusCode};

use crate::world::{World, on_both};

/// A path with something in place of every parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{reference}" => "RC-10001",
        part if part.starts_with('{') => "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

on_both! {
    async fn no_route_lets_in_whom_its_guard_does_not(world: World) {
        world.shop().await;
        let web = world.web();
        let routes = world.program().routes.clone();
        assert!(routes.len() > 150, "{} routes", routes.len());
        for route in &routes {
            let path = filled(route.path);
            let method: Method = route.method.parse().unwrap();
            let said = format!("{} {path}", route.method);
            let page = web.send(web.request(method.clone(), &path)).await;
            match route.access {
                Access::May(_) | Access::Confirmed(_) if page.status == StatusCode::SEE_OTHER => {
                    assert!(page.header("location").starts_with("/login"), "{said}");
                }
                Access::May(_) | Access::Confirmed(_) => {
                    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{said}");
                }
                Access::Token(_) => {
                    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{said}");
                    assert_eq!(page.header("content-type"), "application/problem+json", "{said}");
                }
                Access::Customer => {
                    let is_out = [303, 400, 401, 404].contains(&page.status.as_u16());
                    assert!(is_out, "{said}: {}", page.status);
                    assert!(page.header("location").is_empty()
                        || page.header("location").starts_with("/help"), "{said}");
                }
                Access::Public => {
                    assert!(!page.status.is_server_error(), "{said}: {}", page.status);
                }
            }
            assert!(page.header("content-security-policy").contains("default-src 'none'"), "{said}");
            assert_eq!(page.header("x-content-type-options"), "nosniff", "{said}");
        }
        // Who is signed in is still not everybody: an agent's session opens no owner's door.
        let words = [
            "agent", "add", "--name", "Sam", "--email", "sam@northlight.example",
            "--role", "collaborator",
        ];
        assert_eq!(world.run(&words, "seven small lanterns\n").0, 0);
        let sam = world.signs_in("sam@northlight.example").await;
        let signed_in = sam.get("/me").await;
        assert_eq!(signed_in.status, 200);
        for route in &routes {
            let (Access::May(act) | Access::Confirmed(act)) = route.access else { continue };
            // A stream has no end, and their own sessions are theirs to end.
            if matches!(act, Act::ReadTickets | Act::ManageSelf) {
                continue;
            }
            let may = matches!(act, Act::ReadCustomers | Act::ReadInboxes | Act::WriteNotes);
            let method: Method = route.method.parse().unwrap();
            let page = sam.send(sam.request(method, &filled(route.path))).await;
            let is_refused = page.status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, !may, "{} {}: {}", route.method, route.path, page.status);
        }
    }

    async fn forms_from_elsewhere_and_hosts_that_we_are_not_are_refused(world: World) {
        let shop = world.shop().await;
        let foreign = shop.web.request(Method::POST, "/me/sessions/delete")
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site");
        assert_eq!(shop.web.send(foreign).await.status, 400);
        let elsewhere = shop.web.request(Method::GET, "/login").header("host", "evil.example");
        assert_eq!(shop.web.send(elsewhere).await.status, 421);
        // Nobody else's cookie, and none that was signed out.
        let page = shop.web.get("/me").await;
        assert_eq!(page.status, 200);
        for name in ["x-frame-options", "referrer-policy", "permissions-policy"] {
            assert!(!page.header(name).is_empty(), "{name}");
        }
        assert!(page.header("cache-control").contains("no-store"), "{}", page.header("cache-control"));
    }

    async fn machines_see_how_it_is(world: World) {
        let web = world.web();
        let live = web.get("/health/live").await;
        assert_eq!((live.status, live.body.as_str()), (StatusCode::OK, "alive\n"));
        let ready = web.get("/health/ready").await;
        assert_eq!((ready.status, ready.body.as_str()), (StatusCode::OK, "ready\n"));
        let told = web.get("/.well-known/security.txt").await;
        assert!(told.body.starts_with("Contact: mailto:safe@example.com\nExpires: "), "{}", told.body);
        let hidden = web.request(Method::GET, "/metrics").header("x-forwarded-for", "203.0.113.5");
        assert_eq!(web.send(hidden).await.status, 404);
    }
}
