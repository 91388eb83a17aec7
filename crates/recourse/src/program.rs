//! The running server: started, listening, working, and ended in good order.

use std::net::SocketAddr;

use accounts::Route;
use anyhow::{Context, Result};
use database::Location;
use kernel::SharedClock;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::{DataFolder, Lock, Settings};
use crate::reserve::Reserve;
use crate::soundness::look_through;
use crate::stop::Stop;
use crate::tasks::Tasks;
use crate::{Foundation, local, server, wiring};

/// A server that answers.
pub struct Program {
    pub address: SocketAddr,
    pub foundation: Foundation,
    /// Where the first person sets it up; none when that was done.
    pub set_up_link: Option<String>,
    /// Every route with its guard.
    pub routes: Vec<Route>,
    stop: Stop,
    tasks: Tasks,
    storing: JoinHandle<()>,
    /// Held where no other server may work on the same database.
    lock: Option<Lock>,
}

impl Program {
    /// Starts everything. On return it answers.
    pub async fn start(settings: Settings, clock: SharedClock) -> Result<Self> {
        server::record_figures();
        let listener = server::bind(settings.listen, "--listen")?;
        let address = listener.local_addr()?;
        let front = server::Front::begin(listener)?;
        let settings = heard_at(settings, address);
        let folder = DataFolder::open(&settings.data)?;
        // Two servers on one SQLite file would not see each other's changes. Nodes that share
        // PostgreSQL may share a folder, too.
        let lock = match settings.database {
            Location::File(_) => Some(folder.lock()?),
            Location::Postgres(_) => None,
        };
        let ended_well = lock.as_ref().map_or(Ok(true), Lock::begin)?;
        let (foundation, storing) = Foundation::open(&settings, clock).await?;
        let stop = Stop::new(settings.stopping);
        let mut tasks = Tasks::new(&stop.leaving);
        if let Some(reserve) = Reserve::lend(&settings, foundation.db.room()) {
            tasks.keep("setting room aside", reserve.keep(stop.leaving.clone()));
        }
        let hub = foundation.hub.clone();
        tasks.keep("passing on changes", hub.run(foundation.db.notices(), stop.closing.clone()));
        let set_up_link = set_up_link(&foundation).await?;
        warn_if_careless(&foundation).await?;
        let (router, routes) = wiring::routes(&foundation, &settings, &stop);
        wiring::move_mail(&foundation, &settings, &mut tasks, &stop)?;
        let jobs = wiring::workers(&foundation).run(stop.leaving.clone(), stop.time_for_work());
        tasks.keep("doing jobs", jobs);
        tasks.begin(server::sum_up(stop.closing.clone()));
        if ended_well {
            foundation.soundness.trust();
        } else if let Location::File(file) = &settings.database {
            tracing::warn!(
                "the last server did not end in good order; the database file is looked through"
            );
            tasks.begin(look_through(file.clone(), foundation.clone(), stop.leaving.clone()));
        }
        if let Some(door) = local::Door::open(&folder.socket()) {
            tasks.keep("taking commands", door.serve(foundation.clone(), stop.closing.clone()));
        }
        tasks.keep("answering requests", front.serve(router, stop.clone()));
        Ok(Self { address, foundation, set_up_link, routes, stop, tasks, storing, lock })
    }

    /// Waits until a part of the server breaks off that it cannot do without: it is to be stopped
    /// then.
    pub async fn broke(&self) {
        self.tasks.broke().await;
    }

    /// Ends in good order: whoever sends requests here learns that no more are wanted, those at hand
    /// are finished, jobs put down, the database closed. What takes longer than the settings say is
    /// handed back or broken off.
    pub async fn stop(self) -> Result<()> {
        let begun = self.stop.begin().await;
        // Whatever broke there, the rest is put down in good order.
        let ended = self.tasks.join(begun + self.stop.time_for_tasks()).await;
        let is_whole = self.foundation.soundness.is_whole();
        let until = Instant::from_std(begun + self.stop.time_for_all());
        timeout_at(until, close(self.foundation, self.storing))
            .await
            .context("the database was not closed in time; nothing that was stored is lost")?;
        // What was not looked through to its end is looked through at the next start.
        if let Some(lock) = self.lock.filter(|_| is_whole) {
            lock.end()?;
        }
        ended
    }
}

async fn close(foundation: Foundation, storing: JoinHandle<()>) {
    if let Err(fault) = accounts::vouch_for_trail(&foundation.accounts).await {
        tracing::warn!("the audit trail cannot be vouched for at the end: {fault:#}");
    }
    let db = foundation.db.clone();
    drop(foundation);
    // What was handed in last is stored before the database closes.
    let patience = std::time::Duration::from_secs(5);
    let _ = timeout(patience, storing).await;
    db.close().await;
}

/// Port 0 means "any": what was given is known only now.
fn heard_at(settings: Settings, address: SocketAddr) -> Settings {
    let base_url = if settings.listen.port() == 0 && settings.base_url.ends_with(":0") {
        format!("{}:{}", settings.base_url.trim_end_matches(":0"), address.port())
    } else {
        settings.base_url.clone()
    };
    Settings { listen: address, base_url, ..settings }
}

/// Those who look after it see the same under Settings, System.
async fn warn_if_careless(foundation: &Foundation) -> Result<()> {
    for setting in database::careless_settings(&foundation.db.read().await?).await? {
        tracing::warn!(
            "PostgreSQL runs with {setting} = off: a loss of power can damage the database; turn \
             it on in its settings"
        );
    }
    Ok(())
}

async fn set_up_link(foundation: &Foundation) -> Result<Option<String>> {
    let mut tx = foundation.db.begin().await?;
    let token = accounts::make_set_up_link(&mut tx, foundation.clock.now()).await?;
    tx.commit().await?;
    Ok(token.map(|token| foundation.site.url(&format!("/setup/{}", token.reveal()))))
}
