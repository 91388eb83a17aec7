//! What is written in an inbox is seen, counted, completed, told and named nowhere by somebody who
//! does not see that inbox.

use std::time::{Duration, Instant};

use accounts::Access;
use reqwest::{Method, Response};

use super::furnished::{CANARY, Furnished, Things, path_with};
use super::matrix::Look;
use crate::world::{OWNER, Page, Web, World, on_both};

/// Within this a change of what somebody may see is in force.
const AT_ONCE: Duration = Duration::from_secs(5);
const A_MOMENT: Duration = Duration::from_millis(300);

/// What gives the second inbox away.
fn tells(text: &str, things: &Things) -> Option<String> {
    let secret = [
        "ticket",
        "message",
        "attachment",
        "ledger",
        "customer",
        "inbox",
        "topic",
        "upload",
        "problem",
        "view",
        "reply",
    ];
    let ids = secret.iter().map(|name| things[name].as_str());
    let words = [CANARY, "other.example", "quinn"].into_iter().chain(ids);
    let text = text.to_lowercase();
    words.map(str::to_lowercase).find(|word| text.contains(word)).map(|word| {
        let at = text.find(&word).unwrap_or_default();
        let part: String = text.chars().skip(at.saturating_sub(80)).take(200).collect();
        format!("{word}: …{part}…")
    })
}

/// Ways to ask for more than a page, without naming what is looked for.
const QUESTIONS: &[&str] = &[
    "/search?q=broken",
    "/search?q=%2A",
    "/search?q=has%3Aattachment",
    "/palette?q=broken",
    "/palette?q=RC",
    "/palette?q=Dana",
    "/customers?q=Dana",
    "/customers?q=example",
    "/inbox/all",
    "/inbox/needs-reply",
    "/inbox/unassigned",
    "/inbox/all?q=broken",
    "/inbox/all?sort=newest",
    "/inbox/all/rows?refs=RC-10001,RC-10002",
    "/inbox/counts",
    "/notifications",
    "/settings/quarantine?show=aside",
    "/settings/mail?fate=ticketed",
    "/settings/outgoing?show=failed",
    "/settings/outgoing?show=dead",
];

const QUESTIONS_OF_PROGRAMS: &[&str] = &[
    "/api/v1/tickets",
    "/api/v1/search?q=broken",
    "/api/v1/search?q=has%3Aattachment",
    "/api/v1/customers",
    "/api/v1/inboxes",
    "/api/v1/mail/ledger",
    "/api/v1/tags",
    "/api/v1/views",
];

/// Questions that name something, and get the same answer as if it were nowhere. `{}` is the name.
const NAMING: &[(&str, &str)] = &[
    ("/search?q={}", CANARY),
    ("/search?q=from%3A{}", "quinn@other.example"),
    ("/palette?q={}", CANARY),
    ("/customers?q={}", CANARY),
    ("/inbox/all?q={}", CANARY),
    ("/inbox/all/rows?q={}", CANARY),
    ("/t/new/saved-replies?q={}", CANARY),
    ("/api/v1/search?q={}", CANARY),
    ("/api/v1/customers?email={}", "quinn@other.example"),
    ("/search?q=tag%3A{}", CANARY),
    ("/search?q=problem%3A{}", CANARY),
    ("/search?q=inbox%3A{}", CANARY),
    ("/inbox/all?q=problem%3A{}", CANARY),
    ("/settings/views?query=problem%3A{}", CANARY),
    ("/api/v1/search?q=problem%3A{}", CANARY),
    ("/api/v1/search?q=inbox%3A{}", CANARY),
    ("/api/v1/tickets?tag={}", CANARY),
    ("/search?q={}", "OLD-77"),
    ("/palette?q={}", "OLD-77"),
    ("/api/v1/tickets/{}", "OLD-77"),
];

struct Insider<'i> {
    web: &'i Web,
    token: String,
}

impl Insider<'_> {
    async fn gets(&self, path: &str) -> Page {
        let request = self.web.request(Method::GET, path).bearer_auth(&self.token);
        self.web.send(request).await
    }
}

/// An event stream, read as it comes.
struct Stream {
    answer: Response,
    heard: String,
}

impl Stream {
    async fn opens(web: &Web, path: &str, token: &str) -> Self {
        let answer = web.request(Method::GET, path).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { answer, heard: String::new() }
    }

    /// Listens until something was heard, or the time is over; whether it was heard.
    async fn hears(&mut self, what: &str, within: Duration) -> bool {
        let end = Instant::now() + within;
        while !self.heard.contains(what) {
            let left = end.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.answer.chunk()).await {
                Ok(Ok(Some(chunk))) => self.heard.push_str(&String::from_utf8_lossy(&chunk)),
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}

impl Stream {
    /// Whether it is over before the time is.
    async fn ends(&mut self, within: Duration) -> bool {
        let over = async { while let Ok(Some(_)) = self.answer.chunk().await {} };
        tokio::time::timeout(within, over).await.is_ok()
    }
}

impl World {
    async fn tags(&self, web: &Web, ticket: &str, tag: &str) {
        web.post(&format!("/t/{ticket}/change"), &[("tag", tag)]).await.location();
    }

    /// A number that a ticket had elsewhere.
    pub(super) async fn adds_old_number(&self, ticket: &str) {
        let db = self.program().foundation.db.clone();
        let mut tx = db.begin().await.unwrap();
        let id: i64 = ticket.parse().unwrap();
        let insert = "insert into ticket_aliases (alias, ticket_id) values ('OLD-77', $1)";
        tx.execute(insert, vec![id.into()]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn nothing_is_told(world: &World, house: &Furnished, insider: &Insider<'_>, name: &str) {
    for route in world.program().routes.iter().filter(|route| route.method == "GET") {
        // What customers may read is no secret, and streams are listened to below.
        if route.path.starts_with("/help") || ["/live", "/api/v1/events"].contains(&route.path) {
            continue;
        }
        if !matches!(route.access, Access::May(_) | Access::Confirmed(_) | Access::Token(_)) {
            continue;
        }
        let path = path_with(route, &house.support);
        let page = insider.gets(&path).await;
        assert_eq!(tells(&page.body, &house.billing), None, "{name} at {path}");
    }
    for path in QUESTIONS.iter().chain(QUESTIONS_OF_PROGRAMS) {
        let page = insider.gets(path).await;
        assert!(page.status.is_success() || page.status == 403, "{path}: {}", page.status);
        assert_eq!(tells(&page.body, &house.billing), None, "{name} at {path}");
    }
    for sheet in ["tags", "problem", "people", "merge", "link", "split", "resolve"] {
        let path = format!("/t/{}/ask/{sheet}", house.support["ticket"]);
        let page = insider.gets(&path).await;
        assert!(page.status.is_success() || page.status == 403, "{path}: {}", page.status);
        assert_eq!(tells(&page.body, &house.billing), None, "{name} at {path}");
    }
    // What is carried out of the program.
    let request = insider.web.request(Method::POST, "/settings/trail/export");
    let table = insider.web.send(request.form(&[("who", "")])).await;
    assert_eq!(tells(&table.body, &house.billing), None, "{name} in the trail that is carried out");
    let mut looks = Vec::new();
    for things in [&house.billing, &house.nothing] {
        let page = insider.gets(&format!("/inbox/problem-{}", things["problem"])).await;
        looks.push(Look::of(&page, &[things]));
    }
    assert_eq!(looks[0], looks[1], "{name} at the list of a problem");
    for (path, word) in NAMING {
        let absent: String = word.chars().rev().filter(char::is_ascii_alphanumeric).collect();
        let absent = if word.contains('@') { format!("{absent}@gone.example") } else { absent };
        let mut looks = Vec::new();
        for asked in [word, absent.as_str()] {
            let page = insider.gets(&path.replace("{}", asked)).await;
            let names = Things::from([("asked", asked.to_owned())]);
            let body = page.body.replace(asked, "asked").replace(&asked.to_lowercase(), "asked");
            looks.push(Look::of(&Page { body, ..page }, &[&names]));
        }
        assert_eq!(looks[0], looks[1], "{name} at {path}");
    }
}

on_both! {
    async fn nothing_of_another_inbox_is_seen_from_any_side(world: World) {
        let house = world.furnishes().await;
        world.adds_old_number(&house.billing["ticket number"]).await;
        // What was read of it is in the trail.
        for path in [
            format!("/files/{}", house.billing["attachment"]),
            format!("/settings/mail/{}/raw", house.billing["ledger"]),
        ] {
            assert_eq!(house.maya.get(&path).await.status, 200, "{path}");
        }
        // Somebody is named in a note that they do not see.
        let note = [("mode", "note"), ("note", "@Olga @Lena @Theo @Cora quokkafeather"), ("key", "mention")];
        let path = format!("/t/{}/messages", house.billing["ticket"]);
        house.maya.post(&path, &note).await.location();
        for person in &house.people {
            let token = world.token_of(&person.actor.email, "*").await;
            let insider = Insider { web: &person.web, token };
            nothing_is_told(world, &house, &insider, person.name).await;
        }
    }

    async fn what_somebody_may_see_changes_at_once_and_in_open_streams_too(world: World) {
        let house = world.furnishes().await;
        let theo = &house.people[2];
        let token = world.token_of(&theo.actor.email, "*").await;
        let (own, other) = (house.support["ticket"].clone(), house.billing["ticket"].clone());
        let mut streams = [
            Stream::opens(&theo.web, "/live", "").await,
            Stream::opens(&theo.web, "/api/v1/events", &token).await,
        ];
        world.tags(&house.maya, &other, "secret").await;
        world.tags(&house.maya, &own, "open").await;
        for stream in &mut streams {
            assert!(stream.hears(&own, AT_ONCE).await, "{}", stream.heard);
            assert_eq!(tells(&stream.heard, &house.billing), None);
        }
        let person = world.cell::<kernel::PublicId>(
            "select public_id from agents where name = 'Theo'".to_owned()).await;
        let rights = |number: &str| {
            let fields = [("name", "Theo"), ("role", "agent"), ("sees", "some"), ("inbox", number)];
            fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let path = format!("/settings/people/{person}");
        let fields = rights(&house.billing["inbox number"]);
        let request = house.maya.request(Method::POST, &path).form(&fields);
        let changed_at = Instant::now();
        house.maya.send(request).await.location();
        for path in [format!("/t/{own}"), format!("/api/v1/tickets/{own}")] {
            let insider = Insider { web: &theo.web, token: token.clone() };
            assert_eq!(insider.gets(&path).await.status, 404, "{path}");
            assert_eq!(insider.gets(&path.replace(&own, &other)).await.status, 200, "{path}");
        }
        assert!(changed_at.elapsed() < AT_ONCE);
        for stream in &mut streams {
            // What was told before the change may still be on its way.
            stream.hears("nothing like this", A_MOMENT).await;
            stream.heard.clear();
        }
        world.tags(&house.maya, &own, "hidden").await;
        world.tags(&house.maya, &other, "shown").await;
        for stream in &mut streams {
            assert!(stream.hears(&other, AT_ONCE).await, "{}", stream.heard);
            assert!(!stream.heard.contains(&own), "{}", stream.heard);
        }
        // Whoever leaves hears nothing more.
        house.maya.post(&format!("{path}/deactivate"), &[]).await.location();
        for stream in &mut streams {
            assert!(stream.ends(AT_ONCE).await, "{}", stream.heard);
        }
    }

    async fn a_stream_ends_with_the_session_or_the_token_that_it_was_opened_with(world: World) {
        world.opens_shop().await;
        let (left, ended) = (world.signs_in(OWNER).await, world.signs_in(OWNER).await);
        let (elsewhere, token) = (world.signs_in(OWNER).await, world.token_of(OWNER, "*").await);
        let mut streams = [
            Stream::opens(&left, "/live", "").await,
            Stream::opens(&ended, "/live", "").await,
            Stream::opens(&world.web(), "/api/v1/events", &token).await,
        ];
        left.post("/logout", &[]).await.location();
        assert!(streams[0].ends(AT_ONCE).await, "signed out");
        elsewhere.post("/me/sessions/delete", &[]).await.location();
        assert!(streams[1].ends(AT_ONCE).await, "ended from elsewhere");
        let tokens = elsewhere.get("/me/tokens").await.body;
        let (_, rest) = tokens.split_once("action=\"/me/tokens/").unwrap();
        let path = format!("/me/tokens/{}", rest.split('"').next().unwrap());
        elsewhere.post(&path, &[]).await.location();
        assert!(streams[2].ends(AT_ONCE).await, "revoked");
    }
}
