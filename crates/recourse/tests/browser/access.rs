//! Whether everybody can use a page, as far as a program can tell (axe-core, WCAG 2.2 AA).

use serde_json::{Value, json};

use super::tab::Tab;

const AXE: &str = include_str!("../vendor/axe.min.js");

const RUN: &str = "
    const done = arguments[arguments.length - 1];
    axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
      resultTypes: ['violations'],
    }).then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
      `${id}: ${help}: ` + nodes.slice(0, 4).map(({ target, any, all }) =>
        `${target} (${[...any, ...all].map(({ message }) => message).join('; ')})`).join(', '))),
      (fault) => done([String(fault)]));";

impl Tab {
    /// Looks at the page in light and dark, wide and as on a phone.
    pub(crate) async fn is_for_everybody(&self, what: &str) {
        self.settles().await;
        let mut found = Vec::new();
        for scheme in ["light", "dark"] {
            self.prefers(scheme).await;
            found.extend(self.faults(&format!("{what}, {scheme}")).await);
        }
        self.prefers("light").await;
        self.is_phone(true).await;
        found.extend(self.faults(&format!("{what}, phone")).await);
        let wide = "document.documentElement.scrollWidth > innerWidth + 1";
        if self.js(wide).await == json!(true) {
            found.push(format!("{what}, phone: it scrolls sideways"));
        }
        self.is_phone(false).await;
        assert!(found.is_empty(), "{found:#?}");
    }

    async fn faults(&self, what: &str) -> Vec<String> {
        if self.js("typeof axe").await != json!("object") {
            self.client.execute(AXE, Vec::new()).await.expect("axe can be loaded");
        }
        self.settles().await;
        let said = self.client.execute_async(RUN, Vec::new()).await.expect("axe runs");
        let found: Vec<Value> = said.as_array().cloned().unwrap_or_default();
        found.iter().map(|fault| format!("{what}: {}", fault.as_str().unwrap_or("?"))).collect()
    }

    /// Waits until nothing moves, for colours that are half faded are nobody's colours.
    async fn settles(&self) {
        let still = "document.readyState === 'complete' && document.getAnimations()\
                     .every((one) => one.playState !== 'running' \
                     || one.effect?.getComputedTiming().endTime > 3000)";
        self.waits("for the page to stand still", still).await;
    }

    pub(crate) async fn prefers(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tool("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    pub(crate) async fn is_phone(&self, is_phone: bool) {
        if is_phone {
            let phone =
                json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": false});
            self.tool("Emulation.setDeviceMetricsOverride", phone).await;
        } else {
            self.tool("Emulation.clearDeviceMetricsOverride", json!({})).await;
        }
    }
}
