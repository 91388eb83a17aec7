//! Backups, and the way from one database to another.

use std::path::PathBuf;
use std::time::Duration;

use database::carry::Sum;
use database::{Db, Location};

use crate::world::{OWNER, Web, World, on_both};

/// What a colleague finds for words of the demo's world, ticket by ticket.
async fn finds(web: &Web) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for words in ["refund", "download course", "\"thank you\"", "tag:login", "日本", "invoice.pdf"]
    {
        let page = web.get(&format!("/search?q={}", words.replace(' ', "+"))).await;
        assert_eq!(page.status, 200, "{words}: {}", page.body);
        let rows = page.body.split("href=\"/t/").skip(1);
        let mut rows: Vec<String> =
            rows.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
        // Each database has its own order of what fits as well.
        rows.sort();
        found.push(rows);
    }
    found
}

impl World {
    async fn signs_in_to_demo(&self, address: &str) -> Web {
        let web = self.web();
        let fields = [("email", address), ("password", demo::PASSWORD)];
        web.post("/login", &fields).await.location();
        web
    }

    fn backup(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What every table holds, but for the audit trail: that it was carried is noted there.
    async fn sums(&self) -> Vec<(String, Sum)> {
        let db = Db::open_unchanged(&self.settings.database).await.unwrap();
        let mut conn = db.snapshot().await.unwrap();
        let sums = recourse::carry::sums(&mut conn).await.unwrap();
        drop(conn);
        db.close().await;
        sums.into_iter().filter(|(name, _)| !name.starts_with("audit_")).collect()
    }
}

on_both! {
    async fn a_backup_comes_back_on_either_database(world: World) {
        let owner = world.fills_with_demo(80).await;
        let before = finds(&world.signs_in_to_demo(&owner).await).await;
        assert!(before.iter().filter(|found| found.len() > 1).count() >= 3, "{before:?}");
        let file = world.backup("all.backup");
        let name = file.to_str().unwrap();
        let (code, said) = world.run(&["backup", name], "");
        assert!(code == 0 && said.contains("80 tickets") && said.contains("everything is there"), "{said}");
        let words = std::fs::read(&file).unwrap();
        assert!(!words.windows(7).any(|part| part == b"Northli"), "nothing in it can be read");
        for mut copy in world.places_for_a_copy().await {
            let (code, said) = copy.run(&["restore", name], "");
            assert!(code == 0 && said.contains("Everything is there and agrees"), "{said}");
            let (code, said) = copy.run(&["restore", name], "");
            assert!(code != 0 && said.contains("already"), "{said}");
            copy.start().await;
            assert_eq!(finds(&copy.signs_in_to_demo(&owner).await).await, before);
            copy.agrees().await;
            copy.stop().await;
        }
    }

    async fn everything_moves_to_the_other_database_and_back(world: World) {
        world.opens_shop().await;
        let support = world.support();
        for number in 0..3 {
            assert_eq!(world.delivers(&support, &format!("move{number}")).0, 0);
        }
        let web = world.signs_in(OWNER).await;
        while web.get("/t/RC-10003").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (code, said) = world.run(&["move", "--to", "elsewhere.db"], "");
        assert!(code != 0 && said.contains("another server uses"), "{said}");
        world.stop().await;
        let before = world.sums().await;
        let tickets = before.iter().find(|(name, _)| name == "tickets").unwrap();
        assert_eq!(tickets.1.rows, 3);
        let (mut there, mut back) = (world.places_for_a_copy().await, world.places_for_a_copy().await);
        if matches!(world.settings.database, Location::File(_)) {
            there.reverse();
        } else {
            back.reverse();
        }
        let ([there, _], [mut back, _]) = (there, back);
        for (from, to) in [(&*world, &there), (&there, &back)] {
            let place = match &to.settings.database {
                Location::File(path) => path.to_str().unwrap(),
                Location::Postgres(url) => url,
            };
            let (code, said) = from.run(&["move", "--to", place], "");
            assert!(code == 0 && said.contains("3 tickets"), "{said}");
            assert_eq!(to.sums().await, before);
        }
        // It goes on where it was.
        back.start().await;
        assert_eq!(back.delivers(&support, "moved").0, 0);
        let page = back.signs_in(OWNER).await.get("/t/RC-10004").await;
        assert!(page.body.contains("A lamp"), "{}", page.body);
        back.agrees().await;
        back.stop().await;
    }

    async fn a_backup_of_a_busy_server_holds_what_was_taken(world: World) {
        world.opens_shop().await;
        let support = world.support();
        for round in 0..3 {
            for number in 0..4 {
                assert_eq!(world.delivers(&support, &format!("busy{round}-{number}")).0, 0);
            }
            let file = world.backup(&format!("{round}.backup"));
            let name = file.to_str().unwrap();
            // While it is written, more comes in.
            let (saved, more) = tokio::join!(
                async { tokio::task::block_in_place(|| world.run(&["backup", name, "--no-verify"], "")) },
                async { world.delivers(&support, &format!("meanwhile{round}")) },
            );
            assert_eq!((saved.0, more.0), (0, 0), "{} {}", saved.1, more.1);
            let [copy, _] = world.places_for_a_copy().await;
            let (code, said) = copy.run(&["restore", name], "");
            assert_eq!(code, 0, "{said}");
            let there = copy.sums().await;
            let mails = there.iter().find(|(name, _)| name == "mail_ledger").unwrap().1.rows;
            assert!(mails >= 5 * round + 4, "{mails} in round {round}");
        }
    }

    async fn what_is_no_whole_backup_of_this_key_is_refused(world: World) {
        world.opens_shop().await;
        assert_eq!(world.delivers(&world.support(), "one").0, 0);
        let file = world.backup("all.backup");
        let name = file.to_str().unwrap();
        assert_eq!(world.run(&["backup", name, "--no-verify"], "").0, 0);
        let (code, said) = world.run(&["backup", name], "");
        assert!(code != 0 && said.contains("is there already"), "{said}");
        let bytes = std::fs::read(&file).unwrap();
        let [copy, _] = world.places_for_a_copy().await;
        let refused = |bytes: &[u8]| {
            let damaged = copy.folder.join("damaged.backup");
            std::fs::write(&damaged, bytes).unwrap();
            let (code, said) = copy.run(&["restore", damaged.to_str().unwrap()], "");
            assert_ne!(code, 0, "{said}");
            assert!(!copy.folder.join("recourse.db").exists(), "nothing half is left: {said}");
            said
        };
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 1;
        assert!(refused(&changed).contains("damaged or was sealed with another key"));
        for length in [0, 30, bytes.len() / 2, bytes.len() - 1] {
            refused(&bytes[..length]);
        }
        refused(b"Dear Sir, this is no backup");
        std::fs::remove_file(copy.folder.join("recourse.key")).unwrap();
        let (_, said) = copy.run(&["restore", name], "");
        assert!(said.contains("recourse.key is not there"), "{said}");
        let [other, _] = world.places_for_a_copy().await;
        std::fs::remove_file(other.folder.join("recourse.key")).unwrap();
        assert_eq!(other.run(&["demo", "--tickets", "1"], "").0, 0);
        std::fs::remove_file(other.folder.join("recourse.db")).unwrap();
        let (_, said) = other.run(&["restore", name], "");
        assert!(said.contains("sealed with another key"), "{said}");
    }
}
