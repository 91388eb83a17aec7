//! `serve`.

use std::time::Duration;
use std::{process, thread};

use anyhow::Result;
use kernel::SharedClock;
use tokio::signal::unix::{SignalKind, signal};

use super::{EX_SOFTWARE, terminal};
use crate::Program;
use crate::config::Settings;

/// Serves until told to stop.
pub(super) async fn run(settings: Settings, clock: SharedClock) -> Result<u8> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let within = settings.stopping.within;
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
    end_within(within)?;
    program.stop().await?;
    Ok(0)
}

/// Ends the process when stopping takes too long, whatever hangs. What was not put down by then is
/// taken up again as after a crash. It is a thread of its own, since those of the runtime may be
/// what hangs.
fn end_within(limit: Duration) -> Result<()> {
    let watch = move || {
        thread::sleep(limit);
        tracing::error!("stopping took longer than {} seconds", limit.as_secs());
        process::exit(EX_SOFTWARE.into());
    };
    thread::Builder::new().name("stopping".to_owned()).spawn(watch)?;
    Ok(())
}
