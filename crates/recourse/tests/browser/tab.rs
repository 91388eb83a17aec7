//! Somebody in front of a browser.

use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use super::driver::{browser, console, tools};
use crate::world::place::PASSWORD;
use crate::world::{OWNER, World};

pub(crate) struct Tab {
    pub(crate) client: Client,
    base: String,
}

/// Keys that write nothing (WebDriver, 17.4.2).
pub(crate) const ENTER: char = '\u{E007}';
pub(crate) const CONTROL: char = '\u{E009}';
const PATIENCE: Duration = Duration::from_mins(1);

impl Tab {
    pub(crate) async fn new(world: &World) -> Self {
        Self::with(world, &[]).await
    }

    /// In a browser with flags of its own.
    pub(crate) async fn with(world: &World, flags: &[String]) -> Self {
        Self { client: browser(flags).await, base: world.base.clone() }
    }

    /// A tab in which the owner is signed in.
    pub(crate) async fn of_owner(world: &World) -> Self {
        let tab = Self::new(world).await;
        tab.signs_in(OWNER).await;
        tab
    }

    pub(crate) async fn signs_in(&self, email: &str) {
        self.signs_in_with(email, PASSWORD).await;
    }

    pub(crate) async fn signs_in_with(&self, email: &str, password: &str) {
        self.goes("/login").await;
        self.fills("#f-email", email).await;
        self.fills("#f-password", password).await;
        self.clicks("main button[type=submit]").await;
        self.sees("#inbox").await;
    }

    pub(crate) async fn goes(&self, path: &str) {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        self.client.goto(&format!("{}{path}", self.base)).await.expect("the page opens");
    }

    pub(crate) async fn is_at(&self, part: &str) {
        self.waits(
            &format!("to be at {part}"),
            &format!("location.href.includes({})", json!(part)),
        )
        .await;
    }

    /// The value of an expression in the page.
    pub(crate) async fn js(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap_or(Value::Null)
    }

    /// Waits until an expression is true, and says what there was instead.
    pub(crate) async fn waits(&self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.js(&format!("Boolean({expression})")).await != json!(true) {
            if begun.elapsed() > PATIENCE {
                let text = self.js("document.body.innerText").await;
                let at = self.js("location.href").await;
                let log = self.log().await;
                panic!("waited in vain {what}, at {at}:\n{}\n{log:?}", text.as_str().unwrap_or(""));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for something that can be seen.
    pub(crate) async fn sees(&self, css: &str) {
        let shown = format!(
            "[...document.querySelectorAll({})].some((one) => one.checkVisibility())",
            json!(css)
        );
        self.waits(&format!("for {css}"), &shown).await;
    }

    pub(crate) async fn sees_no(&self, css: &str) {
        let shown = format!(
            "![...document.querySelectorAll({})].some((one) => one.checkVisibility())",
            json!(css)
        );
        self.waits(&format!("for {css} to go"), &shown).await;
    }

    /// Waits for words at a place.
    pub(crate) async fn reads(&self, css: &str, words: &str) {
        let there = format!(
            "[...document.querySelectorAll({})].some((one) => one.innerText.includes({}))",
            json!(css),
            json!(words)
        );
        self.waits(&format!("for “{words}” in {css}"), &there).await;
    }

    pub(crate) async fn clicks(&self, css: &str) {
        self.sees(css).await;
        let begun = Instant::now();
        loop {
            // What is swapped or still moving this moment is there the next.
            let found = self.client.find(Locator::Css(css)).await;
            let done = match found {
                Ok(element) => element.click().await,
                Err(fault) => Err(fault),
            };
            match done {
                Ok(()) => return,
                Err(fault) => assert!(begun.elapsed() < PATIENCE, "{css} is not clicked: {fault}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Puts a text where another one may stand.
    pub(crate) async fn fills(&self, css: &str, text: &str) {
        self.sees(css).await;
        let element = self.client.find(Locator::Css(css)).await.expect("it is there");
        element.clear().await.expect("it can be emptied");
        element.send_keys(text).await.expect("it can be written into");
    }

    /// Chooses an option by its value.
    pub(crate) async fn chooses(&self, css: &str, value: &str) {
        let element = self.client.find(Locator::Css(css)).await.expect("it is there");
        element.select_by_value(value).await.expect("it has this value");
    }

    /// Types on the keyboard, wherever the focus is.
    pub(crate) async fn types(&self, text: &str) {
        let mut keys = KeyActions::new("keys".to_owned());
        for value in text.chars() {
            keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(keys).await.expect("keys can be pressed");
    }

    /// Presses a key while Control is held.
    pub(crate) async fn with_control(&self, value: char) {
        let keys = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value: CONTROL })
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value })
            .then(KeyAction::Up { value: CONTROL });
        self.client.perform_actions(keys).await.expect("keys can be pressed");
    }

    pub(crate) async fn tool(&self, command: &str, params: Value) {
        self.client.issue_cmd(tools(command, params)).await.expect("DevTools do it");
    }

    /// What the console said since it was asked last.
    pub(crate) async fn log(&self) -> Vec<String> {
        let log = self.client.issue_cmd(console()).await.unwrap_or(Value::Null);
        let lines = log.as_array().cloned().unwrap_or_default();
        lines.iter().filter_map(|line| line["message"].as_str().map(str::to_owned)).collect()
    }

    /// Ends, and says what the pages complained of: nothing that the policy blocked, no broken
    /// script.
    pub(crate) async fn closes(self) {
        let log = self.log().await;
        let bad: Vec<&String> = log
            .iter()
            // The browser's own remark when a page takes another way in the middle of a transition.
            .filter(|line| !line.contains("Transition was "))
            // A server that was stopped; the page has to say so, and that is what is tested.
            .filter(|line| !line.contains("htmx:error: Failed to fetch"))
            .filter(|line| {
                line.contains("Content Security Policy")
                    || line.contains("Uncaught")
                    || line.contains("TypeError")
                    || line.contains("status of 5")
            })
            .collect();
        assert!(bad.is_empty(), "{bad:#?}");
        self.client.close().await.expect("the browser ends");
    }
}
