//! Whether the storage has what the database says.

use anyhow::Result;
use database::Conn;
use database::check::Finding;

use crate::{FileHash, Files, store};

/// Rows that are looked up together.
const PAGE: i64 = 500;

/// Reads every stored file that the database knows. `told` hears how many were read.
pub async fn check(
    conn: &Conn,
    files: &Files,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<Vec<Finding>> {
    let (mut lost, mut changed) = (Vec::new(), Vec::new());
    let (mut after, mut read) = (String::new(), 0);
    loop {
        let page = store::after(conn, &after, PAGE).await?;
        for (hash, size) in &page {
            let found = match FileHash::read(hash) {
                Some(hash) => files.get(&hash).await.ok(),
                None => None,
            };
            match found {
                None => lost.push(hash.clone()),
                Some(bytes)
                    if FileHash::of(&bytes).as_str() != hash
                        || kernel::count(bytes.len()) != *size =>
                {
                    changed.push(hash.clone());
                }
                Some(_) => {}
            }
            read += 1;
        }
        told(read);
        match page.last() {
            Some((hash, _)) => after.clone_from(hash),
            None => break,
        }
    }
    let findings = [
        Finding::of("a stored file is not there", &lost),
        Finding::of("a stored file is not what was stored", &changed),
    ];
    Ok(findings.into_iter().flatten().collect())
}
