//! Secrets that are planted through every door, and looked for wherever something is shown, told or
//! kept: pages, answers, errors, logs of the most talkative kind, figures, exports, what commands
//! say, the database and backups.

mod places;
mod planting;

use std::sync::Mutex;

use crate::world::{World, on_both};

/// What was planted, and everything that was seen since.
#[derive(Default)]
pub(crate) struct Canaries {
    planted: Mutex<Vec<Canary>>,
    seen: Mutex<Vec<(String, String)>>,
}

#[derive(Clone)]
struct Canary {
    what: String,
    secret: String,
    /// It stands in a letter that waits to be sent, so the database has it.
    is_mailed: bool,
}

impl Canaries {
    /// A new secret that is long and strange enough for everything.
    pub(crate) fn plant(&self, what: &str) -> String {
        let secret = format!("Kn-{}-{:016x}", what.len(), rand::random::<u64>());
        self.watch(what, &secret);
        secret
    }

    /// A secret that the program made.
    pub(crate) fn watch(&self, what: &str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is too short to be looked for: {secret}");
        self.add(what, secret, false);
    }

    /// One that goes to somebody by mail.
    pub(crate) fn watch_mailed(&self, what: &str, secret: &str) {
        self.add(what, secret, true);
    }

    fn add(&self, what: &str, secret: &str, is_mailed: bool) {
        let (what, secret) = (what.to_owned(), secret.to_owned());
        self.planted.lock().unwrap().push(Canary { what, secret, is_mailed });
    }

    /// Keeps what some place showed, to be looked through at the end.
    pub(crate) fn saw(&self, place: &str, text: impl Into<String>) {
        self.seen.lock().unwrap().push((place.to_owned(), text.into()));
    }

    /// Where which secret was seen.
    fn sightings(&self) -> Vec<String> {
        let planted = self.planted.lock().unwrap();
        let mut found = Vec::new();
        for (place, text) in self.seen.lock().unwrap().iter() {
            for canary in planted.iter() {
                if canary.is_mailed && place == "the database" {
                    continue;
                }
                if text.contains(&canary.secret) {
                    let at = text.find(&canary.secret).unwrap_or_default();
                    let from = text[..at].char_indices().rev().nth(120).map_or(0, |(at, _)| at);
                    found.push(format!("{} in {place}: …{}", canary.what, &text[from..at]));
                }
            }
        }
        found
    }
}

on_both! {
    async fn no_secret_is_seen_where_it_is_not_meant(world: World) {
        let canaries = Canaries::default();
        world.stop().await;
        let mut server = planting::Served::start(world, &canaries).await;
        planting::plants_all(world, &server, &canaries).await;
        places::walk_all(world, &server, &canaries).await;
        server.stop(&canaries);
        places::look_at_what_is_kept(world, &canaries).await;
        let planted = canaries.planted.lock().unwrap().len();
        let seen = canaries.seen.lock().unwrap().len();
        assert!(planted >= 40, "only {planted} were planted");
        assert!(seen > 150, "only {seen} places were looked at");
        let log = canaries.seen.lock().unwrap().iter()
            .find(|(place, _)| place == "the log").map(|(_, text)| text.clone()).unwrap();
        assert!(log.contains("\"TRACE\""), "the log is at its most talkative");
        let sightings = canaries.sightings();
        assert!(sightings.is_empty(), "{} sightings:\n{}", sightings.len(), sightings.join("\n"));
    }
}
