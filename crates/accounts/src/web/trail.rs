//! The audit trail: looked through, opened, and taken out as a table.

use askama::Template;
use audit::{Deed, Filter, Line, WhoKind, find, page};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use ui::{Choice, Chrome, Form, WebResult, When, Words, found};

use crate::{Accounts, Actor, Costly, Sees, Verified};

/// Rows of a page.
const ROWS: i64 = 50;

/// What is looked for, as the form gives it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Asked {
    /// The kind of somebody, or `agent-3`.
    who: String,
    act: String,
    object: String,
    from: String,
    until: String,
    before: Option<i64>,
}

impl Asked {
    fn filter(&self, when: &When) -> Filter {
        let agent = self.who.strip_prefix("agent-").and_then(|id| id.parse().ok());
        let kind = WhoKind::ALL.into_iter().find(|kind| kind.as_str() == self.who);
        let object = kernel::clip(self.object.trim(), 200);
        Filter {
            who: kind.map(|kind| (kind.as_str(), None)),
            agent,
            act: self.act.parse::<Deed>().ok().map(Deed::as_str),
            object: (!object.is_empty()).then_some(object),
            from: ui::start_of_day(&self.from, when),
            until: ui::end_of_day(&self.until, when),
            before: self.before,
        }
    }

    fn is_narrowed(&self) -> bool {
        let Self { who, act, object, from, until, before } = self;
        [who, act, object, from, until].iter().any(|text| !text.is_empty()) || before.is_some()
    }

    /// The address of what is older than an entry.
    fn older(&self, than: i64) -> String {
        let part = |name: &str, value: &str| -> String {
            let value: String = value
                .bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                        char::from(byte).to_string()
                    }
                    _ => format!("%{byte:02X}"),
                })
                .collect();
            if value.is_empty() { value } else { format!("{name}={value}&") }
        };
        let Self { who, act, object, from, until, .. } = self;
        let parts =
            [("who", who), ("act", act), ("object", object), ("from", from), ("until", until)];
        let parts: String = parts.iter().map(|(name, value)| part(name, value)).collect();
        format!("/settings/trail?{parts}before={than}")
    }
}

#[derive(Template)]
#[template(path = "trail.html")]
struct Trail {
    chrome: Chrome,
    asked: Asked,
    people: Vec<Choice>,
    acts: Vec<Choice>,
    rows: Vec<Row>,
    older: Option<String>,
    standing: Standing,
}

/// Whether the chain is whole, as far as that is known.
struct Standing {
    tone: &'static str,
    text: String,
}

/// Kinds of objects that belong to no inbox.
const OF_NO_INBOX: [&str; 5] = ["company", "person", "team", "token", "trail"];

/// Takes out what names anything of an inbox or a customer, for somebody who does not see every
/// inbox. That something was done, when and by which colleague stays.
fn veil(line: &mut Line, actor: &Actor) {
    if actor.sees == Sees::Everything {
        return;
    }
    if line.who_kind == WhoKind::Customer.as_str() {
        (line.who_id, line.who_name) = (None, String::new());
    }
    let is_open = |kind: &String| OF_NO_INBOX.contains(&kind.as_str());
    if !line.object_kind.as_ref().is_none_or(is_open) {
        (line.object_id, line.object_name) = (None, None);
        (line.before, line.after) = (None, None);
    }
}

/// An entry as lists show it.
struct Row {
    number: i64,
    at: String,
    who: String,
    kind: &'static str,
    deed: String,
    object: String,
    address: String,
}

impl Row {
    fn of(line: &Line, chrome: &Chrome) -> Self {
        let kind = WhoKind::ALL.into_iter().find(|kind| kind.as_str() == line.who_kind);
        let kind = kind.map_or("trail-who-system", who_key);
        let named = line.object_name.clone().filter(|name| !name.is_empty());
        Self {
            number: line.number,
            at: ui::moment_in_full(line.at, &chrome.when),
            who: if line.who_name.is_empty() {
                chrome.t(kind).to_owned()
            } else {
                line.who_name.clone()
            },
            kind,
            deed: deed(&line.act, &chrome.words),
            object: named.or_else(|| line.object_id.clone()).unwrap_or_default(),
            address: line.address.clone().unwrap_or_default(),
        }
    }
}

fn who_key(kind: WhoKind) -> &'static str {
    match kind {
        WhoKind::Agent => "trail-who-agent",
        WhoKind::Token => "trail-who-token",
        WhoKind::Customer => "trail-who-customer",
        WhoKind::Visitor => "trail-who-visitor",
        WhoKind::Command => "trail-who-command",
        WhoKind::System => "trail-who-system",
    }
}

/// What was done, in words.
fn deed(name: &str, w: &Words) -> String {
    let key = name.replace(['.', '_'], "-");
    match name.parse::<Deed>() {
        Ok(_) => w.t(&format!("deed-{key}")).to_owned(),
        Err(_) => name.to_owned(),
    }
}

async fn standing(accounts: &Accounts, chrome: &Chrome) -> WebResult<Standing> {
    let w = &chrome.words;
    Ok(match Verified::load(accounts).await? {
        None => Standing { tone: "info", text: w.t("trail-never-verified").to_owned() },
        Some(one) => {
            let at = ui::moment_in_full(one.at, &chrome.when);
            if one.broken == 0 {
                let what = w.n("trail-entries-whole", one.entries);
                let text = w.a2("trail-whole", "at", at, "what", what);
                Standing { tone: "ok", text }
            } else {
                Standing { tone: "bad", text: w.a2("trail-broken", "at", at, "first", one.first) }
            }
        }
    })
}

pub(super) async fn index(
    State(accounts): State<Accounts>,
    actor: Actor,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let chrome = accounts.chrome(&actor, "/settings/trail").await?;
    let filter = asked.filter(&chrome.when);
    let conn = accounts.db().read_list().await?;
    let mut lines = page(&conn, &filter, ROWS + 1).await?;
    drop(conn);
    for line in &mut lines {
        veil(line, &actor);
    }
    let older = if lines.len() > kernel::length(ROWS) {
        lines.pop();
        lines.last().map(|last| asked.older(last.number))
    } else {
        None
    };
    let directory = accounts.directory().await?;
    let mut people = vec![Choice::new("", chrome.t("trail-anybody"), asked.who.is_empty())];
    people.extend(directory.everybody().into_iter().map(|card| {
        let value = format!("agent-{}", card.id);
        let is_chosen = asked.who == value;
        Choice::new(value, &card.name, is_chosen)
    }));
    let others = [WhoKind::Customer, WhoKind::Visitor, WhoKind::Command, WhoKind::System];
    people.extend(others.into_iter().map(|kind| {
        Choice::new(kind.as_str(), chrome.t(who_key(kind)), asked.who == kind.as_str())
    }));
    let mut acts = vec![Choice::new("", chrome.t("trail-anything"), asked.act.is_empty())];
    acts.extend(Deed::ALL.iter().map(|one| {
        Choice::new(one.as_str(), deed(one.as_str(), &chrome.words), asked.act == one.as_str())
    }));
    let rows = lines.iter().map(|line| Row::of(line, &chrome)).collect();
    let standing = standing(&accounts, &chrome).await?;
    ui::page(&Trail { chrome, asked, people, acts, rows, older, standing })
}

#[derive(Template)]
#[template(path = "trail_entry.html")]
struct EntryPage {
    chrome: Chrome,
    row: Row,
    line: Line,
    hash: String,
    changes: Vec<Change>,
}

/// One thing before and after.
struct Change {
    what: String,
    before: String,
    after: String,
}

/// What changed, field by field.
fn changes(line: &Line) -> Vec<Change> {
    let (before, after) = (fields(line.before.as_deref()), fields(line.after.as_deref()));
    let mut names: Vec<&String> = before.keys().collect();
    names.extend(after.keys().filter(|name| !before.contains_key(*name)));
    let shown = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    names
        .into_iter()
        .map(|name| Change {
            what: name.clone(),
            before: shown(before.get(name)),
            after: shown(after.get(name)),
        })
        .collect()
}

fn fields(text: Option<&str>) -> Map<String, Value> {
    match text.and_then(|text| serde_json::from_str(text).ok()) {
        Some(Value::Object(fields)) => fields,
        Some(other) => Map::from_iter([(String::new(), other)]),
        None => Map::new(),
    }
}

pub(super) async fn show(
    State(accounts): State<Accounts>,
    actor: Actor,
    Path(number): Path<i64>,
) -> WebResult<Response> {
    let mut line = found(find(&accounts.db().read().await?, number).await?)?;
    veil(&mut line, &actor);
    let chrome = accounts.chrome(&actor, "/settings/trail").await?;
    ui::page(&EntryPage {
        row: Row::of(&line, &chrome),
        hash: kernel::hex(&line.hash),
        changes: changes(&line),
        line,
        chrome,
    })
}

/// So many entries at most are taken out at once; what is older follows with a date.
const EXPORTED_MAX: usize = 50_000;
const EXPORTED_AT_ONCE: i64 = 1_000;

/// The entries that fit, as a table for other programs. That they were taken out is noted first.
pub(super) async fn export(
    State(accounts): State<Accounts>,
    actor: Actor,
    Form(asked): Form<Asked>,
) -> WebResult<Response> {
    accounts.count(&actor, Costly::Export)?;
    let when = actor.when(accounts.now());
    let mut filter = Filter { before: None, ..asked.filter(&when) };
    let narrowed = json!({
        "who": asked.who, "act": asked.act, "object": asked.object,
        "from": asked.from, "until": asked.until,
    });
    let entry = actor.did(Deed::TrailExported, accounts.now()).on("trail", "", "");
    accounts.note_alone(entry.with(narrowed)).await?;
    let mut table = String::from(
        "number,at,who_kind,who_id,who_name,via,act,object_kind,object_id,object_name,address,\
         before,after,hash\r\n",
    );
    let mut count = 0;
    while count < EXPORTED_MAX {
        let conn = accounts.db().read_list().await?;
        let mut lines = page(&conn, &filter, EXPORTED_AT_ONCE).await?;
        drop(conn);
        let Some(last) = lines.last() else { break };
        filter.before = Some(last.number);
        count += lines.len();
        for line in &mut lines {
            veil(line, &actor);
            write_line(&mut table, line);
        }
    }
    let mut response = table.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"audit-trail.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

fn write_line(table: &mut String, line: &Line) {
    let number = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        line.number.to_string(),
        line.at.to_string(),
        line.who_kind.clone(),
        number(line.who_id),
        line.who_name.clone(),
        number(line.via),
        line.act.clone(),
        text(&line.object_kind),
        text(&line.object_id),
        text(&line.object_name),
        text(&line.address),
        text(&line.before),
        text(&line.after),
        kernel::hex(&line.hash),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    table.push_str(&cells.join(","));
    table.push_str("\r\n");
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mark = if is_formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, wanted) in [
            ("plain", "\"plain\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+49", "\"'+49\""),
            ("-1", "\"'-1\""),
            ("@sum", "\"'@sum\""),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("a=1", "\"a=1\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), wanted);
        }
    }

    #[test]
    fn every_deed_has_words() {
        let catalog = ui::Catalog::new(&[("en", &[ui::MESSAGES_EN, crate::MESSAGES_EN])]).unwrap();
        let w = std::sync::Arc::new(catalog).words("en");
        for one in Deed::ALL {
            let said = deed(one.as_str(), &w);
            assert!(!said.is_empty() && !said.starts_with("deed-"), "{one}");
        }
    }
}
