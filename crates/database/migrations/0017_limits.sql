-- How much was tried lately, such as passwords of an account: counted for all nodes together, and
-- kept when one of them starts anew.
create table rate_limits (
    -- The SHA-256 of what is counted by: no address is kept that somebody typed.
    key_hash {{bytes}} primary key,
    -- When as much may be done at once again as at first.
    full_at bigint not null
);
