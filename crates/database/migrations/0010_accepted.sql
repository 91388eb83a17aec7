-- Who has a mail already, as a list of addresses: another try is for the others.

alter table deliveries add column accepted text not null default '[]';
