use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use database::testing::TUESDAY;
use database::{Db, on_both};
use kernel::{JobId, ManualClock, SharedClock, Span, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::*;

/// Counts its runs, and does what its name says.
#[derive(Serialize, Deserialize)]
struct Act {
    how: String,
    once: Option<String>,
}

impl Job for Act {
    const NAME: &'static str = "tests.act";
    type Services = Arc<AtomicUsize>;

    fn once_key(&self) -> Option<String> {
        self.once.clone()
    }

    async fn run(&self, cx: &Context<Self::Services>) -> Result<(), Retry> {
        cx.services.fetch_add(1, Ordering::SeqCst);
        match self.how.as_str() {
            "later" => Err(Retry::Later(anyhow::anyhow!("not yet"))),
            "never" => Err(Retry::Never(anyhow::anyhow!("not ever"))),
            "panic" => panic!("told to"),
            "hang" => std::future::pending().await,
            _ => Ok(()),
        }
    }
}

/// Work for somebody, who has a lane of their own.
#[derive(Serialize, Deserialize)]
struct ActFor {
    whom: String,
}

impl Job for ActFor {
    const NAME: &'static str = "tests.act_for";
    type Services = ();

    fn lane(&self) -> String {
        self.whom.clone()
    }

    async fn run(&self, _: &Context<Self::Services>) -> Result<(), Retry> {
        Ok(())
    }
}

/// Enqueues so many jobs for each, one after the other.
async fn work_comes(db: &Db, jobs: &[(&str, usize)]) {
    let mut tx = db.begin().await.unwrap();
    for (whom, count) in jobs {
        let job = ActFor { whom: (*whom).to_owned() };
        for _ in 0..*count {
            enqueue(&mut tx, &job, TUESDAY).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// Takes what there is for `free` of four workers, and says for whom.
async fn taken(db: &Db, free: i64) -> Vec<(String, JobId)> {
    let claimed = store::claim(db, TUESDAY, LEASE, 2, free).await.unwrap();
    let whom = |job: &store::Claimed| serde_json::from_str::<ActFor>(&job.payload).unwrap().whom;
    let mut taken: Vec<_> = claimed.iter().map(|job| (whom(job), job.id)).collect();
    taken.sort();
    taken
}

fn names(taken: &[(String, JobId)]) -> Vec<&str> {
    taken.iter().map(|(whom, _)| whom.as_str()).collect()
}

/// Panics the first time, does not end the second time, and does well after that.
async fn tick(cx: Context<Arc<AtomicUsize>>) -> anyhow::Result<()> {
    match cx.services.fetch_add(1, Ordering::SeqCst) {
        0 => panic!("told to"),
        1 => std::future::pending().await,
        _ => Ok(()),
    }
}

struct Stage {
    db: Db,
    clock: Arc<ManualClock>,
    runs: Arc<AtomicUsize>,
    workers: Workers,
}

fn stage(db: Db) -> Stage {
    let clock = ManualClock::at(TUESDAY);
    let runs = Arc::new(AtomicUsize::new(0));
    let mut workers = Workers::new(db.clone(), clock.clone());
    workers.register::<Act>(Arc::clone(&runs));
    Stage { db, clock, runs, workers }
}

impl Stage {
    async fn add(&self, how: &str, once: Option<&str>) {
        let job = Act { how: how.to_owned(), once: once.map(str::to_owned) };
        let mut tx = self.db.begin().await.unwrap();
        enqueue(&mut tx, &job, TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    async fn waiting(&self) -> i64 {
        waiting_count(&self.db.read().await.unwrap()).await.unwrap()
    }

    async fn failed(&self) -> Vec<FailedJob> {
        failed(&self.db.read().await.unwrap(), 10).await.unwrap()
    }
}

/// Two jobs, one in the hands of a worker that lives and one of a worker that dies, while the
/// clock jumps.
struct Storm<'d> {
    db: &'d Db,
    leaps: Leaps,
    living: JobId,
    dead: JobId,
}

const JUMPS: [Span; 6] = [
    Span::hours(1),
    Span::hours(-1),
    Span::days(1),
    Span::days(-1),
    Span::minutes(2),
    Span::days(366 * 12),
];
const LEASE: Span = Span::seconds(50);

impl<'d> Storm<'d> {
    async fn new(db: &'d Db) -> Self {
        let mut tx = db.begin().await.unwrap();
        tx.execute("delete from jobs", vec![]).await.unwrap();
        let job = Act { how: "well".to_owned(), once: None };
        for _ in 0..2 {
            enqueue(&mut tx, &job, TUESDAY).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claimed = store::claim(db, TUESDAY, LEASE, 9, 9).await.unwrap();
        Self { db, leaps: Leaps::watch(TUESDAY), living: claimed[0].id, dead: claimed[1].id }
    }

    async fn is_free(&self, id: JobId) -> bool {
        let sql = "select count(*) from jobs where id = $1 and state = 'waiting'";
        let conn = self.db.read().await.unwrap();
        conn.scalar::<i64>(sql, database::params![id]).await.unwrap() == 1
    }

    /// Twenty minutes, second by second, as the workers of a node live through them.
    async fn goes_through(self, jumps: &[(u64, Span)]) {
        let (mut off, mut quiet_since) = (Span::ZERO, 0);
        for second in 1..1_200 {
            for (_, jump) in jumps.iter().filter(|(at, _)| *at == second) {
                off = off + *jump;
                quiet_since = second;
            }
            let now = TUESDAY + Span::seconds(i64::try_from(second).unwrap()) + off;
            if second % 20 == 3 {
                store::renew(self.db, self.living, now + LEASE).await.unwrap();
            }
            if second % 10 == 0 {
                if self.leaps.leases_count_after(now, Duration::from_secs(second)) {
                    store::free_expired(self.db, now).await.unwrap();
                }
                assert!(!self.is_free(self.living).await, "done twice at {second} of {jumps:?}");
                let is_late = second > quiet_since + 10 * 60 + 100;
                assert!(!is_late || self.is_free(self.dead).await, "skipped: {jumps:?}");
            }
        }
    }
}

on_both! {
    async fn a_job_runs_once_and_is_gone(db: Db) {
        let stage = stage(db);
        stage.add("well", None).await;
        assert_eq!(stage.workers.run_due().await.unwrap(), 1);
        assert_eq!(stage.workers.run_due().await.unwrap(), 0);
        assert_eq!((stage.runs(), stage.waiting().await), (1, 0));
    }

    async fn what_does_not_end_before_a_stop_is_handed_back(db: Db) {
        let stage = stage(db);
        for how in ["hang", "well"] {
            stage.add(how, None).await;
        }
        let (stop, db, runs) = (CancellationToken::new(), stage.db.clone(), &stage.runs);
        let left = async || {
            let conn = db.read().await.unwrap();
            conn.scalar::<i64>("select count(*) from jobs", vec![]).await.unwrap()
        };
        let see = async {
            while runs.load(Ordering::SeqCst) < 2 || left().await > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            stop.cancel();
        };
        let over = Duration::from_millis(1);
        tokio::join!(see, stage.workers.run(stop.clone(), over));
        let claimed = store::claim(&db, TUESDAY, LEASE, 9, 9).await.unwrap();
        assert_eq!(claimed.len(), 1, "another node takes it at once");
        assert_eq!(claimed[0].attempts, 1, "as if it had not been tried");
    }

    async fn a_job_whose_transaction_fails_was_never_there(db: Db) {
        let stage = stage(db);
        let mut tx = stage.db.begin().await.unwrap();
        let job = Act { how: "well".to_owned(), once: None };
        enqueue(&mut tx, &job, TUESDAY).await.unwrap();
        drop(tx);
        assert_eq!(stage.workers.run_due().await.unwrap(), 0);
    }

    async fn a_failing_job_waits_longer_each_time_and_is_set_aside(db: Db) {
        let stage = stage(db);
        stage.add("later", None).await;
        for _ in 0..Act::TRIES_MAX {
            stage.workers.run_due().await.unwrap();
            assert_eq!(stage.workers.run_due().await.unwrap(), 0, "it waits");
            stage.clock.advance(Span::hours(7));
        }
        let failed = stage.failed().await;
        assert_eq!((failed.len(), failed[0].attempts), (1, Act::TRIES_MAX));
        assert_eq!(failed[0].fault, "not yet");
        stage.clock.advance(Span::days(30));
        assert_eq!(stage.workers.run_due().await.unwrap(), 0);
    }

    async fn a_hopeless_job_is_set_aside_at_once_and_can_be_retried_or_discarded(db: Db) {
        let stage = stage(db);
        stage.add("never", None).await;
        stage.workers.run_due().await.unwrap();
        let job = &stage.failed().await[0];

        let mut tx = stage.db.begin().await.unwrap();
        assert!(retry(&mut tx, job.id, TUESDAY).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(stage.workers.run_due().await.unwrap(), 1);
        assert_eq!(stage.runs(), 2);

        let mut tx = stage.db.begin().await.unwrap();
        assert!(discard(&mut tx, job.id).await.unwrap());
        assert!(!discard(&mut tx, job.id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(stage.failed().await.is_empty());
    }

    async fn a_panic_ends_one_job_only_and_three_of_them_set_it_aside(db: Db) {
        let stage = stage(db);
        stage.add("panic", None).await;
        stage.add("well", None).await;
        assert_eq!(stage.workers.run_due().await.unwrap(), 2);
        for _ in 0..3 {
            stage.clock.advance(Span::hours(1));
            stage.workers.run_due().await.unwrap();
        }
        assert_eq!(stage.runs(), 1 + 3);
        assert_eq!(stage.failed().await[0].fault, "it panicked");
    }

    async fn the_same_work_waits_once(db: Db) {
        let stage = stage(db);
        stage.add("well", Some("ticket 1")).await;
        stage.add("well", Some("ticket 1")).await;
        stage.add("well", Some("ticket 2")).await;
        assert_eq!(stage.waiting().await, 2);
    }

    async fn the_work_of_a_dead_worker_runs_again(db: Db) {
        let stage = stage(db);
        stage.add("well", None).await;
        let lease = Span::seconds(50);
        let claimed = store::claim(&stage.db, TUESDAY, lease, 9, 9).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(store::free_expired(&stage.db, TUESDAY + lease).await.unwrap(), 0);
        stage.clock.advance(Span::seconds(60));
        assert_eq!(store::free_expired(&stage.db, kernel::Clock::now(&*stage.clock)).await.unwrap(), 1);
        assert_eq!(stage.workers.run_due().await.unwrap(), 1);
    }

    async fn what_was_at_hand_at_a_crash_runs_after_the_next_start(db: Db) {
        let stage = stage(db);
        stage.add("well", None).await;
        let lease = Span::seconds(50);
        assert_eq!(store::claim(&stage.db, TUESDAY, lease, 9, 9).await.unwrap().len(), 1);
        stage.workers.take_up().await;
        // Another node may hold it where there can be others.
        let alone = stage.db.engine() == database::Engine::Sqlite;
        assert_eq!(stage.workers.run_due().await.unwrap(), usize::from(alone));
        assert_eq!(stage.runs(), usize::from(alone));
    }

    async fn a_job_that_kills_its_worker_is_set_aside(db: Db) {
        let stage = stage(db);
        stage.add("well", None).await;
        for _ in 0..Act::TRIES_MAX {
            let now = kernel::Clock::now(&*stage.clock);
            let claimed = store::claim(&stage.db, now, Span::seconds(50), 9, 9).await.unwrap();
            assert_eq!(claimed.len(), 1);
            stage.clock.advance(Span::minutes(2));
            let now = kernel::Clock::now(&*stage.clock);
            assert_eq!(store::free_expired(&stage.db, now).await.unwrap(), 1);
            let waits = claimed[0].attempts > 1;
            let claimed = store::claim(&stage.db, now, Span::ZERO, 9, 9).await.unwrap();
            assert_eq!(claimed.is_empty(), waits, "who may be what kills comes later");
            if !waits {
                store::put_back(&stage.db, claimed[0].id, now, "").await.unwrap();
            }
            stage.clock.advance(Span::hours(12));
        }
        stage.workers.run_due().await.unwrap();
        assert_eq!(stage.runs(), 0);
        assert_eq!(stage.failed().await[0].fault, "its worker died at the last of 12 tries");
    }

    async fn jumps_of_the_clock_neither_double_work_nor_lose_it(db: Db) {
        for seed in 0..12 {
            let mut chance = StdRng::seed_from_u64(seed);
            let jumps: Vec<(u64, Span)> = (0..chance.random_range(1..5))
                .map(|_| (chance.random_range(1..600), JUMPS[chance.random_range(0..JUMPS.len())]))
                .collect();
            Storm::new(&db).await.goes_through(&jumps).await;
        }
    }

    async fn a_busy_lane_leaves_room_for_others(db: Db) {
        let stage = stage(db);
        for _ in 0..5 {
            stage.add("well", None).await;
        }
        let lease = Span::seconds(50);
        assert_eq!(store::claim(&stage.db, TUESDAY, lease, 2, 2).await.unwrap().len(), 2);
        assert_eq!(store::claim(&stage.db, TUESDAY, lease, 2, 2).await.unwrap().len(), 0);
    }

    async fn one_claim_takes_no_more_of_a_lane_than_its_share(db: Db) {
        work_comes(&db, &[("kim", 5), ("lee", 5)]).await;
        assert_eq!(names(&taken(&db, 4).await), ["kim", "kim", "lee", "lee"]);
        assert!(taken(&db, 4).await.is_empty(), "both have their share");
    }

    async fn a_lane_full_of_jobs_leaves_a_place_for_another(db: Db) {
        work_comes(&db, &[("kim", 600)]).await;
        let first = taken(&db, 4).await;
        assert_eq!(names(&first), ["kim", "kim"], "two workers are left for whoever comes");
        work_comes(&db, &[("lee", 1), ("max", 3)]).await;
        assert_eq!(names(&taken(&db, 2).await), ["lee", "max"]);
        store::finish(&db, first[0].1).await.unwrap();
        work_comes(&db, &[("zoe", 1)]).await;
        assert_eq!(names(&taken(&db, 1).await), ["zoe"], "nothing of hers is at work yet");
        assert_eq!(names(&taken(&db, 1).await), ["kim"]);
    }

    async fn two_workers_never_hold_the_same_job(db: Db) {
        let stage = stage(db);
        for _ in 0..40 {
            stage.add("well", None).await;
        }
        let claims = (0..8).map(|_| store::claim(&stage.db, TUESDAY, Span::seconds(50), 99, 9));
        let mut ids: Vec<_> = futures_util::future::join_all(claims)
            .await
            .into_iter()
            .flat_map(|claimed| claimed.unwrap())
            .map(|job| job.id)
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    async fn after_a_tick_that_panics_or_hangs_comes_the_next(db: Db) {
        let (clock, runs) = (ManualClock::at(TUESDAY), Arc::new(AtomicUsize::new(0)));
        let shared: SharedClock = clock.clone();
        let cx = Context { db: db.clone(), clock: shared.clone(), services: Arc::clone(&runs) };
        let mut schedule = schedule::Schedule::new("tests.tick", Span::minutes(1), cx, tick);
        schedule.time_limit = Span::ZERO;
        for _ in 0..3 {
            schedule.run_if_due(&db, &shared).await;
            clock.advance(Span::minutes(1));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    async fn a_schedule_is_kept_by_one_node_and_survives_clock_jumps(db: Db) {
        let minute = Span::minutes(1);
        let at = |minutes: i64| TUESDAY + Span::minutes(minutes);
        let win = async |now: Timestamp| store::win_schedule(&db, "x", now - minute, now).await.unwrap();
        assert!(win(at(0)).await);
        assert!(!win(at(0)).await, "another node was quicker");
        assert!(!win(at(0) + Span::seconds(59)).await);
        assert!(win(at(1)).await);
        assert!(win(at(60)).await, "an hour ahead fires once");
        assert!(!win(at(60)).await);
        assert!(win(at(2)).await, "set back, it goes on");
        assert!(!win(at(2)).await);
        assert!(win(at(3)).await);
    }
}

#[test]
fn pauses_grow_and_differ() {
    assert_eq!(backoff(1, 1.0), Span::seconds(5));
    assert_eq!(backoff(4, 1.0), Span::seconds(40));
    assert_eq!(backoff(100, 1.0), Span::hours(6));
    assert_eq!(backoff(3, 0.5), Span::seconds(10));
    assert!(backoff(1, 0.0) >= Span::seconds(1));
}
