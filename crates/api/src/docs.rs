//! The description as JSON for programs, and as a page for people.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use ui::{Markup, Words, markdown};

use crate::Api;
use crate::problem::{ApiResult, Kind};

/// The description for programs
///
/// OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "This description",
    responses((status = 200, description = "The document", body = Object)))]
pub(crate) async fn document(State(api): State<Api>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], api.description.text.clone()).into_response()
}

/// The description for people
///
/// This page.
#[utoipa::path(get, path = "/api/docs", tag = "This description",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(crate) async fn page(State(api): State<Api>) -> ApiResult<Response> {
    let site = api.accounts.site();
    let document = &api.description.json;
    let docs = Docs {
        w: site.words("en"),
        intro: text(document.pointer("/info/description")),
        groups: groups(document, &site.base_url),
        objects: objects(document),
        problems: Kind::ALL.into_iter().map(ProblemLine::of).collect(),
    };
    Ok(ui::page(&docs)?)
}

#[derive(Template)]
#[template(path = "docs.html")]
struct Docs {
    w: Words,
    intro: Markup,
    groups: Vec<Group>,
    objects: Vec<Object>,
    problems: Vec<ProblemLine>,
}

/// Operations that belong together.
struct Group {
    id: String,
    name: String,
    text: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    title: String,
    text: Markup,
    scope: Option<String>,
    fields: Vec<Line>,
    answers: Vec<Answer>,
    curl: String,
}

/// A parameter or a field.
struct Line {
    name: String,
    /// Where it stands: a key of the catalogue.
    place: &'static str,
    kind: Name,
    is_required: bool,
    text: Markup,
}

struct Answer {
    status: String,
    text: String,
    kind: Option<Name>,
}

/// The name of a type, and the object that it leads to.
#[derive(Clone)]
struct Name {
    text: String,
    object: Option<String>,
}

struct Object {
    name: String,
    text: Markup,
    fields: Vec<Line>,
}

struct ProblemLine {
    name: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
}

impl ProblemLine {
    fn of(kind: Kind) -> Self {
        Self {
            name: kind.name(),
            status: kind.status().as_u16(),
            title: kind.title(),
            advice: kind.advice(),
        }
    }
}

fn string<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn map<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A description, in which a line that was broken for its source is not broken for its reader.
fn text(value: Option<&Value>) -> Markup {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let paragraphs: Vec<String> = text.split("\n\n").map(kernel::one_line).collect();
    markdown(&paragraphs.join("\n\n"))
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn groups(document: &Value, base: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = list(document, "tags")
        .iter()
        .map(|tag| Group {
            id: slug(string(tag, "name")),
            name: string(tag, "name").to_owned(),
            text: string(tag, "description").to_owned(),
            operations: Vec::new(),
        })
        .collect();
    for (path, item) in map(document, "/paths") {
        for method in ["get", "post", "patch", "put", "delete"] {
            let Some(found) = item.get(method) else { continue };
            let tag = list(found, "tags").first().and_then(Value::as_str).unwrap_or_default();
            if let Some(group) = groups.iter_mut().find(|group| group.name == tag) {
                group.operations.push(operation(document, base, method, path, found));
            }
        }
    }
    groups
}

fn operation(document: &Value, base: &str, method: &str, path: &str, found: &Value) -> Operation {
    let scope = found.pointer("/security/0/token/0").and_then(Value::as_str);
    let body = found.pointer("/requestBody/content/application~1json/schema");
    let mut fields: Vec<Line> = list(found, "parameters").iter().map(parameter).collect();
    if let Some(schema) = body.and_then(|body| resolve(document, body)) {
        fields.extend(properties(schema, "docs-in-body"));
    }
    let answers = map(found, "/responses").filter(|(status, _)| *status != "default");
    Operation {
        id: format!("{method}-{}", slug(path.trim_start_matches("/api/"))),
        method: method.to_uppercase(),
        path: path.to_owned(),
        title: string(found, "summary").to_owned(),
        text: text(found.get("description")),
        scope: scope.map(str::to_owned),
        fields,
        answers: answers.map(|(status, answer)| answer_of(status, answer)).collect(),
        curl: curl(document, base, &method.to_uppercase(), path, found),
    }
}

fn answer_of(status: &str, answer: &Value) -> Answer {
    let content = map(answer, "/content").next();
    let kind = content.and_then(|(media_type, content)| {
        let schema = content.get("schema")?;
        let is_json = media_type == "application/json" || media_type == "text/event-stream";
        let plain = || Name { text: media_type.clone(), object: None };
        Some(if is_json { name_of(schema) } else { plain() })
    });
    Answer { status: status.to_owned(), text: string(answer, "description").to_owned(), kind }
}

fn parameter(parameter: &Value) -> Line {
    let place = match string(parameter, "in") {
        "path" => "docs-in-path",
        "header" => "docs-in-header",
        _ => "docs-in-query",
    };
    Line {
        name: string(parameter, "name").to_owned(),
        place,
        kind: parameter.get("schema").map_or_else(nameless, name_of),
        is_required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
        text: text(parameter.get("description")),
    }
}

fn properties(schema: &Value, place: &'static str) -> Vec<Line> {
    let required = list(schema, "required");
    map(schema, "/properties")
        .map(|(name, property)| Line {
            name: name.clone(),
            place,
            kind: name_of(property),
            is_required: required.iter().any(|one| one.as_str() == Some(name)),
            text: text(property.get("description")),
        })
        .collect()
}

fn objects(document: &Value) -> Vec<Object> {
    map(document, "/components/schemas")
        .map(|(name, schema)| Object {
            name: name.clone(),
            text: text(schema.get("description")),
            fields: properties(schema, "docs-in-body"),
        })
        .filter(|object| !object.fields.is_empty())
        .collect()
}

fn nameless() -> Name {
    Name { text: String::new(), object: None }
}

/// The schema itself, or the one that it points to.
fn resolve<'v>(document: &'v Value, schema: &'v Value) -> Option<&'v Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(target) => document.pointer(target.trim_start_matches('#')),
        None => Some(schema),
    }
}

/// What a schema is called: `string`, `Ticket`, `list of Ticket`.
fn name_of(schema: &Value) -> Name {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let name = target.rsplit('/').next().unwrap_or_default().to_owned();
        return Name { text: name.clone(), object: Some(name) };
    }
    let either = ["oneOf", "anyOf", "allOf"].iter().flat_map(|key| list(schema, key));
    let named = either.map(name_of).find(|name| !name.text.is_empty() && name.text != "null");
    if let Some(name) = named {
        return name;
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    };
    if kind == "array" {
        let inside = schema.get("items").map_or_else(nameless, name_of);
        return Name { text: format!("list of {}", inside.text), object: inside.object };
    }
    let shown = match string(schema, "format") {
        "date-time" => "time",
        "password" => "secret",
        _ => kind,
    };
    Name { text: shown.to_owned(), object: None }
}

/// The request as one types it into a shell.
fn curl(document: &Value, base: &str, method: &str, path: &str, found: &Value) -> String {
    let mut filled = path.to_owned();
    let mut query = Vec::new();
    for parameter in list(found, "parameters") {
        let name = string(parameter, "name");
        let example = parameter.get("example").or_else(|| parameter.pointer("/schema/example"));
        let example = match example {
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
            None => None,
        };
        match (string(parameter, "in"), example) {
            ("path", example) => {
                let value =
                    example.unwrap_or_else(|| "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f".into());
                filled = filled.replace(&format!("{{{name}}}"), &value);
            }
            ("query", Some(value)) => query.push(format!("{name}={}", encoded(&value))),
            _ => {}
        }
    }
    if !query.is_empty() {
        filled = format!("{filled}?{}", query.join("&"));
    }
    let mut lines = vec![format!("curl '{base}{filled}'")];
    if method != "GET" {
        lines = vec![format!("curl -X {method} '{base}{filled}'")];
    }
    if found.pointer("/security/0/token").is_some() {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if method == "POST" {
        lines.push("-H \"Idempotency-Key: $(uuidgen)\"".to_owned());
    }
    for (media_type, content) in map(found, "/requestBody/content") {
        lines.push(format!("-H 'Content-Type: {media_type}'"));
        let schema = content.get("schema").and_then(|schema| resolve(document, schema));
        match schema.and_then(|schema| schema.get("example")) {
            Some(example) => lines.push(format!("-d '{}'", quoted(example))),
            None => lines.push("--data-binary @invoice.pdf".to_owned()),
        }
    }
    if path.ends_with("/events") {
        lines.push("--no-buffer".to_owned());
    }
    if path.ends_with("/raw") || path.ends_with("/attachments/{id}") {
        lines.push("-O -J".to_owned());
    }
    lines.join(" \\\n  ")
}

/// JSON between single quotes of a shell.
fn quoted(example: &Value) -> String {
    let pretty = serde_json::to_string_pretty(example).unwrap_or_default();
    pretty.replace('\'', "'\\''").replace('\n', "\n  ")
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
