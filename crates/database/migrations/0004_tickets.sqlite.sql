insert into sqlite_sequence (name, seq) values ('tickets', 10000);
