//! The description of the API: what the handlers say of themselves, with what is true of all.

use std::collections::HashSet;

use accounts::{Access, Route};
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::problem::{MEDIA_TYPE, Problem, Wrong};
use crate::{PREFIX, customers, docs, entries, events, files, inboxes, mail, search, shared};
use crate::{tickets, wire};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Recourse API",
        version = "1",
        description = "Tickets, customers and mail for programs. Every request carries a token \
            as `Authorization: Bearer …`; make one under Settings → API tokens. A token can do \
            what its scopes say and what its person may, in the inboxes it was made for. Who asks \
            too often gets the status 429 and in `Retry-After` the seconds to wait; unless the \
            operator set it otherwise, a token may ask 1,200 times a minute and search 120 times, \
            and all tokens of one address may ask four times as often as one. One person, on the \
            pages and with all of their tokens, may search 240 times a minute, and write to \
            customers 200 times at once and 20 times more each minute.",
        license(name = "See the licence of the program")
    ),
    servers((url = "/", description = "This installation")),
    paths(
        tickets::index, tickets::create, tickets::show, tickets::update,
        entries::messages, entries::create_message, entries::notes, entries::create_note,
        search::index,
        customers::index, customers::show, customers::update,
        inboxes::index, inboxes::create, inboxes::show,
        shared::tags, shared::views,
        files::create, files::show,
        mail::index, mail::show, mail::raw,
        events::stream,
        docs::document, docs::page,
    ),
    components(schemas(Problem, Wrong, wire::Recipients, events::TicketChanged)),
    modifiers(&Token),
    tags(
        (name = "Tickets", description = "A customer's issue, from the first word to the last."),
        (name = "Messages and notes", description = "What is said in a ticket."),
        (name = "Search", description = "Everything, of any age."),
        (name = "Customers", description = "The people who write in."),
        (name = "Inboxes", description = "Where they write to."),
        (name = "Tags and views", description = "What tickets are marked and listed by."),
        (name = "Attachments", description = "Files that go with messages and notes."),
        (name = "Mail ledger", description = "Every received mail, and what became of it."),
        (name = "Events", description = "Changes, as they happen."),
        (name = "This description", description = "For programs and for people."),
    )
)]
struct Described;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token, with the scopes that the operation names."))
            .build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(scheme));
        }
    }
}

/// The description as it is sent and as it is read.
pub(crate) struct Description {
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Description {
    /// The operations that have parameters behind the question mark, by method and path.
    pub(crate) fn parametered(&self) -> HashSet<(String, String)> {
        let paths = self.json.get("paths").and_then(Value::as_object).into_iter().flatten();
        let operations = paths.flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| (method, path, operation))
        });
        operations
            .filter(|(_, _, operation)| {
                let parameters = operation["parameters"].as_array();
                parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "query"))
            })
            .map(|(method, path, _)| (method.to_uppercase(), path.clone()))
            .collect()
    }
}

/// Puts the description together. What an operation asks of a token comes from the guard of its
/// route, so that it cannot say anything else.
pub(crate) fn describe(routes: &[Route]) -> Description {
    let mut json = serde_json::to_value(Described::openapi()).unwrap_or_default();
    for route in routes {
        let method = route.method.to_lowercase();
        let place = format!("/paths/{}/{method}", escaped(route.path));
        let Some(operation) = json.pointer_mut(&place) else { continue };
        complete(operation, route);
    }
    let text = json.to_string();
    Description { json, text }
}

/// Names an operation by its method and place: `get_tickets_reference_messages`.
fn name(route: &Route) -> String {
    let place = route.path.trim_start_matches(PREFIX).trim_start_matches("/api");
    let words = place.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("{}_{}", route.method.to_lowercase(), words.join("_"))
}

fn complete(operation: &mut Value, route: &Route) {
    operation["operationId"] = json!(name(route));
    operation["security"] = match route.access {
        Access::Token(act) => json!([{ "token": [act.scope().as_str()] }]),
        Access::Public | Access::Customer | Access::May(_) | Access::Confirmed(_) => json!([]),
    };
    let problem = json!({
        "description": "A problem: what happened, and what to do about it",
        "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } }
    });
    if route.path.starts_with(PREFIX)
        && let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut)
    {
        if let Access::Token(_) = route.access {
            let too_many = json!({
                "description": "Too many requests: wait, and ask again",
                "headers": { "Retry-After": {
                    "description": "Seconds to wait",
                    "schema": { "type": "integer", "minimum": 1 }
                } },
                "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } }
            });
            responses.insert("429".to_owned(), too_many);
        }
        responses.insert("default".to_owned(), problem);
    }
    if is_versioned(route) {
        version(operation, route);
    }
    if route.method != "POST" {
        return;
    }
    let key = json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A word of your choice, 1 to 200 characters. The same request with the \
            same key has one effect and gets the same answer for two days.",
        "schema": { "type": "string", "maxLength": 200 }
    });
    add_parameter(operation, key);
}

/// What can be changed by PATCH: its answers say their version, and a change may name it.
fn is_versioned(route: &Route) -> bool {
    let is_one = ["/tickets/{reference}", "/customers/{id}"]
        .iter()
        .any(|place| route.path.strip_prefix(PREFIX) == Some(place));
    is_one && ["GET", "PATCH"].contains(&route.method)
}

fn version(operation: &mut Value, route: &Route) {
    let tag = json!({ "ETag": {
        "description": "The version of what was answered, for “If-Match”",
        "schema": { "type": "string" }
    } });
    if let Some(Value::Object(answer)) = operation.pointer_mut("/responses/200") {
        answer.insert("headers".to_owned(), tag);
    }
    if route.method != "PATCH" {
        return;
    }
    add_parameter(
        operation,
        json!({
            "name": "If-Match", "in": "header", "required": false,
            "description": "The ETag that was answered last. If anything that is shown of it changed \
                since, nothing is changed and the answer is 412. Without it the change is made over \
                whatever is there.",
            "schema": { "type": "string" }
        }),
    );
    let stale = json!({
        "description": "It changed meanwhile: get it again, then repeat the change",
        "content": { MEDIA_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } }
    });
    if let Some(Value::Object(responses)) = operation.get_mut("responses") {
        responses.insert("412".to_owned(), stale);
    }
}

fn add_parameter(operation: &mut Value, parameter: Value) {
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

/// A key of an object in a JSON pointer.
fn escaped(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}
