//! How far IMAP folders were read.

use anyhow::Result;
use database::{Conn, Tx, params};
use kernel::{InboxId, Timestamp};

use crate::intake::Cursor;

pub(crate) async fn find(conn: &Conn, inbox: InboxId, folder: &str) -> Result<Option<Cursor>> {
    let row: Option<(i64, i64, Option<Timestamp>)> = conn
        .optional(
            "select uid_validity, last_uid, history_from from imap_cursors
              where inbox_id = $1 and folder = $2",
            params![inbox, folder],
        )
        .await?;
    let Some((uid_validity, last_uid, history_from)) = row else { return Ok(None) };
    Ok(Some(Cursor {
        folder: folder.to_owned(),
        uid_validity: u32::try_from(uid_validity)?,
        last_uid: u32::try_from(last_uid)?,
        history_from,
    }))
}

pub(crate) async fn save(tx: &mut Tx, inbox: InboxId, cursor: &Cursor) -> Result<()> {
    tx.send(
        "insert into imap_cursors (inbox_id, folder, uid_validity, last_uid, history_from)
         values ($1, $2, $3, $4, $5)
         on conflict (inbox_id, folder) do update
            set uid_validity = excluded.uid_validity, last_uid = excluded.last_uid,
                history_from = excluded.history_from",
        params![inbox, &cursor.folder, cursor.uid_validity, cursor.last_uid, cursor.history_from],
    )
    .await
}

/// Forgets how far the folders of an inbox were read: they are on another server now.
pub(crate) async fn forget(tx: &mut Tx, inbox: InboxId) -> Result<()> {
    tx.send("delete from imap_cursors where inbox_id = $1", params![inbox]).await
}
