//! The running server: started, listening, working, and ended in good order.

use std::net::SocketAddr;

use accounts::Route;
use anyhow::Result;
use database::Location;
use kernel::SharedClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{DataFolder, Lock, Settings};
use crate::reserve::Reserve;
use crate::soundness::look_through;
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
    stop: CancellationToken,
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
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(&stop);
        if let Some(reserve) = Reserve::lend(&settings, foundation.db.room()) {
            tasks.keep("setting room aside", reserve.keep(stop.clone()));
        }
        let hub = foundation.hub.clone();
        tasks.keep("passing on changes", hub.run(foundation.db.notices(), stop.clone()));
        let set_up_link = set_up_link(&foundation).await?;
        let (router, routes) = wiring::routes(&foundation, &settings, &stop);
        warn_if_careless(&foundation).await?;
        wiring::move_mail(&foundation, &settings, &mut tasks, &stop)?;
        tasks.keep("doing jobs", wiring::workers(&foundation).run(stop.clone()));
        tasks.begin(server::sum_up(stop.clone()));
        if ended_well {
            foundation.soundness.trust();
        } else if let Location::File(file) = &settings.database {
            tracing::warn!(
                "the last server did not end in good order; the database file is looked through"
            );
            tasks.begin(look_through(file.clone(), foundation.clone(), stop.clone()));
        }
        if let Some(door) = local::Door::open(&folder.socket()) {
            tasks.keep("taking commands", door.serve(foundation.clone(), stop.clone()));
        }
        tasks.keep("answering requests", front.serve(router, stop.clone()));
        Ok(Self { address, foundation, set_up_link, routes, stop, tasks, storing, lock })
    }

    /// Waits until a part of the server breaks off that it cannot do without: it is to be stopped
    /// then.
    pub async fn broke(&self) {
        self.tasks.broke().await;
    }

    /// Ends in good order: no new requests, those at hand finished, jobs put down, the database
    /// closed.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        // Whatever broke there, the rest is put down in good order.
        let ended = self.tasks.join().await;
        if let Err(fault) = accounts::vouch_for_trail(&self.foundation.accounts).await {
            tracing::warn!("the audit trail cannot be vouched for at the end: {fault:#}");
        }
        let is_whole = self.foundation.soundness.is_whole();
        let db = self.foundation.db.clone();
        drop(self.foundation);
        // What was handed in last is stored before the database closes.
        let patience = std::time::Duration::from_secs(5);
        let _ = tokio::time::timeout(patience, self.storing).await;
        db.close().await;
        // What was not looked through to its end is looked through at the next start.
        if let Some(lock) = self.lock.filter(|_| is_whole) {
            lock.end()?;
        }
        ended
    }
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

async fn set_up_link(foundation: &Foundation) -> Result<Option<String>> {
    let mut tx = foundation.db.begin().await?;
    let token = accounts::make_set_up_link(&mut tx, foundation.clock.now()).await?;
    tx.commit().await?;
    Ok(token.map(|token| foundation.site.url(&format!("/setup/{}", token.reveal()))))
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

