-- Which version of the program decided last about a mail, as a number that grows. What one version
-- could not read is read once more by a later one.
alter table mail_ledger add column read_by bigint not null default 0;

-- Mails that an IMAP server names and did not give. Their line has a source that says so.
create table mail_unfetched (
    ledger_id bigint primary key references mail_ledger (id),
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    -- What the server did instead, for people.
    reason text not null,
    -- It is asked for once more.
    wanted boolean not null default false
);
