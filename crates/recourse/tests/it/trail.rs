//! The audit trail of a whole installation, and who finds out when somebody changes it.

use database::{Db, Engine, Sql};

use crate::world::{OWNER, World, on_both};

impl World {
    async fn acts(&self) -> Vec<String> {
        let db = Db::open_unchanged(&self.settings.database).await.unwrap();
        let conn = db.read().await.unwrap();
        let acts = "select act from audit_entries order by number";
        let acts = conn.column(acts, vec![]).await.unwrap();
        drop(conn);
        db.close().await;
        acts
    }

    /// Does to the database what a thief of it would do.
    async fn tampers(&self, statement: &'static str) {
        let db = Db::open_unchanged(&self.settings.database).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let trigger = match db.engine() {
            Engine::Sqlite => "drop trigger audit_entries_stay",
            Engine::Postgres => "drop trigger audit_entries_stay on audit_entries",
        };
        tx.execute_sql(Sql::new(trigger)).await.unwrap();
        assert!(tx.execute_sql(Sql::new(statement)).await.unwrap() > 0);
        tx.commit().await.unwrap();
        db.close().await;
    }
}

on_both! {
    async fn what_is_done_and_read_is_in_the_trail_and_nobody_changes_it_unseen(world: World) {
        let web = world.opens_shop().await;
        assert_eq!(world.delivers(&world.support(), "t1").0, 0);
        let line = crate::world::eventually("the mail is there", async || {
            let page = web.get("/settings/mail").await;
            let at = page.body.split("href=\"/settings/mail/").nth(1)?;
            Some(at.split('"').next().unwrap_or_default().to_owned())
        })
        .await;
        let source = web.get(&format!("/settings/mail/{line}/raw")).await;
        assert!(source.body.contains("It is out."));
        let file = world.folder.join("one.backup");
        assert_eq!(world.run(&["backup", file.to_str().unwrap(), "--no-verify"], "").0, 0);
        let password = format!("{}\n", "a lamp by the harbour");
        let (code, said) = world.run(&["agent", "password", "--email", OWNER], &password);
        assert_eq!(code, 0, "{said}");
        let acts = world.acts().await;
        for act in [
            "trail.began", "installation.set_up", "session.opened", "inbox.made",
            "inbox.connection_changed", "mail.source_read", "installation.backed_up",
            "password.changed",
        ] {
            assert!(acts.iter().any(|one| one == act), "{act} is not in {acts:?}");
        }
        assert_eq!(acts[0], "trail.began");
        let (code, said) = world.run(&["audit", "verify"], "");
        assert!(code == 0 && said.contains("everything is as it was written"), "{said}");
        let stands = said.rsplit("stands at ").next().unwrap().trim().to_owned();
        let (code, said) = world.run(&["audit", "verify", "--holds", &stands], "");
        assert_eq!(code, 0, "{said}");
        let other = format!("1:{}", "0".repeat(64));
        let (code, said) = world.run(&["audit", "verify", "--holds", &other], "");
        assert!(code == 1 && said.contains("entry 1 is not the one that was written down"), "{said}");
        world.agrees().await;

        for copy in world.places_for_a_copy().await {
            assert_eq!(copy.run(&["restore", file.to_str().unwrap()], "").0, 0);
            copy.tampers("update audit_entries set who_name = 'Nobody' where number = 2").await;
            let (code, said) = copy.run(&["audit", "verify"], "");
            assert!(code == 1 && said.contains("entry 2 was changed"), "{said}");
            let (code, said) = copy.run(&["check", "--quick"], "");
            assert!(code == 65 && said.contains("the audit trail was tampered with"), "{said}");
        }
    }

    async fn the_trail_goes_on_after_a_stop_and_is_vouched_for_then(world: World) {
        world.opens_shop().await;
        world.stop().await;
        let (code, said) = world.run(&["audit", "verify"], "");
        assert!(code == 0 && said.contains("1 checkpoints"), "{said}");
        world.start().await;
        world.signs_in(OWNER).await;
        world.stop().await;
        let (code, said) = world.run(&["audit", "verify"], "");
        assert!(code == 0 && said.contains("2 checkpoints"), "{said}");
        let file = world.folder.join("all.backup");
        assert_eq!(world.run(&["backup", file.to_str().unwrap(), "--no-verify"], "").0, 0);
        for copy in world.places_for_a_copy().await {
            let (code, said) = copy.run(&["restore", file.to_str().unwrap()], "");
            assert_eq!(code, 0, "{said}");
            assert_eq!(copy.acts().await.last().unwrap(), "installation.restored");
            let (code, said) = copy.run(&["audit", "verify"], "");
            assert!(code == 0 && said.contains("2 checkpoints"), "{said}");
        }
    }
}
