//! A mail as it was sent, in a frame that can do nothing, with images that come signed.

use axum::http::StatusCode;
use database::{on_both, params};
use kernel::{PublicId, Span};

use super::browser::Browser;
use super::servers::Provider;
use super::stage::mail;

/// The smallest PNG there is.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn rich_mail(remote: &str) -> Vec<u8> {
    let head = format!(
        "From: dana@example.com\r\nTo: support@northlight.example\r\nSubject: <i>Rich</i>\r\n\
         Message-ID: <rich@example.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
         <table><tr><td style=\"color:red; position:fixed\">Look <b>here</b></td></tr></table>\
         <script>alert(1)</script><form action=\"https://evil.example\"><input></form>\
         <img src=\"cid:pic@x\" alt=\"inside\"><img src=\"{remote}\" alt=\"outside\" onerror=\"x()\">\
         <a href=\"javascript:alert(1)\">a</a><a href=\"https://shop.example/\">shop</a>\r\n\
         --b\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    );
    let base64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ";
    format!("{head}{base64}\r\n--b--\r\n").into_bytes()
}

/// The addresses of the images in a page.
fn images(page: &str) -> Vec<String> {
    page.split("<img")
        .skip(1)
        .filter_map(|tag| {
            let tag = tag.split('>').next()?;
            let address = tag.split("src=\"").nth(1)?.split('"').next()?;
            Some(address.replace("&amp;", "&"))
        })
        .collect()
}

on_both! {
    async fn a_mail_that_costs_too_much_to_clean_says_that_only_its_text_is_shown(db: Db) {
        let browser = Browser::new(db).await;
        let deep = format!("<h1>Deep</h1>{}The text stays.", "<div>".repeat(600));
        let bytes = mail("deep", "Deep", &deep).replace("\r\nMessage-ID", "\r\nContent-Type: text/html\r\nMessage-ID");
        let ticket = browser.stage.comes(bytes).await.ticket.unwrap();
        let messages: Vec<PublicId> = browser.stage.column("select public_id from messages").await;
        browser.signs_in("ines").await;
        let text = browser.gets(&format!("/t/{ticket}/m/{}/body", messages[0])).await.text();
        assert!(text.contains("would take too long") && text.contains("The text stays."), "{text}");
        assert!(!text.contains("<h1>"), "{text}");
    }

    async fn the_frame_shows_the_mail_and_nothing_that_acts(db: Db) {
        let browser = Browser::new(db).await;
        let web = Provider::new().await;
        let line = browser.stage.comes(rich_mail(&web.url("/pixel.png"))).await;
        let ticket = line.ticket.unwrap();
        let messages: Vec<PublicId> = browser.stage.column("select public_id from messages").await;
        let path = format!("/t/{ticket}/m/{}/body", messages[0]);
        browser.signs_in("ines").await;
        let page = browser.gets(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        let text = page.text();
        assert!(text.contains("Look <b>here</b>") && text.contains("https://shop.example/"));
        let body = text.split("<body>").nth(1).unwrap();
        for bad in ["<script", "alert", "<form", "<input", "onerror", "position", "javascript:", "/pixel.png"] {
            assert!(!body.contains(bad), "{bad} {body}");
        }
        assert!(!text.contains("<i>Rich"));
        let policy = page.header("content-security-policy");
        for part in ["default-src 'none'", "img-src 'self' http://localhost:8080;", "frame-ancestors 'self'", "sandbox allow-popups"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("script-src") && !policy.contains("allow-same-origin"));
        assert_eq!(page.header("x-frame-options"), "SAMEORIGIN");
        assert_eq!(images(&text).len(), 1, "the one that came with it");
        assert!(web.asked().is_empty(), "nobody learns that it was read");

        // Another ticket, another message, an inbox that is not seen: nothing is there.
        let other = browser.stage.comes(mail("o1", "Other", "Text")).await.ticket.unwrap();
        let message = messages[0];
        for wrong in [format!("/t/{other}/m/{message}/body"), format!("/t/{ticket}/m/nonsense/body")] {
            assert_eq!(browser.gets(&wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
        }
        browser.signs_in("tom").await;
        assert_eq!(browser.gets(&path).await.status, StatusCode::NOT_FOUND);
        browser.signs_out();
        assert_eq!(browser.gets(&path).await.status, StatusCode::UNAUTHORIZED);
    }

    async fn images_come_by_signed_addresses_and_those_of_the_web_when_asked_for(db: Db) {
        let browser = Browser::new(db).await;
        let web = Provider::new().await;
        web.gives(PNG);
        let line = browser.stage.comes(rich_mail(&web.url("/pixel.png?to=dana"))).await;
        let messages: Vec<PublicId> = browser.stage.column("select public_id from messages").await;
        let path = format!("/t/{}/m/{}/body?images=1", line.ticket.unwrap(), messages[0]);
        browser.signs_in("priya").await;
        let addresses = images(&browser.gets(&path).await.text());
        assert_eq!(addresses.len(), 2, "{addresses:?}");
        assert!(web.asked().is_empty(), "only the browser asks");

        // A frame without an origin brings no session.
        browser.signs_out();
        for address in &addresses {
            let image = browser.gets(address).await;
            assert_eq!(image.status, StatusCode::OK, "{address}");
            assert_eq!(image.header("content-type"), "image/png");
            assert_eq!(image.header("cross-origin-resource-policy"), "cross-origin");
            assert!(image.bytes.starts_with(b"\x89PNG"));
            let forged = address.replace("sign=", "sign=a");
            assert_eq!(browser.gets(&forged).await.status, StatusCode::NOT_FOUND);
        }
        browser.gets(&addresses[1]).await;
        assert_eq!(web.asked().len(), 1, "fetched once");
        let elsewhere = addresses[1].replace("pixel", "other");
        assert_eq!(browser.gets(&elsewhere).await.status, StatusCode::NOT_FOUND);
        browser.stage.later(Span::days(3));
        for address in &addresses {
            assert_eq!(browser.gets(address).await.status, StatusCode::NOT_FOUND, "too late");
        }
    }

    async fn what_is_no_image_and_what_is_inside_is_not_passed_on(db: Db) {
        let browser = Browser::new(db).await;
        let web = Provider::new().await;
        web.gives(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>");
        let line = browser.stage.comes(rich_mail(&web.url("/x.png"))).await;
        let messages: Vec<PublicId> = browser.stage.column("select public_id from messages").await;
        let path = format!("/t/{}/m/{}/body?images=1", line.ticket.unwrap(), messages[0]);
        browser.signs_in("priya").await;
        let addresses = images(&browser.gets(&path).await.text());
        assert_eq!(browser.gets(&addresses[1]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(web.asked().len(), 1);

        // An address inside our network is not dialled for a stranger's mail.
        let inside = rich_mail("http://10.0.0.1/secret.png");
        let inside = String::from_utf8(inside).unwrap().replace("<rich@", "<rich2@");
        let line = browser.stage.comes(inside).await;
        let messages: Vec<PublicId> =
            browser.stage.column("select public_id from messages order by id desc").await;
        let path = format!("/t/{}/m/{}/body?images=1", line.ticket.unwrap(), messages[0]);
        let addresses = images(&browser.gets(&path).await.text());
        assert_eq!(browser.gets(&addresses[1]).await.status, StatusCode::NOT_FOUND);
    }

    async fn images_that_are_too_large_are_not_passed_on(db: Db) {
        const LIMIT: usize = 5 * 1024 * 1024;
        let browser = Browser::new(db).await;
        let web = Provider::new().await;
        browser.signs_in("priya").await;
        let whole = |length: usize| [PNG, &vec![0; length - PNG.len()]].concat();
        let mut huge = PNG.to_vec();
        // 10,000 by 5,001.
        huge[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x13, 0x89]);
        for (number, (picture, status)) in [
            (whole(LIMIT), StatusCode::OK),
            (whole(LIMIT + 1), StatusCode::NOT_FOUND),
            (huge, StatusCode::NOT_FOUND),
            (PNG[..20].to_vec(), StatusCode::NOT_FOUND),
        ].into_iter().enumerate() {
            web.gives(&picture);
            let mail = rich_mail(&web.url(&format!("/{number}.png")));
            let mail = String::from_utf8(mail).unwrap().replace("<rich@", &format!("<rich{number}@"));
            let line = browser.stage.comes(mail).await;
            let messages: Vec<PublicId> =
                browser.stage.column("select public_id from messages order by id desc").await;
            let path = format!("/t/{}/m/{}/body?images=1", line.ticket.unwrap(), messages[0]);
            let addresses = images(&browser.gets(&path).await.text());
            assert_eq!(browser.gets(&addresses[1]).await.status, status, "{number}");
        }
    }

    async fn the_source_is_for_those_who_may_read_mail(db: Db) {
        let browser = Browser::new(db).await;
        let bytes = rich_mail("https://example.com/x.png");
        let line = browser.stage.comes(bytes.clone()).await;
        let messages: Vec<PublicId> = browser.stage.column("select public_id from messages").await;
        let path = format!("/t/{}/m/{}/source", line.ticket.unwrap(), messages[0]);
        browser.signs_in("priya").await;
        assert_eq!(browser.gets(&path).await.bytes, bytes);
        browser.signs_in("ines").await;
        assert_eq!(browser.gets(&path).await.status, StatusCode::FORBIDDEN);
        browser.signs_in("tom").await;
        assert_eq!(browser.gets(&path).await.status, StatusCode::NOT_FOUND);

        let mut tx = browser.stage.db.begin().await.unwrap();
        let by = browser.stage.cast.priya;
        tx.execute("update messages set redacted_at = 1, redacted_by = $1", params![by]).await.unwrap();
        tx.commit().await.unwrap();
        browser.signs_in("priya").await;
        assert_eq!(browser.gets(&path).await.status, StatusCode::NOT_FOUND);
        let body = path.replace("/source", "/body");
        assert!(!browser.gets(&body).await.text().contains("Look"));
    }
}
