create table search_index (
    id bigint primary key,
    words tsvector not null
);
create index search_index_words on search_index using gin (words) with (fastupdate = off);
