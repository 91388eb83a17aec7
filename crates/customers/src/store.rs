//! The rows of customers, identities and notes.

pub(crate) mod again;
pub mod check;

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, dialect, params};
use kernel::{AgentId, CustomerId, EmailAddress, PublicId, Timestamp};

use crate::{Customer, CustomerNote, Identity};

/// A customer with the first of the addresses.
const CUSTOMER: &str = "select customer.id, customer.public_id, customer.name, customer.language,
        customer.time_zone, customer.created_at,
        (select identity.value from identities identity
          where identity.customer_id = customer.id order by identity.id limit 1)
   from customers customer";

pub async fn find(conn: &Conn, id: CustomerId) -> Result<Option<Customer>> {
    let mut sql = Sql::new(CUSTOMER);
    sql.push(" where customer.id = ").bind(id);
    conn.optional_sql(sql).await
}

pub async fn find_by_public_id(conn: &Conn, id: PublicId) -> Result<Option<Customer>> {
    let mut sql = Sql::new(CUSTOMER);
    sql.push(" where customer.public_id = ").bind(id);
    conn.optional_sql(sql).await
}

/// Holds a customer until the end of the transaction: what is read of them now stays so.
pub async fn hold(tx: &mut Tx, id: CustomerId) -> Result<()> {
    let mut sql = Sql::new("select id from customers where id = ");
    sql.bind(id).push(dialect::for_update(tx.engine()));
    let held: Option<(CustomerId,)> = tx.optional_sql(sql).await?;
    anyhow::ensure!(held.is_some(), "customer {id} is gone");
    Ok(())
}

pub async fn find_many(conn: &Conn, ids: &[CustomerId]) -> Result<Vec<Customer>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(CUSTOMER);
    sql.push(" where customer.id in (").bind_list(ids.iter().copied()).push(")");
    conn.all_sql(sql).await
}

/// Customers, the latest first.
pub async fn newest(conn: &Conn, before: Option<CustomerId>, limit: i64) -> Result<Vec<Customer>> {
    let mut sql = Sql::new(CUSTOMER);
    sql.push(" where customer.id < ").bind(before.map_or(i64::MAX, i64::from));
    sql.push(" order by customer.id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

/// Whose address this is.
pub async fn by_address(conn: &Conn, address: &EmailAddress) -> Result<Option<CustomerId>> {
    let row: Option<(CustomerId,)> = conn
        .optional(
            "select customer_id from identities where kind = 'email' and value = $1",
            params![address],
        )
        .await?;
    Ok(row.map(|(id,)| id))
}

/// Whose address something is, and what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub customer: CustomerId,
    /// Somebody proved to own the address.
    pub is_verified: bool,
    pub has_name: bool,
    pub has_language: bool,
}

impl FromRow for Known {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            customer: cols.next()?,
            is_verified: cols.next()?,
            has_name: cols.next()?,
            has_language: cols.next()?,
        })
    }
}

/// Whose address this is, if it is known.
pub async fn known(conn: &Conn, address: &EmailAddress) -> Result<Option<Known>> {
    conn.optional(
        "select i.customer_id, i.verified_at is not null, c.name <> '', c.language is not null
           from identities i join customers c on c.id = i.customer_id
          where i.kind = 'email' and i.value = $1",
        params![address],
    )
    .await
}

/// The addresses of a customer, the first one first.
pub async fn identities(conn: &Conn, id: CustomerId) -> Result<Vec<Identity>> {
    conn.all(
        "select value, verified_at, created_at from identities
          where customer_id = $1 order by id limit 100",
        params![id],
    )
    .await
}

/// Whether somebody proved to own this address.
pub async fn identity_verified(conn: &Conn, address: &EmailAddress) -> Result<bool> {
    let verified: i64 = conn
        .scalar(
            "select count(*) from identities
              where kind = 'email' and value = $1 and verified_at is not null",
            params![address],
        )
        .await?;
    Ok(verified > 0)
}

pub async fn links_valid_from(conn: &Conn, id: CustomerId) -> Result<Option<Timestamp>> {
    let row: Option<(Timestamp,)> =
        conn.optional("select links_valid_from from customers where id = $1", params![id]).await?;
    Ok(row.map(|(from,)| from))
}

/// What the team remembers of somebody, the latest first.
pub async fn notes(conn: &Conn, id: CustomerId) -> Result<Vec<CustomerNote>> {
    conn.all(
        "select id, author_id, text, created_at from customer_notes
          where customer_id = $1 order by id desc limit 100",
        params![id],
    )
    .await
}

pub(crate) async fn insert(
    tx: &mut Tx,
    name: &str,
    language: Option<&str>,
    now: Timestamp,
) -> Result<CustomerId> {
    tx.scalar(
        "insert into customers (public_id, name, language, created_at, updated_at)
         values ($1, $2, $3, $4, $4) returning id",
        params![PublicId::new(now), name, language, now],
    )
    .await
}

/// Gives an address to a customer; `false` if somebody has it already.
pub(crate) async fn add_identity(
    tx: &mut Tx,
    id: CustomerId,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<bool> {
    let added = tx
        .execute(
            "insert into identities (customer_id, kind, value, created_at)
             values ($1, 'email', $2, $3)
             on conflict (kind, value) do nothing",
            params![id, address, now],
        )
        .await?;
    Ok(added > 0)
}

pub(crate) async fn delete(tx: &mut Tx, id: CustomerId) -> Result<()> {
    tx.send("delete from customers where id = $1", params![id]).await
}

pub(crate) async fn set_verified(
    tx: &mut Tx,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "update identities set verified_at = $2
          where kind = 'email' and value = $1 and verified_at is null",
        params![address, now],
    )
    .await
}

pub(crate) async fn set_name(
    tx: &mut Tx,
    id: CustomerId,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    tx.send("update customers set name = $2, updated_at = $3 where id = $1", params![id, name, now])
        .await
}

/// Fills in a name or language that was not known.
pub(crate) async fn learn(
    tx: &mut Tx,
    id: CustomerId,
    name: &str,
    language: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "update customers
                set name = case when name = '' then $2 else name end,
                    language = coalesce(language, $3),
                    updated_at = $4
              where id = $1
                and ((name = '' and $2 <> '') or (language is null and $3 is not null))",
            params![id, name, language, now],
        )
        .await?;
    Ok(changed > 0)
}

pub(crate) async fn set_links_valid_from(
    tx: &mut Tx,
    id: CustomerId,
    from: Timestamp,
) -> Result<()> {
    tx.send("update customers set links_valid_from = $2 where id = $1", params![id, from]).await
}

pub(crate) async fn insert_note(
    tx: &mut Tx,
    id: CustomerId,
    author: AgentId,
    text: &str,
    now: Timestamp,
) -> Result<i64> {
    tx.scalar(
        "insert into customer_notes (customer_id, author_id, text, created_at)
         values ($1, $2, $3, $4) returning id",
        params![id, author, text, now],
    )
    .await
}

/// Moves everything that this feature holds from one customer to another.
pub(crate) async fn move_all(tx: &mut Tx, from: CustomerId, to: CustomerId) -> Result<()> {
    for sql in [
        "update identities set customer_id = $2 where customer_id = $1",
        "update customer_notes set customer_id = $2 where customer_id = $1",
        "update portal_sessions set customer_id = $2 where customer_id = $1",
        "update portal_links set customer_id = $2 where customer_id = $1",
    ] {
        tx.send(sql, params![from, to]).await?;
    }
    Ok(())
}
