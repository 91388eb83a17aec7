-- Tickets and everything said and done about them.

create table categories (
    id {{key}},
    public_id {{uuid}} not null unique,
    name text not null unique,
    position bigint not null,
    archived_at bigint
);

create table tags (
    id {{key}},
    name text not null unique
);

-- Custom fields.
create table fields (
    id {{key}},
    key text not null unique,
    label text not null,
    kind text not null check (kind in ('text', 'number', 'choice', 'date')),
    -- The choices, one a line.
    choices text not null default '',
    required_to_resolve boolean not null default false,
    position bigint not null,
    archived_at bigint
);

-- The one cause behind several tickets.
create table problems (
    id {{key}},
    public_id {{uuid}} not null unique,
    title text not null,
    state text not null check (state in ('open', 'fixed')),
    created_by bigint not null references agents (id),
    created_at bigint not null,
    fixed_at bigint
);

create table tickets (
    -- Also the number in the reference: RC-10482.
    id {{counted_key}},
    inbox_id bigint not null references inboxes (id),
    customer_id bigint not null references customers (id),
    subject text not null,
    -- The channel of the first contact.
    channel text not null,
    state text not null check (state in (
        'new', 'bot', 'open', 'waiting_customer', 'on_hold', 'snoozed',
        'resolved', 'closed', 'spam', 'merged')),
    -- Where "not spam" goes back to.
    state_before_spam text,
    priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
    category_id bigint references categories (id),
    assignee_id bigint references agents (id),
    team_id bigint references teams (id) on delete set null,
    problem_id bigint references problems (id),
    merged_into bigint references tickets (id),
    hold_reason text,
    next_update_at bigint,
    snoozed_until bigint,
    resolution text,
    cause text,
    -- The oldest customer message that nobody answered, and when we said we would.
    waiting_since bigint,
    reply_due_at bigint,
    first_replied_at bigint,
    acknowledged_at bigint,
    -- Why the acknowledgement was not sent, in words for the team.
    acknowledgement_withheld text,
    resolved_at bigint,
    reopen_count bigint not null default 0,
    message_count bigint not null default 0,
    last_message_at bigint not null,
    -- Who had the last word: customer or us.
    last_direction text not null check (last_direction in ('in', 'out')),
    snippet text not null,
    -- What the list is ordered by: the next moment at which somebody expects something.
    due_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    -- Counts every change; a write names the version it has seen.
    version bigint not null default 1
);
create index tickets_needing_reply on tickets (due_at, id) where state in ('new', 'open');
create index tickets_needing_reply_by_age on tickets (last_message_at, id)
    where state in ('new', 'open');
create index tickets_unassigned on tickets (due_at, id)
    where state in ('new', 'open') and assignee_id is null;
create index tickets_of_assignee on tickets (assignee_id, due_at, id)
    where state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed');
create index tickets_of_inbox on tickets (inbox_id, due_at, id)
    where state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed');
create index tickets_in_state on tickets (state, due_at, id);
create index tickets_done on tickets (last_message_at, id) where state in ('resolved', 'closed');
create index tickets_latest on tickets (last_message_at, id);
create index tickets_of_customer on tickets (customer_id, last_message_at);
create index tickets_of_problem on tickets (problem_id) where problem_id is not null;
create index tickets_merged on tickets (merged_into) where merged_into is not null;
create index tickets_without_human on tickets (acknowledged_at, id)
    where first_replied_at is null and acknowledged_at is not null
        and state in ('new', 'open', 'on_hold', 'snoozed');

-- Numbers from elsewhere that must go on finding their ticket.
create table ticket_aliases (
    alias text primary key,
    ticket_id bigint not null references tickets (id)
);

create table ticket_tags (
    ticket_id bigint not null references tickets (id),
    tag_id bigint not null references tags (id),
    primary key (ticket_id, tag_id)
);
create index ticket_tags_by_tag on ticket_tags (tag_id, ticket_id);

create table ticket_fields (
    ticket_id bigint not null references tickets (id),
    field_id bigint not null references fields (id),
    value text not null,
    primary key (ticket_id, field_id)
);

create table ticket_links (
    ticket_id bigint not null references tickets (id),
    other_id bigint not null references tickets (id),
    kind text not null check (kind in ('related', 'follows', 'possibly', 'split_from')),
    created_at bigint not null,
    primary key (ticket_id, other_id)
);
create index ticket_links_back on ticket_links (other_id);

-- Who takes part in the conversation by mail besides the customer.
create table participants (
    ticket_id bigint not null references tickets (id),
    address text not null,
    name text not null,
    created_at bigint not null,
    primary key (ticket_id, address)
);

create table messages (
    id {{key}},
    public_id {{uuid}} not null unique,
    ticket_id bigint not null references tickets (id),
    direction text not null check (direction in ('in', 'out')),
    kind text not null check (kind in ('message', 'acknowledgement', 'automatic', 'forward')),
    channel text not null,
    author text not null check (author in ('customer', 'stranger', 'agent', 'system')),
    customer_id bigint references customers (id),
    agent_id bigint references agents (id),
    from_name text not null,
    from_address text,
    -- To, Cc and Bcc as JSON; Bcc is shown to the team alone.
    recipients text not null default '{}',
    subject text not null,
    text text not null,
    -- Quoted history and signature: folded, never lost.
    quoted text not null default '',
    -- Message-ID without its brackets.
    mail_id text,
    -- What the checks of the sender said: pass, fail, unknown; and in detail as JSON.
    sender_check text not null check (sender_check in ('pass', 'fail', 'unknown')),
    sender_detail text not null default '{}',
    -- A stranger's message waits here until an agent admits it to the customer's view.
    held boolean not null default false,
    ledger_id bigint,
    redacted_at bigint,
    redacted_by bigint references agents (id),
    created_at bigint not null
);
create index messages_of_ticket on messages (ticket_id, id);
create index messages_by_mail_id on messages (mail_id) where mail_id is not null;

-- The Message-IDs that a message refers to, so that mails find each other in any order.
create table message_references (
    mail_id text not null,
    message_id bigint not null references messages (id),
    primary key (mail_id, message_id)
);
create index message_references_of_message on message_references (message_id);

-- The HTML of a message as it came. It is cleaned each time it is shown.
create table message_html (
    message_id bigint primary key references messages (id),
    html text not null
);

-- Internal. In a table of its own so that no merge and no mistake can send it.
create table notes (
    id {{key}},
    public_id {{uuid}} not null unique,
    ticket_id bigint not null references tickets (id),
    author_id bigint not null references agents (id),
    text text not null,
    created_at bigint not null
);
create index notes_of_ticket on notes (ticket_id, id);

create table attachments (
    id {{key}},
    public_id {{uuid}} not null unique,
    -- Of a message, of a note, or of neither while the file waits in a draft.
    message_id bigint references messages (id),
    note_id bigint references notes (id),
    uploaded_by bigint references agents (id),
    -- The draft that it waits in.
    draft_ticket_id bigint references tickets (id),
    draft_mode text check (draft_mode in ('reply', 'note', 'forward')),
    file_hash text not null references files (hash),
    -- Cleaned for display; never a path.
    name text not null,
    -- What the bytes are, not what the sender said.
    media_type text not null,
    size_bytes bigint not null,
    -- Content-ID of an image that stands inside the HTML.
    content_id text,
    created_at bigint not null
);
create index attachments_of_message on attachments (message_id) where message_id is not null;
create index attachments_of_note on attachments (note_id) where note_id is not null;
create index attachments_waiting on attachments (created_at)
    where message_id is null and note_id is null;
create index attachments_of_draft on attachments (draft_ticket_id)
    where message_id is null and note_id is null;
create index attachments_of_file on attachments (file_hash);

create table note_mentions (
    note_id bigint not null references notes (id),
    agent_id bigint not null references agents (id),
    primary key (note_id, agent_id)
);

create table followers (
    ticket_id bigint not null references tickets (id),
    agent_id bigint not null references agents (id),
    primary key (ticket_id, agent_id)
);
create index followers_by_agent on followers (agent_id);

-- The timeline: facts, never changed.
create table events (
    id {{key}},
    ticket_id bigint not null references tickets (id),
    kind text not null,
    -- Who did it: customer, agent, system.
    actor text not null check (actor in ('customer', 'agent', 'system')),
    agent_id bigint references agents (id),
    data text not null default '{}',
    created_at bigint not null
);
create index events_of_ticket on events (ticket_id, id);

create table drafts (
    ticket_id bigint not null references tickets (id),
    agent_id bigint not null references agents (id),
    mode text not null check (mode in ('reply', 'note', 'forward')),
    text text not null,
    recipients text not null default '{}',
    updated_at bigint not null,
    primary key (ticket_id, agent_id, mode)
);
create index drafts_of_agent on drafts (agent_id, updated_at);

-- How far each agent has read.
create table ticket_reads (
    agent_id bigint not null references agents (id),
    ticket_id bigint not null references tickets (id),
    read_at bigint not null,
    primary key (agent_id, ticket_id)
);

create table views (
    id {{key}},
    public_id {{uuid}} not null unique,
    name text not null,
    -- None: shared with everybody.
    owner_id bigint references agents (id),
    -- The same words as in search: state:open tag:refund.
    query text not null,
    sort text not null check (sort in ('due', 'newest', 'oldest')),
    position bigint not null,
    created_at bigint not null
);

create table saved_replies (
    id {{key}},
    public_id {{uuid}} not null unique,
    title text not null,
    text text not null,
    -- None: shared with everybody.
    owner_id bigint references agents (id),
    used_count bigint not null default 0,
    updated_at bigint not null
);

create table notifications (
    id {{key}},
    agent_id bigint not null references agents (id),
    kind text not null check (kind in ('new_ticket', 'assigned', 'mentioned', 'replied', 'woke')),
    ticket_id bigint not null references tickets (id),
    -- Who caused it, in words.
    actor_name text not null,
    created_at bigint not null,
    read_at bigint
);
create index notifications_of_agent on notifications (agent_id, id);
create index notifications_unread on notifications (agent_id, ticket_id) where read_at is null;

-- What an agent just did and may take back for a while.
create table undoables (
    id {{key}},
    public_id {{uuid}} not null unique,
    agent_id bigint not null references agents (id),
    -- The changes to reverse, as JSON.
    data text not null,
    expires_at bigint not null
);
create index undoables_age on undoables (expires_at);
