//! Where all features are put together: the map of everything that knows of one another.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use accounts::{HandOver, HandOverWork, PersonPace, Route};
use anyhow::Result;
use axum::Router;
use database::Location;
use email::lmtp::{Limits, Manners};
use files::Place;
use kernel::{AgentId, Span, TicketId};
use mailroom::{Doorway, Fetcher, Reader, Sender};
use outbox::Caps;
use queue::{Context, Leaps, Workers};
use tickets::Desk;
use tickets::actions::{hand_over, sleepers_wake, spent_tickets_close};
use tickets::{Learner, Lesson, TeachLesson};

use crate::Foundation;
use crate::config::Settings;
use crate::server::{Disclosure, Health, dress};
use crate::stop::Stop;
use crate::tasks::Tasks;

/// All pages and doors, dressed, and the list of their guards.
pub(crate) fn routes(
    foundation: &Foundation,
    settings: &Settings,
    stop: &Stop,
) -> (Router, Vec<Route>) {
    let mut router = Router::new();
    let mut list = Vec::new();
    let desk =
        Desk::new(foundation.accounts.clone(), foundation.keys.clone(), foundation.files.clone());
    let mailroom = foundation.mailroom();
    let pages = [
        accounts::SETTINGS_PAGES,
        tickets::SETTINGS_PAGES,
        mailroom::SETTINGS_PAGES,
        portal::SETTINGS_PAGES,
    ]
    .concat();
    foundation.accounts.lend(Arc::new(desk.clone()), pages);
    let pace = PersonPace::new(settings.api_pace.requests_a_minute);
    foundation.accounts.lend_pace(pace);
    let rooms = [
        accounts::routes(&foundation.accounts),
        tickets::routes(&desk),
        mailroom::routes(&mailroom),
        portal::routes(&foundation.portal),
        api::routes(
            &foundation.accounts,
            &foundation.keys,
            &foundation.files,
            &stop.closing,
            settings.api_pace,
        ),
    ];
    for (routes, guards) in rooms {
        router = router.merge(routes);
        list.extend(guards);
    }
    let health = Health {
        foundation: foundation.clone(),
        trusted_proxies: settings.trusted_proxies.clone().into(),
        stop: stop.clone(),
        folders: folders(settings).into(),
        begun: std::time::Instant::now(),
        passed_at: Arc::default(),
    };
    let disclosure = Disclosure {
        contact: settings.security_contact.as_deref().map(Arc::from),
        base_url: settings.base_url.as_str().into(),
        clock: foundation.clock.clone(),
    };
    let router = router.merge(ui::asset_routes()).merge(health.routes()).merge(disclosure.routes());
    (dress(router, &foundation.site, settings, foundation.db.room()), list)
}

/// Where something has to find room. A bucket looks after itself.
fn folders(settings: &Settings) -> Vec<PathBuf> {
    let mut folders = vec![settings.data.clone()];
    if let Location::File(file) = &settings.database {
        folders.extend(file.parent().map(Path::to_owned));
    }
    if let Place::Folder(folder) = &settings.storage {
        folders.push(folder.clone());
    }
    folders
}

/// Everything that is done later or again and again.
pub(crate) fn workers(foundation: &Foundation) -> Workers {
    let mut workers = Workers::new(foundation.db.clone(), foundation.clock.clone());
    let all = foundation.clone();
    workers.register::<HandOverWork>(Arc::new(all.clone()));
    workers.register::<TeachLesson>(Arc::new(all.clone()));
    workers.every("tickets.wake", Span::seconds(20), all.clone(), wake);
    workers.every("tickets.close", Span::minutes(10), all.clone(), close_spent);
    workers.every("mailroom.alarm", Span::seconds(60), all.clone(), raise_alarm);
    workers.every("mailroom.cap", Span::seconds(60), all.clone(), raise_alarm_about_cap);
    workers.every("mailroom.quiet", Span::minutes(10), all.clone(), raise_alarm_about_quiet);
    let leaps = Arc::new(Leaps::watch(foundation.clock.now()));
    workers.every("outbox.free", Span::seconds(10), leaps, free_letters);
    workers.every("audit.vouch", Span::hours(1), all.clone(), vouch);
    workers.every("audit.verify", Span::hours(24), all.clone(), verify_trail);
    workers.every("files.collect", Span::hours(24), all.clone(), collect_files);
    workers.every("sweep", Span::hours(1), all, sweep);
    workers
}

/// How long a resolved ticket comes back when its customer writes.
const REOPEN_PERIOD: Span = Span::days(14);

/// After a long time away much is due at once: a part at a time, each in a transaction of its own.
/// Whatever is left after so many waits for the next round.
const PARTS_MAX: usize = 100;

async fn wake(cx: Context<Foundation>) -> Result<()> {
    let office = cx.services.office().await?;
    for _ in 0..PARTS_MAX {
        let mut tx = cx.db.begin().await?;
        let woken = sleepers_wake(&mut tx, &office).await?;
        tx.commit().await?;
        if woken == 0 {
            break;
        }
    }
    Ok(())
}

async fn close_spent(cx: Context<Foundation>) -> Result<()> {
    let office = cx.services.office().await?;
    for _ in 0..PARTS_MAX {
        let mut tx = cx.db.begin().await?;
        let closed = spent_tickets_close(&mut tx, &office, REOPEN_PERIOD).await?;
        tx.commit().await?;
        if closed == 0 {
            break;
        }
    }
    Ok(())
}

async fn raise_alarm(cx: Context<Foundation>) -> Result<()> {
    mailroom::raise_alarm(&cx.services.accounts).await.map(drop)
}

async fn raise_alarm_about_cap(cx: Context<Foundation>) -> Result<()> {
    mailroom::raise_alarm_about_cap(&cx.services.accounts, &Caps::default()).await.map(drop)
}

async fn raise_alarm_about_quiet(cx: Context<Foundation>) -> Result<()> {
    mailroom::raise_alarm_about_quiet(&cx.services.accounts).await.map(drop)
}

async fn vouch(cx: Context<Foundation>) -> Result<()> {
    accounts::vouch_for_trail(&cx.services.accounts).await
}

async fn verify_trail(cx: Context<Foundation>) -> Result<()> {
    accounts::verify_trail(&cx.services.accounts).await.map(drop)
}

async fn free_letters(cx: Context<Arc<Leaps>>) -> Result<()> {
    let now = cx.now();
    if cx.services.leases_count(now) {
        outbox::free_expired(&cx.db, now).await?;
    }
    Ok(())
}

/// Drops what is over: sessions, uploads that were never sent, what can no longer be undone,
/// answers that nobody will ask for again.
async fn sweep(cx: Context<Foundation>) -> Result<()> {
    cx.services.accounts.sweep().await?;
    cx.services.portal.sweep().await?;
    tickets::actions::sweep(&cx.db, cx.now()).await?;
    let mut tx = cx.db.begin().await?;
    requests::sweep(&mut tx, cx.now()).await?;
    tx.commit().await
}

/// Removes files that nothing refers to any more.
async fn collect_files(cx: Context<Foundation>) -> Result<()> {
    let references = tickets::FILE_REFERENCES;
    let done = files::collect(&cx.db, &cx.services.files, references, cx.now()).await?;
    metrics::counter!("recourse_files_removed_total").increment(done.removed);
    metrics::counter!("recourse_files_removed_bytes_total").increment(done.removed_bytes);
    if done != files::Collected::default() {
        tracing::info!(
            aside = done.aside,
            back = done.back,
            removed = done.removed,
            removed_bytes = done.removed_bytes,
            "files that nothing refers to were collected"
        );
    }
    Ok(())
}

impl HandOver for Foundation {
    fn hand_over(
        &self,
        agent: AgentId,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move {
            let office = self.office().await?;
            hand_over(&self.db, &office, agent).await
        })
    }
}

impl Learner for Foundation {
    fn learn(
        &self,
        ticket: TicketId,
        lesson: Lesson,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + '_>> {
        Box::pin(async move { mailroom::learn(&self.db, ticket, lesson, self.clock.now()).await })
    }
}

/// The tasks that move mail.
pub(crate) fn move_mail(
    foundation: &Foundation,
    settings: &Settings,
    tasks: &mut Tasks,
    stop: &Stop,
) -> Result<()> {
    let f = foundation.clone();
    if let Some(address) = settings.lmtp {
        let listener = crate::server::bind(address, "--lmtp")?;
        let door = Doorway { accounts: f.accounts.clone(), intake: f.intake.clone() };
        let limits = Limits { farewell: stop.time_for_guests(), ..Limits::default() };
        let manners = Manners { hello_name: f.hello_name.clone(), limits };
        tracing::info!("mail is taken on {address} (LMTP)");
        let ending = stop.closing.clone().cancelled_owned();
        let serving = email::lmtp::serve(listener, manners, Arc::new(door), ending);
        tasks.keep("taking mail by LMTP", serving);
    }
    let reconciling =
        mailroom::keep_reconciled(f.accounts.clone(), f.intake.clone(), stop.leaving.clone());
    tasks.keep("comparing what came in", reconciling);
    let reader = Reader {
        db: f.db.clone(),
        clock: f.clock.clone(),
        accounts: f.accounts.clone(),
        keys: f.keys.clone(),
        files: f.files.clone(),
        dns: f.dns.clone(),
    };
    let sender = Sender {
        db: f.db.clone(),
        clock: f.clock.clone(),
        accounts: f.accounts.clone(),
        keys: f.keys.clone(),
        files: f.files.clone(),
        permissions: f.permissions.clone(),
        guard: f.guard.clone(),
        hello_name: f.hello_name.clone(),
        resting: Arc::default(),
    };
    let fetcher = Fetcher {
        db: f.db.clone(),
        clock: f.clock.clone(),
        intake: f.intake.clone(),
        permissions: f.permissions.clone(),
        guard: f.guard.clone(),
        node: node_name(),
        hello_name: f.hello_name.clone(),
    };
    tasks.begin(f.portal.clone().begin(stop.leaving.clone()));
    tasks.keep("reading mail", reader.run(f.intake.arrived(), stop.leaving.clone()));
    tasks.keep("sending mail", sender.run(stop.leaving.clone(), stop.time_for_work()));
    tasks.keep("fetching mail", fetcher.run(stop.leaving.clone()));
    Ok(())
}

/// Names this process among those that share the database.
fn node_name() -> String {
    let bits: u64 = rand::random();
    format!("{bits:016x}")
}
