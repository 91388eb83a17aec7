//! The program that is measured, as a process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::Order;
use crate::visitor::Visitor;

const STARTS_WITHIN: Duration = Duration::from_mins(1);

pub(crate) struct Server {
    child: Child,
    pub(crate) pid: u32,
    pub(crate) web: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    /// From the start of the process to the first answer that was a page.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts it on a world and waits for its first page.
    pub(crate) async fn start(order: &Order, data: &Path) -> Result<Self> {
        let (web, lmtp) = (free_port()?, free_port()?);
        let mut command = program(order, data);
        command.arg("serve").args(["--listen", &web.to_string(), "--lmtp", &lmtp.to_string()]);
        command.args(["--base-url", &format!("http://localhost:{}", web.port())]);
        // What the program can do is measured, not what one person is let do.
        command.args(["--api-requests-a-minute", "1000000"]);
        command.stderr(log(data)?).stdout(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().context("the program cannot be started")?;
        let pid = child.id().context("the program ended at once")?;
        while !Visitor::gets_a_page(web).await {
            if began.elapsed() > STARTS_WITHIN || child.try_wait()?.is_some() {
                bail!("the program does not start; see {}", data.join("bench.log").display());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Self { child, pid, web, lmtp, started_in: began.elapsed() })
    }

    /// Ends it as a machine that is switched off would.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("the program cannot be killed")
    }

    /// Asks it to end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = self.pid.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { bail!("the program ended with {status}") }
    }
}

/// The program on a world, with nothing of the settings around it.
pub(crate) fn program(order: &Order, data: &Path) -> Command {
    let mut command = Command::new(&order.program);
    command.env_clear().kill_on_drop(true).stdin(Stdio::null()).arg("--data").arg(data);
    if let Some(url) = &order.database_url {
        command.args(["--database-url", url]);
    }
    command
}

fn log(data: &Path) -> Result<std::fs::File> {
    std::fs::create_dir_all(data)?;
    let path: PathBuf = data.join("bench.log");
    Ok(std::fs::File::options().create(true).append(true).open(path)?)
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
