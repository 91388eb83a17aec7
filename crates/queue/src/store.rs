//! The rows behind jobs and schedules.

pub mod check;

use anyhow::Result;
use database::{Cols, Conn, Db, FromRow, Sql, Tx, dialect, params};
use kernel::{JobId, LEASE_MAX, Span, Timestamp};

use crate::{Job, backoff};

/// Adds a job that is due now.
pub async fn enqueue<J: Job>(tx: &mut Tx, job: &J, now: Timestamp) -> Result<()> {
    enqueue_at(tx, job, now, now).await
}

/// Adds a job that is due at `run_at`.
pub async fn enqueue_at<J: Job>(
    tx: &mut Tx,
    job: &J,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let added = tx
        .execute(
            "insert into jobs (name, payload, lane, once_key, state, run_at, created_at)
             values ($1, $2, $3, $4, 'waiting', $5, $6)
             on conflict (once_key) where once_key is not null and state = 'waiting'
             do nothing",
            params![J::NAME, serde_json::to_string(job)?, job.lane(), job.once_key(), run_at, now],
        )
        .await?;
    if added > 0 && run_at <= now {
        tx.announce("jobs");
    }
    Ok(())
}

/// A job that a worker holds.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) id: JobId,
    pub(crate) name: String,
    pub(crate) payload: String,
    pub(crate) attempts: i64,
}

impl FromRow for Claimed {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            name: cols.next()?,
            payload: cols.next()?,
            attempts: cols.next()?,
        })
    }
}

/// Takes up to `limit` due jobs under a lease. No lane is at work at more than `lane_max` places
/// then.
pub(crate) async fn claim(
    db: &Db,
    now: Timestamp,
    lease: Span,
    lane_max: i64,
    limit: i64,
) -> Result<Vec<Claimed>> {
    let tx = db.begin().await?;
    let mut claimed: Vec<Claimed> = Vec::new();
    for (lane, at_work) in lanes_with_room(&tx, now, lane_max, limit).await? {
        let left = limit - kernel::count(claimed.len());
        let share = left.min(lane_max - at_work);
        if share > 0 {
            claimed.extend(claim_in_lane(&tx, &lane, now, lease, share).await?);
        }
    }
    tx.commit().await?;
    Ok(claimed)
}

/// At most `limit` lanes in which a job is due and a place is free, and at how many places they
/// are at work. Those at the fewest come first, so that each lane has its turn.
///
/// Goes from lane to lane and looks at the first job of each: one may hold thousands.
async fn lanes_with_room(
    conn: &Conn,
    now: Timestamp,
    lane_max: i64,
    limit: i64,
) -> Result<Vec<(String, i64)>> {
    let mut sql = Sql::new(
        "with recursive lanes (lane) as (
            select min(lane) from jobs where state = 'waiting'
             union all
            select (select min(later.lane) from jobs later
                     where later.state = 'waiting' and later.lane > lanes.lane)
              from lanes where lanes.lane is not null)
         select lane, at_work
           from (
            select lanes.lane,
                   (select min(due.run_at) from jobs due
                     where due.state = 'waiting' and due.lane = lanes.lane) as oldest,
                   (select count(*) from jobs held
                     where held.state = 'running' and held.lane = lanes.lane) as at_work
              from lanes) as listed
          where oldest <= ",
    );
    sql.bind(now).push(" and at_work < ").bind(lane_max);
    sql.push(" order by at_work, oldest, lane limit ").number(limit);
    conn.all_sql(sql).await
}

/// Takes the first due jobs of a lane.
async fn claim_in_lane(
    conn: &Conn,
    lane: &str,
    now: Timestamp,
    lease: Span,
    share: i64,
) -> Result<Vec<Claimed>> {
    let mut sql = Sql::new("update jobs set state = 'running', attempts = attempts + 1,");
    sql.push(" leased_until = ").bind(now + lease);
    sql.push(" where id in (select id from jobs where state = 'waiting' and lane = ").bind(lane);
    sql.push(" and run_at <= ").bind(now);
    sql.push(" order by run_at, id limit ").number(share);
    dialect::skip_locked(&mut sql, conn.engine());
    sql.push(") returning id, name, payload, attempts");
    conn.all_sql(sql).await
}

/// When the next waiting job is due.
pub(crate) async fn next_due(conn: &Conn) -> Result<Option<Timestamp>> {
    conn.scalar("select min(run_at) from jobs where state = 'waiting'", params![]).await
}

pub(crate) async fn renew(db: &Db, id: JobId, until: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.send(
        "update jobs set leased_until = $2 where id = $1 and state = 'running'",
        params![id, until],
    )
    .await?;
    tx.commit().await
}

pub(crate) async fn finish(db: &Db, id: JobId) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.send("delete from jobs where id = $1", params![id]).await?;
    tx.commit().await
}

/// Puts a job back for another try. If the same work was asked for anew meanwhile, that job does
/// it and this one goes.
pub(crate) async fn put_back(db: &Db, id: JobId, run_at: Timestamp, fault: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    let kept = tx
        .execute(
            "update jobs set state = 'waiting', run_at = $2, last_error = $3, leased_until = null
              where id = $1
                and not exists (
                    select 1 from jobs other
                     where other.once_key = jobs.once_key and other.state = 'waiting')",
            params![id, run_at, fault],
        )
        .await?;
    if kept == 0 {
        tx.send("delete from jobs where id = $1", params![id]).await?;
    }
    tx.commit().await
}

/// Makes held jobs due that were not done, as if they had not been tried. If the same work was asked
/// for anew meanwhile, that job does it and this one goes.
pub(crate) async fn hand_back(db: &Db, ids: &[JobId], now: Timestamp) -> Result<()> {
    let mut tx = db.begin().await?;
    for id in ids {
        let kept = tx
            .execute(
                "update jobs
                    set state = 'waiting', run_at = $2, attempts = attempts - 1, leased_until = null
                  where id = $1 and state = 'running'
                    and not exists (
                        select 1 from jobs other
                         where other.once_key = jobs.once_key and other.state = 'waiting')",
                params![*id, now],
            )
            .await?;
        if kept == 0 {
            tx.send("delete from jobs where id = $1 and state = 'running'", params![*id]).await?;
        }
    }
    tx.announce("jobs");
    tx.commit().await
}

pub(crate) async fn set_aside(db: &Db, id: JobId, fault: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.send(
        "update jobs set state = 'failed', last_error = $2, leased_until = null where id = $1",
        params![id, fault],
    )
    .await?;
    tx.commit().await
}

/// Frees the jobs of workers that died: their lease ran out. Says how many.
pub(crate) async fn free_expired(db: &Db, now: Timestamp) -> Result<u64> {
    free(db, now, now).await
}

/// Frees every held job. Only right where this process is the database's only user.
pub(crate) async fn free_all(db: &Db, now: Timestamp) -> Result<u64> {
    free(db, Timestamp::from_micros(i64::MAX), now).await
}

/// Frees jobs whose lease ran out before `ended`, or is longer than any is given. They are due at
/// `now`; those that were at hand at a death before, later each time, since they may be what kills.
/// If the same work was asked for anew meanwhile, that job does it and this one goes.
async fn free(db: &Db, ended: Timestamp, now: Timestamp) -> Result<u64> {
    let mut tx = db.begin().await?;
    let latest = now + LEASE_MAX;
    let expired: Vec<(JobId, i64)> = tx
        .all(
            "select id, attempts from jobs
              where state = 'running' and (leased_until < $1 or leased_until > $2)",
            params![ended, latest],
        )
        .await?;
    let mut freed = 0;
    for (id, attempts) in &expired {
        let pause = if *attempts > 1 { backoff(*attempts, 1.0) } else { Span::ZERO };
        freed += tx
            .execute(
                "update jobs set state = 'waiting', run_at = $4, leased_until = null
                  where id = $1 and state = 'running'
                    and (leased_until < $2 or leased_until > $3)
                    and not exists (
                        select 1 from jobs other
                         where other.once_key = jobs.once_key and other.state = 'waiting')",
                params![*id, ended, latest, now + pause],
            )
            .await?;
        tx.send(
            "delete from jobs
              where id = $1 and state = 'running'
                and (leased_until < $2 or leased_until > $3)",
            params![*id, ended, latest],
        )
        .await?;
    }
    tx.commit().await?;
    Ok(freed)
}

/// A job that was set aside.
#[derive(Debug, Clone)]
pub struct FailedJob {
    pub id: JobId,
    pub name: String,
    pub payload: String,
    pub attempts: i64,
    pub fault: String,
    pub created_at: Timestamp,
}

impl FromRow for FailedJob {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            name: cols.next()?,
            payload: cols.next()?,
            attempts: cols.next()?,
            fault: cols.next()?,
            created_at: cols.next()?,
        })
    }
}

/// The latest jobs that were set aside, at most `limit`.
pub async fn failed(conn: &Conn, limit: i64) -> Result<Vec<FailedJob>> {
    conn.all(
        "select id, name, payload, attempts, coalesce(last_error, ''), created_at
           from jobs where state = 'failed' order by id desc limit $1",
        params![limit],
    )
    .await
}

/// Gives a job that was set aside its tries back. Says whether it was there.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool> {
    let changed = tx
        .execute(
            "update jobs set state = 'waiting', attempts = 0, run_at = $2
              where id = $1 and state = 'failed'
                and not exists (
                    select 1 from jobs other
                     where other.once_key = jobs.once_key and other.state = 'waiting')",
            params![id, now],
        )
        .await?;
    tx.announce("jobs");
    Ok(changed > 0)
}

/// Drops a job that was set aside. Says whether it was there.
pub async fn discard(tx: &mut Tx, id: JobId) -> Result<bool> {
    let gone =
        tx.execute("delete from jobs where id = $1 and state = 'failed'", params![id]).await?;
    Ok(gone > 0)
}

pub async fn waiting_count(conn: &Conn) -> Result<i64> {
    conn.scalar("select count(*) from jobs where state = 'waiting'", params![]).await
}

/// How many jobs were set aside.
pub async fn failed_count(conn: &Conn) -> Result<i64> {
    conn.scalar("select count(*) from jobs where state = 'failed'", params![]).await
}

/// Since when the oldest due job waits, if one does.
pub async fn oldest_due(conn: &Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    conn.scalar(
        "select min(run_at) from jobs where state = 'waiting' and run_at <= $1",
        params![now],
    )
    .await
}

/// Marks a schedule as run at `now` if it last ran at or before `due_since`. One node wins.
pub(crate) async fn win_schedule(
    db: &Db,
    name: &'static str,
    due_since: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let conn = db.read().await?;
    let last: Option<(Timestamp,)> =
        conn.optional("select last_run_at from schedules where name = $1", params![name]).await?;
    drop(conn);
    // A clock that was set back must not stop the schedule for as long as it was ahead.
    if last.is_some_and(|(last,)| due_since < last && last <= now) {
        return Ok(false);
    }
    let mut tx = db.begin().await?;
    let won = tx
        .execute(
            "insert into schedules (name, last_run_at) values ($1, $2)
             on conflict (name) do update set last_run_at = excluded.last_run_at
              where schedules.last_run_at <= $3 or schedules.last_run_at > $2",
            params![name, now, due_since],
        )
        .await?;
    tx.commit().await?;
    Ok(won > 0)
}
