-- One row for each thing that can be found. Its id grows with time, so the newest come first
-- without sorting.

create table search_documents (
    id {{key}},
    kind text not null check (kind in ('message', 'note', 'customer')),
    source_id bigint not null,
    ticket_id bigint references tickets (id),
    customer_id bigint references customers (id),
    created_at bigint not null,
    unique (kind, source_id)
);
create index search_documents_of_ticket on search_documents (ticket_id)
    where ticket_id is not null;
