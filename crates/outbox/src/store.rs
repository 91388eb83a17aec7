//! The rows behind deliveries, suppressions and caps.

pub mod check;
mod due;
mod listed;
mod outcome;
mod redaction;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use database::{Cols, Conn, Db, FromRow, Sql, Tx, params};
use kernel::{DeliveryId, EmailAddress, LEASE_MAX, MessageId, Span, TicketId, Timestamp};

use crate::policy::{self, Caps, Facts, Withheld};
use crate::{Kind, Letter, Recipients};

pub use due::{SYSTEM, claim, inboxes_due};
pub use listed::{Listed, Shelf, find_listed, listed};
pub use outcome::{
    accepted, bounced, discard, hand_back, hold_back, hurry, put_back, retry, sent, set_failed,
    take_back,
};
pub use redaction::black_out;

/// What became of a posted letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    Queued(DeliveryId),
    Withheld(Withheld),
}

/// Mail is tried for five days (RFC 5321, 4.5.4.1).
const TRIED_FOR: Span = Span::days(5);
const DAY: Span = Span::hours(24);

/// Queues a letter. An automatic one may be withheld; what a person wrote never is.
pub async fn post(tx: &mut Tx, letter: &Letter, caps: &Caps, now: Timestamp) -> Result<Posted> {
    if letter.kind == Kind::System && is_suppressed(tx, letter).await? {
        metrics::counter!("recourse_automatic_mail_withheld_total").increment(1);
        return Ok(Posted::Withheld(Withheld::Suppressed));
    }
    if letter.kind.is_capped() {
        let Letter { recipients, ticket, verified, .. } = letter;
        let withheld = gate(tx, recipients, *ticket, *verified, caps, now).await?;
        if let Some(withheld) = withheld {
            return Ok(Posted::Withheld(withheld));
        }
    }
    post_passed(tx, letter, caps, now).await.map(Posted::Queued)
}

/// Why an automatic letter to somebody, about a ticket, may not leave now. Whoever knows need not
/// write it. `verified` says that somebody proved to own the address.
///
/// Nobody else is told anything about the same address before this transaction has ended: two who
/// ask at once would otherwise both hear that no mail went there today.
pub async fn gate(
    tx: &mut Tx,
    recipients: &Recipients,
    ticket: Option<TicketId>,
    verified: bool,
    caps: &Caps,
    now: Timestamp,
) -> Result<Option<Withheld>> {
    let first = recipients.everyone().next().context("a letter without recipient")?;
    take_turns(tx, [&first.address]).await?;
    let facts = facts(tx, recipients, ticket, verified, now).await?;
    let withheld = policy::gate(&facts, caps).err();
    if withheld.is_some() {
        metrics::counter!("recourse_automatic_mail_withheld_total").increment(1);
    }
    Ok(withheld)
}

/// Waits until nobody else takes a mail of these people in, or writes to them automatically. Whoever
/// is concerned with several names all of them at once: they are waited for in one order, and so
/// never in a circle.
pub async fn take_turns<'a>(
    tx: &mut Tx,
    addresses: impl IntoIterator<Item = &'a EmailAddress>,
) -> Result<()> {
    let names: BTreeSet<&str> = addresses.into_iter().map(EmailAddress::as_str).collect();
    for name in names {
        tx.take_turn(&format!("mail of {name}")).await?;
    }
    Ok(())
}

/// Claims the telling of those in charge that automatic mail reached its hourly cap. `false`: it did
/// not, or they were told within the last day.
pub async fn claim_cap_alarm(tx: &mut Tx, caps: &Caps, now: Timestamp) -> Result<bool> {
    let reached: i64 = tx
        .scalar(
            "select count(*) from automatic_mail_hours where hour >= $1 and sent >= $2",
            params![hour(now) - 1, caps.unverified_per_hour],
        )
        .await?;
    if reached == 0 {
        return Ok(false);
    }
    let claimed = tx
        .execute(
            "insert into settings (name, value, updated_at) values ('automatic_mail_cap', '', $1)
             on conflict (name) do update set updated_at = excluded.updated_at
              where settings.updated_at <= $2",
            params![now, now - DAY],
        )
        .await?;
    Ok(claimed > 0)
}

/// Queues a letter that [`gate`] let pass in this transaction, by the same caps.
pub async fn post_passed(
    tx: &mut Tx,
    letter: &Letter,
    caps: &Caps,
    now: Timestamp,
) -> Result<DeliveryId> {
    if letter.kind.is_capped() {
        count_automatic(tx, letter, caps, now).await?;
    }
    let id = insert(tx, letter, now).await?;
    tx.announce("mail");
    Ok(id)
}

/// Mail of the system goes to one person, and to nobody whom mail does not reach.
async fn is_suppressed(conn: &Conn, letter: &Letter) -> Result<bool> {
    let Some(party) = letter.recipients.everyone().next() else { return Ok(false) };
    let known: i64 = conn
        .scalar("select count(*) from suppressions where address = $1", params![&party.address])
        .await?;
    Ok(known > 0)
}

async fn facts<'f>(
    conn: &Conn,
    recipients: &'f Recipients,
    ticket: Option<TicketId>,
    verified: bool,
    now: Timestamp,
) -> Result<Facts<'f>> {
    let first = recipients.everyone().next().context("a letter without recipient")?;
    let address = &first.address;
    let row: (i64, i64, i64, i64, i64) = conn
        .one(
            "select
                (select count(*) from suppressions where address = $1),
                (select count(*) from inboxes where address = $1),
                (select count(*) from automatic_mail where address = $1 and created_at > $2),
                (select count(*) from automatic_mail
                  where address = $1 and created_at > $2 and ticket_id = $3),
                coalesce((select sent from automatic_mail_hours where hour = $4), 0)",
            params![address, now - DAY, ticket, hour(now)],
        )
        .await?;
    let (suppressed, own, today, today_on_ticket, unverified_this_hour) = row;
    Ok(Facts {
        address,
        recipient_count: recipients.everyone().count(),
        verified,
        suppressed: suppressed > 0,
        is_own: own > 0,
        today,
        today_on_ticket,
        unverified_this_hour,
    })
}

fn hour(now: Timestamp) -> i64 {
    now.seconds() / 3_600
}

async fn count_automatic(tx: &mut Tx, letter: &Letter, caps: &Caps, now: Timestamp) -> Result<()> {
    let first = letter.recipients.everyone().next().context("a letter without recipient")?;
    let address = &first.address;
    tx.send(
        "insert into automatic_mail (address, ticket_id, created_at) values ($1, $2, $3)",
        params![address, letter.ticket, now],
    )
    .await?;
    if !letter.verified {
        // The gate read a count that others may raise meanwhile. Whoever is over the cap then
        // starts again, and is told so at the gate; that is seldom, and in one hour only.
        tx.must_change_at_the_end(Sql::of(
            "insert into automatic_mail_hours (hour, sent) values ($1, 1)
             on conflict (hour) do update set sent = automatic_mail_hours.sent + 1
              where automatic_mail_hours.sent < $2",
            params![hour(now), caps.unverified_per_hour],
        ));
    }
    Ok(())
}

async fn insert(tx: &mut Tx, letter: &Letter, now: Timestamp) -> Result<DeliveryId> {
    let send_after = letter.send_after.max(now);
    tx.scalar(
        "insert into deliveries (kind, inbox_id, ticket_id, message_id, mail_id, from_name,
            reply_to, recipients, subject, text, html, in_reply_to, mail_references, state,
            send_after, created_at, give_up_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'queued', $14, $15, $16)
         returning id",
        params![
            letter.kind.as_str(),
            letter.inbox,
            letter.ticket,
            letter.message,
            &letter.mail_id,
            &letter.from_name,
            letter.reply_to.clone(),
            serde_json::to_string(&letter.recipients)?,
            &letter.subject,
            &letter.text,
            letter.html.clone(),
            letter.in_reply_to.clone(),
            letter.references.join(" "),
            send_after,
            now,
            send_after + letter.useful_for.unwrap_or(TRIED_FOR).min(TRIED_FOR)
        ],
    )
    .await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sending,
    Sent,
    Failed,
    Bounced,
    Discarded,
}

impl State {
    fn named(text: &str) -> Result<Self> {
        Ok(match text {
            "queued" => Self::Queued,
            "sending" => Self::Sending,
            "sent" => Self::Sent,
            "failed" => Self::Failed,
            "bounced" => Self::Bounced,
            "discarded" => Self::Discarded,
            other => bail!("unknown state of delivery {other}"),
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Discarded => "discarded",
        }
    }
}

/// How a letter is doing, for the people who wait for it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub kind: Kind,
    pub ticket: Option<TicketId>,
    pub message: Option<MessageId>,
    pub state: State,
    pub recipients: Recipients,
    pub subject: String,
    pub send_after: Timestamp,
    pub attempts: i64,
    /// What the other side said, in words.
    pub fault: Option<String>,
    pub created_at: Timestamp,
    pub sent_at: Option<Timestamp>,
}

const DELIVERY: &str = "select id, kind, ticket_id, message_id, state, recipients, subject,
    send_after, attempts, fault, created_at, sent_at from deliveries";

impl FromRow for Delivery {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            id: cols.next()?,
            kind: Kind::named(&cols.next::<String>()?)?,
            ticket: cols.next()?,
            message: cols.next()?,
            state: State::named(&cols.next::<String>()?)?,
            recipients: serde_json::from_str(&cols.next::<String>()?)?,
            subject: cols.next()?,
            send_after: cols.next()?,
            attempts: cols.next()?,
            fault: cols.next()?,
            created_at: cols.next()?,
            sent_at: cols.next()?,
        })
    }
}

/// The deliveries of these messages, oldest first.
pub async fn deliveries_of(conn: &Conn, messages: &[MessageId]) -> Result<Vec<Delivery>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(DELIVERY);
    sql.push(" where message_id in (").bind_list(messages.iter().copied());
    sql.push(") order by id");
    conn.all_sql(sql).await
}

/// The latest deliveries of a ticket that carry no message, such as acknowledgements.
pub async fn of_ticket(conn: &Conn, ticket: TicketId, limit: i64) -> Result<Vec<Delivery>> {
    let mut sql = Sql::new(DELIVERY);
    sql.push(" where ticket_id = ").bind(ticket);
    sql.push(" order by id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

/// Letters that did not arrive, the latest first.
pub async fn failed_letters(
    conn: &Conn,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let mut sql = Sql::new(DELIVERY);
    sql.push(" where state in ('failed', 'bounced') and id < ");
    sql.bind(before.map_or(i64::MAX, i64::from));
    sql.push(" order by id desc limit ").bind(limit);
    conn.all_sql(sql).await
}

pub async fn failed_count(conn: &Conn) -> Result<i64> {
    conn.scalar("select count(*) from deliveries where state in ('failed', 'bounced')", params![])
        .await
}

/// Since when the oldest letter should have left, if one waits.
pub async fn oldest_due(conn: &Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    conn.scalar(
        "select min(send_after) from deliveries where state = 'queued' and send_after <= $1",
        params![now],
    )
    .await
}

pub async fn find_by_mail_id(conn: &Conn, mail_id: &str) -> Result<Option<Delivery>> {
    let mut sql = Sql::new(DELIVERY);
    sql.push(" where mail_id = ").bind(mail_id);
    conn.optional_sql(sql).await
}

/// A letter that a sender holds.
#[derive(Clone, Debug)]
pub struct Sending {
    pub id: DeliveryId,
    pub attempts: i64,
    pub give_up_at: Timestamp,
    /// Who has it already: it is theirs once, however often it is tried for the others.
    pub accepted: Vec<EmailAddress>,
    pub letter: Letter,
}

impl Sending {
    /// Whether it waited until it says nothing any more, like a link that has run out. What belongs
    /// to a ticket always does.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.letter.ticket.is_none() && now >= self.give_up_at
    }
}

impl FromRow for Sending {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let id = cols.next()?;
        let attempts = cols.next()?;
        let give_up_at = cols.next()?;
        let accepted = addresses(&cols.next::<String>()?)?;
        let letter = Letter {
            kind: Kind::named(&cols.next::<String>()?)?,
            inbox: cols.next()?,
            ticket: cols.next()?,
            message: cols.next()?,
            mail_id: cols.next()?,
            from_name: cols.next()?,
            reply_to: cols.next()?,
            recipients: serde_json::from_str(&cols.next::<String>()?)?,
            subject: cols.next()?,
            text: cols.next()?,
            html: cols.next()?,
            in_reply_to: cols.next()?,
            references: cols
                .next::<Option<String>>()?
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            send_after: cols.next()?,
            useful_for: None,
            verified: true,
        };
        Ok(Self { id, attempts, give_up_at, accepted, letter })
    }
}

fn addresses(json: &str) -> Result<Vec<EmailAddress>> {
    Ok(serde_json::from_str(json)?)
}

/// Holds letters for longer: their sender lives and is still at it.
pub async fn renew(db: &Db, held: &[DeliveryId], until: Timestamp) -> Result<()> {
    if held.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("update deliveries set leased_until = ");
    sql.bind(until).push(" where state = 'sending' and id in (").bind_list(held.iter().copied());
    sql.push(")");
    let mut tx = db.begin().await?;
    tx.send_sql(sql).await?;
    tx.commit().await
}

/// Frees the letters of senders that died. They go out again under the same Message-ID.
pub async fn free_expired(db: &Db, now: Timestamp) -> Result<u64> {
    let mut tx = db.begin().await?;
    let freed = tx
        .execute(
            "update deliveries set state = 'queued', leased_until = null
              where state = 'sending' and (leased_until < $1 or leased_until > $2)",
            params![now, now + LEASE_MAX],
        )
        .await?;
    tx.commit().await?;
    Ok(freed)
}

/// Frees every held letter. Only right where this process is the database's only user.
pub async fn free_all(db: &Db) -> Result<u64> {
    free_expired(db, Timestamp::from_micros(i64::MAX)).await
}

/// Stops automatic mail to an address that mail does not reach.
pub async fn suppress(
    tx: &mut Tx,
    address: &EmailAddress,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into suppressions (address, reason, created_at) values ($1, $2, $3)
         on conflict (address) do update set reason = excluded.reason",
        params![address, reason, now],
    )
    .await
}

pub async fn lift_suppression(tx: &mut Tx, address: &EmailAddress) -> Result<bool> {
    let gone = tx.execute("delete from suppressions where address = $1", params![address]).await?;
    Ok(gone > 0)
}

/// Addresses that bounced, with the reason and since when; the latest first.
pub async fn suppressions(
    conn: &Conn,
    limit: i64,
) -> Result<Vec<(EmailAddress, String, Timestamp)>> {
    conn.all(
        "select address, reason, created_at from suppressions order by created_at desc limit $1",
        params![limit],
    )
    .await
}
