//! Lists of tickets: the inbox, views, counts, what a search found.
//!
//! The text of the state conditions is that of the partial indexes, letter by letter: SQLite uses
//! an index only where it recognises its condition.

use std::collections::HashMap;

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, params};
use kernel::{AgentId, CustomerId, InboxId, TicketId, Timestamp};
use ui::Count;

use super::reading;
use crate::State;
use crate::clock::Waiting;
use crate::filter::{Assignee, Cursor, Filter, Sort, StateSet};
use crate::ticket::{Channel, Direction, Priority};

/// A ticket as it stands in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: TicketId,
    pub inbox: InboxId,
    pub subject: String,
    pub snippet: String,
    pub state: State,
    pub priority: Priority,
    pub channel: Channel,
    pub assignee: Option<AgentId>,
    pub customer: CustomerId,
    pub customer_name: String,
    pub waiting: Waiting,
    pub first_replied_at: Option<Timestamp>,
    pub hold_reason: Option<String>,
    pub last_message_at: Timestamp,
    pub last_direction: Direction,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub read_at: Option<Timestamp>,
    /// The beginning of a draft of the reader.
    pub draft: Option<String>,
    pub tags: Vec<String>,
}

impl Row {
    /// The customer had the last word, and the reader has not seen it.
    pub fn is_unread(&self) -> bool {
        self.last_direction == Direction::In
            && self.read_at.is_none_or(|read_at| read_at < self.last_message_at)
    }

    /// This row's place in the list.
    pub fn cursor(&self, sort: Sort) -> Cursor {
        let key = match sort {
            Sort::Due => self.due_at,
            Sort::Newest | Sort::Oldest => self.last_message_at,
        };
        Cursor { key: key.micros(), id: self.id.0 }
    }
}

impl FromRow for Row {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let id = cols.next()?;
        let inbox = cols.next()?;
        let subject = cols.next()?;
        let snippet = cols.next()?;
        let state = State::named(&cols.next::<String>()?)?;
        let priority = Priority::named(&cols.next::<String>()?)?;
        let channel = Channel::named(&cols.next::<String>()?)?;
        let assignee = cols.next()?;
        let customer = cols.next()?;
        let name: String = cols.next()?;
        let address: Option<String> = cols.next()?;
        let customer_name = if name.is_empty() { address.unwrap_or_default() } else { name };
        Ok(Self {
            id,
            inbox,
            subject,
            snippet,
            state,
            priority,
            channel,
            assignee,
            customer,
            customer_name,
            waiting: Waiting {
                since: cols.next()?,
                reply_due_at: cols.next()?,
                next_update_at: cols.next()?,
                snoozed_until: cols.next()?,
            },
            first_replied_at: cols.next()?,
            hold_reason: cols.next()?,
            last_message_at: cols.next()?,
            last_direction: Direction::named(&cols.next::<String>()?)?,
            created_at: cols.next()?,
            due_at: cols.next()?,
            read_at: cols.next()?,
            draft: cols.next()?,
            tags: Vec::new(),
        })
    }
}

/// Who looks, and what of it they may see.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'r> {
    pub agent: AgentId,
    /// None: every inbox.
    pub inboxes: Option<&'r [InboxId]>,
}

/// Begins a select of rows with the parts that belong to the reader.
fn select(reader: Reader<'_>) -> Sql {
    let mut sql = Sql::new(
        "select t.id, t.inbox_id, t.subject, t.snippet, t.state, t.priority, t.channel,
            t.assignee_id, t.customer_id, c.name,
            (select i.value from identities i where i.customer_id = c.id order by i.id limit 1),
            t.waiting_since, t.reply_due_at, t.next_update_at, t.snoozed_until,
            t.first_replied_at, t.hold_reason, t.last_message_at, t.last_direction, t.created_at,
            t.due_at,
            (select r.read_at from ticket_reads r
              where r.ticket_id = t.id and r.agent_id = ",
    );
    sql.bind(reader.agent).push(
        "),
            (select substr(d.text, 1, 120) from drafts d
              where d.ticket_id = t.id and d.mode = 'reply' and d.agent_id = ",
    );
    sql.bind(reader.agent);
    sql.push(") from tickets t join customers c on c.id = t.customer_id");
    sql
}

/// One page of a list.
pub(crate) async fn page(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    sort: Sort,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Row>> {
    if filter.impossible {
        return Ok(Vec::new());
    }
    // First which, then what: where the rows have to be sorted, that is done with narrow ones.
    let mut sql = Sql::new("select t.id from tickets t where ");
    conditions(&mut sql, reader, filter);
    if let Some(after) = after {
        sql.push(match sort {
            Sort::Due => " and (t.due_at, t.id) > (",
            Sort::Oldest => " and (t.last_message_at, t.id) > (",
            Sort::Newest => " and (t.last_message_at, t.id) < (",
        });
        sql.bind(after.key).push(", ").bind(after.id).push(")");
    }
    sql.push(match sort {
        Sort::Due => " order by t.due_at, t.id limit ",
        Sort::Oldest => " order by t.last_message_at, t.id limit ",
        Sort::Newest => " order by t.last_message_at desc, t.id desc limit ",
    });
    sql.number(limit);
    let ids: Vec<(TicketId,)> = conn.all_sql(sql).await?;
    let ids: Vec<TicketId> = ids.into_iter().map(|(id,)| id).collect();
    let mut rows = some(conn, reader, filter, &ids).await?;
    let place: HashMap<TicketId, usize> = ids.into_iter().zip(0..).collect();
    rows.sort_by_key(|row| place.get(&row.id).copied());
    Ok(rows)
}

/// These tickets, as far as they match and may be seen.
pub(crate) async fn some(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    ids: &[TicketId],
) -> Result<Vec<Row>> {
    if filter.impossible || ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = select(reader);
    sql.push(" where t.id in (").bind_list(ids.iter().copied()).push(") and ");
    conditions(&mut sql, reader, filter);
    let (mut rows, tags): (Vec<Row>, _) =
        tokio::try_join!(conn.all_sql(sql), reading::tags_of(conn, ids))?;
    for (ticket, tag) in tags {
        if let Some(row) = rows.iter_mut().find(|row| row.id == ticket) {
            row.tags.push(tag);
        }
    }
    Ok(rows)
}

/// Which of these tickets match and may be seen.
pub(crate) async fn fitting(
    conn: &Conn,
    reader: Reader<'_>,
    filter: &Filter,
    ids: &[TicketId],
) -> Result<Vec<TicketId>> {
    if filter.impossible || ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select t.id from tickets t where t.id in (");
    sql.bind_list(ids.iter().copied()).push(") and ");
    conditions(&mut sql, reader, filter);
    let rows: Vec<(TicketId,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which of these customers have a ticket that may be seen; all of them for who sees everything.
pub(crate) async fn known_customers(
    conn: &Conn,
    reader: Reader<'_>,
    ids: &[CustomerId],
) -> Result<Vec<CustomerId>> {
    let Some(inboxes) = reader.inboxes else { return Ok(ids.to_vec()) };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select c.id from customers c where c.id in (");
    sql.bind_list(ids.iter().copied());
    sql.push(
        ") and exists (select 1 from tickets t where t.customer_id = c.id and t.inbox_id in (",
    );
    sql.bind_list(inboxes.iter().copied()).push(")) order by c.id desc");
    let rows: Vec<(CustomerId,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Every earlier ticket of a customer, on any channel, the latest first.
pub(crate) async fn of_customer(
    conn: &Conn,
    reader: Reader<'_>,
    customer: CustomerId,
    limit: i64,
) -> Result<Vec<Row>> {
    let filter = Filter { customer: Some(customer), ..Filter::default() };
    page(conn, reader, &filter, Sort::Newest, None, limit).await
}

/// How many tickets match; counting stops where it stops mattering.
pub(crate) async fn count(
    conn: &Conn,
    reader: Reader<'_>,
    filters: &[Filter],
) -> Result<Vec<Count>> {
    let mut sql = Sql::default();
    let mut asked = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        if filter.impossible {
            continue;
        }
        sql.push(if asked.is_empty() { "select " } else { " union all select " });
        sql.bind(kernel::count(index)).push(", count(*) from (select 1 from tickets t where ");
        conditions(&mut sql, reader, filter);
        sql.push(" limit ").number(Count::MAX + 1).push(") counted");
        asked.push(index);
    }
    let mut counts = vec![Count(0); filters.len()];
    if asked.is_empty() {
        return Ok(counts);
    }
    for (index, count) in conn.all_sql::<(i64, i64)>(sql).await? {
        if let Some(slot) = counts.get_mut(kernel::length(index)) {
            *slot = Count(count);
        }
    }
    Ok(counts)
}

/// Writes what has to hold, beginning with a condition and never with `and`.
fn conditions(sql: &mut Sql, reader: Reader<'_>, filter: &Filter) {
    sql.push(states(filter));
    if let Some(inboxes) = reader.inboxes {
        sql.push(" and t.inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    match filter.assignee {
        Some(Assignee::Agent(agent)) => {
            sql.push(" and t.assignee_id = ").bind(agent);
        }
        Some(Assignee::Nobody) => {
            sql.push(" and t.assignee_id is null");
        }
        None => {}
    }
    if let Some(team) = filter.team {
        sql.push(" and t.team_id = ").bind(team);
    }
    if let Some(inbox) = filter.inbox {
        sql.push(" and t.inbox_id = ").bind(inbox);
    }
    if let Some(customer) = filter.customer {
        sql.push(" and t.customer_id = ").bind(customer);
    }
    if let Some(category) = filter.category {
        sql.push(" and t.category_id = ").bind(category);
    }
    if let Some(problem) = filter.problem {
        sql.push(" and t.problem_id = ").bind(problem);
    }
    if let Some(priority) = filter.priority {
        sql.push(" and t.priority = ").bind(priority.as_str());
    }
    if let Some(channel) = filter.channel {
        sql.push(" and t.channel = ").bind(channel.as_str());
    }
    if let Some(from) = filter.created_from {
        sql.push(" and t.created_at >= ").bind(from);
    }
    if let Some(before) = filter.created_before {
        sql.push(" and t.created_at < ").bind(before);
    }
    if filter.without_human {
        sql.push(" and t.first_replied_at is null and t.acknowledged_at is not null");
        sql.push(" and t.state in ('new', 'open', 'on_hold', 'snoozed')");
    }
    related(sql, filter);
}

/// Conditions on what belongs to a ticket.
fn related(sql: &mut Sql, filter: &Filter) {
    for from in &filter.from {
        sql.push(
            " and exists (select 1 from customers fc
                left join identities fi on fi.customer_id = fc.id
               where fc.id = t.customer_id and (lower(fc.name) like ",
        );
        sql.bind(like(from)).push(" escape '\\' or fi.value like ");
        sql.bind(like(from)).push(" escape '\\'))");
    }
    for (tags, has) in [(&filter.tags, true), (&filter.not_tags, false)] {
        for tag in tags {
            sql.push(if has { " and t.id in (" } else { " and t.id not in (" });
            sql.push(
                "select ft.ticket_id from ticket_tags ft join tags fg on fg.id = ft.tag_id
                  where fg.name = ",
            );
            sql.bind(tag.as_str()).push(")");
        }
    }
    if filter.has_attachment {
        sql.push(
            " and exists (select 1 from messages fm join attachments fa on fa.message_id = fm.id
               where fm.ticket_id = t.id)",
        );
    }
    if let Some(agent) = filter.followed_by {
        sql.push(
            " and exists (select 1 from followers ff where ff.ticket_id = t.id and ff.agent_id = ",
        );
        sql.bind(agent).push(")");
    }
}

/// `%text%` with what is special in a pattern taken literally.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn states(filter: &Filter) -> &'static str {
    const ACTIVE: &str = "t.state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed')";
    match filter.states {
        // Whoever asks for a person's or an inbox's work means what is not done.
        StateSet::Any => "t.state not in ('spam', 'merged')",
        StateSet::NeedsReply if filter.assignee.is_some_and(|who| who != Assignee::Nobody) => {
            "t.state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed')
             and t.state in ('new', 'open', 'on_hold')"
        }
        StateSet::NeedsReply if filter.inbox.is_some() => {
            "t.state in ('new', 'open', 'waiting_customer', 'on_hold', 'snoozed')
             and t.state in ('new', 'open')"
        }
        StateSet::NeedsReply => "t.state in ('new', 'open')",
        StateSet::Active => ACTIVE,
        StateSet::Done => "t.state in ('resolved', 'closed')",
        StateSet::One(state) => match state {
            State::New => "t.state in ('new', 'open') and t.state = 'new'",
            State::Bot => "t.state = 'bot'",
            State::Open => "t.state in ('new', 'open') and t.state = 'open'",
            State::WaitingCustomer => "t.state = 'waiting_customer'",
            State::OnHold => "t.state = 'on_hold'",
            State::Snoozed => "t.state = 'snoozed'",
            State::Resolved => "t.state = 'resolved'",
            State::Closed => "t.state in ('resolved', 'closed') and t.state = 'closed'",
            State::Spam => "t.state = 'spam'",
            State::Merged => "t.state = 'merged'",
        },
    }
}

/// Whether a ticket is in an inbox that may be seen.
pub(crate) async fn inbox_of(conn: &Conn, id: TicketId) -> Result<Option<InboxId>> {
    let row: Option<(InboxId,)> =
        conn.optional("select inbox_id from tickets where id = $1", params![id]).await?;
    Ok(row.map(|(inbox,)| inbox))
}

/// Customers whom the reader has anything to do with, the latest first.
pub(crate) async fn customers(
    conn: &Conn,
    reader: Reader<'_>,
    before: Option<CustomerId>,
    limit: i64,
) -> Result<Vec<CustomerId>> {
    let mut sql = Sql::new("select c.id from customers c where c.id < ");
    sql.bind(before.map_or(i64::MAX, i64::from));
    if let Some(inboxes) = reader.inboxes {
        sql.push(" and exists (select 1 from tickets t where t.customer_id = c.id");
        sql.push(" and t.inbox_id in (").bind_list(inboxes.iter().copied()).push("))");
    }
    sql.push(" order by c.id desc limit ").bind(limit);
    let rows: Vec<(CustomerId,)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
