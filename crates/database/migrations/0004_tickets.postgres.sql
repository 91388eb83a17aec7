alter table tickets alter column id restart with 10001;
