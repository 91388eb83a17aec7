//! The workers of one node.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use database::{Db, Engine};
use futures_util::FutureExt;
use kernel::{JobId, SharedClock, Span};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::schedule::Schedule;
use crate::store::{self, Claimed};
use crate::{Context, Job, Leaps, Retry, backoff};

type Outcome = Pin<Box<dyn Future<Output = Result<(), Retry>> + Send>>;
type Run = Arc<dyn Fn(String) -> Outcome + Send + Sync>;

struct Kind {
    run: Run,
    time_limit: Span,
    tries_max: i64,
}

/// Everything this program can do later, and the workers that do it.
pub struct Workers {
    db: Db,
    clock: SharedClock,
    kinds: HashMap<&'static str, Kind>,
    schedules: Vec<Schedule>,
}

const WORKERS: usize = 4;
const LEASE: Span = Span::seconds(50);
const RENEW_EVERY: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A job that panics or hangs is not tried more often than this.
const POISON_TRIES_MAX: i64 = 3;

impl Workers {
    pub fn new(db: Db, clock: SharedClock) -> Self {
        Self { db, clock, kinds: HashMap::new(), schedules: Vec::new() }
    }

    /// Teaches the workers a kind of job.
    pub fn register<J: Job>(&mut self, services: J::Services) -> &mut Self {
        let cx = Context { db: self.db.clone(), clock: self.clock.clone(), services };
        let run: Run = Arc::new(move |payload| {
            let cx = cx.clone();
            Box::pin(async move {
                let job: J = serde_json::from_str(&payload).map_err(|fault| {
                    Retry::Never(anyhow!(fault).context(format!("payload of {}", J::NAME)))
                })?;
                job.run(&cx).await
            })
        });
        let kind = Kind { run, time_limit: J::TIME_LIMIT, tries_max: J::TRIES_MAX };
        let twice = self.kinds.insert(J::NAME, kind).is_some();
        assert!(!twice, "two jobs are named {}", J::NAME);
        self
    }

    /// Runs `tick` on one node every so often.
    pub fn every<S, F, Fut>(
        &mut self,
        name: &'static str,
        span: Span,
        services: S,
        tick: F,
    ) -> &mut Self
    where
        S: Clone + Send + Sync + 'static,
        F: Fn(Context<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let cx = Context { db: self.db.clone(), clock: self.clock.clone(), services };
        self.schedules.push(Schedule::new(name, span, cx, tick));
        self
    }

    /// Names of all jobs, for the page that lists them.
    pub fn names(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
    }

    /// Works until `stop`, then finishes what is at hand. What takes longer than `finish_within` is
    /// handed back: another node, or the next start, does it at once.
    pub async fn run(self, stop: CancellationToken, finish_within: Duration) {
        self.take_up().await;
        let this = Arc::new(self);
        let mut tasks = JoinSet::new();
        for index in 0..this.schedules.len() {
            tasks.spawn(Arc::clone(&this).keep_schedule(index, stop.clone()));
        }
        tasks.spawn(Arc::clone(&this).free_expired(stop.clone()));
        let mut at_work = AtWork::default();
        this.work(&mut at_work, &stop).await;
        let until = Instant::now() + finish_within;
        if timeout_at(until, at_work.join_all()).await.is_err() {
            this.hand_back(at_work).await;
        }
        if timeout_at(until, tasks.join_all()).await.is_err() {
            tracing::warn!("a schedule did not finish in time");
        }
    }

    /// Runs every job that is due now, one after the other. For tests and for commands that do
    /// not stay.
    pub async fn run_due(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let claimed = store::claim(&self.db, self.clock.now(), LEASE, i64::MAX, 16).await?;
            if claimed.is_empty() {
                return Ok(done);
            }
            for job in claimed {
                self.handle(job).await;
                done += 1;
            }
        }
    }

    /// Runs every schedule that is due now.
    pub async fn run_schedules(&self) {
        for schedule in &self.schedules {
            schedule.run_if_due(&self.db, &self.clock).await;
        }
    }

    /// Makes due what the last run of this program had at hand when it died. Where other nodes
    /// work on the same database, leases tell whose worker died.
    pub(crate) async fn take_up(&self) {
        if self.db.engine() == Engine::Sqlite
            && let Err(fault) = store::free_all(&self.db, self.clock.now()).await
        {
            tracing::error!("jobs of the last run cannot be freed: {fault:#}");
        }
    }

    async fn work(self: &Arc<Self>, at_work: &mut AtWork, stop: &CancellationToken) {
        let mut notices = self.db.notices();
        while !stop.is_cancelled() {
            at_work.take_out_ended();
            let free = WORKERS.saturating_sub(at_work.len());
            let claimed = self.claim(kernel::count(free)).await;
            let idle = claimed.is_empty();
            for job in claimed {
                let this = Arc::clone(self);
                at_work.add(job.id, async move { this.handle(job).await });
            }
            if !idle && at_work.len() < WORKERS {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = until_jobs(&mut notices), if at_work.len() < WORKERS => {}
                () = at_work.one_ends(), if at_work.len() > 0 => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Breaks off jobs that do not end, and makes them due for whoever comes next.
    async fn hand_back(&self, at_work: AtWork) {
        let ids = at_work.break_off();
        match store::hand_back(&self.db, &ids, self.clock.now()).await {
            Ok(()) => tracing::warn!("{} jobs did not finish in time; they run again", ids.len()),
            Err(fault) => tracing::error!("jobs cannot be handed back: {fault:#}"),
        }
    }

    async fn claim(&self, limit: i64) -> Vec<Claimed> {
        if limit == 0 {
            return Vec::new();
        }
        // A look through a read connection first: an idle server should not take the writer's
        // place every second.
        let now = self.clock.now();
        let due = async {
            let next = store::next_due(&self.db.read().await?).await?;
            anyhow::Ok(next.is_some_and(|at| at <= now))
        };
        let lane_max = kernel::count(WORKERS.div_ceil(2));
        let claimed = match due.await {
            Ok(false) => return Vec::new(),
            Ok(true) => store::claim(&self.db, now, LEASE, lane_max, limit).await,
            Err(fault) => Err(fault),
        };
        claimed.unwrap_or_else(|fault| {
            tracing::error!("jobs cannot be claimed: {fault:#}");
            Vec::new()
        })
    }

    async fn handle(&self, job: Claimed) {
        let Some(kind) = self.kinds.get(job.name.as_str()) else {
            let fault = format!("this program does not know jobs named {}", job.name);
            return Self::note(&job, store::set_aside(&self.db, job.id, &fault).await);
        };
        if job.attempts > kind.tries_max {
            let fault = format!("its worker died at the last of {} tries", kind.tries_max);
            tracing::error!(job = %job.id, "job {} {} is set aside: {fault}", job.name, job.id);
            return Self::note(&job, store::set_aside(&self.db, job.id, &fault).await);
        }
        metrics::counter!("recourse_jobs_started_total", "job" => job.name.clone()).increment(1);
        let outcome = self.run_with_limits(kind, &job).await;
        let done = match outcome {
            Ok(()) => store::finish(&self.db, job.id).await,
            Err(Unfinished::Poison(fault)) => {
                self.again(&job, &fault, kind.tries_max.min(POISON_TRIES_MAX)).await
            }
            Err(Unfinished::Said(Retry::Later(fault))) => {
                self.again(&job, &format!("{fault:#}"), kind.tries_max).await
            }
            Err(Unfinished::Said(Retry::Never(fault))) => {
                let fault = format!("{fault:#}");
                tracing::error!(job = %job.id, "job {} {} failed: {fault}", job.name, job.id);
                store::set_aside(&self.db, job.id, &fault).await
            }
        };
        Self::note(&job, done);
    }

    /// Runs a job under its time limit, with its lease renewed, and catches its panic.
    async fn run_with_limits(&self, kind: &Kind, job: &Claimed) -> Result<(), Unfinished> {
        let work = AssertUnwindSafe((kind.run)(job.payload.clone())).catch_unwind();
        let limited = tokio::time::timeout(kind.time_limit.to_std(), work);
        tokio::pin!(limited);
        loop {
            tokio::select! {
                outcome = &mut limited => return match outcome {
                    Ok(Ok(said)) => said.map_err(Unfinished::Said),
                    Ok(Err(_)) => Err(Unfinished::Poison("it panicked".to_owned())),
                    Err(_) => Err(Unfinished::Poison("it took too long".to_owned())),
                },
                () = tokio::time::sleep(RENEW_EVERY) => {
                    let until = self.clock.now() + LEASE;
                    Self::note(job, store::renew(&self.db, job.id, until).await);
                }
            }
        }
    }

    async fn again(&self, job: &Claimed, fault: &str, tries_max: i64) -> Result<()> {
        if job.attempts >= tries_max {
            tracing::error!(
                job = %job.id,
                "job {} {} is set aside after {} tries: {fault}", job.name, job.id, job.attempts
            );
            return store::set_aside(&self.db, job.id, fault).await;
        }
        tracing::warn!(job = %job.id, "job {} {} will be tried again: {fault}", job.name, job.id);
        let pause = backoff(job.attempts, rand::random());
        store::put_back(&self.db, job.id, self.clock.now() + pause, fault).await
    }

    fn note(job: &Claimed, done: Result<()>) {
        if let Err(fault) = done {
            tracing::error!(
                job = %job.id,
                "the outcome of job {} {} cannot be stored: {fault:#}", job.name, job.id
            );
        }
    }

    async fn keep_schedule(self: Arc<Self>, index: usize, stop: CancellationToken) {
        let Some(schedule) = self.schedules.get(index) else { return };
        // Looks more often than it is due, so that a node that comes late does not add a whole
        // period.
        let pause =
            (schedule.every().to_std() / 4).clamp(Duration::from_millis(250), LOOK_EVERY * 15);
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            schedule.run_if_due(&self.db, &self.clock).await;
        }
    }

    async fn free_expired(self: Arc<Self>, stop: CancellationToken) {
        let pause = Duration::from_secs(10);
        let leaps = Leaps::watch(self.clock.now());
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            let now = self.clock.now();
            if !leaps.leases_count(now) {
                continue;
            }
            match store::free_expired(&self.db, now).await {
                Ok(0) => {}
                Ok(freed) => tracing::warn!("{freed} jobs of a dead worker run again"),
                Err(fault) => tracing::error!("expired leases cannot be freed: {fault:#}"),
            }
        }
    }
}

/// Jobs that this node is at.
#[derive(Default)]
struct AtWork {
    tasks: JoinSet<()>,
    jobs: HashMap<Id, JobId>,
}

impl AtWork {
    fn add(&mut self, id: JobId, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.tasks.spawn(work).id();
        self.jobs.insert(task, id);
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn take_out_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.take_out(&ended);
        }
    }

    async fn one_ends(&mut self) {
        if let Some(ended) = self.tasks.join_next_with_id().await {
            self.take_out(&ended);
        }
    }

    async fn join_all(&mut self) {
        while self.len() > 0 {
            self.one_ends().await;
        }
    }

    fn take_out(&mut self, ended: &Result<(Id, ()), JoinError>) {
        self.jobs.remove(&ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id));
    }

    /// Ends all of them, and says which those are.
    fn break_off(self) -> Vec<JobId> {
        self.jobs.into_values().collect()
    }
}

enum Unfinished {
    Said(Retry),
    Poison(String),
}

/// Waits until somebody says that there is work.
async fn until_jobs(notices: &mut database::Notices) {
    while let Some(notice) = notices.next().await {
        if notice.is_none_or(|notice| &*notice == "jobs" || &*notice == "*") {
            return;
        }
    }
    std::future::pending::<()>().await;
}
