-- How often reading a mail was begun without coming to an end. What ends the program leaves no other
-- trace: such a mail is read apart from others, and in the end not any more.
alter table mail_ledger add column begun bigint not null default 0;
