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
const FIELDS: [(&str, &str, &str); 45] = [
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
    ("fields", "label", "id"),
    ("inboxes", "name", "id"),
    ("inboxes", "sender_name", "id"),
    ("inboxes", "signature", "id"),
    ("mail_health", "fault", "inbox_id"),
    ("mail_ledger", "envelope_from", "id"),
    ("mail_ledger", "from_address", "id"),
    ("mail_ledger", "preview", "id"),
    ("mail_ledger", "reason", "id"),
    ("mail_ledger", "subject", "id"),
    ("message_html", "html", "message_id"),
    ("messages", "from_name", "id"),
    ("messages", "quoted", "id"),
    ("messages", "subject", "id"),
    ("messages", "text", "id"),
    ("new_ticket_drafts", "subject", "agent_id"),
    ("new_ticket_drafts", "text", "agent_id"),
    ("notes", "text", "id"),
    ("notifications", "actor_name", "id"),
    ("participants", "name", "ticket_id"),
    ("problems", "title", "id"),
    ("saved_replies", "text", "id"),
    ("saved_replies", "title", "id"),
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
    ("views", "name", "id"),
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

impl World {
    /// Puts a vector into every field, and signs a customer in. Gives the cookie.
    async fn is_poisoned(&mut self, turn: usize) -> String {
        self.stop().await;
        let db = Db::connect(&self.settings.database).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for field in FIELDS {
            poison(&mut tx, field, turn).await;
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
    async fn links(&self, path: &str, start: &str, at_most: usize) -> Vec<String> {
        self.goes(path).await;
        let all = format!(
            "[...new Set([...document.querySelectorAll('a[href^=\"{start}\"]')].map((a) => a.getAttribute('href')))]"
        );
        let all: Vec<Value> = self.js(&all).await.as_array().cloned().unwrap_or_default();
        all.iter().filter_map(Value::as_str).take(at_most).map(str::to_owned).collect()
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
