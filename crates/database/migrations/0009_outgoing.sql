-- Mail on its way out: who has it, and the new ticket that somebody is about to write.

-- Who has a mail already, as a list of addresses: another try is for the others.
alter table deliveries add column accepted text not null default '[]';

-- One for each agent, with the addresses as they were typed.
create table new_ticket_drafts (
    agent_id bigint primary key references agents (id),
    inbox_id bigint references inboxes (id),
    mail_to text not null,
    mail_cc text not null,
    mail_bcc text not null,
    subject text not null,
    text text not null,
    updated_at bigint not null
);
