//! Programs that run beside the tests and end with them.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A program that ends when the tests do, however they end: its keeper waits for our end of a pipe
/// to close, ends the program with all its children, and takes the folder away.
pub(crate) struct Peer(#[expect(dead_code, reason = "its pipe is held open")] Child);

const KEEPER: &str = "setsid \"$@\" </dev/null & cat >/dev/null; \
                      kill -- -$! 2>/dev/null; wait $! 2>/dev/null; rm -rf \"$0\"";

impl Peer {
    pub(crate) fn start(folder: &Path, command: &[&str]) -> Self {
        let log = || std::fs::File::options().create(true).append(true).open(folder.join("said"));
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER])
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(log().expect("a log can be made"))
            .stderr(log().expect("a log can be made"))
            .spawn();
        Self(keeper.expect("a shell can be started"))
    }
}

/// A file of a program that has to be installed.
pub(crate) fn part(places: &[&str]) -> String {
    let found = places.iter().find(|place| Path::new(place).exists());
    found.map_or_else(
        || panic!("{} is missing; run bin/test, it installs it", places.join(" or ")),
        |place| (*place).to_owned(),
    )
}

/// A port that nobody listens on.
/// A port that nobody uses, and that the system does not give to a connection while whoever
/// listens there is stopped for a moment.
pub(crate) fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| rand::random_range(10_000..32_000));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("a port is free")
}

pub(crate) fn wait_for_port(port: u16, who: &str, folder: &Path) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > Duration::from_mins(1) {
            let said = std::fs::read_to_string(folder.join("said")).unwrap_or_default();
            panic!("{who} does not answer; it said: {said}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A new folder for scratch files.
pub(crate) fn scratch(what: &str) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("recourse-{what}-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(90), "still waiting for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
