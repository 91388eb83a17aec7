//! Script in every field of everything that is stored, shown by every page: none of it becomes
//! markup, and none of it runs. The fields are filled in the database, past whatever a form or a
//! mail would have refused.

use std::fmt::Write;

use database::{Db, Tx, params};
use keys::Token;
use serde_json::{Value, json};

use super::tab::Tab;
use crate::world::{World, on_both};

/// Each breaks out of another place: text, an attribute of each quoting, a URL, a script, a style,
/// a comment, a title, a text area, a template, JSON, other alphabets. Whatever becomes an element
/// is named `struck`, and whatever runs says so.
const VECTORS: [&str; 40] = [
    "<struck></struck>",
    "<script class=struck>window.struck=1</script>",
    "</script><script class=struck>window.struck=1</script>",
    "<img class=struck src=x onerror=window.struck=1>",
    "<img/class=struck/src=x/onerror=window.struck=1>",
    "<svg class=struck onload=window.struck=1>",
    "<svg><animate class=struck onbegin=window.struck=1 attributeName=x dur=1s>",
    "<math><mtext></form><form><mglyph><style></math><img class=struck src onerror=window.struck=1>",
    "<noscript><p title=\"</noscript><img class=struck src=x onerror=window.struck=1>\">",
    "\"><struck>",
    "'><struck>",
    "\" autofocus onfocus=window.struck=1 class=\"struck",
    "' autofocus onfocus=window.struck=1 class='struck",
    " autofocus onfocus=window.struck=1 class=struck ",
    "\" style=\"animation-name:x\" onanimationstart=\"window.struck=1\" class=\"struck",
    "\" hx-get=\"/struck\" hx-trigger=\"load\" class=\"struck",
    "\" data-hotkey=\"e\" class=\"struck",
    "javascript:window.struck=1",
    "[a](javascript:window.struck=1)",
    "[a](data:text/html;base64,PHNjcmlwdD5zdHJ1Y2s9MTwvc2NyaXB0Pg==)",
    "![\" onerror=\"window.struck=1](x)",
    "<a class=struck href=\"jav&#x09;ascript:window.struck=1\">a</a>",
    "<iframe class=struck srcdoc=\"<script>parent.struck=1</script>\"></iframe>",
    "<object class=struck data=\"data:text/html,<script>parent.struck=1</script>\"></object>",
    "<embed class=struck src=\"data:text/html,<script>1</script>\">",
    "<base class=struck href=\"//struck.example/\">",
    "<meta class=struck http-equiv=refresh content=\"0;url=//struck.example\">",
    "<link class=struck rel=stylesheet href=//struck.example/x.css>",
    "<form class=struck action=//struck.example><button>Sign in</button></form>",
    "</title><struck>",
    "</textarea><struck>",
    "</style><struck>",
    "--><struck>",
    "]]><struck>",
    "{{7*191}} ${7*191} #{7*191} <%= 7*191 %> {% 7*191 %}",
    "\\u003cstruck\\u003e \\x3cstruck\\x3e",
    "&lt;struck&gt; &#60;struck&#62; &#x3c;struck&#x3e;",
    "%3Cstruck%3E +ADw-struck+AD4-",
    "\u{ff1c}struck\u{ff1e} \u{202e}<struck>\u{202c} \u{0}<struck>",
    "\";window.struck=1;// ';window.struck=1;// `;window.struck=1;//",
];

/// What people and mails fill: table, column, and by what the vectors are dealt out.
const FIELDS: [(&str, &str, &str); 67] = [
    ("agents", "name", "id"),
    ("agents", "signature", "id"),
    ("api_tokens", "name", "id"),
    ("attachments", "name", "id"),
    ("categories", "name", "id"),
    ("customer_notes", "text", "id"),
    ("customers", "name", "id"),
    ("deliveries", "fault", "id"),
    ("deliveries", "from_name", "id"),
    ("deliveries", "subject", "id"),
    ("drafts", "text", "ticket_id"),
    ("fields", "choices", "id"),
    ("fields", "label", "id"),
    ("inboxes", "name", "id"),
    ("inboxes", "sender_name", "id"),
    ("inboxes", "signature", "id"),
    ("jobs", "last_error", "id"),
    ("mail_connections", "dkim_selector", "inbox_id"),
    ("mail_connections", "imap_folder", "inbox_id"),
    ("mail_connections", "imap_host", "inbox_id"),
    ("mail_connections", "imap_user", "inbox_id"),
    ("mail_connections", "move_to", "inbox_id"),
    ("mail_connections", "oauth_client_id", "inbox_id"),
    ("mail_connections", "oauth_refused", "inbox_id"),
    ("mail_connections", "oauth_scope", "inbox_id"),
    ("mail_connections", "smtp_host", "inbox_id"),
    ("mail_connections", "smtp_user", "inbox_id"),
    ("mail_connections", "trusted_host", "inbox_id"),
    ("mail_health", "fault", "inbox_id"),
    ("mail_ledger", "envelope_from", "id"),
    ("mail_ledger", "from_address", "id"),
    ("mail_ledger", "mail_id", "id"),
    ("mail_ledger", "preview", "id"),
    ("mail_ledger", "reason", "id"),
    ("mail_ledger", "subject", "id"),
    ("mail_unfetched", "reason", "ledger_id"),
    ("message_html", "html", "message_id"),
    ("messages", "from_name", "id"),
    ("messages", "quoted", "id"),
    ("messages", "subject", "id"),
    ("messages", "text", "id"),
    ("new_ticket_drafts", "mail_bcc", "agent_id"),
    ("new_ticket_drafts", "mail_cc", "agent_id"),
    ("new_ticket_drafts", "mail_to", "agent_id"),
    ("new_ticket_drafts", "subject", "agent_id"),
    ("new_ticket_drafts", "text", "agent_id"),
    ("notes", "text", "id"),
    ("notifications", "actor_name", "id"),
    ("participants", "name", "ticket_id"),
    ("passkeys", "name", "id"),
    ("problems", "title", "id"),
    ("saved_replies", "text", "id"),
    ("saved_replies", "title", "id"),
    ("sessions", "address", "agent_id"),
    ("sessions", "user_agent", "agent_id"),
    ("suppressions", "reason", "created_at"),
    ("tags", "name", "id"),
    ("teams", "name", "id"),
    ("ticket_fields", "value", "ticket_id"),
    ("tickets", "cause", "id"),
    ("tickets", "hold_reason", "id"),
    ("tickets", "snippet", "id"),
    ("tickets", "subject", "id"),
    ("topics", "hint", "id"),
    ("topics", "name", "id"),
    ("views", "name", "id"),
    ("views", "query", "id"),
];

/// What stands inside of JSON: table, column, key, and the names that hold words.
const INSIDE: [(&str, &str, &str, &[&str]); 4] = [
    ("deliveries", "recipients", "id", &["name"]),
    ("drafts", "recipients", "ticket_id", &["name"]),
    (
        "events",
        "data",
        "id",
        &["address", "cause", "inbox", "label", "reason", "subject", "tag", "title", "value"],
    ),
    ("messages", "recipients", "id", &["name"]),
];

/// Texts that are nobody's words, or are parsed where they come in: `table.column`, or a column of
/// every table.
const NOT_WORDS: &[(&str, &[&str])] = &[
    (
        "one of a few, which the program names itself",
        &[
            "act",
            "actor",
            "after_fetch",
            "agents.state",
            "auth",
            "author",
            "channel",
            "decision",
            "direction",
            "door",
            "draft_mode",
            "imap_tls",
            "jobs.name",
            "kind",
            "lane",
            "last_direction",
            "mode",
            "object_kind",
            "priority",
            "problems.state",
            "purpose",
            "resolution",
            "role",
            "schedules.name",
            "scopes",
            "sender_check",
            "settings.name",
            "smtp_tls",
            "sort",
            "state",
            "state_before_spam",
            "acknowledgement_withheld",
            "verdict",
            "who_kind",
            "language",
            "time_zone",
            "media_type",
            "fetcher",
            "folder",
        ],
    ),
    (
        "a hash, a key, a secret or a random id, shown nowhere",
        &[
            "answered_requests.body",
            "code_hash",
            "content_hash",
            "content_id",
            "credential",
            "dkim_key",
            "file_hash",
            "hash",
            "imap_password",
            "in_reply_to",
            "key",
            "mail_references",
            "message_references.mail_id",
            "deliveries.mail_id",
            "messages.mail_id",
            "nonce",
            "oauth_access_token",
            "oauth_client_secret",
            "oauth_refresh_token",
            "once_key",
            "password_hash",
            "raw_hash",
            "secret",
            "smtp_password",
            "spam_words.word",
            "hint",
            "passkey_challenges.state",
            "verifier",
        ],
    ),
    (
        "an address or a path, parsed where it comes in and again where it is read",
        &[
            "agents.email",
            "automatic_mail.address",
            "identities.value",
            "inboxes.address",
            "from_address",
            "issuer",
            "next",
            "oauth_authorize_url",
            "oauth_token_url",
            "participants.address",
            "pattern",
            "portal_links.address",
            "portal_sessions.address",
            "provider_identities.subject",
            "reply_to",
            "suppressions.address",
            "ticket_aliases.alias",
        ],
    ),
    (
        "what only the program writes and reads, or goes out by mail",
        &[
            "accepted",
            "deliveries.html",
            "deliveries.text",
            "payload",
            "preferences",
            "sender_detail",
            "undoables.data",
        ],
    ),
    (
        "filled below, by what is done",
        &[
            "audit_entries.address",
            "after",
            "before",
            "object_id",
            "object_name",
            "settings.value",
            "who_name",
        ],
    ),
];

/// What a page, or a mail that is shown in it, was taken in by.
const STRUCK: &str = "(() => {
    const found = [...document.querySelectorAll('struck, .struck')].map((one) => one.outerHTML.slice(0, 200));
    if (window.struck) found.push('it ran');
    for (const one of document.querySelectorAll('*')) {
        for (const { name, value } of one.attributes) {
            if (/^on/.test(name)) found.push(`${one.localName} ${name}`);
            if (/^(href|src|action|formaction)$/.test(name) && /^\\s*(javascript|data:text)/i.test(value)) found.push(`${name} ${value}`);
        }
    }
    return found;
})()";

async fn poison(tx: &mut Tx, (table, column, dealt_by): (&str, &str, &str), turn: usize) {
    let count = VECTORS.len();
    let mut text = format!("update {table} set {column} = case (({dealt_by} + {turn}) % {count})");
    let mut values = Vec::new();
    for (at, vector) in VECTORS.iter().enumerate() {
        // Names that are there once stay so.
        write!(text, " when {at} then ${} || cast({dealt_by} as text)", at + 1).unwrap();
        values.extend(params![*vector]);
    }
    write!(text, " end where {column} is not null").unwrap();
    tx.execute(text.leak(), values).await.unwrap();
}

/// Puts vectors in the place of words inside of JSON, however deep.
fn poison_json(value: &mut Value, names: &[&str], dealt: &mut usize) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if names.contains(&name.as_str()) && value.is_string() {
                    *value = json!(VECTORS[*dealt % VECTORS.len()]);
                    *dealt += 1;
                }
                poison_json(value, names, dealt);
            }
        }
        Value::Array(values) => {
            for value in values {
                poison_json(value, names, dealt);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn poison_inside(
    tx: &mut Tx,
    (table, column, key, names): (&str, &str, &str, &[&str]),
    dealt: &mut usize,
) {
    let text = format!("select {key}, {column} from {table}");
    let rows: Vec<(i64, String)> = tx.all(text.leak(), params![]).await.unwrap();
    let before = *dealt;
    let text: &str =
        format!("update {table} set {column} = $2 where {key} = $1 and {column} = $3").leak();
    for (id, old) in rows {
        let mut value: Value = serde_json::from_str(&old).unwrap();
        poison_json(&mut value, names, dealt);
        tx.execute(text, params![id, value.to_string(), old]).await.unwrap();
    }
    assert!(*dealt > before || table == "drafts", "{table} has words");
}

impl World {
    /// Acts of somebody whose name and whose things are vectors, as the trail keeps them.
    async fn is_trailed(&self) {
        let accounts = &self.program().foundation.accounts;
        let now = kernel::Clock::now(&kernel::SystemClock);
        for vector in VECTORS {
            let who = audit::Who::customer(kernel::CustomerId(1), vector);
            let entry = audit::Entry::new(audit::Deed::AttachmentRead, who, now);
            let entry = entry.on("attachment", "1", vector).with(json!({ "name": vector }));
            accounts.note_alone(entry).await.unwrap();
        }
    }

    /// Puts a vector into every field, and signs a customer in. Gives the cookie.
    async fn is_poisoned(&mut self, turn: usize) -> String {
        self.stop().await;
        let db = Db::connect(&self.settings.database).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for field in FIELDS {
            poison(&mut tx, field, turn).await;
        }
        let mut dealt = 0;
        for inside in INSIDE {
            poison_inside(&mut tx, inside, &mut dealt).await;
        }
        tx.execute(
            "update settings set value = replace(value, 'Northlight Studio', '<struck></struck>')",
            params![],
        )
        .await
        .unwrap();
        let token = Token::new("rcc");
        let now = kernel::Clock::now(&kernel::SystemClock);
        tx.execute(
            "insert into portal_sessions (token_hash, customer_id, address, created_at,
                last_seen_at, expires_at)
             select $1, i.customer_id, i.value, $2, $2, $3 from identities i
               join tickets t on t.customer_id = i.customer_id order by t.id limit 1",
            params![token.hash().0, now, now + kernel::Span::days(1)],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        self.start().await;
        self.is_trailed().await;
        token.reveal().to_owned()
    }
}

impl Tab {
    async fn is_not_struck(&self, path: &str) {
        self.goes(path).await;
        let found = self.js(STRUCK).await;
        assert_eq!(found, json!([]), "{path}");
    }

    /// Where the links of a page lead that begin so.
    pub(crate) async fn links(&self, path: &str, start: &str, at_most: usize) -> Vec<String> {
        self.goes(path).await;
        let all = format!(
            "[...new Set([...document.querySelectorAll('a[href^=\"{start}\"]')].map((a) => a.getAttribute('href')))]"
        );
        let all: Vec<Value> = self.js(&all).await.as_array().cloned().unwrap_or_default();
        all.iter().filter_map(Value::as_str).take(at_most).map(str::to_owned).collect()
    }
}

/// Every column of texts is filled with vectors above, or is listed with the reason why not.
#[tokio::test]
async fn no_text_that_is_stored_is_forgotten() {
    let world = World::on_sqlite().await;
    let conn = world.program().foundation.db.read().await.unwrap();
    let columns: Vec<(String, String)> = conn
        .all(
            "select m.name, p.name from sqlite_master m, pragma_table_info(m.name) p
              where m.type = 'table' and upper(p.type) = 'TEXT' and m.name not like 'sqlite_%'
                and m.name not like 'search_index%' and m.name not like '%migrations'
              order by m.name, p.name",
            params![],
        )
        .await
        .unwrap();
    assert!(columns.len() > 150, "{}", columns.len());
    let is_filled = |table: &str, column: &str| {
        FIELDS.iter().any(|field| (field.0, field.1) == (table, column))
            || INSIDE.iter().any(|field| (field.0, field.1) == (table, column))
    };
    let is_listed = |table: &str, column: &str| {
        let full = format!("{table}.{column}");
        let mut names = NOT_WORDS.iter().flat_map(|(_, names)| names.iter());
        names.any(|name| *name == column || *name == full)
    };
    let forgotten: Vec<_> = columns
        .iter()
        .filter(|(table, column)| !is_filled(table, column) && !is_listed(table, column))
        .collect();
    assert!(forgotten.is_empty(), "fill them with vectors, or say why not: {forgotten:?}");
    for (table, column, ..) in FIELDS {
        let is_there = columns.iter().any(|(one, other)| one == table && other == column);
        assert!(is_there, "{table}.{column} is gone");
    }
    // Each reason stands for something that is there.
    for name in NOT_WORDS.iter().flat_map(|(_, names)| names.iter()) {
        let is_used = columns
            .iter()
            .any(|(table, column)| *name == column || *name == format!("{table}.{column}"));
        assert!(is_used, "{name} is gone");
    }
}

on_both! {
    async fn nothing_that_is_stored_becomes_script(world: World) {
        let address = world.fills_with_demo(60).await;
        let cookie = world.is_poisoned(0).await;
        let tab = Tab::new(world).await;
        for path in ["/login", "/help", "/help/contact", "/api/docs"] {
            tab.is_not_struck(path).await;
        }
        tab.signs_in_with(&address, demo::PASSWORD).await;
        let mut paths: Vec<String> = world.program().routes.iter()
            .filter(|route| route.method == "GET" && !route.path.contains('{'))
            .filter(|route| matches!(route.access, accounts::Access::May(_) | accounts::Access::Confirmed(_)))
            .map(|route| route.path.to_owned())
            .filter(|path| !["/live", "/mail/image", "/settings/inboxes/oauth/callback"].contains(&path.as_str()))
            .collect();
        paths.extend(tab.links("/inbox/all", "/t/RC-", 40).await);
        paths.extend(tab.links("/customers", "/customers/", 10).await);
        for part in ["people", "inboxes", "mail", "views", "replies", "topics", "teams"] {
            paths.extend(tab.links(&format!("/settings/{part}"), &format!("/settings/{part}/"), 6).await);
        }
        for vector in VECTORS {
            let mut path = "/search?q=".to_owned();
            vector.bytes().for_each(|byte| write!(path, "%{byte:02x}").unwrap());
            paths.push(path);
        }
        let ticket = paths.iter().find(|path| path.starts_with("/t/RC-")).unwrap();
        let ticket = ticket.split('?').next().unwrap().to_owned();
        for sheet in ["snooze", "hold", "resolve", "merge", "split", "tags", "people", "subject", "problem"] {
            paths.push(format!("{ticket}/ask/{sheet}"));
        }
        assert!(paths.len() > 100, "{paths:?}");
        let mut shown = 0;
        for path in &paths {
            tab.is_not_struck(path).await;
            shown += usize::from(tab.js("document.body.innerText.includes('struck')").await == json!(true));
        }
        assert!(shown > 60, "the words are there to be read: on {shown} of {} pages", paths.len());
        // Who looks does see it.
        for vector in [VECTORS[0], "<a href='javascript:1'>a</a>"] {
            let put = format!("document.body.insertAdjacentHTML('beforeend', {})", json!(vector));
            tab.js(&put).await;
            assert_ne!(tab.js(STRUCK).await, json!([]), "{vector}");
            tab.js("document.body.lastElementChild.remove()").await;
        }
        tab.js(&format!("document.cookie = 'customer={cookie}; path=/'")).await;
        tab.is_not_struck("/help/requests").await;
        let requests = tab.links("/help/requests", "/help/requests/", 10).await;
        assert!(!requests.is_empty(), "the customer sees what is theirs");
        for path in requests {
            tab.is_not_struck(&path).await;
        }
        tab.closes().await;
    }
}
