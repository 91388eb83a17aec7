//! Rules about senders, and what was learned about words.

use anyhow::Result;
use database::{Cols, Conn, FromRow, Sql, Tx, params};
use kernel::{AgentId, EmailAddress, LedgerId, Timestamp};

use crate::senders::{Pattern, Rule, SenderRule};
use crate::spam::{Lessons, Verdict, Weight};

impl FromRow for SenderRule {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self {
            pattern: cols.next()?,
            rule: Rule::named(&cols.next::<String>()?)?,
            by: cols.next()?,
            since: cols.next()?,
        })
    }
}

const RULE: &str = "select pattern, verdict, created_by, created_at from sender_rules";

/// The rule for a sender; one for the address counts before one for the domain.
pub(crate) async fn rule_for(conn: &Conn, address: &EmailAddress) -> Result<Option<SenderRule>> {
    let mut sql = Sql::new(RULE);
    sql.push(" where pattern = ").bind(address);
    sql.push(" or pattern = ").bind(format!("@{}", address.domain()));
    let mut rules: Vec<SenderRule> = conn.all_sql(sql).await?;
    rules.sort_by_key(|rule| rule.pattern != address.as_str());
    Ok(rules.into_iter().next())
}

/// The rule for exactly this pattern.
pub(crate) async fn rule_of(conn: &Conn, pattern: &str) -> Result<Option<SenderRule>> {
    let mut sql = Sql::new(RULE);
    sql.push(" where pattern = ").bind(pattern);
    conn.optional_sql(sql).await
}

pub(crate) async fn set_rule(
    tx: &mut Tx,
    pattern: &Pattern,
    rule: Rule,
    by: AgentId,
    now: Timestamp,
) -> Result<()> {
    tx.send(
        "insert into sender_rules (pattern, verdict, created_by, created_at)
         values ($1, $2, $3, $4)
         on conflict (pattern) do update
            set verdict = excluded.verdict, created_by = excluded.created_by,
                created_at = excluded.created_at",
        params![pattern.as_str(), rule.as_str(), by, now],
    )
    .await
}

pub(crate) async fn drop_rule(tx: &mut Tx, pattern: &str) -> Result<bool> {
    let gone = tx.execute("delete from sender_rules where pattern = $1", params![pattern]).await?;
    Ok(gone > 0)
}

/// Rules of one kind, by pattern.
pub(crate) async fn rules(conn: &Conn, rule: Rule, limit: i64) -> Result<Vec<SenderRule>> {
    let mut sql = Sql::new(RULE);
    sql.push(" where verdict = ").bind(rule.as_str());
    sql.push(" order by pattern limit ").bind(limit);
    conn.all_sql(sql).await
}

pub(crate) async fn lessons(conn: &Conn) -> Result<Lessons> {
    let rows: Vec<(String, i64)> =
        conn.all("select verdict, count(*) from spam_lessons group by verdict", params![]).await?;
    let of = |verdict: Verdict| {
        rows.iter().find(|(known, _)| known == verdict.as_str()).map_or(0, |(_, count)| *count)
    };
    Ok(Lessons { spam: of(Verdict::Spam), ham: of(Verdict::Ham) })
}

pub(crate) async fn weights(conn: &Conn, words: &[String]) -> Result<Vec<Weight>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select spam_count, ham_count from spam_words where word in (");
    sql.bind_list(words.iter().map(String::as_str)).push(")");
    let rows: Vec<(i64, i64)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(spam, ham)| Weight { spam, ham }).collect())
}

/// Learns from a mail; an earlier lesson from the same mail is taken back first.
pub(crate) async fn teach(
    tx: &mut Tx,
    mail: LedgerId,
    words: &[String],
    verdict: Verdict,
    now: Timestamp,
) -> Result<()> {
    unteach(tx, mail, words).await?;
    tx.send(
        "insert into spam_lessons (ledger_id, verdict, created_at) values ($1, $2, $3)",
        params![mail, verdict.as_str(), now],
    )
    .await?;
    count(tx, words, verdict, 1).await
}

/// Takes back what was learned from a mail.
pub(crate) async fn unteach(tx: &mut Tx, mail: LedgerId, words: &[String]) -> Result<()> {
    let before: Option<(String,)> = tx
        .optional("delete from spam_lessons where ledger_id = $1 returning verdict", params![mail])
        .await?;
    match before {
        Some((verdict,)) => count(tx, words, Verdict::named(&verdict)?, -1).await,
        None => Ok(()),
    }
}

/// Words come sorted and each once, so that two lessons at a time wait for each other in order.
async fn count(tx: &mut Tx, words: &[String], verdict: Verdict, by: i64) -> Result<()> {
    if words.is_empty() {
        return Ok(());
    }
    let (spam, ham) = match verdict {
        Verdict::Spam => (by, 0),
        Verdict::Ham => (0, by),
    };
    let mut sql = Sql::new("insert into spam_words (word, spam_count, ham_count) values ");
    for (index, word) in words.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", (" });
        sql.bind(word.as_str()).push(", ").bind(spam).push(", ").bind(ham).push(")");
    }
    sql.push(
        " on conflict (word) do update
            set spam_count = spam_words.spam_count + excluded.spam_count,
                ham_count = spam_words.ham_count + excluded.ham_count",
    );
    tx.send_sql(sql).await
}
