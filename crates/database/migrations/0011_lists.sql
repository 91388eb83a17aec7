-- An index over the states of all tickets was taken for questions that a narrower one answers
-- with a few rows. Each list has its own now.
drop index tickets_in_state;
create index tickets_waiting_customer on tickets (due_at, id) where state = 'waiting_customer';
create index tickets_on_hold on tickets (due_at, id) where state = 'on_hold';
create index tickets_snoozed on tickets (due_at, id) where state = 'snoozed';
create index tickets_asleep on tickets (due_at, id) where state in ('snoozed', 'on_hold');
create index tickets_resolved on tickets (resolved_at, id) where state = 'resolved';
create index tickets_spam on tickets (last_message_at, id) where state = 'spam';
create index tickets_of_priority on tickets (priority, last_message_at, id)
    where state not in ('spam', 'merged');
