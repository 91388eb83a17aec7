//! A PostgreSQL of its own, as careful as it is when it is installed, that can be killed, started
//! again, and stopped for a while.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::{free_port, scratch};

pub(crate) struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    /// Where the data of the one that answers lies.
    at: Cell<&'static str>,
}

const FIRST: &str = "data";
const STANDBY: &str = "standby";

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = scratch("cluster");
        let cluster =
            Self { binaries: binaries(), folder, port: free_port(), at: Cell::new(FIRST) };
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&cluster.folder).status();
            assert!(owned.expect("chown runs").success(), "the folder cannot be given away");
        }
        let data = cluster.data();
        cluster.runs(
            "initdb",
            &["-N", "-D", &data, "-U", "recourse", "--auth=trust", "--locale=C.UTF-8"],
        );
        cluster.comes_up();
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://recourse@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn comes_up(&self) {
        self.comes_up_at(self.at.get(), self.port);
    }

    fn comes_up_at(&self, place: &str, port: u16) {
        let (data, log) = (self.place(place), self.folder.join("log"));
        let sockets = self.folder.to_str().expect("a plain path");
        let options = format!(
            "-p {port} -k {sockets} -c listen_addresses=127.0.0.1 -c synchronous_commit=on \
             -c fsync=on"
        );
        let log = log.to_str().expect("a plain path");
        self.runs("pg_ctl", &["-D", &data, "-l", log, "-w", "-o", &options, "start"]);
    }

    /// Without a word to anybody, and without writing down what it has in memory.
    pub(crate) fn dies(&self) {
        self.runs("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }

    /// From now on a commit is one when another cluster has it, too.
    pub(crate) fn gains_a_standby(&self) {
        let (standby, port) = (self.place(STANDBY), self.port.to_string());
        let here = ["-h", "127.0.0.1", "-p", &port, "-U", "recourse"];
        self.runs(
            "pg_basebackup",
            &[&here[..], &["-D", &standby, "-R", "-X", "stream", "-c", "fast"]].concat(),
        );
        self.comes_up_at(STANDBY, free_port());
        let sql = "alter system set synchronous_standby_names = '*'";
        let reload = "select pg_reload_conf()";
        self.runs("psql", &[&here[..], &["postgres", "-c", sql, "-c", reload]].concat());
        // Before that, a commit is one without the standby.
        let is_kept = "do $$ begin
            while not exists (select 1 from pg_stat_replication where sync_state = 'sync') loop
                perform pg_sleep(0.05), pg_stat_clear_snapshot();
            end loop; end $$";
        self.runs("psql", &[&here[..], &["postgres", "-c", is_kept]].concat());
    }

    /// The first one dies for good, and the standby takes its place and its address.
    pub(crate) fn fails_over(&self) {
        self.dies();
        let standby = self.place(STANDBY);
        self.runs("pg_ctl", &["-D", &standby, "-m", "fast", "-w", "stop"]);
        self.at.set(STANDBY);
        self.comes_up();
        self.runs("pg_ctl", &["-D", &standby, "-w", "promote"]);
    }

    /// Nobody is answered until it goes on; connections stay open.
    pub(crate) fn stands_still(&self) {
        self.signals("STOP");
    }

    pub(crate) fn goes_on(&self) {
        self.signals("CONT");
    }

    /// To the first process and to all that it began, each of which serves a connection.
    fn signals(&self, signal: &str) {
        let file = std::fs::read_to_string(Path::new(&self.data()).join("postmaster.pid"));
        let file = file.expect("it runs");
        let first = file.lines().next().expect("its number comes first").to_owned();
        let told = Command::new("kill").args([&format!("-{signal}"), &first]).status();
        assert!(told.expect("kill runs").success(), "it cannot be told");
        let told = Command::new("pkill").args([&format!("-{signal}"), "-P", &first]).status();
        assert!(told.expect("pkill runs").success(), "its parts cannot be told");
    }

    fn data(&self) -> String {
        self.place(self.at.get())
    }

    fn place(&self, place: &str) -> String {
        self.folder.join(place).to_str().expect("a plain path").to_owned()
    }

    fn runs(&self, program: &str, words: &[&str]) {
        let program = self.binaries.join(program);
        // PostgreSQL refuses to run as root.
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        command.args(words).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().expect("it can be started");
        assert!(status.success(), "{} {words:?} ended with {status}", program.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for place in [FIRST, STANDBY] {
            self.at.set(place);
            if Path::new(&self.data()).join("postmaster.pid").exists() {
                self.goes_on();
                self.dies();
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Of the newest version.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())))
        .max();
    newest.expect("PostgreSQL is missing; run bin/test, it installs it").1.join("bin")
}
