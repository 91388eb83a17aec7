//! `serve`.

use anyhow::Result;
use kernel::SharedClock;
use tokio::signal::unix::{SignalKind, signal};

use super::terminal;
use crate::Program;
use crate::config::Settings;

/// Serves until told to stop.
pub(super) async fn run(settings: Settings, clock: SharedClock) -> Result<u8> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let program = Program::start(settings, clock).await?;
    match &program.set_up_link {
        Some(link) => {
            terminal::say(&format!(
                "Recourse is running. Set it up in your browser:\n\n  {link}\n"
            ));
        }
        None => {
            terminal::say(&format!("Recourse is running at {}", program.foundation.site.base_url));
        }
    }
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
        () = program.broke() => {}
    }
    tracing::info!("stopping");
    program.stop().await?;
    Ok(0)
}
