//! Files that would run if a browser took them for pages, scripts or styles: through every door
//! that takes files, opened in every way that a page has.

use std::fmt::Write;
use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use recourse::local::Command;
use reqwest::Method;
use serde_json::json;

use super::outside::{LISTENS, Outside, name_for};
use super::tab::Tab;
use crate::world::{OWNER, Sink, Web, World, eventually, on_both};

/// A file: its name, the type that its sender claims, and what is in it, with `RUN` where a script
/// may stand.
type Hostile = (&'static str, &'static str, &'static str);

const FILES: [Hostile; 40] = [
    ("page.html", "text/html", "<!doctype html><script>RUN</script>"),
    ("page.HTM", "text/html; charset=utf-8; x", "<script>RUN</script>"),
    ("bare", "", "<html><body onload=\"RUN\">"),
    ("page.txt", "text/plain", "<script>RUN</script>"),
    (
        "page.xhtml",
        "application/xhtml+xml",
        "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>x</title><script>//<![CDATA[\nRUN//]]></script></head><body/></html>",
    ),
    (
        "page.xht",
        "text/xml",
        "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>x</title><script>//<![CDATA[\nRUN//]]></script></head><body/></html>",
    ),
    (
        "picture.svg",
        "image/svg+xml",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>//<![CDATA[\nRUN//]]></script></svg>",
    ),
    (
        "picture.png",
        "image/svg+xml; x",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>//<![CDATA[\nRUN//]]></script></svg>",
    ),
    (
        "loaded.svg",
        "IMAGE/SVG+XML",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"top.postMessage(NUMBER,`*`)\"/>",
    ),
    (
        "entity.svg",
        "image/svg+xml",
        "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"http://HOST/x\">]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&x;</text><image href=\"http://HOST/i\"/></svg>",
    ),
    (
        "use.svg",
        "image/svg+xml",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><foreignObject><iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"http://HOST/f\"/></foreignObject></svg>",
    ),
    (
        "sheet.xml",
        "application/xml",
        "<?xml version=\"1.0\"?><?xml-stylesheet type=\"text/xsl\" href=\"#s\"?><!DOCTYPE x [<!ATTLIST xsl:stylesheet id ID #REQUIRED>]><x><xsl:stylesheet id=\"s\" version=\"1.0\" xmlns:xsl=\"http://www.w3.org/1999/XSL/Transform\"><xsl:template match=\"/\"><script>RUN</script></xsl:template></xsl:stylesheet></x>",
    ),
    ("styled.xml", "text/xml", "<?xml-stylesheet type=\"text/css\" href=\"http://HOST/s\"?><x/>"),
    (
        "news.rss",
        "application/rss+xml",
        "<rss><channel><h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">//<![CDATA[\nRUN//]]></h:script></channel></rss>",
    ),
    (
        "news.atom",
        "application/atom+xml",
        "<feed xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:script>//<![CDATA[\nRUN//]]></h:script></feed>",
    ),
    (
        "sum.mml",
        "application/mathml+xml",
        "<math xmlns=\"http://www.w3.org/1998/Math/MathML\"><h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">//<![CDATA[\nRUN//]]></h:script></math>",
    ),
    ("program.hta", "application/hta", "<hta:application/><script>RUN</script>"),
    (
        "part.htc",
        "text/x-component",
        "<public:attach event=\"ondocumentready\" onevent=\"x()\"/><script>RUN</script>",
    ),
    (
        "page.mht",
        "multipart/related",
        "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>RUN</script>",
    ),
    (
        "mail.eml",
        "message/rfc822",
        "Subject: x\r\nContent-Type: text/html\r\n\r\n<script>RUN</script>",
    ),
    ("seven.html", "text/html; charset=utf-7", "+ADw-script+AD4-RUN+ADw-/script+AD4-"),
    ("part.shtml", "text/html", "<!--#exec cmd=\"id\"--><script>RUN</script>"),
    ("two.html;.png", "image/png", "<script>RUN</script>"),
    ("right\u{202e}gpj.html", "image/jpeg", "<script>RUN</script>"),
    ("program.js", "text/javascript", "RUN"),
    ("module.mjs", "application/javascript; charset=utf-8", "RUN;export {};"),
    ("style.css", "text/css", "@import url(http://HOST/c);body{background:url(http://HOST/b)}"),
    ("list.webmanifest", "application/manifest+json", "{\"start_url\":\"http://HOST/m\"}"),
    ("callback.json", "application/json", "RUN"),
    ("film.swf", "application/x-shockwave-flash", "FWS\u{5}<script>RUN</script>"),
    ("link.url", "application/internet-shortcut", "[InternetShortcut]\r\nURL=javascript:RUN\r\n"),
    (
        "paper.pdf",
        "application/pdf",
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction 3 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n3 0 obj<</S/JavaScript/JS(app.launchURL\\(\"http://HOST/p\"\\))>>endobj\n4 0 obj<</S/URI/URI(http://HOST/u)>>endobj\ntrailer<</Root 1 0 R>>",
    ),
    ("paper.html", "text/html", "%PDF-1.4\n<script>RUN</script>"),
    // Taken for pictures, sounds and films by their first bytes, and for scripts by whoever asks.
    ("both.gif", "image/gif", "GIF89a/*\u{1}\u{1}*/=1;RUN"),
    ("both.html", "text/html", "GIF89a<script>RUN</script>"),
    ("noted.png", "text/html", "PNG<script>RUN</script>"),
    ("sound.mp3", "text/javascript", "ID3=1;RUN"),
    ("sound.ogg", "text/javascript", "OggS=1;RUN"),
    ("sound.wav", "text/javascript", "RIFF/*  WAVE*/=1;RUN"),
    ("film.html", "text/html", "\0\0\0\u{20}ftypisom\0\0\0\0isomiso2avc1mp41<script>RUN</script>"),
];

/// The bytes of a file that says its number in every way that a script has.
fn bytes_of(number: usize) -> Vec<u8> {
    let host = name_for(number);
    let run = format!(
        "document.title='ran';try{{localStorage.ran=1}}catch(e){{}}try{{top.postMessage({number},'*')}}catch(e){{}}location='http://{host}/ran';"
    );
    let (_, _, text) = FILES[number];
    let text =
        text.replace("NUMBER", &number.to_string()).replace("RUN", &run).replace("HOST", &host);
    match text.strip_prefix("PNG") {
        Some(rest) => [
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"[..],
            rest.as_bytes(),
        ]
        .concat(),
        None => text.into_bytes(),
    }
}

/// A mail with all of them, the second half inside of its HTML.
fn mail_with_all(world: &World) -> String {
    let (from, to) = (world.dana(), world.support());
    let shown = (FILES.len() / 2..FILES.len()).fold(String::new(), |all, number| {
        all + &format!("<img src=\"cid:c{number}\"><object data=\"cid:c{number}\"></object>")
    });
    let mut mail = format!(
        "From: Dana <{from}>\r\nTo: {to}\r\nSubject: Files\r\nDate: Tue, 17 Nov 2026 09:00:00 +0000\r\n\
         Message-ID: <files@dana.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
         <h1>Look</h1>{shown}\r\n"
    );
    for (number, (name, kind, _)) in FILES.iter().enumerate() {
        let way = if number < FILES.len() / 2 { "attachment" } else { "inline" };
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let name = name.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
        write!(
            mail,
            "--b\r\n{kind}Content-ID: <c{number}>\r\n\
             Content-Disposition: {way}; filename*=UTF-8''{name}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        )
        .unwrap();
        for line in BASE64_STANDARD.encode(bytes_of(number)).as_bytes().chunks(76) {
            write!(mail, "{}\r\n", String::from_utf8_lossy(line)).unwrap();
        }
    }
    mail + "--b--\r\n"
}

/// The form of a request takes so many files.
const AT_ONCE: usize = 10;

/// A form with some of them.
fn form_with(numbers: Range<usize>, field: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in more {
        form.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .into_bytes(),
        );
    }
    for (number, (name, kind, _)) in FILES.iter().enumerate() {
        if !numbers.contains(&number) {
            continue;
        }
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n{kind}\r\n"
        );
        form.extend([head.into_bytes(), bytes_of(number), b"\r\n".to_vec()].concat());
    }
    form.extend(b"--b--\r\n");
    form
}

/// Every id behind one start of an address, in a page or an answer.
fn ids_in(text: &str, start: &str) -> Vec<String> {
    let mut ids: Vec<String> =
        text.split(start).skip(1).map(|rest| rest.chars().take(36).collect()).collect();
    ids.sort();
    ids.dedup();
    ids.retain(|id| id.len() == 36);
    ids
}

/// Sends all of them through each door; gives the addresses under which a colleague finds them.
async fn sends_all(world: &World, owner: &Web) -> (String, Vec<String>) {
    let mail = mail_with_all(world);
    let deliver = Command::DeliverMail {
        inbox: world.support(),
        from: world.dana(),
        size: u64::try_from(mail.len()).unwrap(),
    };
    assert_eq!(world.command(&deliver, mail.as_bytes()).await.exit_code, 0);
    let ticket = eventually("the ticket", async || {
        let list = owner.get("/inbox/all").await.body;
        let at = list.split("href=\"/t/RC-").nth(1)?;
        Some(format!("/t/RC-{}", at.chars().take_while(char::is_ascii_digit).collect::<String>()))
    })
    .await;
    let mut found = ids_in(&owner.get(&ticket).await.body, "/files/");
    let kind = "multipart/form-data; boundary=b";
    let request =
        owner.request(Method::POST, &format!("{ticket}/files")).header("content-type", kind);
    let page =
        owner.send(request.body(form_with(0..FILES.len(), "file", &[("mode", "note")]))).await;
    assert!(page.status.is_success(), "{}: {}", page.status, page.body);
    let uploaded = ids_in(&page.body, "name=\"note_file\" value=\"");
    assert_eq!(uploaded.len(), FILES.len(), "{}", page.body);
    found.extend(uploaded);
    let token = world.token().await;
    for number in 0..FILES.len() {
        let request =
            owner.request(Method::POST, &format!("/api/v1/attachments?name=api{number}.html"));
        let request =
            request.bearer_auth(&token).header("content-type", "application/octet-stream");
        let made = owner.send(request.body(bytes_of(number))).await.json();
        found.push(made["id"].as_str().unwrap().to_owned());
    }
    (ticket, found.into_iter().map(|id| format!("/files/{id}")).collect())
}

/// All the ways in which a page of ours could be made to open an address.
const WAYS: &str = "((addresses) => {
    const add = (name, values) => document.body.append(Object.assign(document.createElement(name), values));
    for (const one of addresses) {
        for (const name of ['script', 'iframe', 'img', 'embed', 'video', 'audio']) add(name, { src: one });
        add('script', { src: one, type: 'module' });
        add('object', { data: one });
        add('link', { rel: 'stylesheet', href: one });
        add('link', { rel: 'manifest', href: one });
        add('link', { rel: 'prefetch', href: one });
        import(one).catch(() => {});
        try { new Worker(one); } catch {}
        navigator.serviceWorker?.register(one).catch(() => {});
    }
    return addresses.length;
})";

impl Tab {
    async fn nothing_ran(&self, outside: &Outside, where_: &str) {
        let ran = self.ran().await;
        let heard = outside.heard();
        assert!(ran.is_empty() && heard.is_empty(), "{where_}: {ran:?} ran, {heard:?} fetched");
        assert_ne!(self.client.title().await.unwrap(), "ran", "{where_}");
    }

    /// Opens each as a page, and all of them in all the ways that a page has.
    async fn opens_each(&self, outside: &Outside, home: &str, addresses: &[String]) {
        let mut shown = 0;
        for address in addresses {
            self.goes(address).await;
            self.nothing_ran(outside, address).await;
            shown +=
                usize::from(self.js("location.pathname").await == json!(address.split('?').next()));
        }
        assert!(
            shown > 0 && shown < addresses.len() / 2,
            "{shown} of {} are shown, the others saved",
            addresses.len()
        );
        for some in addresses.chunks(20) {
            self.goes(home).await;
            assert_eq!(self.js(&format!("{WAYS}({})", json!(some))).await, json!(some.len()));
            self.gives_it_time().await;
            self.nothing_ran(outside, home).await;
            assert_eq!(self.js("localStorage.getItem('ran')").await, json!(null), "{home}");
            let workers = "navigator.serviceWorker?.controller ?? null";
            assert_eq!(self.js(workers).await, json!(null), "{home}");
        }
    }
}

on_both! {
    async fn hostile_files_run_nowhere(world: World) {
        let owner = world.opens_shop().await;
        let outside = Outside::opens().await;
        let (ticket, addresses) = sends_all(world, &owner).await;
        assert!(addresses.len() >= FILES.len() * 5 / 2, "{}", addresses.len());
        let tab = outside.tab(world).await;
        tab.tool("Browser.setDownloadBehavior", json!({ "behavior": "deny" })).await;
        tab.signs_in(OWNER).await;

        // The ticket itself, and the mail in its frame with what came along.
        tab.goes(&ticket).await;
        tab.sees("iframe.mail-frame").await;
        tab.gives_it_time().await;
        tab.nothing_ran(&outside, &ticket).await;
        let body = tab.js("document.querySelector('iframe.mail-frame').src").await;
        let body = owner.get(body.as_str().unwrap()).await.body;
        let inside: Vec<String> = body.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next())
            .map(|address| address.replace("&amp;", "&")).collect();
        assert!(!inside.is_empty(), "{body}");
        for address in &inside {
            tab.goes(address).await;
            tab.nothing_ran(&outside, address).await;
        }
        tab.opens_each(&outside, &ticket, &addresses).await;

        // The same for the customer, who sent some by the page of the request too.
        let greeting = eventually("the greeting", async || Sink::here().got(&world.dana()).into_iter().next()).await;
        let text = greeting.text();
        let link = text.split_whitespace().find(|word| word.contains("/help/link/")).unwrap();
        let dana = world.web();
        dana.get(link).await;
        let path = link.split_once("/help").map(|(_, path)| format!("/help{path}")).unwrap();
        dana.post(&path, &[]).await.location();
        let request = format!("/help/requests/{}", ticket.trim_start_matches("/t/"));
        for first in (0..FILES.len()).step_by(AT_ONCE) {
            let key = dana.get(&request).await.body;
            let key = key.split("name=\"key\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            let form = form_with(first..first + AT_ONCE, "files", &[("key", key), ("text", "And these.")]);
            let sent = dana.request(Method::POST, &format!("{request}/messages"));
            let sent = dana.send(sent.header("content-type", "multipart/form-data; boundary=b").body(form)).await;
            sent.location();
        }
        let mine = ids_in(&dana.get(&request).await.body, "/help/files/");
        assert!(mine.len() > FILES.len(), "{}", mine.len());
        let mine: Vec<String> = mine.into_iter().map(|id| format!("/help/files/{id}")).collect();
        for (name, value) in dana.all_cookies() {
            tab.js(&format!("document.cookie = '{name}={value}; path=/'")).await;
        }
        tab.opens_each(&outside, &request, &mine).await;
        tab.client.close().await.unwrap();

        // Whoever serves them as they came hears of it.
        let mut page = format!("<!doctype html><title>files</title><script>{LISTENS}</script>");
        for (number, (_, kind, _)) in FILES.iter().enumerate() {
            let fields = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
            outside.gives(&format!("/bare/{number}"), &fields, bytes_of(number));
            write!(page, "<iframe src=\"/bare/{number}\"></iframe>").unwrap();
        }
        outside.gives("/bare", "Content-Type: text/html\r\n", page);
        let tab = outside.tab(world).await;
        tab.client.goto(&format!("{}/bare", outside.base)).await.unwrap();
        tab.gives_it_time().await;
        let (ran, heard) = (tab.ran().await, outside.heard());
        assert!(ran.len() >= 10 && heard.len() >= 10, "{ran:?} ran, {heard:?} fetched");
        tab.client.close().await.unwrap();
    }
}
