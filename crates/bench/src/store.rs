//! What is asked of the world's database beside the running program.

use anyhow::Result;
use database::{Conn, params};

/// How many mails were stored and are not yet tickets.
pub(crate) async fn waiting_mails(conn: &mut Conn) -> Result<i64> {
    conn.scalar("select count(*) from mail_ledger where state = 'received'", params![]).await
}
