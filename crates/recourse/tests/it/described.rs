//! The description of the API is true, whatever is asked: every operation by everybody, with
//! requests made up from the description and against it.

use std::process::Command;
use std::sync::Once;

use crate::world::{OWNER, World, on_both};

/// The operation that has no end; it has tests of its own.
const ENDLESS: &str = "/api/v1/events";

/// What has to hold for each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";

/// How long each of the five tries; the long proof sets it.
fn seconds() -> String {
    setting("RECOURSE_API_SECONDS").unwrap_or_else(|| "3".to_owned())
}

fn seed() -> String {
    setting("RECOURSE_API_SEED").unwrap_or_else(|| "20261122".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a test that is made longer is told so there")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Fewer say nothing about anything.
const REQUESTS_MIN: u32 = 20;

/// How many requests were made up.
fn generated(said: &str) -> u32 {
    let line = said.lines().find(|line| line.trim().contains(" generated"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn summary(said: &str) -> &str {
    said.lines().find(|line| line.contains(" generated")).map_or("nothing was asked", str::trim)
}

impl World {
    fn engine(&self) -> &'static str {
        if self.is_sqlite() { "SQLite" } else { "PostgreSQL" }
    }

    /// Tries everything with a token; says what did not fit the description.
    #[expect(clippy::print_stdout, reason = "the figures of the long proof")]
    fn tries(&self, token: &str) -> Result<(), String> {
        // It makes tables of all letters first, for every later run.
        static TABLES: Once = Once::new();
        let description = format!("{}/api/v1/openapi.json", self.base);
        TABLES.call_once(|| drop(self.command_for(&description, token, "4").output()));
        let output = self.command_for(&description, token, &seconds()).output();
        let output = output.expect("schemathesis is there: bin/test installs it");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("API, {}: {}", self.engine(), summary(&said));
        if output.status.success() && generated(&said) >= REQUESTS_MIN {
            return Ok(());
        }
        Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn command_for(&self, description: &str, token: &str, seconds: &str) -> Command {
        let bearer = format!("Authorization: Bearer {token}");
        let mut command = Command::new("schemathesis");
        command
            .current_dir(&self.folder)
            .env("HYPOTHESIS_STORAGE_DIRECTORY", std::env::temp_dir().join("recourse-letters"))
            .args([
                "run",
                description,
                "--url",
                &self.base,
                "--header",
                &bearer,
                "--checks",
                CHECKS,
            ])
            .args(["--exclude-path", ENDLESS, "--phases", "examples,coverage,fuzzing"])
            .args(["--max-time", seconds, "--seed", &seed(), "--request-timeout", "30"])
            .args(["--generation-database", "none", "--warnings", "off", "--no-color"])
            .args(["--suppress-health-check", "all", "--continue-on-failure"]);
        command
    }
}

on_both! {
    async fn every_answer_is_what_the_description_says(world: World) {
        let house = world.furnishes().await;
        let mut tokens = vec![("the owner", world.token_of(OWNER, "*").await)];
        for person in &house.people[1..] {
            tokens.push((person.name, world.token_of(&person.actor.email, "*").await));
        }
        tokens.push(("nobody", "rct_nobody".to_owned()));
        for (who, token) in tokens {
            let tried = tokio::task::block_in_place(|| world.tries(&token));
            assert_eq!(tried, Ok(()), "as {who}");
        }
    }
}

/// What is not described is found: an answer of the program under another description.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_not_described_is_found() {
    let world = World::on_sqlite().await;
    let mut description = world.web().get("/api/v1/openapi.json").await.json();
    let paths = description["paths"].as_object_mut().unwrap();
    paths.retain(|path, _| path == "/api/v1/tags");
    let operation = &mut paths["/api/v1/tags"]["get"];
    operation["responses"] = serde_json::json!({ "418": { "description": "It is a teapot." } });
    let file = world.folder.join("teapot.json");
    std::fs::write(&file, description.to_string()).unwrap();
    let output = tokio::task::block_in_place(|| {
        world.command_for(file.to_str().unwrap(), "rct_nobody", "4").output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && said.contains("Undocumented"), "{said}");
}
