//! From the first page of an empty house to a customer who was helped.

use std::path::Path;

use super::tab::{ENTER, Tab};
use crate::world::place::PASSWORD;
use crate::world::{
    Dovecot, Got, Letter, MAIL_PASSWORD, OWNER, Sink, World, eventually, mail, on_both,
};

on_both! {
    async fn from_the_first_page_to_a_customer_who_was_helped(world: World) {
        let agent = Tab::new(world).await;
        sets_up(world, &agent).await;

        // Mail comes; the row is there without a look at the clock.
        agent.reads("ticket-list", "").await;
        let first = writes(world, &world.support(), "one", "It stops at half.", "").await;
        agent.reads("ticket-list .conv", "The download is broken").await;
        agent.is_for_everybody("inbox").await;
        let greeting = got(world, 1).await.remove(0);

        // Opened, answered and sent by keyboard.
        agent.types("j").await;
        agent.types(&ENTER.to_string()).await;
        agent.reads("#thread", "It stops at half.").await;
        agent.is_at("/t/RC-").await;
        agent.is_for_everybody("ticket").await;
        agent.types("r").await;
        agent.waits("for the reply", "document.activeElement?.id === 'text-reply'").await;
        agent.types("Please try again. It is mended.").await;
        agent.with_control(ENTER).await;
        agent.reads("#thread .entry--ours", "It is mended.").await;
        agent.sees(".toast [data-undo]").await;
        agent.waits("for an empty field", "document.querySelector('#text-reply').value === ''").await;
        assert_eq!(Sink::here().got(&world.dana()).len(), 1, "there is time to take it back");

        let answer = got(world, 2).await.remove(1);
        assert_eq!(answer.field("in-reply-to"), format!("<{first}>"));
        assert!(answer.text().contains("It is mended."));

        // Dana opens the link of the greeting, and writes there.
        let dana = Tab::new(world).await;
        dana.goes(&link_in(&greeting)).await;
        dana.is_for_everybody("the page behind a link").await;
        dana.clicks("main form button[type=submit]").await;
        dana.is_at("/help/requests/RC-").await;
        dana.reads(".thread", "It is mended.").await;
        dana.is_for_everybody("request").await;
        dana.fills("#f-text", "It works now, but where is lesson three?").await;
        dana.clicks("button[form=reply]").await;
        dana.reads(".thread", "where is lesson three?").await;
        agent.reads("#thread", "where is lesson three?").await;

        // And by mail, to the address that the answer named.
        let keyed = answer.field("reply-to");
        let keyed = keyed.rsplit('<').next().unwrap_or_default().trim_end_matches('>').to_owned();
        writes(world, &keyed, "two", "Found it, sorry!", "").await;
        agent.reads("#thread", "Found it, sorry!").await;

        // Solved by a key; Dana sees it.
        agent.client.find(fantoccini::Locator::Css("[data-thread-title]")).await
            .expect("the title").click().await.expect("it takes the click");
        agent.types("e").await;
        agent.reads(".toast", "").await;
        agent.sees(".toast [data-undo]").await;
        let solved = "document.querySelector('.steps li:last-child')?.ariaCurrent === 'step' \
                      || document.querySelector('.steps li:last-child')?.dataset.state === 'done'";
        eventually("the request to be solved", async || {
            dana.client.refresh().await.ok()?;
            (dana.js(solved).await == serde_json::json!(true)).then_some(())
        })
        .await;
        dana.is_for_everybody("a solved request").await;
        dana.closes().await;
        agent.closes().await;
        assert!(Path::new(&world.folder).exists());
    }
}

async fn sets_up(world: &World, agent: &Tab) {
    let link = world.program().set_up_link.clone().expect("nobody set it up");
    agent.goes(&link).await;
    agent.is_for_everybody("set-up, owner").await;
    agent.fills("#f-company", "Northlight Studio").await;
    agent.fills("#f-name", "Maya Ellis").await;
    agent.fills("#f-email", OWNER).await;
    agent.fills("#f-password", PASSWORD).await;
    agent.clicks("main form button.btn--primary").await;

    agent.is_at("/setup/inbox").await;
    let (support, imap, smtp) =
        (world.support(), Dovecot::here().imap_port.to_string(), Sink::here().port.to_string());
    agent.fills("#f-address", &support).await;
    for (way, port) in [("imap", imap), ("smtp", smtp)] {
        agent.fills(&format!("#f-{way}_host"), "127.0.0.1").await;
        agent.fills(&format!("#f-{way}_port"), &port).await;
        agent.chooses(&format!("#f-{way}_tls"), "none").await;
        agent.fills(&format!("#f-{way}_user"), &support).await;
        agent.fills(&format!("#f-{way}_password"), MAIL_PASSWORD).await;
    }
    agent.clicks("[hx-post='/setup/inbox/probe']").await;
    agent
        .waits(
            "for the servers to be tried",
            "document.querySelectorAll('#probe li').length > 3 \
         && [...document.querySelectorAll('#probe li')].every((one) => one.dataset.state === 'ok')",
        )
        .await;
    agent.is_for_everybody("set-up, inbox").await;
    // The customer's mail server delivers addresses with a plus.
    agent.js("document.querySelectorAll('details').forEach((one) => one.open = true)").await;
    agent.js("document.querySelector('[name=plus_addresses]').checked = true").await;
    agent.clicks("main form > div > button.btn--primary").await;
    agent.is_at("/setup/team").await;
    agent.is_for_everybody("set-up, team").await;
    agent.clicks("main a.btn--quiet").await;
    agent.is_at("/inbox/needs-reply").await;
    agent.is_for_everybody("an empty inbox").await;
}

async fn writes(world: &World, to: &str, id: &str, text: &str, fields: &str) -> String {
    let from = world.dana();
    let id = format!("{id}@{}.customers.example", world.name);
    let subject = "The download is broken";
    let letter = Letter { from: &from, to, id: &id, subject, text, fields };
    Dovecot::here().takes(&from, &world.support(), &mail(&letter)).await;
    id
}

async fn got(world: &World, count: usize) -> Vec<Got> {
    let dana = world.dana();
    eventually("mail for Dana", async || {
        let got = Sink::here().got(&dana);
        (got.len() >= count).then_some(got)
    })
    .await
}

fn link_in(letter: &Got) -> String {
    let text = letter.text();
    let link = text.split_whitespace().find(|word| word.contains("/help/link/"));
    link.expect("there is a link").to_owned()
}
