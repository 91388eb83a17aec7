//! A new key for an installation: everything that is stored sealed opens with it, what the old one
//! signed stays good, and being killed in the middle does no harm.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use customers::links::{Link, make};
use database::{Db, Location};
use kernel::{CustomerId, InboxId, Secret, SystemClock};
use keys::Keys;
use mailroom::{PlainConnection, PlainEndpoint, PlainOauth, Tls, connect};

use crate::world::{MAIL_PASSWORD, OWNER, World, on_both};

/// The key that stands first in the file, alone.
fn newest(path: &Path) -> Keys {
    let text = std::fs::read_to_string(path).unwrap();
    let alone = path.with_extension("alone");
    std::fs::write(&alone, text.lines().next().unwrap()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&alone, mode).unwrap();
    Keys::load(&alone).unwrap()
}

fn keys_in(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

/// Every sealed credential: for what, and how it is stored.
async fn sealed(world: &World) -> Vec<(String, String)> {
    let db = Db::open_unchanged(&world.settings.database).await.unwrap();
    let conn = db.read().await.unwrap();
    let mut all = Vec::new();
    for (what, ask) in [
        (
            "imap",
            "select inbox_id, imap_password from mail_connections where imap_password is not null",
        ),
        (
            "smtp",
            "select inbox_id, smtp_password from mail_connections where smtp_password is not null",
        ),
        (
            "oauth client",
            "select inbox_id, oauth_client_secret from mail_connections where oauth_client_secret <> ''",
        ),
        (
            "oauth refresh",
            "select inbox_id, oauth_refresh_token from mail_connections where oauth_refresh_token is not null",
        ),
        (
            "oauth access",
            "select inbox_id, oauth_access_token from mail_connections where oauth_access_token is not null",
        ),
        ("dkim", "select inbox_id, dkim_key from mail_connections where dkim_key is not null"),
    ] {
        let rows: Vec<(InboxId, String)> = conn.all(ask, vec![]).await.unwrap();
        all.extend(rows.into_iter().map(|(inbox, text)| (format!("inbox {inbox} {what}"), text)));
    }
    let company: String =
        conn.scalar("select value from settings where name = 'company'", vec![]).await.unwrap();
    let company: serde_json::Value = serde_json::from_str(&company).unwrap();
    let password = company["system_mail"]["password"].as_str().unwrap().to_owned();
    all.push(("system mail".to_owned(), password));
    drop(conn);
    db.close().await;
    all
}

fn plain(keys: &Keys, sealed: &[(String, String)]) -> Vec<(String, String)> {
    let opened = sealed.iter().map(|(place, text)| {
        let secret = keys.open(place, text).unwrap_or_else(|fault| panic!("{place}: {fault}"));
        (place.clone(), secret.reveal().to_owned())
    });
    opened.collect()
}

/// An installation with a credential of every kind; nothing runs there any more.
async fn full(world: &mut World) {
    let web = world.opens_shop().await;
    let inboxes = web.get("/settings/inboxes").await;
    let path = inboxes.body.split("href=\"").filter_map(|rest| rest.split('"').next());
    let path = path
        .into_iter()
        .find(|path| path.strip_prefix("/settings/inboxes/").is_some_and(|id| id.len() == 36));
    web.post(&format!("{}/dkim", path.expect("there is an inbox")), &[]).await.location();
    let company = [
        ("name", "Northlight"),
        ("time_zone", "UTC"),
        ("language", "en"),
        ("way", "server"),
        ("from", "a@b.example"),
        ("host", "mail.example"),
        ("port", "587"),
        ("tls", "starttls"),
        ("user", "u"),
        ("password", "of the system"),
    ];
    web.post("/settings/company", &company).await.location();
    let foundation = &world.program().foundation;
    let mut tx = foundation.db.begin().await.unwrap();
    let now = foundation.clock.now();
    let address = "oauth@northlight.example".parse().unwrap();
    let new = accounts::NewInbox::email("OAuth", address, "Northlight");
    let inbox = accounts::add_inbox(&mut tx, &new, now).await.unwrap();
    let endpoint = || PlainEndpoint {
        host: "imap.example".to_owned(),
        port: 993,
        tls: Tls::Implicit,
        user: "oauth@northlight.example".to_owned(),
        password: None,
    };
    let oauth = PlainOauth {
        client_id: "id".to_owned(),
        client_secret: Secret::new("of the application"),
        token_url: "https://provider.example/token".to_owned(),
        refresh_token: Secret::new("to go on"),
    };
    let plain =
        PlainConnection { imap: Some(endpoint()), smtp: Some(endpoint()), oauth: Some(oauth) };
    connect(&mut tx, &foundation.keys, inbox, &plain, now).await.unwrap();
    let access =
        foundation.keys.seal(&format!("inbox {inbox} oauth access"), &Secret::new("for now"));
    let kept = "update mail_connections set oauth_access_token = $2 where inbox_id = $1";
    tx.execute(kept, database::params![inbox, access]).await.unwrap();
    tx.commit().await.unwrap();
    world.stop().await;
}

on_both! {
    async fn everything_opens_with_the_new_key_and_what_the_old_one_signed_stays_good(world: World) {
        full(world).await;
        let path = world.settings.key_file.clone();
        let before = Keys::load(&path).unwrap();
        let stored = sealed(world).await;
        let secrets = plain(&before, &stored);
        assert_eq!(secrets.len(), 7, "{secrets:?}");
        assert!(secrets.iter().any(|(_, secret)| secret == MAIL_PASSWORD));
        let link = make(&before, &Link { customer: CustomerId(1), ticket: None, made_at: kernel::Timestamp::from_seconds(0) });
        let backup = world.folder.join("before.backup");
        assert_eq!(world.run(&["backup", backup.to_str().unwrap(), "--no-verify"], "").0, 0);

        let (code, said) = world.run(&["keys", "rotate"], "");
        assert!(code == 0 && said.contains("7 stored credentials"), "{said}");
        assert_eq!(keys_in(&path), 2);
        let alone = newest(&path);
        assert_ne!(alone.fingerprint(), before.fingerprint());
        let anew = sealed(world).await;
        assert_eq!(plain(&alone, &anew), secrets);
        for ((place, old), (_, new)) in stored.iter().zip(&anew) {
            assert_ne!(old, new, "{place}");
            assert!(before.open(place, new).is_err(), "{place} no longer opens with the old key");
        }
        // Each is bound to its place as before.
        assert!(alone.open(&anew[1].0, &anew[0].1).is_err());
        let both = Keys::load(&path).unwrap();
        assert!(customers::links::read(&both, &link).is_some(), "links in old mails go on");
        world.start().await;
        world.signs_in(OWNER).await;
        world.agrees().await;
        world.stop().await;
        let (code, said) = world.run(&["audit", "verify"], "");
        assert_eq!(code, 0, "{said}");

        // A backup that the old key sealed opens as long as the file has it.
        let [copy, _] = world.places_for_a_copy().await;
        let (code, said) = copy.run(&["restore", backup.to_str().unwrap()], "");
        assert_eq!(code, 0, "{said}");
        let (code, said) = copy.run(&["keys", "rotate"], "");
        assert!(code == 0 && said.contains("going on"), "{said}");
        assert_eq!(plain(&newest(&copy.settings.key_file), &sealed(&copy).await), secrets);

        let (code, said) = world.run(&["keys", "forget"], "");
        assert!(code == 0 && said.contains("1 older keys"), "{said}");
        assert_eq!(keys_in(&path), 1);
        let kept = Keys::load(&path).unwrap();
        assert!(customers::links::read(&kept, &link).is_none());
        let [copy, _] = world.places_for_a_copy().await;
        let (_, said) = copy.run(&["restore", backup.to_str().unwrap()], "");
        assert!(said.contains("sealed with another key"), "{said}");
        world.start().await;
        world.agrees().await;
        world.stop().await;
    }

    async fn a_key_that_is_missing_wrong_or_in_use_is_refused(world: World) {
        world.opens_shop().await;
        let (code, said) = world.run(&["keys", "rotate"], "");
        assert!(code != 0 && said.contains("another server uses") | said.contains("stop every node first"), "{said}");
        world.stop().await;
        let path = world.settings.key_file.clone();
        let right = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let (code, said) = world.run(&["keys", "rotate"], "");
        assert!(code != 0 && said.contains("is not there; put back"), "{said}");
        assert!(!path.exists(), "none was made");
        Keys::load_or_make(&path).unwrap();
        let wrong = std::fs::read_to_string(&path).unwrap();
        let (code, said) = world.run(&["keys", "rotate"], "");
        assert!(code != 0 && said.contains("is not the one that this database was begun with"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong, "nothing was added");
        for nonsense in ["", "not a key\n"] {
            std::fs::write(&path, nonsense).unwrap();
            let (code, said) = world.run(&["keys", "rotate"], "");
            assert!(code != 0 && said.contains("does not hold a key"), "{said}");
        }
        std::fs::write(&path, right).unwrap();
        world.start().await;
        world.agrees().await;
        world.stop().await;
    }

    async fn turning_the_key_can_be_broken_off_anywhere(world: World) {
        full(world).await;
        let path = world.settings.key_file.clone();
        let secrets = plain(&Keys::load(&path).unwrap(), &sealed(world).await);
        // Killed when the new key was in the file and nothing else was done.
        let half = Keys::add_to_file(&path).unwrap();
        assert_eq!(plain(&half, &sealed(world).await), secrets);
        let (code, said) = world.run(&["keys", "forget"], "");
        assert!(code != 0 && said.contains("run first: recourse keys rotate"), "{said}");
        // The server works all the same, with both.
        world.start().await;
        world.signs_in(OWNER).await;
        world.agrees().await;
        world.stop().await;
        let db = Db::connect(&world.settings.database).await.unwrap();
        let turned = recourse::turning::rotate(&db, &path, kernel::Clock::now(&SystemClock)).await.unwrap();
        assert!(turned.went_on && turned.credentials == 7, "{turned:?}");
        db.close().await;
        assert_eq!(keys_in(&path), 2);
        assert_eq!(plain(&newest(&path), &sealed(world).await), secrets);

        // Killed by the system, at whatever moment.
        for round in 0..12_u64 {
            let mut command = Process::new(env!("CARGO_BIN_EXE_recourse"));
            command.env_clear().current_dir(&world.folder).args(["keys", "rotate"]);
            command.arg("--data").arg(&world.folder);
            if let Location::Postgres(url) = &world.settings.database {
                command.args(["--database-url", url]);
            }
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(round * 12)).await;
            let _ = child.kill();
            child.wait().unwrap();
            // Whatever it came to, everything opens.
            assert_eq!(plain(&Keys::load(&path).unwrap(), &sealed(world).await), secrets, "{round}");
        }
        let (code, said) = world.run(&["keys", "rotate"], "");
        assert_eq!(code, 0, "{said}");
        assert_eq!(plain(&newest(&path), &sealed(world).await), secrets);
        let (code, said) = world.run(&["audit", "verify"], "");
        assert_eq!(code, 0, "{said}");
        world.start().await;
        world.agrees().await;
        world.stop().await;
    }
}
