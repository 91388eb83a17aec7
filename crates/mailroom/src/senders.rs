//! What the team said about senders and words.

use anyhow::Result;
use database::{Conn, Sql, Tx, params};
use kernel::{AgentId, EmailAddress, LedgerId, Timestamp};

use crate::spam::{Lessons, Weight};

/// What is to happen with mail of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Let in, whatever it looks like.
    Allow,
    /// Held, whatever it looks like.
    Block,
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }

    pub fn named(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "block" => Some(Self::Block),
            _ => None,
        }
    }
}

/// An address, or a domain that begins with `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let is_good = match text.strip_prefix('@') {
            Some(domain) => format!("x@{domain}").parse::<EmailAddress>().is_ok(),
            None => text.parse::<EmailAddress>().is_ok(),
        };
        is_good.then_some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule for a sender; one for the address counts before one for the domain.
pub(crate) async fn rule_for(
    conn: &mut Conn,
    address: &EmailAddress,
) -> Result<Option<(Rule, String)>> {
    let rows: Vec<(String, String)> = conn
        .all(
            "select pattern, verdict from sender_rules where pattern = $1 or pattern = $2",
            params![address, format!("@{}", address.domain())],
        )
        .await?;
    let exact = rows.iter().find(|(pattern, _)| pattern == address.as_str());
    let found = exact.or_else(|| rows.first());
    Ok(found.and_then(|(pattern, verdict)| Some((Rule::named(verdict)?, pattern.clone()))))
}

pub async fn set_rule(
    tx: &mut Tx,
    pattern: &Pattern,
    rule: Rule,
    by: AgentId,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "insert into sender_rules (pattern, verdict, created_by, created_at)
         values ($1, $2, $3, $4)
         on conflict (pattern) do update set verdict = excluded.verdict",
        params![pattern.as_str(), rule.as_str(), by, now],
    )
    .await
    .map(drop)
}

pub async fn drop_rule(tx: &mut Tx, pattern: &str) -> Result<bool> {
    let gone = tx.execute("delete from sender_rules where pattern = $1", params![pattern]).await?;
    Ok(gone > 0)
}

/// All rules, by pattern.
pub async fn rules(conn: &mut Conn, limit: i64) -> Result<Vec<(String, String)>> {
    conn.all(
        "select pattern, verdict from sender_rules order by verdict desc, pattern limit $1",
        params![limit],
    )
    .await
}

pub(crate) async fn lessons(conn: &mut Conn) -> Result<Lessons> {
    let rows: Vec<(String, i64)> =
        conn.all("select verdict, count(*) from spam_lessons group by verdict", params![]).await?;
    let of = |verdict: &str| {
        rows.iter().find(|(known, _)| known == verdict).map_or(0, |(_, count)| *count)
    };
    Ok(Lessons { spam: of("spam"), ham: of("ham") })
}

pub(crate) async fn weights(conn: &mut Conn, words: &[String]) -> Result<Vec<Weight>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("select spam_count, ham_count from spam_words where word in (");
    sql.bind_list(words.iter().map(String::as_str)).push(")");
    let rows: Vec<(i64, i64)> = conn.all_sql(sql).await?;
    Ok(rows.into_iter().map(|(spam, ham)| Weight { spam, ham }).collect())
}

/// What a lesson says a mail was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Spam,
    Ham,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Ham => "ham",
        }
    }
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
    tx.execute(
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
        Some((verdict,)) if verdict == "spam" => count(tx, words, Verdict::Spam, -1).await,
        Some(_) => count(tx, words, Verdict::Ham, -1).await,
        None => Ok(()),
    }
}

async fn count(tx: &mut Tx, words: &[String], verdict: Verdict, by: i64) -> Result<()> {
    let (spam, ham) = match verdict {
        Verdict::Spam => (by, 0),
        Verdict::Ham => (0, by),
    };
    for word in words {
        tx.execute(
            "insert into spam_words (word, spam_count, ham_count) values ($1, $2, $3)
             on conflict (word) do update
                set spam_count = spam_words.spam_count + excluded.spam_count,
                    ham_count = spam_words.ham_count + excluded.ham_count",
            params![word.as_str(), spam, ham],
        )
        .await?;
    }
    Ok(())
}
