//! Mails that an IMAP server names and did not give.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{InboxId, LedgerId};

use crate::intake::{Cursor, NotGiven};

/// Notes where the mail of a line is, and why it is not here.
pub(crate) async fn note(
    tx: &mut Tx,
    id: LedgerId,
    cursor: &Cursor,
    not_given: &NotGiven,
) -> Result<()> {
    tx.send(
        "insert into mail_unfetched (ledger_id, folder, uid_validity, uid, reason)
         values ($1, $2, $3, $4, $5)",
        params![
            id,
            &cursor.folder,
            cursor.uid_validity,
            not_given.uid,
            kernel::clip(&kernel::one_line(&not_given.reason), 500)
        ],
    )
    .await
}

/// The mails of a folder that are to be asked for once more, with whether they are history.
pub(crate) async fn wanted(
    conn: &Conn,
    inbox: InboxId,
    folder: &str,
    uid_validity: u32,
) -> Result<Vec<(LedgerId, i64, bool)>> {
    conn.all(
        "select l.id, u.uid, l.history
           from mail_unfetched u join mail_ledger l on l.id = u.ledger_id
          where u.wanted = $1 and l.inbox_id = $2 and u.folder = $3 and u.uid_validity = $4
          order by l.id limit 50",
        params![true, inbox, folder, uid_validity],
    )
    .await
}

/// Has the mail of a line asked for once more. `false`: it is not one that was not given.
pub(crate) async fn want(tx: &mut Tx, id: LedgerId) -> Result<bool> {
    let changed = tx
        .execute("update mail_unfetched set wanted = $2 where ledger_id = $1", params![id, true])
        .await?;
    Ok(changed > 0)
}

/// The same for all that only earlier versions of this program asked for.
pub(crate) async fn want_by(tx: &mut Tx, version: i64) -> Result<()> {
    tx.send(
        "update mail_unfetched set wanted = $2 where ledger_id in (
            select id from mail_ledger where state = 'failed' and read_by < $1)",
        params![version, true],
    )
    .await?;
    tx.send(
        "update mail_ledger set read_by = $1
          where state = 'failed' and read_by < $1
            and id in (select ledger_id from mail_unfetched)",
        params![version],
    )
    .await
}

/// Notes that a mail is asked for now, so that it is not again whatever comes of it.
pub(crate) async fn asked(tx: &mut Tx, id: LedgerId) -> Result<()> {
    tx.send("update mail_unfetched set wanted = $2 where ledger_id = $1", params![id, false]).await
}

/// The mail of a line came.
pub(crate) async fn came(tx: &mut Tx, id: LedgerId) -> Result<()> {
    tx.send("delete from mail_unfetched where ledger_id = $1", params![id]).await
}
