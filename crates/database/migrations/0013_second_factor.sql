-- Second factors, and other ways in than a password.

-- Whether a second factor was given when it was opened. Without, it opens nothing for somebody who
-- has one.
alter table sessions add column second_factor boolean not null default false;
-- When the password or a second factor was last given in it; what concerns secrets asks again.
alter table sessions add column confirmed_at bigint not null default 0;

-- The authenticator app of a person.
create table authenticator_apps (
    agent_id bigint primary key references agents (id),
    -- Sealed for the place `authenticator app of agent N`.
    secret text not null,
    -- The time step of the last code that was accepted: no code is accepted twice.
    last_step bigint not null,
    created_at bigint not null,
    -- None until the first code showed that the app has the secret.
    confirmed_at bigint
);

-- For those who lost their second factor. Each opens once.
create table recovery_codes (
    agent_id bigint not null references agents (id),
    -- Keyed with the key file, so that whoever has the database alone cannot try all of them.
    code_hash text not null,
    created_at bigint not null,
    used_at bigint,
    primary key (agent_id, code_hash)
);

-- Somebody gave the right password and still has to give a second factor.
create table pending_sign_ins (
    token_hash {{bytes}} primary key,
    agent_id bigint not null references agents (id),
    -- Whether the session is to outlast the browser.
    keeps boolean not null,
    -- Where to go then.
    next text not null,
    tries bigint not null,
    expires_at bigint not null
);
create index pending_sign_ins_of_agent on pending_sign_ins (agent_id);

create table passkeys (
    id {{key}},
    public_id {{uuid}} not null unique,
    agent_id bigint not null references agents (id),
    name text not null,
    credential_id {{bytes}} not null unique,
    -- The public key and the counter of signatures, as JSON.
    credential text not null,
    created_at bigint not null,
    last_used_at bigint
);
create index passkeys_of_agent on passkeys (agent_id);

-- What a key was asked to sign. Each is answered once, and soon.
create table passkey_challenges (
    token_hash {{bytes}} primary key,
    purpose text not null check (purpose in ('register', 'second_factor', 'sign_in')),
    -- Who was asked; none where the key says who it is.
    agent_id bigint references agents (id),
    state text not null,
    expires_at bigint not null
);
create index passkey_challenges_of_agent on passkey_challenges (agent_id);

-- Who somebody is at a provider of sign-in. Addresses change hands; a subject does not.
create table provider_identities (
    issuer text not null,
    subject text not null,
    agent_id bigint not null references agents (id),
    created_at bigint not null,
    last_used_at bigint not null,
    primary key (issuer, subject)
);
create index provider_identities_of_agent on provider_identities (agent_id);

-- A journey to the provider and back. Each ends once, and soon.
create table provider_journeys (
    state_hash {{bytes}} primary key,
    -- Of the browser that began it.
    browser_hash {{bytes}} not null,
    -- Who joins the sign-in at the provider to their account; none at the door.
    agent_id bigint references agents (id),
    issuer text not null,
    nonce text not null,
    -- Sealed: who has it can use the code.
    verifier text not null,
    keeps boolean not null,
    next text not null,
    expires_at bigint not null
);
create index provider_journeys_of_agent on provider_journeys (agent_id);
