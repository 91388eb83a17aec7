//! All routes by everybody: what each may do comes from the guard that the route was added with
//! and from `accounts::policy`; what is not theirs looks like what is nowhere.

use accounts::{Access, Actor, Route, Scope, Scopes};
use recourse::local::Command;
use reqwest::{Method, StatusCode};

use super::furnished::{Furnished, Things, path_with, things_of};
use crate::world::place::inbox_fields;
use crate::world::{OWNER, Page, Web, World, on_both};

/// What belongs to an inbox or to one person. Everything else is the company's.
const OWNED: &[&str] = &[
    "ticket",
    "message",
    "attachment",
    "upload",
    "customer",
    "view",
    "reply",
    "tag",
    "problem",
    "topic",
    "inbox",
    "ledger",
    "delivery",
    "list",
    "session",
    "api token",
];

/// The parts of an answer that somebody outside can tell apart, with the names of things taken
/// out: those were asked with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Look {
    status: StatusCode,
    location: String,
    toast: String,
    body: String,
}

impl Look {
    pub(crate) fn of(page: &Page, things: &[&Things]) -> Self {
        let hide = |text: &str| {
            let mut text = text.to_owned();
            let named = things.iter().flat_map(|things| things.iter());
            for (name, value) in named.filter(|(_, value)| value.len() > 5) {
                text = text.replace(value.as_str(), name);
            }
            // Every form has a key and a moment of its own.
            let starts = ["id=\"send-key\" value=\"", "name=\"key\" value=\"", "data-saved-at=\""];
            starts.into_iter().fold(text, |text, start| without(&text, start))
        };
        Self {
            status: page.status,
            location: hide(page.header("location")),
            toast: hide(page.header("hx-trigger")),
            body: hide(&page.body),
        }
    }
}

/// The text without what is in quotes behind each `start`.
fn without(text: &str, start: &str) -> String {
    let mut parts = text.split(start);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    kept
}

/// Who asks: by a session, by a token, or as nobody.
struct Visitor<'v> {
    web: &'v Web,
    token: Option<String>,
}

impl Visitor<'_> {
    async fn asks(&self, route: &Route, things: &Things, own: &Things) -> Page {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let mut request = self.web.request(method.clone(), &path_with(route, things));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if matches!(route.access, Access::Token(_)) && method != Method::GET {
            request = request.header("content-type", "application/json");
            request = request.body(json_for(route, things));
        } else if method != Method::GET {
            request = request.form(&fields_for(route, own));
        }
        self.web.send(request).await
    }
}

/// A form that a route takes, so that what refuses it is not the form.
pub(crate) fn fields_for(route: &Route, own: &Things) -> Vec<(&'static str, String)> {
    let text = |name: &'static str, value: &str| (name, value.to_owned());
    match route.path {
        "/t/{reference}/messages" => vec![text("mode", "note"), text("note", "Hello")],
        "/t/{reference}/draft" => vec![text("mode", "note"), text("text", "Hello")],
        "/t/{reference}/presence" => vec![text("activity", "viewing")],
        "/t/{reference}/change" => vec![text("state", "open")],
        "/t/{reference}/details" => vec![text("priority", "high")],
        "/t/{reference}/following" => vec![text("follow", "yes")],
        "/t/{reference}/merge" | "/t/{reference}/links" => vec![text("reference", &own["ticket"])],
        "/t/{reference}/split" => vec![text("subject", "A")],
        "/t/{reference}/people" => vec![text("address", "some@third.example")],
        "/customers/{id}" => vec![text("note", "Likes lamps")],
        "/customers/{id}/merge" => vec![text("address", "dana@own.example")],
        "/settings/views/{id}" => vec![text("name", "Mine"), text("query", "lamp")],
        "/settings/replies/{id}" => vec![text("title", "Mine"), text("text", "Yes")],
        "/settings/topics/{id}" => {
            vec![text("name", "Mine"), text("inbox", &own["inbox number"])]
        }
        "/settings/inboxes/{id}" | "/settings/inboxes/{id}/probe" => {
            let mut fields = inbox_fields("moved@northlight.example", "", "");
            fields.retain(|(name, _)| !["incoming", "outgoing"].contains(name));
            let mut fields: Vec<_> =
                fields.into_iter().map(|(name, value)| text(name, value)).collect();
            fields.extend([text("incoming", "handed"), text("outgoing", "none")]);
            fields
        }
        "/help/requests/{reference}/messages" => vec![text("text", "Still broken")],
        _ => Vec::new(),
    }
}

pub(crate) fn json_for(route: &Route, things: &Things) -> String {
    match route.path {
        "/api/v1/tickets/{reference}/messages" | "/api/v1/tickets/{reference}/notes" => {
            "{\"text\":\"Hello\"}".to_owned()
        }
        "/api/v1/tickets/{reference}" => "{\"priority\":\"high\"}".to_owned(),
        "/api/v1/customers/{id}" => "{\"name\":\"Dana\"}".to_owned(),
        "/api/v1/tickets" => format!(
            "{{\"inbox\":\"{}\",\"customer\":{{\"email\":\"d@own.example\"}},\"subject\":\"A\",\
             \"text\":\"B\"}}",
            things["inbox"]
        ),
        _ => "{}".to_owned(),
    }
}

/// Where a page is asked for by nobody who is known.
fn is_sent_to_sign_in(page: &Page) -> bool {
    page.status == StatusCode::SEE_OTHER && page.header("location").starts_with("/login")
}

fn owns(route: &Route) -> bool {
    things_of(route).iter().any(|thing| OWNED.contains(thing))
}

/// These hold no page for anybody but the one who was there: whose files they are is not said.
const SAME_FOR_ALL: &[&str] = &["/t/{reference}/files/{file}", "/t/new/files/{file}"];

impl World {
    /// Somebody who worked here until now, with a session and a token from then.
    async fn lets_somebody_go(&self) -> (Web, String) {
        let email = "gone@northlight.example".to_owned();
        let add = Command::AddAgent {
            name: "Gone".to_owned(),
            email: email.clone(),
            role: "owner".to_owned(),
            inboxes: Vec::new(),
            password: crate::world::place::PASSWORD.to_owned(),
        };
        assert_eq!(self.command(&add, &[]).await.exit_code, 0);
        let (web, token) = (self.signs_in(&email).await, self.token_of(&email, "*").await);
        assert_eq!(web.get("/settings/company").await.status, 200);
        let asked = web.request(Method::GET, "/api/v1/tags").bearer_auth(&token);
        assert_eq!(web.send(asked).await.status, 200);
        let command = Command::DeactivateAgent { email };
        assert_eq!(self.command(&command, &[]).await.exit_code, 0);
        (web, token)
    }
}

/// Asks about what is not theirs, and about what is nowhere.
async fn looks_absent(name: &str, visitor: &Visitor<'_>, route: &Route, house: &Furnished) {
    let other = visitor.asks(route, &house.billing, &house.support).await;
    let absent = visitor.asks(route, &house.nothing, &house.support).await;
    let looks = (Look::of(&other, &[&house.billing]), Look::of(&absent, &[&house.nothing]));
    assert_eq!(looks.0, looks.1, "{name} tells what is there");
    let is_fine = other.status.is_client_error() || SAME_FOR_ALL.contains(&route.path);
    assert!(is_fine, "{name}: {} {}", other.status, other.body);
}

/// Who may not do it at all is told so, whatever they ask about.
async fn is_forbidden(name: &str, visitor: &Visitor<'_>, route: &Route, house: &Furnished) {
    let own = visitor.asks(route, &house.support, &house.support).await;
    let absent = visitor.asks(route, &house.nothing, &house.support).await;
    assert_eq!(own.status, StatusCode::FORBIDDEN, "{name}: {}", own.body);
    assert_eq!(Look::of(&own, &[&house.support]), Look::of(&absent, &[&house.nothing]), "{name}");
}

async fn pages(world: &World, house: &Furnished, gone: &Web, customer: &Web) {
    let nobody = world.web();
    let strangers = [
        ("nobody", &nobody, None),
        ("somebody who left", gone, None),
        ("a customer", customer, None),
        ("a token", &nobody, Some(house.token.clone())),
    ];
    for route in &world.program().routes {
        let (Access::May(act) | Access::Confirmed(act)) = route.access else { continue };
        for (who, web, token) in strangers.clone() {
            let visitor = Visitor { web, token };
            let page = visitor.asks(route, &house.support, &house.support).await;
            assert!(is_sent_to_sign_in(&page), "{} lets in {who}: {}", route.path, page.status);
        }
        for person in &house.people {
            let name = format!("{} {} by {}", route.method, route.path, person.name);
            let visitor = Visitor { web: &person.web, token: None };
            if !person.actor.may(act) {
                is_forbidden(&name, &visitor, route, house).await;
            } else if owns(route) {
                looks_absent(&name, &visitor, route, house).await;
            }
        }
    }
}

/// A token of each scope, and one of all, of an owner who sees one inbox.
async fn programs(world: &World, house: &Furnished, gone: &str) {
    let olga = &house.people[0].actor;
    let mut tokens = vec![(world.token_of(&olga.email, "*").await, Scopes::Full)];
    for scope in Scope::ALL {
        let token = world.token_of(&olga.email, scope.as_str()).await;
        tokens.push((token, Scopes::Only(vec![scope])));
    }
    // One of somebody who sees everything, made for one inbox.
    let narrow = Command::CreateToken {
        agent: OWNER.to_owned(),
        name: "Narrow".to_owned(),
        scope: "*".to_owned(),
        inboxes: vec!["Support".to_owned()],
        expires_in_days: None,
    };
    let made = world.command(&narrow, &[]).await;
    tokens.push((made.text.rsplit(' ').next().unwrap().to_owned(), Scopes::Full));
    let nobody = world.web();
    for route in &world.program().routes {
        let Access::Token(act) = route.access else { continue };
        for (web, token) in [(&nobody, None), (&house.maya, None), (&nobody, Some(gone.to_owned()))]
        {
            let visitor = Visitor { web, token };
            let page = visitor.asks(route, &house.support, &house.support).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{}: {}", route.path, page.body);
        }
        for (token, scopes) in &tokens {
            let name = format!("{} {} with {scopes:?}", route.method, route.path);
            let visitor = Visitor { web: &nobody, token: Some(token.clone()) };
            let actor = Actor { scopes: scopes.clone(), ..olga.clone() };
            if !actor.may(act) {
                is_forbidden(&name, &visitor, route, house).await;
            } else if owns(route) {
                looks_absent(&name, &visitor, route, house).await;
            }
        }
    }
}

/// Requests of another customer are not there, for customers and for everybody else.
async fn portal(world: &World, house: &Furnished, customer: &Web) {
    let nobody = world.web();
    for route in world.program().routes.iter().filter(|route| route.access == Access::Customer) {
        let name = format!("{} {} by a customer", route.method, route.path);
        for web in [&nobody, &house.maya] {
            let visitor = Visitor { web, token: None };
            let page = visitor.asks(route, &house.support, &house.support).await;
            let is_away =
                page.status == StatusCode::SEE_OTHER || page.status == StatusCode::NOT_FOUND;
            assert!(is_away, "{name}: {}", page.status);
        }
        if owns(route) {
            looks_absent(&name, &Visitor { web: customer, token: None }, route, house).await;
        }
    }
}

/// What a route answers for what is there when nothing is to be done with it.
const NOTHING_TO_DO: &[&str] = &[
    // No file is sent along.
    "/t/{reference}/files",
    // There is no failed letter.
    "/settings/outgoing/{id}/retry",
    // The link leads to nobody: no provider was named.
    "/settings/inboxes/{id}/connect",
];

/// Whoever may see it finds each thing: what was refused above was refused for that reason.
async fn is_there_for_those_who_may(world: &World, house: &Furnished, customer: &Web) {
    let nobody = world.web();
    let mut missing = Vec::new();
    let mut routes: Vec<&Route> = world.program().routes.iter().filter(|one| owns(one)).collect();
    // First looking, then changing.
    routes.sort_by_key(|route| route.method != "GET");
    for route in routes {
        let visitor = match route.access {
            Access::Public => continue,
            Access::Customer => Visitor { web: customer, token: None },
            Access::May(_) | Access::Confirmed(_) => Visitor { web: &house.maya, token: None },
            Access::Token(_) => Visitor { web: &nobody, token: Some(house.token.clone()) },
        };
        let page = visitor.asks(route, &house.support, &house.support).await;
        let is_refused = page.status.is_client_error()
            && ![StatusCode::UNPROCESSABLE_ENTITY, StatusCode::CONFLICT].contains(&page.status);
        let is_fine = !is_refused || NOTHING_TO_DO.contains(&route.path);
        let name = format!("{} {}", route.method, route.path);
        assert!(!page.status.is_server_error(), "{name}: {}", page.body);
        if !is_fine {
            missing.push(format!("{name}: {}", page.status));
        }
    }
    assert_eq!(missing, [""; 0], "what is there is not found by those who may");
}

on_both! {
    async fn every_route_lets_in_whom_its_rule_names_and_hides_what_is_not_theirs(world: World) {
        let house = world.furnishes().await;
        let customer = world.customer_of(&house.maya).await;
        let (gone, gone_token) = world.lets_somebody_go().await;
        world.settles().await;
        let before = world.dump().await;
        pages(world, &house, &gone, &customer).await;
        portal(world, &house, &customer).await;
        assert_eq!(world.changed_since(&before).await, [""; 0], "what was refused has no effect");
        programs(world, &house, &gone_token).await;
        let changed = world.changed_since(&before).await;
        assert_eq!(changed, ["api_token_inboxes", "api_tokens"], "what was refused has no effect");
        world.signs_in(OWNER).await;
        is_there_for_those_who_may(world, &house, &customer).await;
    }
}
