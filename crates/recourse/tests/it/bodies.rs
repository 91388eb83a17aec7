//! What requests name in forms, questions and JSON: an object of another inbox does nothing there,
//! and looks like one that is nowhere. The lists are complete: every control of every page and
//! every member in the description of the API either stands here, or is known to name nothing.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::furnished::{Furnished, Things, path_with};
use super::matrix::Look;
use crate::world::{Page, Web, World, on_both};

/// A place in a request that names a thing. `{}` stands for its name; what else has to be there is
/// there, so that the request is refused for nothing else.
struct Naming {
    route: &'static str,
    field: &'static str,
    thing: &'static str,
    /// Of a form the pairs, of JSON the body; of a question nothing.
    body: &'static str,
}

const fn naming(
    route: &'static str,
    field: &'static str,
    thing: &'static str,
    body: &'static str,
) -> Naming {
    Naming { route, field, thing, body }
}

/// Fields of forms.
const FORMS: &[Naming] = &[
    naming("POST /t/{reference}/split", "message", "message", "subject=S&message={}"),
    naming("POST /t/{reference}/change", "inbox", "inbox number", "inbox={}"),
    naming("POST /t/{reference}/details", "inbox", "inbox number", "inbox={}"),
    naming(
        "POST /t/{reference}/messages",
        "note_file",
        "note upload",
        "mode=note&note=N&note_file={}",
    ),
    naming(
        "POST /t/{reference}/messages",
        "note_file",
        "attachment",
        "mode=note&note=N&note_file={}",
    ),
    naming(
        "POST /t/{reference}/messages",
        "reply_file",
        "reply upload",
        "mode=reply&reply=R&reply_file={}",
    ),
    naming(
        "POST /t/{reference}/messages",
        "reply_file",
        "attachment",
        "mode=reply&reply=R&reply_file={}",
    ),
    naming(
        "POST /t/{reference}/messages",
        "forward_file",
        "forward upload",
        "mode=forward&forward=F&forward_to=x%40third.example&forward_file={}",
    ),
    naming(
        "POST /t/{reference}/messages",
        "forward_file",
        "attachment",
        "mode=forward&forward=F&forward_to=x%40third.example&forward_file={}",
    ),
    naming(
        "POST /t/new",
        "inbox",
        "inbox number",
        "inbox={}&to=n%40third.example&subject=S&text=T&key=K{}",
    ),
    naming(
        "POST /t/new",
        "new_file",
        "new upload",
        "inbox=OWN&to=n%40third.example&subject=S&text=T&key=F{}&new_file={}",
    ),
    naming(
        "POST /t/new",
        "new_file",
        "attachment",
        "inbox=OWN&to=n%40third.example&subject=S&text=T&key=A{}&new_file={}",
    ),
    naming("PUT /t/new/draft", "inbox", "inbox number", "mode=new&inbox={}&text=T"),
    naming("POST /customers/{id}/merge", "address", "address", "address={}"),
    naming("POST /settings/quarantine/release", "id", "ledger", "id={}"),
    naming("POST /settings/quarantine/release", "one", "ledger", "one={}"),
    naming("POST /settings/quarantine/dismiss", "id", "ledger", "id={}"),
    naming("POST /settings/quarantine/dismiss", "one", "ledger", "one={}"),
    naming("POST /settings/quarantine/hold", "id", "ledger", "id={}"),
    naming("POST /settings/quarantine/hold", "one", "ledger", "one={}"),
    naming("POST /settings/quarantine/undo?id={}", "id", "ledger", ""),
    naming("POST /settings/topics", "inbox", "inbox number", "name=T&inbox={}"),
    naming("POST /settings/topics/{id}", "inbox", "inbox number", "name=T&inbox={}"),
    naming(
        "POST /me/tokens",
        "inbox",
        "inbox number",
        "name=T&scope=mail:read&lifetime=30&inbox={}",
    ),
    naming("POST /tickets/bulk", "ticket", "ticket", "ticket={}&do=tag=x"),
    naming("POST /tickets/bulk", "ticket", "ticket", "ticket={}&do=state=resolve"),
    naming("POST /tickets/bulk", "ticket", "ticket", "ticket={}&ticket=OWN TICKET&do=merge"),
    naming("POST /tickets/bulk", "do", "inbox number", "ticket=OWN TICKET&do=inbox={}"),
    naming("POST /t/{reference}/problem", "problem", "problem", "problem={}"),
    naming("POST /t/{reference}/links", "reference", "ticket", "reference={}"),
    naming("POST /t/{reference}/links", "reference", "old number", "reference={}"),
    naming("POST /t/{reference}/links", "other", "ticket", "other={}"),
    naming("POST /t/{reference}/links", "unlink", "ticket", "unlink={}"),
    naming("POST /t/{reference}/merge", "reference", "ticket", "reference={}"),
    naming("POST /t/{reference}/merge", "reference", "old number", "reference={}"),
    naming("POST /t/{reference}/merge", "other", "ticket", "other={}"),
];

/// Parameters of questions, of pages and of the API.
const QUESTIONS: &[Naming] = &[
    naming("GET /inbox/all/rows?refs={}", "refs", "ticket", ""),
    naming("GET /inbox/all/rows?shown={}", "shown", "ticket", ""),
    naming("GET /t/{reference}?in={}", "in", "list", ""),
    naming("GET /t/{reference}/saved-replies?inbox={}", "inbox", "inbox number", ""),
    naming("GET /t/new/saved-replies?inbox={}", "inbox", "inbox number", ""),
    naming("GET /settings/mail?inbox={}", "inbox", "inbox", ""),
    naming("GET /settings/mail?before={}", "before", "ledger", ""),
    naming("GET /settings/quarantine?show=aside&before={}", "before", "ledger", ""),
    naming("GET /api/v1/tickets?inbox={}", "inbox", "inbox", ""),
    naming("GET /api/v1/tickets?inbox={}", "inbox", "inbox name", ""),
    naming("GET /api/v1/tickets?customer={}", "customer", "customer", ""),
    naming("GET /api/v1/tickets?customer={}", "customer", "address", ""),
    naming("GET /api/v1/tickets?view={}", "view", "view", ""),
    naming("GET /api/v1/customers?email={}", "email", "address", ""),
    naming("GET /api/v1/mail/ledger?inbox={}", "inbox", "inbox", ""),
    naming("GET /api/v1/mail/ledger?inbox={}", "inbox", "inbox name", ""),
];

/// Members of JSON.
const JSON: &[Naming] = &[
    naming(
        "POST /api/v1/tickets",
        "inbox",
        "inbox",
        r#"{"inbox":"{}","customer":{"email":"d@own.example"},"subject":"S","text":"T"}"#,
    ),
    naming(
        "POST /api/v1/tickets",
        "attachments",
        "program upload",
        r#"{"inbox":"Support","customer":{"email":"d@own.example"},"from":"agent","subject":"S","text":"T","attachments":["{}"]}"#,
    ),
    naming(
        "POST /api/v1/tickets",
        "attachments",
        "attachment",
        r#"{"inbox":"Support","customer":{"email":"d@own.example"},"from":"agent","subject":"S","text":"T","attachments":["{}"]}"#,
    ),
    naming("PATCH /api/v1/tickets/{reference}", "inbox", "inbox", r#"{"inbox":"{}"}"#),
    naming("PATCH /api/v1/tickets/{reference}", "inbox", "inbox name", r#"{"inbox":"{}"}"#),
    naming(
        "POST /api/v1/tickets/{reference}/messages",
        "attachments",
        "attachment",
        r#"{"text":"T","attachments":["{}"]}"#,
    ),
    naming(
        "POST /api/v1/tickets/{reference}/notes",
        "attachments",
        "attachment",
        r#"{"text":"T","attachments":["{}"]}"#,
    ),
];

/// What these name belongs to the company: whoever may use it sees all of them.
const SHARED: &[&str] = &[
    "assignee",
    "team",
    "category",
    "member",
    "role",
    "tag",
    "tags",
    "untag",
    "who",
    // Whoever decides what others see, or from where the system writes, knows every inbox.
    "POST /settings/people inbox",
    "POST /settings/people/{id} inbox",
    "POST /settings/company inbox",
    // An address that is written to, or taken off one's own ticket; it need not be anybody's.
    "POST /t/{reference}/people address",
    "POST /settings/outgoing/suppressions/delete address",
    "POST /settings/inboxes address",
    "POST /settings/inboxes/{id} address",
    "POST /settings/inboxes/probe address",
    "POST /settings/inboxes/{id}/probe address",
    "POST /setup/inbox address",
    "POST /setup/inbox/probe address",
    "POST /api/v1/inboxes address",
    "email",
    "POST /api/v1/tickets customer",
    // What is asked of customers is public.
    "topic",
];

/// What these hold is a text, a choice, a number or a place in one's own list, and no name of a
/// thing. Numbers at their ends are left out, and so are names with a point, which are of files
/// and of one's own preferences.
const PLAIN: &[&str] = &[
    "acknowledges",
    "act",
    "activity",
    "after",
    "after_fetch",
    "archived",
    "ask",
    "auth",
    "authorize_url",
    "back",
    "bcc",
    "begin",
    "cause",
    "cc",
    "channel",
    "choices",
    "choose",
    "client_id",
    "client_secret",
    "color-scheme",
    "company_website",
    "days",
    "density",
    "email",
    "fate",
    "field",
    "files",
    "fixed",
    "folder",
    "follow",
    "font",
    "form",
    "forward",
    "forward_to",
    "from",
    "hint",
    "history_from",
    "hold_reason",
    "host",
    "hotkeys",
    "html",
    "htmx-config",
    "hue",
    "idle_hours",
    "imap",
    "imap_host",
    "imap_password",
    "imap_port",
    "imap_tls",
    "imap_user",
    "imprint",
    "incoming",
    "issuer",
    "keep",
    "key",
    "kind",
    "label",
    "language",
    "last_entry",
    "lifetime",
    "limit",
    "links",
    "links_by_email",
    "mail-frame-m",
    "mode",
    "move_to",
    "name",
    "new",
    "next",
    "next_update_at",
    "note",
    "object",
    "outgoing",
    "password",
    "pattern",
    "plus_addresses",
    "port",
    "present",
    "priority",
    "q",
    "query",
    "reason",
    "referrer",
    "refresh_token",
    "remove",
    "reply",
    "reply_bcc",
    "reply_cc",
    "reply_to",
    "reply_within",
    "required",
    "resolution",
    "role",
    "rule",
    "scope",
    "sees",
    "sender_name",
    "shared",
    "signature",
    "smtp",
    "smtp_host",
    "smtp_password",
    "smtp_port",
    "smtp_tls",
    "smtp_user",
    "snoozed_until",
    "sort",
    "state",
    "status",
    "subject",
    "text",
    "theme",
    "then",
    "time_zone",
    "title",
    "tls",
    "to",
    "token_url",
    "trusted_host",
    "until",
    "until_other",
    "user",
    "viewport",
    "was",
    "was-assignee",
    "was-category",
    "was-field",
    "was-inbox",
    "was-priority",
    "was-problem",
    "was-state",
    "was-subject",
    "was-team",
    "way",
    "website",
    "xoauth2",
];

fn filled(text: &str, thing: &str, things: &Things, house: &Furnished) -> String {
    let text = text.replace("OWN TICKET", &house.support["ticket"]);
    let text = text.replace("OWN", &house.support["inbox number"]);
    text.replace("{}", &things[thing])
}

/// A thing of the list, named by somebody who has all rights, and sees one inbox.
struct Asker<'a> {
    web: &'a Web,
    token: &'a str,
    house: &'a Furnished,
}

impl Asker<'_> {
    async fn names(&self, one: &Naming, things: &Things) -> Page {
        let (method, path) = one.route.split_once(' ').unwrap();
        let route = accounts::Route {
            method: "",
            path: path.split('?').next().unwrap_or_default(),
            access: accounts::Access::Public,
        };
        let question = path.split_once('?').map(|(_, question)| question);
        let question = question.map(|text| filled(text, one.thing, things, self.house));
        let mut path = path_with(&route, &self.house.support);
        if let Some(question) = question {
            path = format!("{path}?{question}");
        }
        let method: Method = method.parse().unwrap();
        let mut request = self.web.request(method.clone(), &path);
        if path.starts_with("/api/") {
            request = request.bearer_auth(self.token).header("content-type", "application/json");
        } else {
            // A whole page says what time it is; the part that changes does not.
            request = request.header("hx-request", "true");
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        if method != Method::GET {
            request = request.body(filled(one.body, one.thing, things, self.house));
        }
        self.web.send(request).await
    }
}

impl World {
    /// A file that somebody sent, and that waits for its message.
    async fn sends_file(&self, web: &Web, path: &str, mode: &str, name: &str) -> String {
        self.uploads(web, path, mode, name).await;
        let id = format!("select public_id from attachments where name = '{name}'");
        self.cell::<kernel::PublicId>(id).await.to_string()
    }

    async fn sends_file_by_token(&self, web: &Web, token: &str, name: &str) -> String {
        let request = web.request(Method::POST, &format!("/api/v1/attachments?name={name}"));
        let page = web.send(request.bearer_auth(token).body("something")).await;
        page.json()["id"].as_str().unwrap().to_owned()
    }

    /// Names that a furnished house has none of: files that wait for their message, an old number,
    /// and what people call things.
    async fn adds_names(&self, house: &mut Furnished) {
        let maya = self.signs_in(crate::world::OWNER).await;
        self.adds_old_number(&house.billing["ticket number"]).await;
        // A link between the two, which does not open the one to who sees the other.
        let links = format!("/t/{}/links", house.support["ticket"]);
        maya.post(&links, &[("reference", house.billing["ticket"].as_str())]).await.location();
        let things = &mut house.billing;
        let at = format!("/t/{}/files", things["ticket"]);
        for (thing, path, mode) in [
            ("note upload", at.as_str(), "note"),
            ("reply upload", at.as_str(), "reply"),
            ("forward upload", at.as_str(), "forward"),
            ("new upload", "/t/new/files", "new"),
        ] {
            let name = format!("{mode}-of-maya.txt");
            things.insert(thing, self.sends_file(&maya, path, mode, &name).await);
        }
        let id = self.sends_file_by_token(&maya, &house.token, "of-maya.txt").await;
        house.billing.insert("program upload", id);
        let uuid = house.nothing["message"].clone();
        for thing in
            ["note upload", "reply upload", "forward upload", "new upload", "program upload"]
        {
            house.nothing.insert(thing, uuid.clone());
        }
        for (things, number, address, inbox) in [
            (&mut house.billing, "OLD-77", "quinn@other.example", "Billing"),
            (&mut house.nothing, "OLD-99", "ninna@gones.example", "Nowhere"),
        ] {
            things.insert("old number", number.to_owned());
            things.insert("address", address.to_owned());
            things.insert("inbox name", inbox.to_owned());
        }
    }
}

/// What is seen of an answer, but for the name that was asked with.
fn look(page: &Page, one: &Naming, things: &Things) -> Look {
    Look::of(page, &[&Things::from([("it", things[one.thing].clone())])])
}

/// Where two texts begin to differ.
fn differs(one: &str, other: &str) -> String {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let part =
        |text: &str| text.chars().skip(same.saturating_sub(60)).take(160).collect::<String>();
    format!("…{}… and …{}…", part(one), part(other))
}

fn all() -> impl Iterator<Item = &'static Naming> {
    FORMS.iter().chain(QUESTIONS).chain(JSON)
}

on_both! {
    async fn what_a_request_names_is_there_for_those_alone_who_see_it(world: World) {
        let mut house = world.furnishes().await;
        let olga = world.signs_in(&house.people[0].actor.email.clone()).await;
        let token = world.token_of(&house.people[0].actor.email, "*").await;
        world.adds_names(&mut house).await;
        world.settles().await;
        let asker = Asker { web: &olga, token: &token, house: &house };
        let mut dump = world.dump().await;
        let mut wrong = Vec::new();
        for one in all() {
            let mut looks = Vec::new();
            // A minute may end between two looks, and something be done in the background; what tells
            // is told each time.
            for _ in 0..4 {
                looks.clear();
                for things in [&house.billing, &house.nothing] {
                    let page = asker.names(one, things).await;
                    assert!(!page.status.is_server_error(), "{} {}: {}", one.route, one.field, page.body);
                    let now = world.dump().await;
                    let changed: Vec<_> = now.iter().zip(&dump)
                        // Nobody's: the program notes there what it did last.
                        .filter(|(now, before)| now != before && now.0 != "settings")
                        .map(|((table, _), _)| table.clone()).collect();
                    dump = now;
                    looks.push((look(&page, one, things), changed));
                }
                if looks[0] == looks[1] {
                    break;
                }
            }
            if looks[0] != looks[1] {
                let told = differs(&format!("{:?}", looks[0]), &format!("{:?}", looks[1]));
                wrong.push(format!("{} tells by {} what is there: {told}", one.route, one.field));
            }
        }
        assert_eq!(wrong, [""; 0]);
        // Nothing of it was touched.
        let touched = format!(
            "select count(*) from events where ticket_id = {} and agent_id <> 1",
            house.billing["ticket number"]
        );
        assert_eq!(world.cell::<i64>(touched).await, 0);
    }
}

/// A control of a form: where it is sent to, and its name.
type Control = (String, String);

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}

fn attributes<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let start = format!(" {name}=\"");
    text.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The controls of a page: those of each form at each of its targets, and what stands outside.
fn controls(body: &str, here: &str) -> Vec<Control> {
    let mut found = Vec::new();
    for form in body.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap_or_default();
        let tag = form.split('>').next().unwrap_or_default();
        let targets: BTreeSet<String> =
            [("action", "POST"), ("hx-post", "POST"), ("hx-put", "PUT")]
                .into_iter()
                .flat_map(|(name, method)| {
                    attributes(tag, name).into_iter().map(move |to| (method, to))
                })
                .chain(attributes(form, "formaction").into_iter().map(|to| ("POST", to)))
                .map(|(method, to)| (method, if to.is_empty() { here } else { to }))
                .filter(|_| {
                    !tag.contains("method=\"get\"") && (tag.contains("post") || tag.contains("put"))
                })
                .map(|(method, to)| {
                    format!("{method} {}", unescaped(to).split('?').next().unwrap())
                })
                .collect();
        for name in attributes(form, "name") {
            found.extend(targets.iter().map(|to| (to.clone(), name.to_owned())));
        }
    }
    found.extend(attributes(body, "name").into_iter().map(|name| (String::new(), name.to_owned())));
    found
}

/// The route of a path.
fn route_of(routes: &[accounts::Route], target: &str) -> Option<String> {
    let (method, path) = target.split_once(' ')?;
    let fits = |pattern: &str| {
        let (mut parts, mut wanted) = (path.split('/'), pattern.split('/'));
        loop {
            match (parts.next(), wanted.next()) {
                (None, None) => return true,
                (Some(part), Some(want)) if part == want || want.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let mut fitting: Vec<&accounts::Route> =
        routes.iter().filter(|route| route.method == method && fits(route.path)).collect();
    fitting.sort_by_key(|route| route.path.matches('{').count());
    fitting.first().map(|route| format!("{method} {}", route.path))
}

/// What is wrong with a name at a route: it is unknown, or was not thought of at this one.
fn forgotten(route: Option<&str>, name: &str) -> Option<String> {
    let is_named = all().any(|one| one.field == name);
    let at = |route: &str| {
        all().any(|one| one.field == name && one.route.split('?').next() == Some(route))
    };
    let is_shared = SHARED.contains(&name)
        || route.is_some_and(|route| SHARED.contains(&format!("{route} {name}").as_str()));
    match route {
        _ if is_shared => None,
        Some(route) if is_named && !at(route) => Some(format!("{name} at {route}")),
        _ if is_named || PLAIN.contains(&name) => None,
        _ => Some(name.to_owned()),
    }
}

/// Names of the members of a schema, however deep.
fn members(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    if schema.is_null() {
        return;
    }
    if let Some(to) = schema["$ref"].as_str() {
        let to = document.pointer(to.trim_start_matches('#')).unwrap();
        members(document, to, names);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        names.insert(name.clone());
        members(document, inner, names);
    }
    members(document, &schema["items"], names);
    for kind in ["oneOf", "anyOf", "allOf"] {
        for inner in schema[kind].as_array().into_iter().flatten() {
            members(document, inner, names);
        }
    }
}

on_both! {
    async fn every_place_that_names_a_thing_is_known(world: World) {
        let house = world.furnishes().await;
        let mut unknown = BTreeSet::new();
        let routes = &world.program().routes;
        let mut paths: Vec<String> = routes.iter()
            .filter(|route| route.method == "GET" && !["/live", "/api/v1/events"].contains(&route.path))
            .filter(|route| !matches!(route.access, accounts::Access::Token(_)))
            .map(|route| path_with(route, &house.support))
            .collect();
        for sheet in ["snooze", "hold", "resolve", "priority", "tags", "subject", "merge", "link", "split", "problem", "people"] {
            paths.push(format!("/t/{}/ask/{sheet}", house.support["ticket"]));
        }
        let mut forms = 0;
        for path in &paths {
            let page = house.maya.get(path).await;
            for (target, name) in controls(&page.body, path) {
                if name.contains('.') {
                    continue;
                }
                let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
                let route = route_of(routes, &target);
                forms += usize::from(route.is_some());
                unknown.extend(forgotten(route.as_deref(), name));
            }
        }
        assert!(forms > 300, "only {forms} controls of forms were found");
        let document = house.maya.get("/api/v1/openapi.json").await.json();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let mut names = BTreeSet::new();
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    if parameter["in"] == "query" {
                        names.insert(parameter["name"].as_str().unwrap().to_owned());
                    }
                }
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                members(&document, body, &mut names);
                let at = format!("{} {path}", method.to_uppercase());
                unknown.extend(names.iter().filter_map(|name| forgotten(Some(&at), name)));
            }
        }
        assert_eq!(unknown.into_iter().collect::<Vec<_>>(), [""; 0], "say what these name");
    }
}
