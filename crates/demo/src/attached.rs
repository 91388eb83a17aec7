//! The files that customers of the story attach.

use anyhow::Result;
use files::{Files, MediaType};

use crate::batch::File;
use crate::letters::FILES;

const BYTES: [(&str, &[u8]); FILES] = [
    ("screenshot.png", include_bytes!("../data/files/screenshot.png")),
    ("error-page.png", include_bytes!("../data/files/error-page.png")),
    ("receipt.pdf", include_bytes!("../data/files/receipt.pdf")),
    ("debug-log.txt", include_bytes!("../data/files/debug-log.txt")),
    ("subscribers.csv", include_bytes!("../data/files/subscribers.csv")),
];

/// Stores them. On return they are durable.
pub(crate) async fn store(files: &Files) -> Result<Vec<File>> {
    let mut stored = Vec::new();
    for (name, bytes) in BYTES {
        let hash = files.put(bytes.to_vec()).await?;
        stored.push(File {
            hash: hash.as_str().to_owned(),
            name,
            media_type: MediaType::of(bytes).as_str(),
            size_bytes: kernel::count(bytes.len()),
        });
    }
    Ok(stored)
}
