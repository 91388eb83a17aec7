//! The index of the search, made anew from what is there.

use anyhow::Result;
use database::Db;
use database::bulk::WordIndex;
use database::check::count;
use search::Again;

use super::Told;
use crate::check::Step;

/// Documents that are read together.
const PAGE: i64 = 1_000;
/// So many are indexed in one go.
const AT_ONCE: u64 = 100_000;

/// Fills the index, which has to be empty, for every document that there is.
pub(super) async fn make_again(db: &Db, told: Told<'_>) -> Result<()> {
    let mut tx = db.begin().await?;
    let of = count(&tx, "search_documents").await?;
    let words = WordIndex::hold(&mut tx).await?;
    let mut index = Again::new(tx.engine());
    let (mut done, mut caught_up) = (0, 0);
    for what in [What::Customers, What::Messages, What::Notes] {
        let mut after = 0;
        loop {
            let last = match what {
                What::Customers => customers::index_again(&tx, after, PAGE, &mut index).await?,
                What::Messages => {
                    tickets::index_messages_again(&tx, after, PAGE, &mut index).await?
                }
                What::Notes => tickets::index_notes_again(&tx, after, PAGE, &mut index).await?,
            };
            let rows = index.take();
            done += u64::try_from(rows.len())?;
            rows.insert(&mut tx).await?;
            told(Step { what: "documents of the search", done, of });
            if done - caught_up >= AT_ONCE {
                words.catch_up(&mut tx).await?;
                caught_up = done;
            }
            let Some(last) = last else { break };
            after = last;
        }
    }
    words.complete(&mut tx).await?;
    tx.commit().await
}

#[derive(Clone, Copy)]
enum What {
    Customers,
    Messages,
    Notes,
}
