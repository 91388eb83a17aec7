//! The pages through their routes: who may, what they show, what they never show.

use axum::http::StatusCode;
use database::on_both;
use kernel::{PublicId, Secret, Span};

use super::browser::Browser;
use super::servers::{Post, Provider, Sink};
use super::stage::mail;
use crate::connection::{Connection, place};
use crate::{raise_alarm_about_cap, raise_alarm_about_quiet};

/// The form of an inbox with servers at these ports.
pub(super) fn form<'f>(imap: &'f str, smtp: &'f str) -> Vec<(&'static str, &'f str)> {
    vec![
        ("name", "Sales"),
        ("address", "sales@northlight.example"),
        ("sender_name", "Northlight"),
        ("reply_within", "480"),
        ("acknowledges", "on"),
        ("auth", "password"),
        ("incoming", "imap"),
        ("imap_host", "127.0.0.1"),
        ("imap_port", imap),
        ("imap_tls", "none"),
        ("imap_user", "desk"),
        ("imap_password", "1map-s3cret"),
        ("folder", "INBOX"),
        ("after_fetch", "leave"),
        ("begin", "now"),
        ("outgoing", "smtp"),
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", smtp),
        ("smtp_tls", "none"),
        ("smtp_user", "desk"),
        ("smtp_password", "smtp-s3cret"),
    ]
}

fn with<'f>(
    mut fields: Vec<(&'f str, &'f str)>,
    changes: &[(&'f str, &'f str)],
) -> Vec<(&'f str, &'f str)> {
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields
}

pub(super) async fn saved(
    browser: &Browser,
    address: &str,
) -> (kernel::InboxId, PublicId, Connection) {
    let directory = browser.stage.cast.accounts.directory().await.unwrap();
    let inbox = directory.inbox_by_address(&address.parse().unwrap()).unwrap();
    let conn = browser.stage.db.read().await.unwrap();
    let connection = Connection::find(&conn, inbox.id).await.unwrap().unwrap();
    (inbox.id, inbox.public_id, connection)
}

const PAGES: [&str; 7] = [
    "/settings/inboxes",
    "/settings/inboxes/new",
    "/setup/inbox",
    "/settings/senders",
    "/settings/mail",
    "/settings/quarantine",
    "/settings/outgoing",
];

/// The form of an inbox that signs in through a provider of its own.
fn by_permission<'f>(authorize: &'f str, token: &'f str) -> Vec<(&'f str, &'f str)> {
    with(
        form("993", "587"),
        &[
            ("auth", "own"),
            ("client_id", "client"),
            ("client_secret", "cl1ent-s3cret"),
            ("authorize_url", authorize),
            ("token_url", token),
            ("scope", "mail offline"),
        ],
    )
}

on_both! {
    async fn an_inbox_to_which_nothing_comes_any_more_is_told_of_once(db: Db) {
        let browser = Browser::new(db).await;
        let stage = &browser.stage;
        let alarmed = async || raise_alarm_about_quiet(&stage.cast.accounts).await.unwrap();
        let shown = async || {
            browser.signs_in("sarah").await;
            let page = format!("/settings/inboxes/{}", browser.support().await);
            let both =
                [browser.gets("/settings/inboxes").await.text(), browser.gets(&page).await.text()];
            both.map(|page| page.contains("it was never longer than 8 hours"))
        };
        for number in 0..30 {
            stage.comes(mail(&format!("m{number}"), "New", "Text")).await;
            stage.later(Span::hours(8));
        }
        // The last one came eight hours ago, as each did before.
        assert!(alarmed().await.is_empty());
        assert_eq!(shown().await, [false, false]);
        stage.later(Span::hours(5));
        assert_eq!(alarmed().await, [stage.cast.support]);
        assert!(alarmed().await.is_empty(), "once");
        assert_eq!(shown().await, [true, true]);
        let told: Vec<String> = stage
            .column(
                "select recipients from deliveries where kind = 'system'
                    and subject = 'Nothing comes to Support any more' order by id",
            )
            .await;
        assert_eq!(told.len(), 2, "{told:?}");
        stage.comes(mail("again", "New", "Text")).await;
        assert!(alarmed().await.is_empty());
        assert_eq!(shown().await, [false, false]);
        stage.later(Span::hours(24));
        assert_eq!(alarmed().await.len(), 1, "and anew");
    }

    async fn owners_are_told_once_that_the_cap_on_automatic_mail_was_reached(db: Db) {
        let stage = &Browser::new(db).await.stage;
        let caps = outbox::Caps { unverified_per_hour: 1, ..outbox::Caps::default() };
        let alarmed =
            async || raise_alarm_about_cap(&stage.cast.accounts, &caps).await.unwrap();
        assert!(!alarmed().await);
        stage.comes(mail("first", "New", "Text")).await;
        assert!(alarmed().await);
        assert!(!alarmed().await, "once");
        let told: Vec<String> = stage
            .column(
                "select recipients from deliveries where kind = 'system'
                    and subject = 'Very much automatic mail was asked for'",
            )
            .await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("sarah@"), "{told:?}");
    }

    async fn each_page_opens_for_those_who_may_and_nobody_else(db: Db) {
        let browser = Browser::new(db).await;
        for path in PAGES {
            assert_eq!(browser.gets(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        browser.signs_in("ines").await;
        for path in PAGES {
            assert_eq!(browser.gets(path).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        browser.signs_in("priya").await;
        for (number, path) in PAGES.into_iter().enumerate() {
            let expected = if number < 4 { StatusCode::FORBIDDEN } else { StatusCode::OK };
            assert_eq!(browser.gets(path).await.status, expected, "{path}");
        }
        browser.signs_in("mateo").await;
        for path in PAGES {
            let page = browser.gets(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path} {}", page.text());
            let text = page.text();
            assert!(!text.contains("style=\"") && !text.contains("<script>"), "{path}");
            // A key that is missing in the catalogue shows itself.
            for key in [">inbox-", ">ledger-", ">quarantine-", ">sender-", ">outgoing-", ">probe-"] {
                assert!(!text.contains(key), "{path} {key}");
            }
        }
    }

    async fn an_inbox_is_made_tried_and_its_secrets_stay_here(db: Db) {
        let browser = Browser::new(db).await;
        let (post, sink) = (Post::new().await, Sink::new().await);
        let (imap, smtp) = (post.port().to_string(), sink.port().to_string());
        browser.signs_in("mateo").await;

        browser.has_script(true);
        let tried = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await.text();
        assert!(tried.starts_with("<div class=\"stack gap-6\" id=\"probe\""), "{tried}");
        assert_eq!(tried.matches("data-state=\"ok\"").count(), 7, "{tried}");
        post.refuses_sign_in(true);
        let tried = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await.text();
        assert_eq!(tried.matches("data-state=\"bad\"").count(), 1, "{tried}");
        assert!(tried.contains("127.0.0.1"), "{tried}");
        browser.has_script(false);
        let whole = browser.posts("/settings/inboxes/probe", &form(&imap, &smtp)).await;
        assert_eq!(whole.status, StatusCode::OK);
        assert!(whole.text().contains("value=\"sales@northlight.example\""));
        assert!(!whole.text().contains("s3cret"));

        let made = browser.posts("/settings/inboxes", &form(&imap, &smtp)).await;
        assert_eq!(made.location(), "/settings/inboxes");
        let (id, public, connection) = saved(&browser, "sales@northlight.example").await;
        assert_eq!(connection.fetch_from, Some(browser.stage.now()), "mail from now on");
        let opened = |what: &str, sealed: &Option<String>| {
            let sealed = sealed.as_ref().unwrap();
            browser.stage.keys.open(&place(id, what), sealed).unwrap().reveal().to_owned()
        };
        assert_eq!(opened("imap", &connection.imap.as_ref().unwrap().password), "1map-s3cret");
        assert_eq!(opened("smtp", &connection.smtp.as_ref().unwrap().password), "smtp-s3cret");
        let path = format!("/settings/inboxes/{public}");
        let page = browser.gets(&path).await.text();
        assert!(!page.contains("s3cret"));
        let sealed = connection.imap.as_ref().unwrap().password.clone().unwrap();
        assert!(!page.contains(&sealed), "not even sealed");
        assert!(page.contains("A password is stored"));

        // Nothing typed: it stays. Another server: it goes.
        let quiet = with(form(&imap, &smtp), &[("imap_password", ""), ("smtp_password", "")]);
        let again = browser.posts(&path, &quiet).await;
        assert_eq!(again.location(), path);
        assert_eq!(saved(&browser, "sales@northlight.example").await.2, connection);
        for change in [("imap_host", "localhost"), ("imap_port", "4143"), ("imap_user", "other")] {
            let refused = browser.posts(&path, &with(quiet.clone(), &[change])).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{change:?}");
            assert!(refused.text().contains("f-imap_password-error"), "{change:?}");
            // And a trial elsewhere does not send it either.
            let before = post.sign_ins().len();
            browser.posts(&format!("{path}/probe"), &with(quiet.clone(), &[change])).await;
            assert_eq!(post.sign_ins().len(), before, "{change:?}");
        }
        assert_eq!(saved(&browser, "sales@northlight.example").await.2, connection);
    }

    async fn what_is_wrong_with_an_inbox_is_said_at_its_field(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        for (change, field) in [
            (("name", " "), "name"),
            (("address", "nonsense"), "address"),
            (("address", "support@northlight.example"), "address"),
            (("imap_host", "two words"), "imap_host"),
            (("imap_host", ""), "imap_host"),
            (("imap_port", "70000"), "imap_port"),
            (("imap_user", ""), "imap_user"),
            (("imap_password", ""), "imap_password"),
            (("smtp_port", "x"), "smtp_port"),
            (("reply_within", "1"), "reply_within"),
        ] {
            let page = browser.posts("/settings/inboxes", &with(form("993", "587"), &[change])).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{change:?}");
            assert!(page.text().contains(&format!("f-{field}-error")), "{change:?}");
        }
        let moves = with(form("993", "587"), &[("after_fetch", "move"), ("move_to", "inbox")]);
        let page = browser.posts("/settings/inboxes", &moves).await;
        assert!(page.text().contains("f-move_to-error"));
        let strange = with(form("993", "587"), &[("admin", "yes")]);
        assert_eq!(browser.posts("/settings/inboxes", &strange).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(browser.stage.count("select count(*) from inboxes").await, 2);
    }

    async fn the_set_up_takes_the_first_inbox_and_can_be_skipped(db: Db) {
        let browser = Browser::new(db).await;
        let (post, sink) = (Post::new().await, Sink::new().await);
        let (imap, smtp) = (post.port().to_string(), sink.port().to_string());
        browser.signs_in("sarah").await;
        let page = browser.gets("/setup/inbox").await.text();
        assert!(page.contains("href=\"/setup/team\"") && page.contains("aria-current=\"step\""));
        browser.has_script(true);
        let tried = browser.posts("/setup/inbox/probe", &form(&imap, &smtp)).await.text();
        assert_eq!(tried.matches("data-state=\"ok\"").count(), 7, "{tried}");
        browser.has_script(false);
        let made = browser.posts("/setup/inbox", &form(&imap, &smtp)).await;
        assert_eq!(made.location(), "/setup/team");
        saved(&browser, "sales@northlight.example").await;
    }

    async fn a_provider_gives_its_permission_to_whoever_asked(db: Db) {
        let browser = Browser::new(db).await;
        let provider = Provider::new().await;
        browser.signs_in("mateo").await;
        let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
        let fields = by_permission(&authorize, &token);
        let made = browser.posts("/settings/inboxes", &fields).await;
        let (id, public, connection) = saved(&browser, "sales@northlight.example").await;
        let path = format!("/settings/inboxes/{public}");
        assert_eq!(made.location(), path, "there is something left to do");
        assert!(connection.imap.as_ref().unwrap().password.is_none(), "no password beside it");
        let page = browser.gets(&path).await.text();
        assert!(page.contains("Not connected yet") && !page.contains("s3cret"));

        let away = browser.gets(&format!("{path}/connect")).await.location().to_owned();
        assert!(away.starts_with(&format!("{authorize}?response_type=code&client_id=client&")));
        assert!(away.contains("redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fsettings%2Finboxes%2Foauth%2Fcallback"));
        let state = away.split("&state=").nth(1).unwrap().split('&').next().unwrap();
        let back = format!("/settings/inboxes/oauth/callback?code=c0de&state={state}");

        // Somebody else's browser cannot finish it, and neither can a made-up state.
        browser.signs_in("sarah").await;
        assert_eq!(browser.gets(&back).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        browser.signs_in("mateo").await;
        let forged = "/settings/inboxes/oauth/callback?code=c0de&state=v1.AAAA";
        assert_eq!(browser.gets(forged).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(provider.asked().is_empty());

        let denied = format!("/settings/inboxes/oauth/callback?error=access_denied&state={state}");
        assert_eq!(browser.gets(&denied).await.location(), path);
        assert!(browser.gets(&path).await.text().contains("access_denied"));

        provider.answers("200 OK", r#"{"access_token":"acc3ss","refresh_token":"r3fresh"}"#);
        assert_eq!(browser.gets(&back).await.location(), path);
        let asked = provider.asked().concat();
        assert!(asked.contains("code=c0de") && asked.contains("code_verifier="), "{asked}");
        assert!(asked.contains("client_secret=cl1ent-s3cret"));
        let oauth = saved(&browser, "sales@northlight.example").await.2.oauth.unwrap();
        assert_eq!(oauth.refused, None);
        let sealed = oauth.refresh_token.unwrap();
        assert_eq!(browser.stage.keys.open(&place(id, "oauth refresh"), &sealed).unwrap(), Secret::new("r3fresh"));
        // Thinking better of connecting again leaves what works as it is.
        assert_eq!(browser.gets(&denied).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = browser.gets(&path).await.text();
        assert!(page.contains("Given by the provider") && !page.contains("access_denied"));
        assert!(!page.contains("acc3ss") && !page.contains("r3fresh") && !page.contains("Not connected"));

        // The permission is for these servers: another one does not get it.
        let moved = with(fields, &[("imap_host", "evil.example"), ("client_secret", "")]);
        browser.posts(&path, &moved).await;
        let oauth = saved(&browser, "sales@northlight.example").await.2.oauth.unwrap();
        assert_eq!((oauth.refresh_token, oauth.access_token), (None, None));
    }

    async fn a_permission_in_the_set_up_leads_on_to_the_team(db: Db) {
        let browser = Browser::new(db).await;
        let provider = Provider::new().await;
        browser.signs_in("sarah").await;
        let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
        let fields = by_permission(&authorize, &token);
        let made = browser.posts("/setup/inbox", &fields).await.location().to_owned();
        let page = browser.gets(&made).await.text();
        let connect = format!("{}/connect?sets_up=true", made.split('?').next().unwrap());
        assert!(page.contains(&format!("href=\"{connect}\"")), "{made}");
        let away = browser.gets(&connect).await.location().to_owned();
        let state = away.split("&state=").nth(1).unwrap().split('&').next().unwrap();
        provider.answers("200 OK", r#"{"access_token":"acc3ss","refresh_token":"r3fresh"}"#);
        let back = format!("/settings/inboxes/oauth/callback?code=c0de&state={state}");
        assert_eq!(browser.gets(&back).await.location(), "/setup/team");
    }

    async fn a_key_to_sign_with_is_made_shown_and_put_away(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let path = format!("/settings/inboxes/{}", browser.support().await);
        let domain = format!("{path}/domain");
        let page = browser.gets(&domain).await.text();
        for record in ["SPF is missing", "DMARC is missing", "_dmarc.northlight.example"] {
            assert!(page.contains(record), "{record}");
        }
        assert_eq!(browser.posts(&format!("{path}/dkim"), &[]).await.location(), domain);
        let page = browser.gets(&domain).await.text();
        assert!(page.contains("recourse1._domainkey.northlight.example"));
        assert!(page.contains("v=DKIM1; k=rsa; p=") && !page.contains("PRIVATE KEY"));
        browser.posts(&format!("{path}/dkim/delete"), &[]).await.location();
        assert!(!browser.gets(&domain).await.text().contains("recourse1._domainkey"));
        browser.posts(&format!("{path}/dkim"), &[]).await.location();
        assert!(browser.gets(&domain).await.text().contains("recourse2._domainkey"));
    }

    async fn a_new_inbox_and_an_end_of_its_key_ask_once_more_who_it_is(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let path = format!("/settings/inboxes/{}", browser.support().await);
        assert_eq!(browser.posts(&format!("{path}/dkim"), &[]).await.location(), format!("{path}/domain"));
        // Whoever came in just now, as a first owner does, is not bothered.
        assert_eq!(browser.gets("/setup/inbox").await.status, StatusCode::OK);
        browser.stage.later(Span::minutes(15));
        for page in ["/settings/inboxes/new", "/setup/inbox"] {
            assert_eq!(browser.gets(page).await.location(), format!("/confirm?next={page}"));
        }
        let fields = form("993", "587");
        for (sent, back) in [
            ("/settings/inboxes", "/settings/inboxes"),
            ("/settings/inboxes/probe", "/settings/inboxes"),
            ("/setup/inbox", "/setup/inbox"),
            ("/setup/inbox/probe", "/setup/inbox"),
            (&format!("{path}/dkim/delete"), &path),
        ] {
            let page = browser.posts(sent, &fields).await;
            assert_eq!(page.location(), format!("/confirm?late=yes&next={back}"), "{sent}");
        }
        assert_eq!(browser.stage.count("select count(*) from inboxes").await, 2);
        let key = saved(&browser, "support@northlight.example").await.2.dkim_key;
        assert!(key.is_some(), "it is still there");
        assert_eq!(browser.gets("/settings/inboxes").await.status, StatusCode::OK, "no secret");
    }

    async fn an_archived_inbox_takes_nothing_and_comes_back(db: Db) {
        let browser = Browser::new(db).await;
        browser.signs_in("mateo").await;
        let path = format!("/settings/inboxes/{}", browser.support().await);
        browser.posts(&format!("{path}/archive"), &[]).await.location();
        let to = "support@northlight.example".parse().unwrap();
        let piped = || {
            let bytes = mail("a1", "Hello", "Text").into_bytes();
            crate::pipe(&browser.stage.cast.accounts, &browser.stage.intake, &to, "", bytes)
        };
        assert!(matches!(piped().await, crate::Piped::Refused(_)));
        assert!(browser.gets("/settings/inboxes").await.text().contains("Archived inboxes"));
        browser.posts(&format!("{path}/restore"), &[]).await.location();
        assert_eq!(piped().await, crate::Piped::Stored);
    }
}
