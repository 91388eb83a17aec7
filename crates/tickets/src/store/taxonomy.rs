//! Tags, categories, custom fields, problems.

use anyhow::{Result, bail};
use database::{Cols, Conn, FromRow, Sql, Tx, params};
use kernel::{AgentId, CategoryId, FieldId, ProblemId, PublicId, TagId, TicketId, Timestamp};
use live::Change;

use super::lists::Reader;

/// A nature of ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub id: CategoryId,
    pub public_id: PublicId,
    pub name: String,
    pub is_archived: bool,
}

impl FromRow for Category {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            name: cols.next()?,
            is_archived: cols.next::<Option<Timestamp>>()?.is_some(),
        })
    }
}

/// A custom field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub id: FieldId,
    pub key: String,
    pub label: String,
    pub kind: FieldKind,
    pub choices: Vec<String>,
    pub required_to_resolve: bool,
    pub is_archived: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Number,
    Choice,
    Date,
}

impl FieldKind {
    pub const ALL: [Self; 4] = [Self::Text, Self::Number, Self::Choice, Self::Date];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::Date => "date",
        }
    }

    pub fn named(text: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|kind| kind.as_str() == text) {
            Some(kind) => Ok(kind),
            None => bail!("unknown kind of field {text}"),
        }
    }
}

impl FromRow for Field {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            key: cols.next()?,
            label: cols.next()?,
            kind: FieldKind::named(&cols.next::<String>()?)?,
            choices: cols.next::<String>()?.lines().map(str::to_owned).collect(),
            required_to_resolve: cols.next()?,
            is_archived: cols.next::<Option<Timestamp>>()?.is_some(),
        })
    }
}

/// The one cause behind several tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub id: ProblemId,
    pub public_id: PublicId,
    pub title: String,
    pub is_fixed: bool,
    pub created_at: Timestamp,
}

impl FromRow for Problem {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            public_id: cols.next()?,
            title: cols.next()?,
            is_fixed: cols.next::<String>()? == "fixed",
            created_at: cols.next()?,
        })
    }
}

pub(crate) async fn categories(conn: &Conn) -> Result<Vec<Category>> {
    conn.all(
        "select id, public_id, name, archived_at from categories order by position, id limit 500",
        params![],
    )
    .await
}

pub(crate) async fn add_category(
    tx: &mut Tx,
    name: &str,
    now: Timestamp,
) -> Result<Option<CategoryId>> {
    let row: Option<(CategoryId,)> = tx
        .optional(
            "insert into categories (public_id, name, position)
             values ($1, $2, (select coalesce(max(position), 0) + 1 from categories))
             on conflict (name) do nothing returning id",
            params![PublicId::new(now), name],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn set_category(
    tx: &mut Tx,
    id: CategoryId,
    name: &str,
    archived_at: Option<Timestamp>,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update categories set name = $2, archived_at = $3
              where id = $1
                and not exists (select 1 from categories other where other.name = $2 and other.id <> $1)",
            params![id, name, archived_at],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(changed > 0)
}

pub(crate) async fn fields(conn: &Conn) -> Result<Vec<Field>> {
    conn.all(
        "select id, key, label, kind, choices, required_to_resolve, archived_at
           from fields order by position, id limit 200",
        params![],
    )
    .await
}

pub(crate) struct NewField<'f> {
    pub(crate) key: &'f str,
    pub(crate) label: &'f str,
    pub(crate) kind: FieldKind,
    pub(crate) choices: &'f [String],
    pub(crate) required_to_resolve: bool,
}

pub(crate) async fn add_field(tx: &mut Tx, new: &NewField<'_>) -> Result<Option<FieldId>> {
    let row: Option<(FieldId,)> = tx
        .optional(
            "insert into fields (key, label, kind, choices, required_to_resolve, position)
             values ($1, $2, $3, $4, $5, (select coalesce(max(position), 0) + 1 from fields))
             on conflict (key) do nothing returning id",
            params![
                new.key,
                new.label,
                new.kind.as_str(),
                new.choices.join("\n"),
                new.required_to_resolve
            ],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn set_field(
    tx: &mut Tx,
    id: FieldId,
    label: &str,
    choices: &[String],
    required_to_resolve: bool,
    archived_at: Option<Timestamp>,
) -> Result<()> {
    tx.send(
        "update fields set label = $2, choices = $3, required_to_resolve = $4, archived_at = $5
          where id = $1",
        params![id, label, choices.join("\n"), required_to_resolve, archived_at],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// The values of a ticket's fields.
pub(crate) async fn field_values(conn: &Conn, ticket: TicketId) -> Result<Vec<(FieldId, String)>> {
    conn.all(
        "select field_id, value from ticket_fields where ticket_id = $1 order by field_id",
        params![ticket],
    )
    .await
}

/// Sets a value, or removes it when it is empty. Says what was there before.
pub(crate) async fn set_field_value(
    tx: &mut Tx,
    ticket: TicketId,
    field: FieldId,
    value: &str,
) -> Result<Option<String>> {
    let before: Option<(String,)> = tx
        .optional(
            "select value from ticket_fields where ticket_id = $1 and field_id = $2",
            params![ticket, field],
        )
        .await?;
    if value.is_empty() {
        tx.send(
            "delete from ticket_fields where ticket_id = $1 and field_id = $2",
            params![ticket, field],
        )
        .await?;
    } else {
        tx.send(
            "insert into ticket_fields (ticket_id, field_id, value) values ($1, $2, $3)
             on conflict (ticket_id, field_id) do update set value = excluded.value",
            params![ticket, field, value],
        )
        .await?;
    }
    Ok(before.map(|(value,)| value))
}

/// Tags by name, as far as the reader may know of them.
pub(crate) async fn tags(
    conn: &Conn,
    reader: Reader<'_>,
    limit: i64,
) -> Result<Vec<(TagId, String)>> {
    let mut sql = Sql::new("select g.id, g.name from tags g where g.name <> ''");
    seen_tags(&mut sql, reader);
    sql.push(" order by g.name limit ").bind(limit);
    conn.all_sql(sql).await
}

/// Narrows tags, `g`, down to those of tickets that may be seen; who sees everything has all.
pub(super) fn seen_tags(sql: &mut Sql, reader: Reader<'_>) {
    if let Some(inboxes) = reader.inboxes {
        sql.push(
            " and exists (select 1 from ticket_tags tt join tickets t on t.id = tt.ticket_id
                where tt.tag_id = g.id and t.inbox_id in (",
        );
        sql.bind_list(inboxes.iter().copied()).push("))");
    }
}

/// Whether the reader may know of a tag.
pub(crate) async fn sees_tag(conn: &Conn, reader: Reader<'_>, id: TagId) -> Result<bool> {
    let mut sql = Sql::new("select g.id from tags g where g.id = ");
    sql.bind(id);
    seen_tags(&mut sql, reader);
    let found: Option<(TagId,)> = conn.optional_sql(sql).await?;
    Ok(found.is_some())
}

pub(crate) async fn tags_of(conn: &Conn, ticket: TicketId) -> Result<Vec<String>> {
    conn.column(
        "select g.name from ticket_tags tt join tags g on g.id = tt.tag_id
          where tt.ticket_id = $1 order by g.name",
        params![ticket],
    )
    .await
}

/// Puts a tag on a ticket; `false` if it was there.
pub(crate) async fn tag(tx: &mut Tx, ticket: TicketId, name: &str) -> Result<bool> {
    tx.send("insert into tags (name) values ($1) on conflict (name) do nothing", params![name])
        .await?;
    let added = tx
        .execute(
            "insert into ticket_tags (ticket_id, tag_id)
             select $1, id from tags where name = $2
             on conflict do nothing",
            params![ticket, name],
        )
        .await?;
    Ok(added > 0)
}

/// Takes a tag off; `false` if it was not there.
pub(crate) async fn untag(tx: &mut Tx, ticket: TicketId, name: &str) -> Result<bool> {
    let gone = tx
        .execute(
            "delete from ticket_tags
              where ticket_id = $1 and tag_id = (select id from tags where name = $2)",
            params![ticket, name],
        )
        .await?;
    Ok(gone > 0)
}

/// Gives a tag another name everywhere; an existing one of that name takes over.
pub(crate) async fn rename_tag(tx: &mut Tx, id: TagId, name: &str) -> Result<()> {
    let other: Option<(TagId,)> =
        tx.optional("select id from tags where name = $1 and id <> $2", params![name, id]).await?;
    match other {
        None => {
            tx.send("update tags set name = $2 where id = $1", params![id, name]).await?;
        }
        Some((other,)) => {
            tx.send(
                "insert into ticket_tags (ticket_id, tag_id)
                 select ticket_id, $2 from ticket_tags where tag_id = $1
                 on conflict do nothing",
                params![id, other],
            )
            .await?;
            delete_tag(tx, id).await?;
        }
    }
    tx.announce(Change::Settings);
    Ok(())
}

pub(crate) async fn delete_tag(tx: &mut Tx, id: TagId) -> Result<()> {
    tx.send("delete from ticket_tags where tag_id = $1", params![id]).await?;
    tx.send("delete from tags where id = $1", params![id]).await?;
    tx.announce(Change::Settings);
    Ok(())
}

pub(crate) async fn problems(conn: &Conn, limit: i64) -> Result<Vec<Problem>> {
    conn.all(
        "select id, public_id, title, state, created_at from problems
          order by state desc, id desc limit $1",
        params![limit],
    )
    .await
}

pub(crate) async fn find_problem(conn: &Conn, id: ProblemId) -> Result<Option<Problem>> {
    conn.optional(
        "select id, public_id, title, state, created_at from problems where id = $1",
        params![id],
    )
    .await
}

/// The problems that the reader may know of, the open ones first.
pub(crate) async fn problems_for(
    conn: &Conn,
    reader: Reader<'_>,
    limit: i64,
) -> Result<Vec<Problem>> {
    let mut sql = Sql::new(
        "select p.id, p.public_id, p.title, p.state, p.created_at from problems p
          where p.title <> ''",
    );
    seen_problems(&mut sql, reader);
    sql.push(" order by p.state desc, p.id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

/// A problem that the reader may know of.
pub(crate) async fn problem_for(
    conn: &Conn,
    reader: Reader<'_>,
    id: PublicId,
) -> Result<Option<Problem>> {
    let mut sql = Sql::new(
        "select p.id, p.public_id, p.title, p.state, p.created_at from problems p
          where p.public_id = ",
    );
    sql.bind(id);
    seen_problems(&mut sql, reader);
    conn.optional_sql(sql).await
}

/// Narrows problems, `p`, down to those with a ticket that may be seen. One that has no ticket yet
/// belongs to no inbox and is for all.
fn seen_problems(sql: &mut Sql, reader: Reader<'_>) {
    if let Some(inboxes) = reader.inboxes {
        sql.push(
            " and (not exists (select 1 from tickets t where t.problem_id = p.id)
                or exists (select 1 from tickets t
                    where t.problem_id = p.id and t.inbox_id in (",
        );
        sql.bind_list(inboxes.iter().copied()).push(")))");
    }
}

pub(crate) async fn add_problem(
    tx: &mut Tx,
    title: &str,
    by: AgentId,
    now: Timestamp,
) -> Result<ProblemId> {
    let id = tx
        .scalar(
            "insert into problems (public_id, title, state, created_by, created_at)
             values ($1, $2, 'open', $3, $4) returning id",
            params![PublicId::new(now), title, by, now],
        )
        .await?;
    tx.announce(Change::Settings);
    Ok(id)
}

pub(crate) async fn set_problem_fixed(
    tx: &mut Tx,
    id: ProblemId,
    fixed_at: Option<Timestamp>,
) -> Result<()> {
    let state = if fixed_at.is_some() { "fixed" } else { "open" };
    tx.send(
        "update problems set state = $2, fixed_at = $3 where id = $1",
        params![id, state, fixed_at],
    )
    .await?;
    tx.announce(Change::Settings);
    Ok(())
}

/// How many tickets each problem has, as far as they may be seen.
pub(crate) async fn problem_sizes(
    conn: &Conn,
    reader: Reader<'_>,
    ids: &[ProblemId],
) -> Result<Vec<(ProblemId, i64)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select problem_id, count(*) from tickets where problem_id in (");
    sql.bind_list(ids.iter().copied()).push(")");
    if let Some(inboxes) = reader.inboxes {
        sql.push(" and inbox_id in (").bind_list(inboxes.iter().copied()).push(")");
    }
    sql.push(" group by problem_id");
    conn.all_sql(sql).await
}
