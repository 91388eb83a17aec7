-- The customer's side.

-- Topics of the contact form, each asking for what it needs.
create table topics (
    id {{key}},
    public_id {{uuid}} not null unique,
    inbox_id bigint not null references inboxes (id),
    name text not null,
    -- What to include, shown when the topic is chosen.
    hint text not null default '',
    category_id bigint references categories (id),
    position bigint not null,
    archived_at bigint
);

create table topic_questions (
    id {{key}},
    topic_id bigint not null references topics (id),
    label text not null,
    kind text not null check (kind in ('text', 'long_text', 'choice', 'date')),
    choices text not null default '',
    required boolean not null,
    -- Kept as this custom field of the ticket, if one is named.
    field_id bigint references fields (id),
    position bigint not null
);
create index topic_questions_of_topic on topic_questions (topic_id, position);

create table portal_sessions (
    token_hash {{bytes}} primary key,
    customer_id bigint not null references customers (id),
    address text not null,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null
);
create index portal_sessions_of_customer on portal_sessions (customer_id);
