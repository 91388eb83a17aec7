-- A token for programs may see fewer inboxes than the person it stands for.

alter table api_tokens add column sees_every_inbox boolean not null default true;

-- The inboxes of a token that does not see every one of its person's.
create table api_token_inboxes (
    token_id bigint not null references api_tokens (id),
    inbox_id bigint not null references inboxes (id),
    primary key (token_id, inbox_id)
);
