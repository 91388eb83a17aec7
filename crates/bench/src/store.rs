//! What is asked of the world's database beside the running program.

use anyhow::Result;
use database::search::{Expr, few};
use database::{Conn, params};

/// How many mails were stored and are not yet tickets.
pub(crate) async fn waiting_mails(conn: &Conn) -> Result<i64> {
    conn.scalar("select count(*) from mail_ledger where state = 'received'", params![]).await
}

/// How many documents have a word, counted up to a thousand.
pub(crate) async fn having(conn: &Conn, word: &str) -> Result<usize> {
    const BELOW: i64 = 999;
    let documents = few(conn, &Expr::Word(word.to_owned()), None, BELOW).await?;
    Ok(documents.map_or(1_000, |documents| documents.len()))
}
