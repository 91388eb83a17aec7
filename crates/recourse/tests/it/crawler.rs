//! Every route of the program, asked by a crawler: the headers that make a browser careful, and
//! what may change something.

use accounts::{Access, Route};
use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use super::furnished::{Furnished, path_with};
use crate::world::{Web, World, on_both};

/// Pages that have no end: only their beginning is looked at.
const STREAMS: [&str; 2] = ["/live", "/api/v1/events"];

/// What `Routes` does not list: files that ship with the program, and what machines ask.
const BESIDES: [&str; 5] =
    ["/health/live", "/health/ready", "/metrics", "/.well-known/security.txt", "/nowhere/at/all"];

/// Who a route is for.
struct Crawler<'c> {
    house: &'c Furnished,
    customer: Web,
    nobody: Web,
}

/// An answer without its body where the body never ends.
struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Crawler<'_> {
    fn web_for(&self, access: Access) -> &Web {
        match access {
            Access::May(_) | Access::Confirmed(_) => &self.house.maya,
            Access::Customer => &self.customer,
            Access::Public | Access::Token(_) => &self.nobody,
        }
    }

    async fn asks(&self, route: &Route, path: &str, more: &[(&'static str, &str)]) -> Seen {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let mut request = self.web_for(route.access).request(method.clone(), path);
        if matches!(route.access, Access::Token(_)) {
            request = request.bearer_auth(&self.house.token);
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        if method != Method::GET {
            request = request.form(&[("state", "open")]);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let is_stream = STREAMS.contains(&path) && status.is_success();
        let body = if is_stream { String::new() } else { answer.text().await.unwrap() };
        Seen { status, headers, body }
    }
}

async fn crawler<'c>(house: &'c Furnished, world: &World) -> Crawler<'c> {
    Crawler { house, customer: world.customer_of(&house.maya).await, nobody: world.web() }
}

impl World {
    /// Nobody has read anything, and everybody was told of each ticket.
    async fn has_news_for_everybody(&self) {
        let mut tx = self.program().foundation.db.begin().await.unwrap();
        tx.execute("delete from ticket_reads", vec![]).await.unwrap();
        tx.execute(
            "insert into notifications (agent_id, kind, ticket_id, actor_name, created_at)
             select agents.id, 'replied', tickets.id, 'Dana', 1 from agents cross join tickets",
            vec![],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    /// The customer of the first inbox, signed in at the portal.
    pub(crate) async fn customer_of(&self, maya: &Web) -> Web {
        // Mail that was signed would have proved it.
        let mut tx = self.program().foundation.db.begin().await.unwrap();
        tx.execute("update identities set verified_at = 1", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        let asked = [("email", "dana@own.example")];
        let web = self.web();
        assert_eq!(web.post("/help/link", &asked).await.status, 200);
        let page = maya.post("/settings/links", &asked).await;
        let (_, rest) = page.body.split_once("/help/link/").expect("a link");
        let token = rest.split(['"', '<', ' ', '&']).next().unwrap_or_default();
        web.post(&format!("/help/link/{token}"), &[]).await.location();
        web
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn directive<'p>(policy: &'p str, name: &str) -> &'p str {
    let mut directives = policy.split(';').map(str::trim);
    directives.find_map(|one| one.strip_prefix(name)).map_or("missing", str::trim)
}

/// What has to hold for every answer, whatever it is.
fn is_careful(name: &str, seen: &Seen) {
    let headers = &seen.headers;
    let policy = header(headers, "content-security-policy");
    assert_eq!(directive(policy, "default-src"), "'none'", "{name}: {policy}");
    for unsafe_word in ["unsafe-eval", "https:", "*", "allow-scripts", "allow-same-origin"] {
        assert!(!policy.contains(unsafe_word), "{name}: {policy}");
    }
    assert!(!directive(policy, "script-src").contains("unsafe"), "{name}: {policy}");
    assert_eq!(header(headers, "x-content-type-options"), "nosniff", "{name}");
    for allowed in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(header(headers, allowed), "", "{name} answers other sites");
    }
    for cookie in headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap().to_ascii_lowercase();
        assert!(cookie.contains("; httponly"), "{name}: {cookie}");
        assert!(cookie.contains("; samesite="), "{name}: {cookie}");
        assert!(!cookie.contains("samesite=none"), "{name}: {cookie}");
    }
}

/// What has to hold for what is not shipped with the program.
fn is_ours_alone(name: &str, seen: &Seen) {
    let headers = &seen.headers;
    let policy = header(headers, "content-security-policy");
    // What somebody wrote is shown in a frame of our pages that can do nothing at all.
    let is_sandboxed = directive(policy, "sandbox") != "missing";
    if !is_sandboxed {
        assert_eq!(directive(policy, "frame-ancestors"), "'none'", "{name}: {policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("http:"), "{name}: {policy}");
        for directive_name in ["object-src", "base-uri"] {
            assert_eq!(directive(policy, directive_name), "'none'", "{name}: {policy}");
        }
    }
    assert_eq!(header(headers, "referrer-policy"), "no-referrer", "{name}");
    assert_eq!(header(headers, "cross-origin-opener-policy"), "same-origin", "{name}");
    assert!(header(headers, "permissions-policy").contains("camera=()"), "{name}");
    let resource = header(headers, "cross-origin-resource-policy");
    // A sandboxed frame has no origin; its pictures come by addresses that are signed.
    let is_for_frames = name.contains(" /mail/") && seen.status.is_success();
    assert!(resource == "same-origin" || is_for_frames, "{name}: {resource}");
}

/// Nothing runs that is written into a page: scripts are files of ours, and so need no nonce.
fn has_no_inline_script(name: &str, seen: &Seen) {
    if !header(&seen.headers, "content-type").starts_with("text/html") {
        return;
    }
    let page = seen.body.to_ascii_lowercase();
    for rest in page.split("<script").skip(1) {
        let (tag, content) = rest.split_once('>').expect("a whole tag");
        let is_data = tag.contains("type=\"application/json\"");
        assert!(is_data || tag.contains(" src=\"/assets/"), "{name}: <script{tag}>");
        assert!(is_data || content.trim_start().starts_with("</script"), "{name}: <script{tag}>");
    }
    for rest in page.split('<').skip(1) {
        let tag = rest.split('>').next().unwrap_or_default();
        let is_handler = |word: &str| {
            let name = word.split('=').next().unwrap_or_default();
            word.contains('=')
                && name.starts_with("on")
                && name.bytes().all(|b| b.is_ascii_lowercase())
        };
        assert!(!tag.split_ascii_whitespace().skip(1).any(is_handler), "{name}: <{tag}>");
        assert!(!tag.contains("\"javascript:"), "{name}: <{tag}>");
    }
}

/// What is for one person is kept by no cache.
fn is_kept_nowhere(name: &str, seen: &Seen) {
    assert!(header(&seen.headers, "cache-control").contains("no-store"), "{name} can be cached");
}

on_both! {
    async fn every_answer_makes_browsers_careful_and_no_get_changes_anything(world: World) {
        let house = world.furnishes().await;
        let crawler = crawler(&house, world).await;
        world.has_news_for_everybody().await;
        world.settles().await;
        let before = world.dump().await;
        let routes = world.program().routes.clone();
        assert!(routes.len() > 150, "{}", routes.len());
        for route in routes.iter().filter(|route| route.method == "GET") {
            for things in [&house.support, &house.nothing] {
                let path = path_with(route, things);
                let name = format!("GET {path}");
                let seen = crawler.asks(route, &path, &[]).await;
                assert!(!seen.status.is_server_error(), "{name}: {} {}", seen.status, seen.body);
                is_careful(&name, &seen);
                is_ours_alone(&name, &seen);
                has_no_inline_script(&name, &seen);
                if route.access != Access::Public {
                    is_kept_nowhere(&name, &seen);
                }
            }
        }
        assert_eq!(world.changed_since(&before).await, [""; 0], "looking changes nothing");
        // Whoever opened a ticket has it on the screen, and the page says so.
        let ticket = &house.support["ticket"];
        let read = [("activity", "read")];
        let page = house.maya.post(&format!("/t/{ticket}/presence"), &read).await;
        assert_eq!(page.status, StatusCode::NO_CONTENT, "{}", page.body);
        let mut changed = world.changed_since(&before).await;
        changed.sort();
        assert_eq!(changed, ["notifications", "ticket_reads"]);
        // These try whether the database can be written.
        for path in BESIDES {
            let route = Route { method: "GET", path, access: Access::Public };
            let seen = crawler.asks(&route, path, &[]).await;
            is_careful(path, &seen);
            is_ours_alone(path, &seen);
        }
    }

    async fn what_changes_something_is_taken_from_our_own_pages_alone(world: World) {
        let house = world.furnishes().await;
        let crawler = crawler(&house, world).await;
        world.settles().await;
        let before = world.dump().await;
        let foreign: [&[(&str, &str)]; 5] = [
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", "null")],
        ];
        for route in world.program().routes.iter().filter(|route| route.method != "GET") {
            let path = path_with(route, &house.support);
            for headers in foreign {
                let name = format!("{} {path} {headers:?}", route.method);
                if matches!(route.access, Access::Token(_)) {
                    // A browser adds no token by itself, and a cookie counts for nothing here.
                    let method = Method::from_bytes(route.method.as_bytes()).unwrap();
                    let mut request = house.maya.request(method, &path).body("{}");
                    for (name, value) in headers {
                        request = request.header(*name, *value);
                    }
                    let page = house.maya.send(request).await;
                    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{name}: {}", page.body);
                    assert_eq!(page.header("access-control-allow-origin"), "", "{name}");
                    continue;
                }
                let seen = crawler.asks(route, &path, headers).await;
                assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{name}: {}", seen.body);
                assert!(seen.body.contains("another site"), "{name}: {}", seen.body);
                is_careful(&name, &seen);
            }
        }
        assert_eq!(world.changed_since(&before).await, [""; 0], "nothing was changed");
        // The same from our own page is done.
        let fields = [("name", "Third line")];
        let request = house.maya.request(Method::POST, "/settings/teams").form(&fields);
        let page = house.maya.send(request.header(ORIGIN, &world.base)).await;
        page.location();
        assert_eq!(world.changed_since(&before).await, ["teams"]);
    }

    async fn no_other_site_is_told_that_it_may_ask(world: World) {
        let house = world.furnishes().await;
        for route in &world.program().routes {
            let path = path_with(route, &house.support);
            let request = house.maya.request(Method::OPTIONS, &path)
                .header(ORIGIN, "https://evil.example")
                .header("access-control-request-method", route.method)
                .header("access-control-request-headers", "authorization, content-type");
            let page = house.maya.send(request).await;
            for (name, _) in &page.headers {
                assert!(!name.as_str().starts_with("access-control-"), "{path}: {name}");
            }
        }
    }

    async fn over_https_browsers_are_told_to_stay_there(world: World) {
        world.stop().await;
        "https://support.northlight.example".clone_into(&mut world.settings.base_url);
        world.start().await;
        let nobody = world.web();
        let routes = world.program().routes.clone();
        let plain = |route: &&Route| route.method == "GET" && !route.path.contains('{');
        for route in routes.iter().filter(plain) {
            let page = nobody.get(route.path).await;
            assert!(page.header("strict-transport-security").starts_with("max-age="), "{}", route.path);
        }
        // Whoever sends too many bodies at once is refused before any of the layers.
        let mut slow = Vec::new();
        let refused = loop {
            assert!(slow.len() < 40, "nobody is refused");
            let mut stream = TcpStream::connect(world.settings.listen).await.unwrap();
            let head = b"POST /login HTTP/1.1\r\nHost: support.northlight.example\r\n\
                Origin: https://support.northlight.example\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 1000000\r\n\r\n";
            stream.write_all(head).await.unwrap();
            let mut said = [0; 4_096];
            match timeout(Duration::from_millis(200), stream.read(&mut said)).await {
                Ok(read) => break String::from_utf8_lossy(&said[..read.unwrap()]).to_lowercase(),
                Err(_) => slow.push(stream),
            }
        };
        assert!(refused.starts_with("http/1.1 503"), "{refused}");
        assert!(refused.contains("strict-transport-security: max-age="), "{refused}");
    }
}
