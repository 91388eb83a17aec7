//! Wherever something can be seen: every page, every answer, and what is kept on the disk.

use database::carry::{Walk, shapes};
use database::{Db, Location};
use reqwest::Method;

use super::Canaries;
use super::planting::{Served, database_words};
use crate::world::{Web, World};

/// What stands for the parameters of a path.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| match part {
        "{reference}" => "RC-10001",
        "{number}" => "3",
        part if part.starts_with('{') => "0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f",
        part => part,
    });
    parts.collect::<Vec<_>>().join("/")
}

pub(super) async fn walk_all(world: &World, served: &Served, canaries: &Canaries) {
    let token = served.token.get().unwrap();
    let nobody = world.web();
    for route in &served.routes {
        // Streams have no end, and forms that act do so in the stories of their own.
        if ["/live", "/api/v1/events"].contains(&route.path) || route.path.ends_with("delete") {
            continue;
        }
        let path = filled(route.path);
        let method: Method = route.method.parse().unwrap();
        if method == Method::GET {
            for (who, web) in
                [("owner", &served.owner), ("agent", &served.agent), ("customer", &served.customer)]
            {
                shows(canaries, &format!("{path} for the {who}"), web, &path).await;
            }
            let request = nobody.request(Method::GET, &path).bearer_auth(token);
            let page = nobody.send(request).await;
            canaries
                .saw(&format!("{path} for a program"), format!("{:?}{}", page.headers, page.body));
        }
        // A wrong way in, for the page that says so.
        let page = nobody.send(nobody.request(Method::OPTIONS, &path)).await;
        canaries.saw(&format!("OPTIONS {path}"), format!("{:?}{}", page.headers, page.body));
    }
    for from in [
        "/settings/people",
        "/settings/inboxes",
        "/settings/mail",
        "/settings/trail",
        "/customers",
        "/inbox/all",
    ] {
        let list = served.owner.get(from).await.body;
        let links = list.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let deeper =
            links.filter(|link| link.starts_with(&format!("{from}/")) || link.starts_with("/t/"));
        let deeper: std::collections::BTreeSet<&str> = deeper.collect();
        for path in deeper.into_iter().take(60) {
            shows(canaries, path, &served.owner, path).await;
            if from == "/settings/inboxes" {
                let path = format!("{path}/domain");
                shows(canaries, &path, &served.owner, &path).await;
            }
        }
    }
    for path in ["/metrics", "/health/live", "/health/ready", "/nowhere"] {
        shows(canaries, path, &nobody, path).await;
    }
    let table = served.owner.post("/settings/trail/export", &[]).await;
    assert!(table.body.lines().count() > 20, "{}", table.body);
    canaries.saw("the trail as a table", table.body);
    for words in
        [&["check"][..], &["audit", "verify"], &["agent", "list"], &["--help"], &["keys", "rotate"]]
    {
        canaries.saw(&words.join(" "), world.run(words, "").1);
    }
}

/// What a page shows, and its header but for the cookies, which are meant for whoever gets them.
async fn shows(canaries: &Canaries, place: &str, web: &Web, path: &str) {
    let page = web.get(path).await;
    let mut headers = page.headers.clone();
    headers.remove("set-cookie");
    canaries.saw(place, format!("{headers:?}{}", page.body));
}

/// The database, a backup, and what the program says when it breaks down.
pub(super) async fn look_at_what_is_kept(world: &World, canaries: &Canaries) {
    let db = Db::open_unchanged(&world.settings.database).await.unwrap();
    let mut conn = db.snapshot().await.unwrap();
    let mut all = String::new();
    for shape in shapes(&mut conn).await.unwrap() {
        let mut walk = Walk::new(&shape);
        loop {
            let rows = walk.next(&mut conn).await.unwrap();
            if rows.is_empty() {
                break;
            }
            for value in rows.into_iter().flatten() {
                let text = match value {
                    database::Value::Text(text) => text,
                    database::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    other => format!("{other:?}"),
                };
                all.push_str(&text);
                all.push('\n');
            }
        }
    }
    drop(conn);
    db.close().await;
    assert!(all.contains("maya@northlight.example"));
    canaries.saw("the database", all);
    let file = world.folder.join("all.backup");
    let (code, said) = world.run(&["backup", file.to_str().unwrap(), "--no-verify"], "");
    assert_eq!(code, 0, "{said}");
    canaries.saw("what backup says", said);
    let bytes = std::fs::read(&file).unwrap();
    canaries.saw("a backup", String::from_utf8_lossy(&bytes).into_owned());
    breaks_down(world, canaries);
}

/// Commands that cannot do what they are asked for.
fn breaks_down(world: &World, canaries: &Canaries) {
    let folder = world.folder.to_str().unwrap();
    let secret = canaries.plant("password of a database that does not answer");
    let away = format!("postgres://somebody:{secret}@127.0.0.1:1/nothing");
    let no_url = format!(
        "mysql://somebody:{}@127.0.0.1/x",
        canaries.plant("password of a strange database")
    );
    let strange =
        format!("postgres://somebody:{}@[::bad/x", canaries.plant("password of no address"));
    for url in [&away, &no_url, &strange] {
        for command in ["check", "serve", "move"] {
            let mut words = vec![command, "--data", folder, "--database-url", url];
            if command == "move" {
                words = vec!["move", "--to", url, "--data", folder];
                if matches!(world.settings.database, Location::Postgres(_)) {
                    continue;
                }
            }
            let (code, said) = world.run_with(&words, "");
            assert_ne!(code, 0, "{said}");
            canaries.saw(&format!("{command} with a database that is not there"), said);
        }
    }
    let file = world.folder.join("wrong.toml");
    let inside = canaries.plant("password in a file with a mistake");
    std::fs::write(&file, format!("database_url = \"mysql://u:{inside}@h/x\"\nlisten = 5\n"))
        .unwrap();
    let (code, said) =
        world.run_with(&["check", "--config", file.to_str().unwrap(), "--data", folder], "");
    assert_ne!(code, 0, "{said}");
    canaries.saw("a file with a mistake", said);
    // The key file when it cannot be taken.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&world.settings.key_file, open).unwrap();
    let mut words = vec!["serve", "--data", folder, "--listen", "127.0.0.1:0"];
    let database = database_words(world, &canaries.plant("password of the database, again"));
    words.extend(database.iter().map(String::as_str));
    let (code, said) = world.run_with(&words, "");
    assert!(code != 0 && said.contains("chmod 600"), "{said}");
    canaries.saw("a key file that others can read", said);
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&world.settings.key_file, private).unwrap();
}
