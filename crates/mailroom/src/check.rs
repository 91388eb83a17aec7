//! Whether the sources of mails are what came in.

use anyhow::Result;
use database::Conn;
use database::check::Finding;

pub use crate::store::check::RULES;
use crate::store::ledger;

/// Sources that are read together.
const PAGE: i64 = 200;

/// Reads every source and compares it with the hash of what came in. `told` hears how many were
/// read.
pub async fn check_sources(
    conn: &Conn,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<Option<Finding>> {
    let mut changed = Vec::new();
    let (mut after, mut read) = (None, 0);
    loop {
        let page = ledger::sources(conn, after, PAGE).await?;
        for (id, hash, bytes) in &page {
            if email::raw_hash(bytes) != *hash {
                changed.push(format!("mail {id}"));
            }
            read += 1;
        }
        told(read);
        match page.last() {
            Some((id, ..)) => after = Some(*id),
            None => break,
        }
    }
    Ok(Finding::of("the source of a mail is not what came in", &changed))
}
