-- No lane of jobs and no inbox takes all places of those who work. What is first in each of them is
-- found without going through the thousands that are due in another one.
create index jobs_in_lane on jobs (lane, run_at, id) where state = 'waiting';
-- Letters without an inbox are the system's.
create index deliveries_of_inbox on deliveries (coalesce(inbox_id, 0), send_after, id)
    where state = 'queued';
