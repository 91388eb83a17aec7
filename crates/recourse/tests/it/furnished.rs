//! A company with two inboxes and one of everything in each: what is asked for by every route.

use std::collections::HashMap;
use std::time::Duration;

use accounts::{Actor, Route};
use database::carry::{self, Sum, Walk};
use database::{Sql, Value};
use kernel::{AgentId, TicketId};
use recourse::local::Command;

use crate::world::place::{PASSWORD, inbox_fields};
use crate::world::{OWNER, Web, World, eventually};

/// Stands in everything of the second inbox that people write, and nowhere else.
pub(crate) const CANARY: &str = "quokkafeather";

/// One inbox with what belongs to it; by the names of [`thing_in`].
pub(crate) type Things = HashMap<&'static str, String>;

pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) actor: Actor,
    pub(crate) web: Web,
}

/// Everybody but the owner sees the first inbox alone.
pub(crate) struct Furnished {
    pub(crate) maya: Web,
    pub(crate) token: String,
    pub(crate) support: Things,
    pub(crate) billing: Things,
    /// Of the same form, and nowhere.
    pub(crate) nothing: Things,
    pub(crate) people: Vec<Person>,
}

/// What stands at a place of a route. A route whose places are not known here is not tested, so
/// whoever adds one says it.
fn thing_in(route: &Route, place: &str) -> &'static str {
    let starts = |start: &str| route.path.starts_with(start);
    match place {
        "reference" => "ticket",
        "message" => "message",
        "file" => "upload",
        "reply" => "reply",
        "agent" => "agent",
        "sheet" => "sheet",
        "what" => "what",
        "view" => "list",
        "token" | "receipt" | "number" => "nothing",
        "id" => {
            let known = [
                ("/files/", "attachment"),
                ("/help/files/", "attachment"),
                ("/mail/file/", "inline"),
                ("/api/v1/attachments/", "attachment"),
                ("/customers/", "customer"),
                ("/api/v1/customers/", "customer"),
                ("/problems/", "problem"),
                ("/settings/views/", "view"),
                ("/settings/replies/", "reply"),
                ("/settings/tags/", "tag"),
                ("/settings/categories/", "category"),
                ("/settings/fields/", "field"),
                ("/settings/topics/", "topic"),
                ("/settings/inboxes/", "inbox"),
                ("/api/v1/inboxes/", "inbox"),
                ("/settings/mail/", "ledger"),
                ("/api/v1/mail/ledger/", "ledger"),
                ("/settings/outgoing/", "delivery"),
                ("/settings/people/", "person"),
                ("/settings/teams/", "team"),
                ("/settings/system/jobs/", "job"),
                ("/me/sessions/", "session"),
                ("/me/second-factor/passkeys/", "nothing"),
                ("/me/tokens/", "api token"),
                ("/undo/", "undo"),
            ];
            let found = known.into_iter().find(|(start, _)| starts(start));
            found.unwrap_or_else(|| panic!("{} leads to nothing known: name it here", route.path)).1
        }
        other => panic!("{{{other}}} of {} is not known: name it here", route.path),
    }
}

/// What the places of a route stand for.
pub(crate) fn things_of(route: &Route) -> Vec<&'static str> {
    let places = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    places.map(|place| thing_in(route, place)).collect()
}

/// The path of a route with these things in it.
pub(crate) fn path_with(route: &Route, things: &Things) -> String {
    let mut path = route.path.to_owned();
    for place in route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let thing = thing_in(route, place);
        path = path.replace(&format!("{{{place}}}"), &things[thing]);
    }
    path
}

/// A mail with a picture in it and a file at it.
fn mail(from: &str, to: &str, id: &str, word: &str) -> String {
    format!(
        "From: Dana {word} <{from}>\r\nTo: {to}\r\nSubject: About {word}\r\n\
         Date: Tue, 17 Nov 2026 09:00:00 +0000\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\
         Content-Type: text/html\r\n\r\n<p>My {word} is broken. <img src=\"cid:one\"></p>\r\n--b\r\n\
         Content-Type: image/png; name=\"in-{word}.png\"\r\nContent-ID: <one>\r\n\
         Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E\r\n\
         rkJggg==\r\n--b\r\nContent-Type: text/plain; name=\"{word}.txt\"\r\n\
         Content-Disposition: attachment; filename=\"{word}.txt\"\r\n\r\nfile {word}\r\n--b--\r\n"
    )
}

impl World {
    /// A number or a text of the database.
    pub(crate) async fn cell<T: database::Column>(&self, text: String) -> T {
        let db = self.program().foundation.db.clone();
        let conn = db.read().await.unwrap();
        conn.scalar_sql(Sql::new(text.leak())).await.unwrap()
    }

    async fn does(&self, command: Command) -> String {
        let answer = self.command(&command, &[]).await;
        assert_eq!(answer.exit_code, 0, "{}", answer.text);
        answer.text
    }

    pub(crate) async fn token_of(&self, email: &str, scope: &str) -> String {
        let made = self.does(Command::CreateToken {
            agent: email.to_owned(),
            name: "Tests".to_owned(),
            scope: scope.to_owned(),
            inboxes: Vec::new(),
            expires_in_days: None,
        });
        made.await.rsplit(' ').next().unwrap_or_default().to_owned()
    }

    pub(crate) async fn receives(&self, inbox: &str, from: &str, mail: &str) {
        let command = Command::DeliverMail {
            inbox: inbox.to_owned(),
            from: from.to_owned(),
            size: u64::try_from(mail.len()).unwrap(),
        };
        let answer = self.command(&command, mail.as_bytes()).await;
        assert_eq!(answer.exit_code, 0, "{}", answer.text);
    }

    /// An inbox that is handed its mail, and sends none.
    async fn opens_quiet_inbox(&self, web: &Web, name: &str, word: &str) -> String {
        let address = format!("{}@{}.example", name.to_lowercase(), self.name);
        let mut fields = inbox_fields(&address, "", "");
        let own = ["name", "sender_name", "signature", "incoming", "outgoing"];
        fields.retain(|(key, _)| !own.contains(key));
        fields.extend([("name", name), ("incoming", "handed"), ("outgoing", "none")]);
        fields.extend([("sender_name", word), ("signature", word)]);
        web.post("/settings/inboxes", &fields).await.location();
        address
    }

    async fn joins(&self, name: &'static str, role: &str, inboxes: &[&str]) -> Person {
        let email = format!("{}@northlight.example", name.to_lowercase());
        self.does(Command::AddAgent {
            name: name.to_owned(),
            email: email.clone(),
            role: role.to_owned(),
            inboxes: inboxes.iter().map(|&inbox| inbox.to_owned()).collect(),
            password: PASSWORD.to_owned(),
        })
        .await;
        let id = self.cell::<i64>(format!("select id from agents where email = '{email}'")).await;
        let accounts = &self.program().foundation.accounts;
        let actor = accounts.actor(AgentId(id)).await.unwrap().unwrap();
        Person { name, actor, web: self.signs_in(&email).await }
    }

    /// Furnishes it: two inboxes, a customer in each, and one of everything.
    pub(crate) async fn furnishes(&self) -> Furnished {
        self.does(Command::SetUp {
            company: "Northlight Studio".to_owned(),
            name: "Maya Ellis".to_owned(),
            email: OWNER.to_owned(),
            password: PASSWORD.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
        })
        .await;
        let maya = self.signs_in(OWNER).await;
        for (name, word, from) in
            [("Support", "lamp", "dana@own.example"), ("Billing", CANARY, "quinn@other.example")]
        {
            let address = self.opens_quiet_inbox(&maya, name, word).await;
            let id = format!("{word}@{}.example", self.name);
            self.receives(&address, from, &mail(from, &address, &id, word)).await;
        }
        eventually("two tickets", async || {
            (self.cell::<i64>("select count(*) from messages".to_owned()).await >= 2).then_some(())
        })
        .await;
        self.signs_in(OWNER).await;
        let mut people = Vec::new();
        for (name, role) in
            [("Olga", "owner"), ("Lena", "lead"), ("Theo", "agent"), ("Cora", "collaborator")]
        {
            people.push(self.joins(name, role, &["Support"]).await);
        }
        let nothing = nothing();
        let shared = self.adds_shared_things(&maya).await;
        let mut own = self.adds_things(&maya, "Support", "lamp").await;
        let mut other = self.adds_things(&maya, "Billing", CANARY).await;
        for (name, value) in &shared {
            own.insert(name, value.clone());
            other.insert(name, value.clone());
        }
        let token = self.token_of(OWNER, "*").await;
        Furnished { maya, token, support: own, billing: other, nothing, people }
    }

    /// What belongs to no inbox.
    async fn adds_shared_things(&self, maya: &Web) -> Things {
        for (path, fields) in [
            ("/settings/categories", vec![("name", "Broken")]),
            ("/settings/fields", vec![("label", "Order"), ("kind", "text")]),
            ("/settings/teams", vec![("name", "Second line")]),
        ] {
            let page = maya.post(path, &fields).await;
            assert_eq!(page.status, 303, "{path}: {}", page.body);
        }
        let mut things = nothing();
        things.retain(|name, _| ["nothing", "job", "sheet", "what", "undo"].contains(name));
        for (name, what) in [
            ("category", "public_id from categories"),
            ("field", "id from fields"),
            ("team", "public_id from teams"),
            ("person", "public_id from agents where name = 'Cora'"),
            ("agent", "id from agents where name = 'Maya Ellis'"),
            ("session", "max(id) from sessions where agent_id = 1"),
        ] {
            things.insert(name, self.id_of(what).await);
        }
        self.token_of(OWNER, "mail:read").await;
        things.insert("api token", self.id_of("public_id from api_tokens").await);
        things
    }

    /// The id in the first row, a number or a public id, as it stands in addresses.
    async fn id_of(&self, what: &str) -> String {
        let (column, rest) = what.split_once(' ').unwrap();
        if column == "public_id" {
            let text = format!("select public_id {rest} order by id limit 1");
            return self.cell::<kernel::PublicId>(text).await.to_string();
        }
        self.cell::<i64>(format!("select {what} limit 1")).await.to_string()
    }

    /// Everything of one inbox; the word stands in all that people write.
    async fn adds_things(&self, maya: &Web, inbox: &str, word: &str) -> Things {
        let number = self.id_of(&format!("id from inboxes where name = '{inbox}'")).await;
        let ticket = self.id_of(&format!("id from tickets where inbox_id = {number}")).await;
        let reference = TicketId(ticket.parse().unwrap()).to_string();
        let at = |rest: &str| format!("/t/{reference}/{rest}");
        let say = |text: &str| format!("{text} {word}");
        for (path, fields) in [
            (at("change"), vec![("tag", format!("tag-{number}-{word}"))]),
            (at("messages"), vec![("mode", "note".to_owned()), ("note", say("A note about"))]),
            (
                at("messages"),
                vec![
                    ("mode", "reply".to_owned()),
                    ("reply", say("We look at")),
                    ("key", say("key")),
                ],
            ),
            (at("people"), vec![("address", format!("{word}@third.example"))]),
            (at("details"), vec![("field-1", say("order"))]),
            (at("change"), vec![("subject", say("Subject of"))]),
            (at("problem"), vec![("title", word.to_owned())]),
            (
                "/settings/topics".to_owned(),
                vec![("name", say("Topic")), ("inbox", number.clone())],
            ),
            ("/settings/views".to_owned(), vec![("name", say("View")), ("query", word.to_owned())]),
            ("/settings/replies".to_owned(), vec![("title", say("Reply")), ("text", say("Yes,"))]),
        ] {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let page = maya.post(&path, &fields).await;
            assert_eq!(page.status, 303, "{path}: {}", page.body);
        }
        let customer = format!(
            "public_id from customers where id = (select customer_id from tickets where id = {ticket})"
        );
        let customer = format!("/customers/{}", self.id_of(&customer).await);
        maya.post(&customer, &[("note", say("They like a").as_str())]).await.location();
        let draft = say("A draft about");
        let request = maya.request(reqwest::Method::PUT, &at("draft"));
        let page = maya.send(request.form(&[("mode", "note"), ("text", &draft)])).await;
        assert!(page.status.is_success(), "{}", page.body);
        self.uploads(maya, &at("files"), "note", &format!("draft-{word}.txt")).await;
        let mut things = self.ids_of(&number, &ticket, word).await;
        things.insert("list", format!("inbox-{}", things["inbox"]));
        things.insert("inbox number", number);
        things.insert("ticket number", ticket);
        things.insert("ticket", reference);
        things
    }

    /// The ids of everything in an inbox.
    async fn ids_of(&self, number: &str, ticket: &str, word: &str) -> Things {
        let mut things = Things::new();
        for (name, what) in [
            ("message", format!("public_id from messages where ticket_id = {ticket}")),
            (
                "attachment",
                format!(
                    "public_id from attachments where content_id is null and name = '{word}.txt'"
                ),
            ),
            ("inline", format!("public_id from attachments where name = 'in-{word}.png'")),
            ("upload", format!("public_id from attachments where name = 'draft-{word}.txt'")),
            ("ledger", format!("public_id from mail_ledger where inbox_id = {number}")),
            ("delivery", format!("id from deliveries where inbox_id = {number}")),
            ("inbox", format!("public_id from inboxes where id = {number}")),
            ("topic", format!("public_id from topics where inbox_id = {number}")),
            ("tag", format!("id from tags where name like 'tag-{number}-%'")),
            ("problem", format!("public_id from problems where title = '{word}'")),
            ("view", format!("public_id from views where query = '{word}'")),
            ("reply", format!("public_id from saved_replies where title like '%{word}'")),
            (
                "customer",
                format!(
                    "public_id from customers
                      where id = (select customer_id from tickets where id = {ticket})"
                ),
            ),
        ] {
            things.insert(name, self.id_of(&what).await);
        }
        things
    }

    pub(crate) async fn uploads(&self, web: &Web, path: &str, mode: &str, name: &str) {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\n{mode}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: text/plain\r\n\r\nsomething\r\n--b--\r\n"
        );
        let kind = "multipart/form-data; boundary=b";
        let request = web.request(reqwest::Method::POST, path).header("content-type", kind);
        let page = web.send(request.body(body)).await;
        assert!(page.status.is_success() || page.status == 303, "{}: {}", page.status, page.body);
    }

    /// What every table holds, but for what tells only that somebody was there.
    pub(crate) async fn dump(&self) -> Vec<(String, Sum)> {
        let db = self.program().foundation.db.clone();
        let mut conn = db.snapshot().await.unwrap();
        let mut sums = Vec::new();
        for shape in carry::shapes(&mut conn).await.unwrap() {
            let (mut sum, mut walk) = (Sum::default(), Walk::new(&shape));
            let (table, columns) = (shape.table.name, shape.columns());
            loop {
                let mut rows = walk.next(&mut conn).await.unwrap();
                if rows.is_empty() {
                    break;
                }
                for row in &mut rows {
                    for (value, column) in row.iter_mut().zip(&columns) {
                        if LEFT_OUT.contains(&(table, column.as_str())) {
                            *value = Value::Int(0);
                        }
                    }
                    sum.add(row);
                }
            }
            if !TABLES_LEFT_OUT.contains(&table) {
                sums.push((table.to_owned(), sum));
            }
        }
        sums
    }

    /// The tables that do not hold what they held.
    pub(crate) async fn changed_since(&self, before: &[(String, Sum)]) -> Vec<String> {
        let now = self.dump().await;
        let changed = now.iter().zip(before).filter(|(now, before)| now != before);
        changed.map(|((table, _), _)| table.clone()).collect()
    }

    /// Waits until nothing is moved in the background.
    pub(crate) async fn settles(&self) {
        self.web().get("/health/ready").await;
        let mut before = self.dump().await;
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = self.dump().await;
            if now == before {
                return;
            }
            before = now;
        }
        panic!("something goes on in the background");
    }
}

/// Columns that say only when somebody or something was last there.
const LEFT_OUT: &[(&str, &str)] = &[
    ("sessions", "last_seen_at"),
    // When it was last tried whether the database can be written.
    ("settings", "updated_at"),
    ("sessions", "expires_at"),
    ("api_tokens", "last_used_at"),
    // The sender tries again by itself.
    ("deliveries", "state"),
    ("deliveries", "send_after"),
    ("deliveries", "attempts"),
    ("deliveries", "leased_until"),
    ("deliveries", "fault"),
];

/// The clockwork in the background, and who looked at what.
const TABLES_LEFT_OUT: &[&str] = &[
    "schedules",
    "jobs",
    "mail_health",
    "rate_limits",
    "audit_entries",
    "audit_checkpoints",
    "audit_head",
];

/// Things that look like others and are nowhere.
fn nothing() -> Things {
    let uuid = "01900000-0000-7000-8000-000000000000";
    let mut things: Things = [
        "message",
        "upload",
        "reply",
        "attachment",
        "inline",
        "customer",
        "problem",
        "view",
        "category",
        "topic",
        "inbox",
        "ledger",
        "person",
        "team",
        "api token",
        "undo",
    ]
    .into_iter()
    .map(|name| (name, uuid.to_owned()))
    .collect();
    for name in ["tag", "field", "delivery", "job", "session", "agent", "inbox number"] {
        things.insert(name, "999999".to_owned());
    }
    things.insert("ticket number", "999999".to_owned());
    things.insert("ticket", "RC-99999".to_owned());
    things.insert("list", format!("inbox-{uuid}"));
    things.insert("nothing", "nothing".to_owned());
    things.insert("sheet", "subject".to_owned());
    things.insert("what", "admit".to_owned());
    things
}
