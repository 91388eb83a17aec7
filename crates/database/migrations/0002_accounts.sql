-- Who works here, in which inboxes, and how they prove it.

create table inboxes (
    id {{key}},
    public_id {{uuid}} not null unique,
    name text not null,
    kind text not null check (kind in ('email', 'form', 'api')),
    -- The address customers write to; none for an inbox without mail.
    address text unique,
    -- Who mail from here says it is from.
    sender_name text not null,
    signature text not null default '',
    -- The answer time that an acknowledgement promises, in minutes.
    reply_within_minutes bigint not null default 1440,
    acknowledges boolean not null default true,
    archived_at bigint,
    created_at bigint not null
);

create table agents (
    id {{key}},
    public_id {{uuid}} not null unique,
    name text not null,
    email text not null unique,
    role text not null check (role in ('owner', 'lead', 'agent', 'collaborator')),
    state text not null check (state in ('invited', 'active', 'deactivated')),
    -- Argon2id in PHC form; none until an invitation is accepted.
    password_hash text,
    sees_every_inbox boolean not null,
    time_zone text not null,
    language text not null,
    signature text not null default '',
    -- Appearance, keys and notifications, as the person set them.
    preferences text not null default '{}',
    created_at bigint not null,
    deactivated_at bigint
);

-- The inboxes of an agent who does not see every one.
create table inbox_access (
    agent_id bigint not null references agents (id),
    inbox_id bigint not null references inboxes (id),
    primary key (agent_id, inbox_id)
);

create table teams (
    id {{key}},
    public_id {{uuid}} not null unique,
    name text not null unique,
    created_at bigint not null
);

create table team_members (
    team_id bigint not null references teams (id),
    agent_id bigint not null references agents (id),
    primary key (team_id, agent_id)
);

create table sessions (
    id {{key}},
    token_hash {{bytes}} not null unique,
    agent_id bigint not null references agents (id),
    user_agent text not null,
    address text not null,
    created_at bigint not null,
    last_seen_at bigint not null,
    expires_at bigint not null
);
create index sessions_of_agent on sessions (agent_id);

-- Links that open one door once: first set-up, an invitation, a new password.
create table one_time_links (
    token_hash {{bytes}} primary key,
    purpose text not null check (purpose in ('set_up', 'invite', 'reset')),
    agent_id bigint references agents (id),
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index one_time_links_of_agent on one_time_links (agent_id, purpose);

create table api_tokens (
    id {{key}},
    public_id {{uuid}} not null unique,
    agent_id bigint not null references agents (id),
    name text not null,
    token_hash {{bytes}} not null unique,
    -- The last four characters, to tell one token from another.
    hint text not null,
    -- Scopes, separated by blanks.
    scopes text not null,
    created_at bigint not null,
    expires_at bigint,
    last_used_at bigint,
    revoked_at bigint
);
create index api_tokens_of_agent on api_tokens (agent_id);
