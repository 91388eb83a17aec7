-- The people outside, and the addresses by which they are known.

create table customers (
    id {{key}},
    public_id {{uuid}} not null unique,
    -- Empty when only an address is known.
    name text not null,
    language text,
    time_zone text,
    -- Links to the portal that were made earlier no longer open.
    links_valid_from bigint not null default 0,
    created_at bigint not null,
    updated_at bigint not null
);

create table identities (
    id {{key}},
    customer_id bigint not null references customers (id),
    kind text not null check (kind in ('email')),
    -- As the channel compares it: an address in lower case.
    value text not null,
    -- When the person proved to own it: signed mail, a token reply, a portal link.
    verified_at bigint,
    created_at bigint not null,
    unique (kind, value)
);
create index identities_of_customer on identities (customer_id);

-- What the team wants to remember about a person. Never leaves the team.
create table customer_notes (
    id {{key}},
    customer_id bigint not null references customers (id),
    author_id bigint not null references agents (id),
    text text not null,
    created_at bigint not null
);
create index customer_notes_of_customer on customer_notes (customer_id, id);
