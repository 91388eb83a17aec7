//! How the installation is doing: what waits, what was set aside, which version runs.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::JobId;
use queue::FailedJob;
use ui::{Chrome, WebResult, found};

use crate::{Accounts, Actor};

#[derive(Template)]
#[template(path = "system.html")]
struct System {
    chrome: Chrome,
    version: &'static str,
    database: &'static str,
    /// What of the database's server may lose data, if something does.
    careless: Option<String>,
    base_url: String,
    waiting: i64,
    /// How late the oldest job is, in words.
    late: Option<String>,
    failed: Vec<FailedJob>,
}

const FAILED_SHOWN: i64 = 200;

impl System {
    fn queued_at(&self, job: &FailedJob) -> String {
        ui::moment_in_full(job.created_at, &self.chrome.when)
    }
}

pub(super) async fn show(State(accounts): State<Accounts>, actor: Actor) -> WebResult<Response> {
    let chrome = accounts.chrome(&actor, "/settings/system").await?;
    let now = accounts.now();
    let conn = accounts.db().read().await?;
    let oldest = queue::oldest_due(&conn, now).await?;
    let late = oldest.map(|at| now.since(at)).filter(|late| late.as_seconds() >= 60);
    let careless = database::careless_settings(&conn).await?.join(", ");
    ui::page(&System {
        version: env!("CARGO_PKG_VERSION"),
        database: match accounts.db().engine() {
            database::Engine::Sqlite => "SQLite",
            database::Engine::Postgres => "PostgreSQL",
        },
        careless: (!careless.is_empty()).then_some(careless),
        base_url: accounts.site().base_url.to_string(),
        waiting: queue::waiting_count(&conn).await?,
        late: late.map(ui::duration),
        failed: queue::failed(&conn, FAILED_SHOWN).await?,
        chrome,
    })
}

pub(super) async fn retry_job(
    State(accounts): State<Accounts>,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    found(queue::retry(&mut tx, JobId(id), accounts.now()).await?.then_some(()))?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/system"))
}

pub(super) async fn delete_job(
    State(accounts): State<Accounts>,
    Path(id): Path<i64>,
) -> WebResult<Response> {
    let mut tx = accounts.db().begin().await?;
    found(queue::discard(&mut tx, JobId(id)).await?.then_some(()))?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/system"))
}
