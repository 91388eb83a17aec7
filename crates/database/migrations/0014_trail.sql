-- Who did what, and who read what: added to, never changed. Each row is bound to the one before it.

create table audit_entries (
    -- Without a gap, from 1.
    number bigint primary key,
    at bigint not null,
    who_kind text not null
        check (who_kind in ('agent', 'token', 'customer', 'visitor', 'command', 'system')),
    -- The agent or customer. Neither has to be there for ever, so nothing refers to them.
    who_id bigint,
    -- As they were called then.
    who_name text not null,
    -- The session or the token they came by.
    via bigint,
    act text not null,
    object_kind text,
    object_id text,
    object_name text,
    -- The address of the client, where there was one.
    address text,
    -- What was so before and after, as JSON of what differs.
    before text,
    after text,
    -- SHA-256 over the hash of the row before and all of the above.
    hash {{bytes}} not null
);
create index audit_entries_of_person on audit_entries (who_kind, who_id, number);
create index audit_entries_of_act on audit_entries (act, number);
create index audit_entries_of_object on audit_entries (object_kind, object_id, number);
create index audit_entries_at on audit_entries (at);

-- Points at which the key file vouches for everything so far.
create table audit_checkpoints (
    -- Without a gap, from 1.
    id bigint primary key,
    number bigint not null,
    hash {{bytes}} not null,
    at bigint not null,
    -- The fingerprint of the key.
    key text not null,
    seal {{bytes}} not null
);

-- Where the trail ends, sealed with the key file, so that a missing end is found. Locked for the
-- last moment of a transaction that adds to it.
create table audit_head (
    id bigint primary key check (id = 1),
    number bigint not null,
    hash {{bytes}} not null,
    checkpoints bigint not null,
    -- A hash over all checkpoints.
    checked {{bytes}} not null,
    seal {{bytes}} not null
);
