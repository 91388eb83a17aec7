-- When the last mail had come to an inbox for which the alarm was raised that none comes any more.
alter table mail_health add column quiet_since bigint;
