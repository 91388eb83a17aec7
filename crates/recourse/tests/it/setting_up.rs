//! The first minutes.

use crate::world::place::inbox_fields;
use crate::world::{Dovecot, MAIL_PASSWORD, Sink, World, on_both};

const FORM: [(&str, &str); 5] = [
    ("company", "Northlight Studio"),
    ("name", "Maya Ellis"),
    ("email", "maya@northlight.example"),
    ("password", "seven small lanterns"),
    ("time_zone", "Europe/Berlin"),
];

on_both! {
    async fn it_is_set_up_by_a_command(world: World) {
        let words = [
            "setup", "--company", "Northlight Studio", "--name", "Maya Ellis",
            "--email", "maya@northlight.example", "--time-zone", "Europe/Berlin",
        ];
        let (code, said) = world.run(&words, "seven small lanterns\n");
        assert_eq!(code, 0, "{said}");
        let (code, said) = world.run(&words, "seven small lanterns\n");
        assert_eq!(code, 65, "{said}");
        let web = world.signs_in("maya@northlight.example").await;
        assert_eq!(web.get("/settings/company").await.status, 200);

        // The same without a running server.
        world.stop().await;
        let words = [
            "agent", "add", "--name", "Priya Nair", "--email", "priya@northlight.example",
            "--role", "agent",
        ];
        let (code, said) = world.run(&words, "seven small lanterns\n");
        assert_eq!(code, 0, "{said}");
        world.start().await;
        let web = world.signs_in("priya@northlight.example").await;
        assert_eq!(web.get("/inbox/needs-reply").await.status, 200);
        assert_eq!(web.get("/settings/company").await.status, 403);
    }

    async fn it_is_set_up_on_pages(world: World) {
        let link = world.program().set_up_link.clone().unwrap();
        let web = world.web();
        let home = web.get("/").await;
        assert!(home.status.is_redirection(), "{}", home.status);
        let page = web.get(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("name=\"company\""));
        let mut weak = FORM;
        weak[3].1 = "password";
        let page = web.post(&link, &weak).await;
        assert_eq!(page.status, 422, "{}", page.body);
        assert!(page.body.contains("Northlight Studio"), "what was typed is still there");
        assert_eq!(web.post(&link, &FORM).await.location(), "/setup/inbox");

        // Wrong password, closed port, then what is right.
        let (support, imap, smtp) =
            (world.support(), Dovecot::here().imap_port.to_string(), Sink::here().port.to_string());
        let mut fields = inbox_fields(&support, &imap, &smtp);
        let at = fields.iter().position(|(name, _)| *name == "imap_password").unwrap();
        fields[at].1 = "wrong";
        let page = web.post("/setup/inbox/probe", &fields).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("data-state=\"bad\""), "{}", page.body);
        fields[at].1 = MAIL_PASSWORD;
        let page = web.post("/setup/inbox/probe", &fields).await;
        assert!(!page.body.contains("data-state=\"bad\""), "{}", page.body);
        assert_eq!(web.post("/setup/inbox", &fields).await.location(), "/setup/team");
        let page = web.post("/setup/team", &[]).await;
        assert_eq!(page.location(), "/inbox/needs-reply");
        assert_eq!(web.get("/inbox/needs-reply").await.status, 200);

        // The link is spent, for whoever finds it.
        let stranger = world.web();
        let page = stranger.post(&link, &FORM).await;
        assert_eq!(page.status, 422);
        assert!(!stranger.get(&link).await.body.contains("name=\"company\""));
        // And it stays set up.
        world.stop().await;
        world.start().await;
        assert_eq!(world.program().set_up_link, None);
    }
}
