//! The command line.

mod audit;
mod bench;
mod carry;
mod check;
mod demo;
mod keys;
mod mail;
mod people;
mod progress;
mod serve;
mod terminal;

use std::process::ExitCode;
use std::sync::Arc;

use ::keys::Keys;
use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use database::Location;
use kernel::{SharedClock, SystemClock};

use crate::config::{DataFolder, Flags, Settings};
use crate::foundation::{missing_key, own_keys};
use crate::local::{self, Answer, Command};
use crate::{Foundation, log};

/// Customer support for people who sell digital products.
#[derive(Parser)]
#[command(name = "recourse", version, disable_help_subcommand = true)]
struct Line {
    #[command(flatten)]
    settings: Flags,
    #[command(subcommand)]
    command: Option<Do>,
}

#[derive(Subcommand)]
enum Do {
    /// Run the server (this is what happens without a command)
    Serve,
    /// Set the installation up without a browser; the owner's password comes on standard input
    Setup(people::SetUp),
    /// People who work here
    #[command(subcommand)]
    Agent(people::Agent),
    /// Tokens for programs that use the API
    #[command(subcommand)]
    Token(people::Token),
    /// Mail
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Look whether tickets, messages, files, counts and the search agree
    Check(check::Check),
    /// The audit trail: who did and read what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The key that seals stored passwords
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Write the whole installation into one sealed file, beside a running server too
    Backup(carry::Backup),
    /// Put what a backup holds into a place where there is no installation
    Restore(carry::Restore),
    /// Carry everything to another database, such as from SQLite to PostgreSQL
    Move(carry::Move),
    /// Fill an empty database with a lifelike world, to look at and to measure with
    Demo(demo::Demo),
    /// Measure what this program does on this machine, in a world of its own
    Bench(bench::Bench),
}

/// The settings make no sense (EX_CONFIG of sysexits.h).
const EX_CONFIG: u8 = 78;
/// Something broke (EX_SOFTWARE).
const EX_SOFTWARE: u8 = 70;
/// Try again (EX_TEMPFAIL). For mail, everything that is not the mail's own fault.
const EX_TEMPFAIL: u8 = 75;

/// Does what the command line says.
pub fn run() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(fault) => {
            let _ = fault.print();
            let is_mail = std::env::args().any(|word| word == "deliver");
            // A mail server would send the mail back for good because of our typing error.
            return match (fault.use_stderr(), is_mail) {
                (false, _) => ExitCode::SUCCESS,
                (true, true) => ExitCode::from(EX_TEMPFAIL),
                (true, false) => ExitCode::from(64),
            };
        }
    };
    let is_mail = matches!(line.command, Some(Do::Mail(_)));
    let settings = match Settings::gather(line.settings) {
        Ok(settings) => settings,
        Err(bad) => {
            terminal::complain(&bad.to_string());
            return ExitCode::from(if is_mail { EX_TEMPFAIL } else { EX_CONFIG });
        }
    };
    match on_runtime(settings, line.command.unwrap_or(Do::Serve)) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            terminal::complain(&format!("{fault:#}"));
            ExitCode::from(if is_mail { EX_TEMPFAIL } else { EX_SOFTWARE })
        }
    }
}

/// After so many steps of tasks the runtime looks which connections have sent something. A step
/// that makes a page takes a millisecond; behind the 61 steps that are usual, a mail server or a
/// browser on an open stream would wait for as many milliseconds.
const STEPS_BETWEEN_LOOKS: u32 = 8;

fn on_runtime(settings: Settings, command: Do) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads())
        .event_interval(STEPS_BETWEEN_LOOKS)
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let clock: SharedClock = Arc::new(SystemClock);
        match command {
            Do::Serve => {
                log::start(log::Kind::Server);
                serve::run(settings, clock).await
            }
            Do::Setup(set_up) => hand_in(settings, clock, set_up.command()?, &[]).await,
            Do::Agent(agent) => hand_in(settings, clock, agent.command()?, &[]).await,
            Do::Token(token) => hand_in(settings, clock, token.command(), &[]).await,
            Do::Mail(mail) => {
                let (command, bytes) = mail.command()?;
                hand_in(settings, clock, command, &bytes).await
            }
            Do::Check(check) => check.run(settings).await,
            Do::Audit(audit) => audit.run(settings).await,
            Do::Keys(keys) => keys.run(settings, clock).await,
            Do::Backup(backup) => backup.run(settings, clock).await,
            Do::Restore(restore) => restore.run(settings, clock).await,
            Do::Move(moving) => moving.run(settings, clock).await,
            Do::Demo(demo) => demo.run(settings, clock).await,
            Do::Bench(bench) => bench.run(settings).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    done
}

/// SQLite works in the thread that asks, so there are some to spare.
fn threads() -> usize {
    const AT_LEAST: usize = 4;
    std::thread::available_parallelism().map_or(AT_LEAST, |cores| cores.get().max(AT_LEAST))
}

/// Lets the running server do it, or does it on the database.
async fn hand_in(
    settings: Settings,
    clock: SharedClock,
    command: Command,
    bytes: &[u8],
) -> Result<u8> {
    log::start(log::Kind::Command);
    if !command.may_begin() {
        assert_begun(&settings)?;
    }
    let folder = DataFolder::open(&settings.data)?;
    if let Some(answer) = local::hand_over(&folder.socket(), &command, bytes).await? {
        return Ok(tell(&answer));
    }
    let (foundation, _storing) = Foundation::open(&settings, clock).await?;
    let answer = local::carry_out(&foundation, command, bytes.to_vec()).await;
    foundation.db.close().await;
    Ok(tell(&answer))
}

/// A command about an installation in a folder that has none was given the wrong folder; an empty
/// installation made there would refuse the mail of the real one.
fn assert_begun(settings: &Settings) -> Result<()> {
    if let Location::File(path) = &settings.database
        && !path.exists()
    {
        bail!(
            "there is no installation in {}; say with --data where it is",
            settings.data.display()
        );
    }
    Ok(())
}

/// The keys of an installation that is there.
async fn keys_of(settings: &Settings) -> Result<Keys> {
    match own_keys(settings).await? {
        Some(keys) => Ok(keys),
        None => bail!(missing_key(&settings.key_file)),
    }
}

fn tell(answer: &Answer) -> u8 {
    if answer.exit_code == 0 {
        if !answer.text.is_empty() {
            terminal::say(&answer.text);
        }
    } else {
        terminal::complain(&answer.text);
    }
    answer.exit_code
}
