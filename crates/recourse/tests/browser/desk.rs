//! What is done at the desk all day, in a browser.

use recourse::local::Command;

use super::tab::{ENTER, Tab};
use crate::world::place::PASSWORD;
use crate::world::{Letter, OWNER, World, mail, on_both};

const PRIYA: &str = "priya@northlight.example";

impl World {
    /// A shop with Maya, Priya and so many tickets of Dana.
    async fn busy_shop(&self, tickets: usize) -> Tab {
        self.opens_shop().await;
        let priya = Command::AddAgent {
            name: "Priya Nair".to_owned(),
            email: PRIYA.to_owned(),
            role: "agent".to_owned(),
            inboxes: Vec::new(),
            password: PASSWORD.to_owned(),
        };
        assert_eq!(self.command(&priya, &[]).await.exit_code, 0);
        let (from, support) = (self.dana(), self.support());
        for number in 1..=tickets {
            let id = format!("desk{number}@{}.customers.example", self.name);
            let subject = format!("Question {number}");
            let letter = Letter {
                from: &from,
                to: &support,
                id: &id,
                subject: &subject,
                text: "Where is my invoice?",
                fields: "",
            };
            let bytes = mail(&letter).into_bytes();
            let size = kernel::count(bytes.len()).unsigned_abs();
            let (inbox, from) = (support.clone(), from.clone());
            let deliver = Command::DeliverMail { inbox, from, size };
            assert_eq!(self.command(&deliver, &bytes).await.exit_code, 0);
        }
        let tab = Tab::of_owner(self).await;
        let all = format!("document.querySelectorAll('.conv').length === {tickets}");
        tab.waits("for the tickets", &all).await;
        tab
    }
}

impl Tab {
    /// Opens the first ticket of the list by keyboard.
    async fn opens_first(&self) {
        self.types("j").await;
        self.types(&ENTER.to_string()).await;
        self.sees("#composer").await;
        self.waits(
            "for the title to have the focus",
            "document.activeElement?.matches('[data-thread-title]')",
        )
        .await;
    }

    async fn is_open(&self, css: &str) {
        self.waits(
            &format!("for {css}"),
            &format!("document.querySelector('{css}')?.checkVisibility()"),
        )
        .await;
    }

    async fn writes_in(&self, key: &str, field: &str) {
        self.types(key).await;
        self.waits(
            &format!("for the focus in {field}"),
            &format!("document.activeElement?.id === '{field}'"),
        )
        .await;
    }
}

on_both! {
    async fn a_note_names_a_colleague_who_is_told(world: World) {
        let tab = world.busy_shop(1).await;
        tab.opens_first().await;
        tab.writes_in("n", "text-note").await;
        tab.types("@pri").await;
        tab.is_open("#people").await;
        tab.types(&ENTER.to_string()).await;
        tab.types("have a look, please").await;
        tab.with_control(ENTER).await;
        tab.reads("#thread .entry--note", "@Priya Nair have a look, please").await;
        let priya = Tab::new(world).await;
        priya.signs_in(PRIYA).await;
        priya.goes("/notifications").await;
        priya.reads("main", "Question 1").await;
        priya.closes().await;
        tab.closes().await;
    }

    async fn a_ticket_sleeps_and_what_is_written_outlives_the_page(world: World) {
        let tab = world.busy_shop(1).await;
        tab.opens_first().await;
        tab.writes_in("r", "text-reply").await;
        tab.types("Half a sentence").await;
        let saved = "document.querySelector('[data-draft-state]').textContent === \
                     document.querySelector('reply-composer').dataset.saved";
        tab.waits("for the draft to be kept", saved).await;
        tab.client.refresh().await.unwrap();
        let there = "document.querySelector('#text-reply')?.value === 'Half a sentence'";
        tab.waits("for the draft to be there again", there).await;
        tab.reads(".conv", "Draft").await;

        tab.types("z").await;
        tab.is_open("dialog[open] .dialog__body").await;
        tab.is_for_everybody("the snooze sheet").await;
        tab.clicks("dialog[open] form.sheet label.choice").await;
        tab.clicks("dialog[open] form.sheet button[type=submit].btn--primary").await;
        tab.sees_no("dialog[open]").await;
        tab.sees(".toast [data-undo]").await;
        tab.waits("for the list to be empty", "!document.querySelector('.conv')").await;
        tab.clicks(".toast [data-undo]").await;
        tab.reads(".conv", "Question 1").await;
        tab.closes().await;
    }

    async fn an_answer_waits_while_the_server_is_away(world: World) {
        let tab = world.busy_shop(1).await;
        tab.opens_first().await;
        tab.writes_in("r", "text-reply").await;
        tab.types("It is on its way.").await;
        let has_fetched = "performance.getEntriesByType('resource')
            .some(({ name }) => name.endsWith('/toast.js'))";
        tab.waits("for what says that nothing can be reached", has_fetched).await;
        world.stop().await;
        tab.with_control(ENTER).await;
        tab.reads(".toast[data-tone=bad]", "The server cannot be reached.").await;
        tab.sees(".offline-line").await;
        let kept = "document.querySelector('#text-reply').value === 'It is on its way.'";
        tab.waits("for the text to be there still", kept).await;
        world.start().await;
        tab.waits("for the connection", "document.querySelector('.offline-line').hidden").await;
        tab.with_control(ENTER).await;
        tab.reads("#thread .entry--ours", "It is on its way.").await;
        tab.closes().await;
    }

    async fn tickets_are_merged_and_apart_again(world: World) {
        let tab = world.busy_shop(2).await;
        tab.opens_first().await;
        tab.types("m").await;
        tab.is_open("dialog[open] .dialog__body").await;
        tab.is_for_everybody("the merge sheet").await;
        tab.clicks("dialog[open] form.sheet label.choice").await;
        tab.clicks("dialog[open] form.sheet button[type=submit]:not(.btn--quiet)").await;
        tab.sees_no("dialog[open]").await;
        tab.waits("for one row", "document.querySelectorAll('.conv').length === 1").await;
        tab.clicks(".toast [data-undo]").await;
        tab.waits("for two rows", "document.querySelectorAll('.conv').length === 2").await;
        tab.closes().await;
    }

    async fn many_are_resolved_at_once_and_come_back(world: World) {
        let tab = world.busy_shop(3).await;
        tab.types("j").await;
        tab.types("x").await;
        tab.is_open("#bulk").await;
        tab.clicks("#bulk [data-pick-all]").await;
        tab.reads("[data-picked]", "3").await;
        tab.clicks("#bulk [value='state=resolve']").await;
        tab.waits("for an empty list", "!document.querySelector('.conv')").await;
        tab.clicks(".toast [data-undo]").await;
        tab.waits("for three rows", "document.querySelectorAll('.conv').length === 3").await;
        tab.closes().await;
    }

    async fn the_palette_goes_anywhere(world: World) {
        let tab = world.busy_shop(1).await;
        tab.with_control('k').await;
        tab.is_open("#palette[open]").await;
        tab.sees("#palette [role=option]").await;
        tab.is_for_everybody("the palette").await;
        tab.types("Question").await;
        tab.reads("#palette [role=option]", "Question 1").await;
        tab.types(&ENTER.to_string()).await;
        tab.is_at("/t/RC-").await;
        tab.reads("#thread", "Where is my invoice?").await;
        tab.closes().await;
    }

    async fn two_who_answer_see_each_other(world: World) {
        let maya = world.busy_shop(1).await;
        maya.opens_first().await;
        let path = maya.js("location.pathname + location.search").await;
        let path = path.as_str().unwrap().to_owned();
        let priya = Tab::new(world).await;
        priya.signs_in(PRIYA).await;
        priya.goes(&path).await;
        priya.sees("#composer").await;
        priya.writes_in("r", "text-reply").await;
        priya.types("I am on it").await;
        maya.reads("#collision", "Priya").await;
        maya.is_for_everybody("a ticket that two have open").await;

        // Both send: the second is shown what came between, and nothing typed is lost.
        maya.writes_in("r", "text-reply").await;
        maya.types("So am I").await;
        priya.with_control(ENTER).await;
        priya.reads("#thread .entry--ours", "I am on it").await;
        maya.reads("#thread .entry--ours", "I am on it").await;
        let kept = "document.querySelector('#text-reply').value === 'So am I'";
        maya.waits("for the text to be kept", kept).await;
        priya.closes().await;
        maya.closes().await;
    }

    async fn a_saved_reply_and_a_file_go_along(world: World) {
        let tab = world.busy_shop(1).await;
        tab.goes("/settings/replies").await;
        let web = world.signs_in(OWNER).await;
        let fields = [("title", "Invoice"), ("text", "Your invoice is attached.")];
        web.post("/settings/replies", &fields).await.location();
        tab.goes("/inbox/needs-reply").await;
        tab.sees(".conv").await;
        tab.opens_first().await;
        tab.writes_in("r", "text-reply").await;
        tab.types("/").await;
        tab.is_open("#saved-replies").await;
        tab.reads("#saved-list [role=option]", "Invoice").await;
        tab.types(&ENTER.to_string()).await;
        let there = "document.querySelector('#text-reply').value.includes('Your invoice is attached.')";
        tab.waits("for the text", there).await;

        let file = world.folder.join("invoice.txt");
        std::fs::write(&file, "Invoice 7").unwrap();
        let input = tab.client.find(fantoccini::Locator::Css("#composer input[type=file]")).await;
        input.unwrap().send_keys(file.to_str().unwrap()).await.unwrap();
        tab.sees(".composer__files [name=reply_file] ~ button, .composer__files .file[id]").await;
        tab.reads(".composer__files .file", "invoice.txt").await;
        tab.with_control(ENTER).await;
        tab.reads("#thread .entry--ours", "Your invoice is attached.").await;
        tab.reads("#thread .entry--ours", "invoice.txt").await;
        tab.closes().await;
    }
}
