-- What a topic sets and asks for, and the links that customers ask for.

alter table topics add column team_id bigint references teams (id);
alter table topics add column priority text not null default 'normal'
    check (priority in ('low', 'normal', 'high', 'urgent'));

-- A topic asks for custom fields of the ticket.
drop table topic_questions;
create table topic_fields (
    topic_id bigint not null references topics (id),
    field_id bigint not null references fields (id),
    required boolean not null,
    position bigint not null,
    primary key (topic_id, field_id)
);

-- Links to the portal that were asked for or used. Of a link in a mail nothing is stored before
-- it is used.
create table portal_links (
    token_hash {{bytes}} primary key,
    customer_id bigint not null references customers (id),
    address text not null,
    ticket_id bigint references tickets (id),
    created_at bigint not null,
    expires_at bigint not null,
    used_at bigint
);
create index portal_links_of_customer on portal_links (customer_id);
create index portal_links_age on portal_links (expires_at);
create index portal_sessions_age on portal_sessions (expires_at);
