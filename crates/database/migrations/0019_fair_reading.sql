-- No inbox keeps the mail of the others from being read: which of them have mail that waits, and what
-- is first in each, is found without going through the thousands that wait in another one.
create index mail_ledger_waiting_of_inbox on mail_ledger (inbox_id, id) where state = 'received';
-- Nobody asks any more what is first in all of them together.
drop index mail_ledger_waiting;
