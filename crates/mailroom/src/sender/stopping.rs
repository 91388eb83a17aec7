//! What becomes of letters that are being sent when the server stops.

use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use kernel::DeliveryId;

use super::underway::Underway;
use super::{RENEW_EVERY, Sender};

/// Said at the message until it has left again.
const UNCLEAR: &str =
    "our own server stopped before the mail was confirmed; it may have been delivered";

impl Sender {
    pub(super) async fn finish(&self, mut underway: Underway, within: Duration) {
        let mut renewal = tokio::time::interval(RENEW_EVERY);
        let mut is_over = pin!(tokio::time::sleep(within));
        while !underway.is_empty() {
            tokio::select! {
                () = underway.done() => {}
                _ = renewal.tick() => self.renew(&underway).await,
                () = &mut is_over => {
                    let unclear = underway.break_off();
                    return self.leave_unclear(&unclear).await;
                }
            }
        }
    }

    /// Their servers may have them. They go out again under the same Message-ID, as after a crash,
    /// only at once.
    async fn leave_unclear(&self, letters: &[DeliveryId]) {
        let now = self.clock.now();
        let left = async {
            let mut tx = self.db.begin().await?;
            for id in letters {
                outbox::put_back(&mut tx, *id, now, UNCLEAR).await?;
            }
            tx.commit().await
        };
        match left.await {
            Ok(()) => tracing::warn!(
                "{} letters were not confirmed in time and go out again; whoever has one already \
                 can tell it by its Message-ID",
                letters.len()
            ),
            Err(fault) => tracing::error!("letters cannot be handed back: {fault:#}"),
        }
    }

    /// Gives a letter back that no server has.
    pub(super) async fn hand_back(&self, id: DeliveryId) -> Result<()> {
        tracing::info!(delivery = %id, "delivery {id} was handed back, since the server stops");
        let mut tx = self.db.begin().await?;
        outbox::hand_back(&mut tx, id).await?;
        tx.commit().await
    }
}
