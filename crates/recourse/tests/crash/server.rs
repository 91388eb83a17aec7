//! The program as a process of its own, so that killing it is real.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use database::Location;
use recourse::config::{Settings, Stopping};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

pub(crate) struct Server {
    child: Child,
    heard: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Server {
    pub(crate) fn start(program: &Path, settings: &Settings) -> Self {
        let log = log_of(settings);
        let said = std::fs::File::options().create(true).append(true).open(&log);
        let mut command = command(program, settings, &["serve"]);
        let (listen, lmtp) = (settings.listen, settings.lmtp.expect("it takes mail"));
        command.args(["--listen", &listen.to_string(), "--lmtp", &lmtp.to_string()]);
        command.args(["--allow-internal", "127.0.0.1"]);
        command.args(["--disk-reserve-mib", &settings.disk_reserve_mib.to_string()]);
        // What arrived is looked at through the API, ticket by ticket.
        command.args(["--api-requests-a-minute", "1000000"]);
        let Stopping { grace, within } = settings.stopping;
        command.args(["--stop-grace", &grace.as_secs().to_string()]);
        command.args(["--stop-within", &within.as_secs().to_string()]);
        command.stdout(Stdio::piped()).stderr(said.expect("a log can be made"));
        let mut child = command.spawn().expect("the program can be started");
        let heard = child.stdout.take().expect("it is a pipe");
        Self { child, heard: BufReader::new(heard).lines(), log }
    }

    /// Returns when it answers.
    pub(crate) async fn is_ready(&mut self) {
        let line = self.heard.next_line().await.expect("it can be read");
        let line = line.unwrap_or_else(|| panic!("it did not start: {}", self.log_end()));
        assert!(line.contains("is running"), "{line}");
    }

    /// Returns, with bad news, when it ends by itself.
    pub(crate) async fn ends(&mut self) -> ExitStatus {
        self.child.wait().await.expect("it was started")
    }

    /// With SIGKILL: it cannot finish anything.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().expect("it was running");
        let status = self.child.wait().await.expect("it was started");
        assert_eq!(status.code(), None, "it ended by itself before it was killed");
    }

    /// With SIGTERM: it ends in good order.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().expect("it was running").to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(told.expect("kill runs").success(), "it cannot be told to end");
        let status = self.child.wait().await.expect("it was started");
        assert!(status.success(), "it ended with {status}: {}", self.log_end());
    }

    /// How often something stands in the log of all its lives.
    pub(crate) fn said(&self, what: &str) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains(what)).count()
    }

    /// What it said was broken, and what panicked, of all its lives.
    pub(crate) fn complaints(&self) -> (Vec<String>, Vec<String>) {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let of = |word: &str| {
            let lines = log.lines().filter(|line| line.contains(word));
            lines.map(str::to_owned).collect()
        };
        (of("\"ERROR\""), of("panicked"))
    }

    pub(crate) fn log_end(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.join("\n")
    }
}

/// Beside the folder, which may lie on a disk that has its faults.
fn log_of(settings: &Settings) -> PathBuf {
    settings.data.with_extension("log")
}

/// The program with these words, ended with the test.
pub(crate) fn command(program: &Path, settings: &Settings, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(&settings.data).kill_on_drop(true).stdin(Stdio::null());
    command.args(words).arg("--data").arg(&settings.data);
    command.args(["--base-url", &settings.base_url]);
    if let Location::Postgres(url) = &settings.database {
        command.args(["--database-url", url]);
    }
    command
}
