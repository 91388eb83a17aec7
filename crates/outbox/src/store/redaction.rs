//! What was blacked out is not kept in the mails about it, either.

use anyhow::Result;
use database::{Tx, params};
use kernel::{DeliveryId, MessageId, TicketId};

/// Stands where words were taken out.
const BLACK: &str = "> […]\n";
/// More mails than this about one ticket are not looked through in one go.
const LOOKED_AT_MAX: i64 = 2_000;

/// Takes a message out of every mail about its ticket: its own is emptied, and does not leave any
/// more; others lose what they quote of it. A mail without its HTML goes as text.
pub async fn black_out(
    tx: &mut Tx,
    message: MessageId,
    ticket: TicketId,
    quotes: &[String],
) -> Result<()> {
    tx.send(
        "update deliveries set state = 'discarded'
          where message_id = $1 and state in ('queued', 'failed', 'bounced')",
        params![message],
    )
    .await?;
    tx.send("update deliveries set text = '', html = null where message_id = $1", params![message])
        .await?;
    let letters: Vec<(DeliveryId, String)> = tx
        .all(
            "select id, text from deliveries where ticket_id = $1 order by id desc limit $2",
            params![ticket, LOOKED_AT_MAX],
        )
        .await?;
    for (id, text) in letters {
        let left = quotes.iter().fold(text.clone(), |text, quote| text.replace(quote, BLACK));
        if left != text {
            tx.send(
                "update deliveries set text = $2, html = null where id = $1",
                params![id, left],
            )
            .await?;
        }
    }
    Ok(())
}
