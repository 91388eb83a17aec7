-- What every feature stands on: settings, work for later, files, answers already given.

create table settings (
    name text primary key,
    value text not null,
    updated_at bigint not null
);

-- A finished job is deleted; a failed one stays until a person retries or discards it.
create table jobs (
    id {{key}},
    name text not null,
    payload text not null,
    -- Jobs of one lane (an inbox, a destination) cannot take every worker.
    lane text not null,
    -- At most one waiting job has this key.
    once_key text,
    state text not null check (state in ('waiting', 'running', 'failed')),
    run_at bigint not null,
    attempts bigint not null default 0,
    -- A worker that died is recognised by its lease running out.
    leased_until bigint,
    last_error text,
    created_at bigint not null
);
create index jobs_due on jobs (run_at, id) where state = 'waiting';
create index jobs_leased on jobs (leased_until) where state = 'running';
create index jobs_failed on jobs (id) where state = 'failed';
create unique index jobs_once on jobs (once_key) where once_key is not null and state = 'waiting';

-- When a schedule ran last, so that a restart neither skips nor repeats it.
create table schedules (
    name text primary key,
    last_run_at bigint not null
);

-- Stored files by the SHA-256 of their content, in hexadecimal. The bytes are in the storage.
create table files (
    hash text primary key,
    size_bytes bigint not null,
    created_at bigint not null
);

-- The answer to a request that carried a key, so that a repeat has no second effect.
create table answered_requests (
    actor text not null,
    key text not null,
    request_hash {{bytes}} not null,
    -- Null while the first request is still at work.
    status bigint,
    body text,
    created_at bigint not null,
    primary key (actor, key)
);
create index answered_requests_age on answered_requests (created_at);
