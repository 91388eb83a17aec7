//! One chromedriver for the run; a browser with an empty profile for every tab that is opened.

use std::str::FromStr;
use std::sync::OnceLock;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::world::{Peer, free_port, part, scratch};

struct Driver {
    port: u16,
    _peer: Peer,
}

fn driver() -> &'static Driver {
    static ONE: OnceLock<Driver> = OnceLock::new();
    ONE.get_or_init(|| {
        let program = part(&["/usr/bin/chromedriver"]);
        let folder = scratch("chromedriver");
        let port = free_port();
        let peer = Peer::start(&folder, &[&program, &format!("--port={port}")]);
        crate::world::peers::wait_for_port(port, "chromedriver", &folder);
        Driver { port, _peer: peer }
    })
}

/// A new browser, with flags of its own beside those that all have.
pub(crate) async fn browser(own: &[String]) -> Client {
    let chromium = part(&["/usr/bin/chromium"]);
    let profile = scratch("profile");
    let profile = format!("--user-data-dir={}", profile.display());
    let mut flags = vec![
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--disable-features=Translate",
        "--lang=en-GB",
        "--window-size=1280,900",
        &profile,
    ];
    flags.extend(own.iter().map(String::as_str));
    let mut wanted = Capabilities::new();
    wanted.insert("browserName".to_owned(), json!("chrome"));
    wanted.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
    // No connection is opened on a guess at what a page might want.
    let prefs = json!({"net": {"network_prediction_options": 2}});
    let options = json!({"binary": chromium, "args": flags, "prefs": prefs});
    wanted.insert("goog:chromeOptions".to_owned(), options);
    let address = format!("http://127.0.0.1:{}", driver().port);
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let browser = builder.capabilities(wanted).connect(&address).await;
    browser.expect("Chromium starts")
}

/// A command of chromedriver's own.
#[derive(Debug)]
pub(crate) struct Own {
    path: String,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A command by its path under the session.
pub(crate) fn own(path: &str, body: Value) -> Own {
    Own { path: path.to_owned(), body }
}

/// What the DevTools can do.
pub(crate) fn tools(command: &str, params: Value) -> Own {
    own("goog/cdp/execute", json!({"cmd": command, "params": params}))
}

/// What stands in the console since it was asked last.
pub(crate) fn console() -> Own {
    own("se/log", json!({"type": "browser"}))
}
