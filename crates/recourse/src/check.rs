//! Whether everything that is stored agrees: what every crate says of its tables, the search, the
//! files, and the sources of the mails.

use anyhow::Result;
use audit::verify;
use database::Conn;
use database::check::{Finding, Rule, count, of_the_engine, of_the_search};
use files::Files;
use keys::Keys;

/// What every crate says of its tables.
const RULES: [&[Rule]; 5] = [
    tickets::check::RULES,
    mailroom::check::RULES,
    customers::check::RULES,
    outbox::check::RULES,
    queue::check::RULES,
];

/// How far a look is: what is counted, how many were looked at, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub what: &'static str,
    pub done: u64,
    pub of: u64,
}

/// Looks at everything that can be seen through a connection, best one of `Db::snapshot`. With
/// `quick` no file and no source of a mail is read.
pub async fn look(
    conn: &mut Conn,
    files: &Files,
    keys: &Keys,
    quick: bool,
    told: &mut (dyn FnMut(Step) + Send),
) -> Result<Vec<Finding>> {
    let mut findings = of_the_engine(conn).await?;
    let of_the_search = of_the_search(conn.engine());
    let rules: Vec<&Rule> = RULES.iter().copied().flatten().chain(&of_the_search).collect();
    let of = u64::try_from(rules.len())?;
    for (done, rule) in (1..).zip(&rules) {
        findings.extend(rule.check(conn).await?);
        told(Step { what: "rules", done, of });
    }
    findings.extend(of_the_trail(conn, keys, told).await?);
    if quick {
        return Ok(findings);
    }
    let of = count(conn, "files").await?;
    let mut read = |done| told(Step { what: "files", done, of });
    findings.extend(files::check(conn, files, &mut read).await?);
    let of = count(conn, "mail_sources").await?;
    let mut read = |done| told(Step { what: "mails", done, of });
    findings.extend(mailroom::check::check_sources(conn, &mut read).await?);
    Ok(findings)
}

async fn of_the_trail(
    conn: &mut Conn,
    keys: &Keys,
    told: &mut (dyn FnMut(Step) + Send),
) -> Result<Option<Finding>> {
    let of = count(conn, "audit_entries").await?;
    let report = verify(conn, keys, &[], &mut |done| {
        told(Step { what: "entries of the audit trail", done, of });
    })
    .await?;
    let places: Vec<String> = report.broken.iter().map(ToString::to_string).collect();
    Ok(Finding::of("the audit trail was tampered with", &places))
}

/// How many tickets and messages there are.
pub(crate) async fn size(conn: &Conn) -> Result<(u64, u64)> {
    let tickets = count(conn, "tickets").await?;
    Ok((tickets, count(conn, "messages").await?))
}
