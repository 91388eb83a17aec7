//! The collection of hostile mail in a browser: as a ticket shows it, and, for the frame's own
//! part, as if nothing had been cleaned.

use std::collections::BTreeSet;
use std::fmt::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use recourse::local::Command;
use serde_json::{Value, json};

use super::outside::{LISTENS, Outside, name_for};
use super::tab::Tab;
use crate::world::{World, eventually, on_both};

#[path = "../../../email/src/tests/hostile.rs"]
mod collection;

use collection::HOSTILE;

/// A ticket shows so many messages at once.
const A_TICKET: usize = 36;

/// Every vector, saying its number when it runs and when it fetches.
fn armed() -> Vec<String> {
    let armed = HOSTILE.iter().enumerate().map(|(number, html)| {
        html.replace("evil.example", &name_for(number))
            .replace("alert(1)", &format!("top.postMessage({number},`*`)"))
    });
    armed.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A mail whose text shows the vector, so that lists and what is found show it too, and whose HTML
/// holds it.
fn hostile_mail(world: &World, number: usize, kind: &str, body: &str) -> String {
    let (from, to) = (world.dana(), world.support());
    let first = number / A_TICKET * A_TICKET;
    let mut mail = format!(
        "From: Dana <{from}>\nTo: {to}\nSubject: Hostile {first}\n\
         Date: Tue, 17 Nov 2026 09:00:00 +0000\nMessage-ID: <{kind}{number}@dana.example>\n\
         In-Reply-To: <html{first}@dana.example>\nMIME-Version: 1.0\n\
         Content-Type: text/{kind}; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    );
    for line in BASE64_STANDARD.encode(body).as_bytes().chunks(76) {
        writeln!(mail, "{}", String::from_utf8_lossy(line)).unwrap();
    }
    mail
}

impl World {
    async fn is_sent(&self, mail: &str) {
        let deliver = Command::DeliverMail {
            inbox: self.support(),
            from: self.dana(),
            size: u64::try_from(mail.len()).unwrap(),
        };
        let answer = self.command(&deliver, mail.as_bytes()).await;
        assert_eq!(answer.exit_code, 0, "{}", answer.text);
    }
}

/// The frames of a ticket, all of them shown; how many they are.
async fn opens_frames(tab: &Tab, ticket: &str) -> u64 {
    tab.goes(ticket).await;
    tab.sees("iframe.mail-frame").await;
    let count = tab.js("document.querySelectorAll('iframe.mail-frame').length").await;
    let count = count.as_u64().unwrap();
    // Each once more: those that were in sight are there already.
    let again = "(() => { window.loaded = 0;
        for (const frame of document.querySelectorAll('iframe.mail-frame')) {
            frame.addEventListener('load', () => { window.loaded += 1; }, { once: true });
            frame.loading = 'eager';
            frame.src = frame.src;
        } })()";
    tab.js(again).await;
    tab.waits("for every mail to be shown", &format!("window.loaded >= {count}")).await;
    tab.gives_it_time().await;
    count
}

/// What holds a mail: the `sandbox` of its frame, the policy that comes with it, and what the page
/// around it says about its frames.
async fn frame_of(world: &World, tab: &Tab) -> [String; 3] {
    let frame =
        "(({ src, sandbox }) => [src, sandbox.value])(document.querySelector('iframe.mail-frame'))";
    let Value::Array(parts) = tab.js(frame).await else { panic!("there is no frame") };
    let [src, sandbox] = parts.as_slice() else { panic!("{parts:?}") };
    let web = world.signs_in(crate::world::OWNER).await;
    let page = web.get(src.as_str().unwrap()).await;
    let policy = page.header("content-security-policy").to_owned();
    let around = web.get(tab.js("location.pathname").await.as_str().unwrap()).await;
    let around = around.header("content-security-policy");
    let frames = around.split(';').map(str::trim).find(|one| one.starts_with("frame-src"));
    let frames = frames.expect("the page says what its frames may be").to_owned();
    [sandbox.as_str().unwrap().to_owned(), policy, frames]
}

/// The vectors as they came, each in a frame: with what a ticket's frame has, and with nothing.
/// Gives who ran, and what was fetched.
async fn in_frames(
    outside: &Outside,
    tab: &Tab,
    kept: Option<&[String; 3]>,
) -> (usize, BTreeSet<usize>) {
    let policy = |policy: &str| format!("Content-Security-Policy: {policy}\r\n");
    let (way, sandbox, fields, around) = match kept {
        Some([sandbox, inside, around]) => {
            ("kept", format!("sandbox=\"{sandbox}\""), policy(inside), policy(around))
        }
        None => ("bare", String::new(), String::new(), String::new()),
    };
    let fields = format!("{fields}Content-Type: text/html; charset=utf-8\r\n");
    let mut page = format!("<!doctype html><title>frames</title><script>{LISTENS}</script>");
    for (number, html) in armed().into_iter().enumerate() {
        outside.gives(&format!("/{way}/{number}"), &fields, html);
        write!(page, "<iframe {sandbox} src=\"/{way}/{number}\"></iframe>").unwrap();
    }
    outside.gives(&format!("/all/{way}"), &format!("{around}Content-Type: text/html\r\n"), page);
    outside.heard();
    tab.client.goto(&format!("{}/all/{way}", outside.base)).await.expect("the page opens");
    tab.gives_it_time().await;
    (tab.ran().await.len(), outside.heard())
}

on_both! {
    async fn hostile_mail_runs_nothing_and_fetches_nothing(world: World) {
        world.opens_shop().await;
        let outside = Outside::opens().await;
        let vectors = armed();
        for (number, vector) in vectors.iter().enumerate() {
            let html = format!("<h1>Vector {number}</h1><p>{}</p>{vector}", escaped(vector));
            world.is_sent(&hostile_mail(world, number, "html", &html)).await;
            if number % A_TICKET == 0 {
                let text = vectors[number..].iter().take(A_TICKET).fold(String::new(), |all, one| all + one + "\n\n");
                world.is_sent(&hostile_mail(world, number, "plain", &text)).await;
            }
        }
        let tickets = vectors.len().div_ceil(A_TICKET);
        let web = world.signs_in(crate::world::OWNER).await;
        let token = world.token().await;
        let messages = vectors.len() + tickets;
        eventually("all mail to be read", async || {
            let request = web.request(reqwest::Method::GET, "/api/v1/mail/ledger?limit=100&fate=ticketed");
            let lines = web.send(request.bearer_auth(&token)).await.json();
            (lines["data"].as_array().map_or(0, Vec::len) >= messages).then_some(())
        }).await;

        let tab = outside.tab(world).await;
        tab.signs_in(crate::world::OWNER).await;
        let found = tab.links("/inbox/all", "/t/RC-", 40).await;
        let mut paths: Vec<String> = found.iter().map(|path| path.split('?').next().unwrap().to_owned()).collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), tickets, "{paths:?}");
        assert_eq!(tab.js("document.body.innerText.includes('<')").await, json!(true), "the list shows what was written");
        let mut shown = 0;
        for path in paths {
            shown += opens_frames(&tab, &path).await;
            assert_eq!(tab.js("document.body.innerText.includes('<script>')").await, json!(true), "text is shown as text");
            assert!(tab.ran().await.is_empty(), "{path}: {:?}", tab.ran().await);
        }
        assert_eq!(shown, u64::try_from(vectors.len()).unwrap());
        for path in ["/inbox/all?q=vector", "/search?q=vector", "/notifications", "/customers?q=dana"] {
            tab.goes(path).await;
            tab.gives_it_time().await;
            assert!(tab.ran().await.is_empty(), "{path}: {:?}", tab.ran().await);
        }
        assert!(outside.heard().is_empty(), "nobody outside is asked");
        let log = tab.log().await;
        let tried: Vec<_> = log.iter().filter(|line| line.contains("Blocked") || line.contains("Refused")).collect();
        assert!(tried.is_empty(), "nothing is left for the frame to stop: {tried:#?}");
        tab.goes(&tab.links("/inbox/all", "/t/RC-", 1).await[0].clone()).await;
        let kept = frame_of(world, &tab).await;

        // The frame alone holds what was not cleaned; and without it, it would be heard.
        assert_eq!(in_frames(&outside, &tab, Some(&kept)).await, (0, BTreeSet::new()));
        let (ran, fetched) = in_frames(&outside, &tab, None).await;
        assert!(ran >= 10 && fetched.len() >= 10, "who looks does hear it: {ran} ran, {fetched:?}");
        tab.log().await;
        tab.closes().await;
    }
}
