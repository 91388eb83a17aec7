-- Mail in and mail out.

-- How an inbox reaches its mail server. Credentials are sealed with the key file.
create table mail_connections (
    inbox_id bigint primary key references inboxes (id),
    imap_host text,
    imap_port bigint,
    imap_tls text check (imap_tls in ('none', 'starttls', 'implicit')),
    imap_user text,
    imap_password text,
    imap_folder text not null default 'INBOX',
    -- What happens on the server to a message that was fetched.
    after_fetch text not null default 'leave' check (after_fetch in ('leave', 'seen', 'move')),
    move_to text,
    -- Mail received before this instant is not fetched, unless as history.
    fetch_from bigint,
    history_from bigint,
    smtp_host text,
    smtp_port bigint,
    smtp_tls text check (smtp_tls in ('none', 'starttls', 'implicit')),
    smtp_user text,
    smtp_password text,
    auth text not null default 'password' check (auth in ('password', 'xoauth2')),
    oauth_client_id text,
    oauth_client_secret text,
    oauth_authorize_url text,
    oauth_token_url text,
    oauth_scope text,
    oauth_refresh_token text,
    oauth_access_token text,
    oauth_expires_at bigint,
    oauth_refused text,
    -- Whether the server delivers support+token@ to this inbox.
    plus_addresses boolean not null default false,
    dkim_selector text,
    dkim_key text,
    -- The host name whose Authentication-Results are believed.
    trusted_host text,
    updated_at bigint not null
);

-- How far an IMAP folder was read. Moves in the same commit as the messages it counts.
create table imap_cursors (
    inbox_id bigint not null references inboxes (id),
    folder text not null,
    uid_validity bigint not null,
    last_uid bigint not null,
    -- Since when older mail was taken in. Set once all of it is here.
    history_from bigint,
    primary key (inbox_id, folder)
);

create table mail_health (
    inbox_id bigint primary key references inboxes (id),
    checked_at bigint,
    worked_at bigint,
    -- One of these: since when fetching works, or since when it does not.
    works_since bigint,
    fails_since bigint,
    fault text,
    alarmed_at bigint,
    -- The node that fetches for this inbox, until when.
    fetcher text,
    leased_until bigint
);

-- Every received mail and what became of it.
create table mail_ledger (
    id {{key}},
    public_id {{uuid}} not null unique,
    inbox_id bigint not null references inboxes (id),
    door text not null check (door in ('imap', 'lmtp', 'pipe')),
    size_bytes bigint not null,
    raw_hash text not null,
    -- Over what the sender wrote, without the traces that servers add on the way.
    content_hash text not null,
    mail_id text not null,
    envelope_from text not null,
    from_address text not null default '',
    subject text not null default '',
    state text not null check (state in (
        'received', 'ticketed', 'quarantined', 'bounce', 'failed', 'dismissed')),
    reason text,
    -- The beginning of the text of a mail that is held.
    preview text not null default '',
    -- What a person decided about a held mail. One that was released is not held again.
    decision text check (decision in ('released', 'dismissed')),
    decided_by bigint references agents (id),
    decided_at bigint,
    -- Mail from before the inbox was connected: no acknowledgement, no rules.
    history boolean not null default false,
    ticket_id bigint references tickets (id),
    message_id bigint references messages (id),
    attempts bigint not null default 0,
    -- Nobody reads it before: another node does, or it was released and can be held again.
    leased_until bigint,
    received_at bigint not null,
    handled_at bigint
);

-- What came in, byte for byte.
create table mail_sources (
    ledger_id bigint primary key references mail_ledger (id),
    bytes {{bytes}} not null
);
create unique index mail_ledger_once on mail_ledger (inbox_id, mail_id, content_hash);
create index mail_ledger_waiting on mail_ledger (id) where state = 'received';
create index mail_ledger_by_state on mail_ledger (state, id);
create index mail_ledger_by_inbox on mail_ledger (inbox_id, id);
create index mail_ledger_of_ticket on mail_ledger (ticket_id, id) where ticket_id is not null;
create index mail_ledger_by_mail_id on mail_ledger (mail_id, content_hash);

-- One mail on its way out, frozen when it was decided.
create table deliveries (
    id {{key}},
    kind text not null check (kind in (
        'reply', 'forward', 'acknowledgement', 'automatic', 'system')),
    inbox_id bigint references inboxes (id),
    ticket_id bigint references tickets (id),
    message_id bigint references messages (id),
    -- Fixed before the first try, so that a repeat is recognised as one.
    mail_id text not null unique,
    from_name text not null,
    reply_to text,
    recipients text not null,
    subject text not null,
    text text not null,
    html text,
    in_reply_to text,
    mail_references text,
    -- Held until the time to undo is over.
    state text not null check (state in (
        'queued', 'sending', 'sent', 'failed', 'bounced', 'discarded')),
    send_after bigint not null,
    attempts bigint not null default 0,
    leased_until bigint,
    fault text,
    created_at bigint not null,
    sent_at bigint,
    give_up_at bigint not null
);
create index deliveries_due on deliveries (send_after, id) where state = 'queued';
create index deliveries_leased on deliveries (leased_until) where state = 'sending';
create index deliveries_of_message on deliveries (message_id) where message_id is not null;
create index deliveries_of_ticket on deliveries (ticket_id, id) where ticket_id is not null;
create index deliveries_failed on deliveries (id) where state in ('failed', 'bounced');
create index deliveries_waiting on deliveries (id) where state = 'queued' and attempts > 0;

-- Automatic mail of the last day, to keep within the caps.
create table automatic_mail (
    id {{key}},
    address text not null,
    ticket_id bigint,
    created_at bigint not null
);
create index automatic_mail_by_address on automatic_mail (address, created_at);
create index automatic_mail_age on automatic_mail (created_at);

-- How many automatic mails went to unverified addresses in each hour since 1970.
create table automatic_mail_hours (
    hour bigint primary key,
    sent bigint not null
);

-- Addresses that mail does not reach.
create table suppressions (
    address text primary key,
    reason text not null,
    created_at bigint not null
);

-- Senders whose mail is always let in or always held.
create table sender_rules (
    id {{key}},
    -- An address, or a domain that begins with @.
    pattern text not null unique,
    verdict text not null check (verdict in ('allow', 'block')),
    created_by bigint references agents (id),
    created_at bigint not null
);

-- What the team taught about spam: how often a word stood in which.
create table spam_words (
    word text primary key,
    spam_count bigint not null,
    ham_count bigint not null
);

-- Which mails were taught, so that a lesson can be taken back.
create table spam_lessons (
    ledger_id bigint primary key references mail_ledger (id),
    verdict text not null check (verdict in ('spam', 'ham')),
    created_at bigint not null
);
