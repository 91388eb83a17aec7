use std::sync::Arc;

use database::{Db, on_both, params};
use kernel::{Clock, PublicId, Span, SystemClock, Timestamp};
use object_store::memory::InMemory;

use crate::storage::Backend;
use crate::*;

#[test]
fn names_are_cleaned_before_they_are_shown() {
    for (given, shown) in [
        ("invoice.pdf", "invoice.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\d\\x.txt", "x.txt"),
        (".htaccess", "htaccess"),
        ("\u{200b}.htaccess", "htaccess"),
        ("evil\u{202e}fdp.exe", "evilfdp.exe"),
        ("a\r\nb.txt", "ab.txt"),
        ("  ", "file"),
        ("...", "file"),
        ("/", "file"),
        ("e\u{301}.txt", "é.txt"),
        ("e\u{200b}\u{301}.txt", "\u{e9}.txt"),
        ("e\u{0}\u{301}.txt", "\u{e9}.txt"),
        ("NUL\u{0}.txt", "NUL.txt"),
        (". .htaccess", "htaccess"),
        (".\u{a0}. x . .", "x"),
    ] {
        assert_eq!(clean_name(given), shown, "{given:?}");
    }
    let long = clean_name(&format!("{}.pdf", "ä".repeat(300)));
    assert!(long.len() <= 255 && long.ends_with("ä.pdf"), "{long}");
}

#[test]
fn a_thousand_hostile_names_become_plain_ones() {
    let mut names = 0;
    for raw in crate::testing::hostile_names(1_000) {
        let name = clean_name(&raw);
        assert!(!name.is_empty() && name.len() <= 255, "{raw:?} {name:?}");
        let is_bad =
            |c: char| c.is_control() || "/\\\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}".contains(c);
        assert!(!name.contains(is_bad), "{raw:?} {name:?}");
        assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "{raw:?} {name:?}");
        assert_eq!(clean_name(&name), name, "{raw:?}");
        names += 1;
    }
    assert_eq!(names, 1_000);
}

#[test]
fn a_file_is_what_its_bytes_say() {
    for (bytes, is) in [
        (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01"[..], MediaType::Png),
        (b"\x89PNG\r\n\x1a\n0000", MediaType::Other),
        (b"%PDF-1.7", MediaType::Pdf),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>", MediaType::Other),
        (b"<!doctype html><script>", MediaType::Other),
        (b"", MediaType::Other),
    ] {
        assert_eq!(MediaType::of(bytes), is);
    }
    assert!(!MediaType::Other.may_be_inline());
    assert!(!MediaType::Pdf.may_be_inline());
    assert_eq!(MediaType::named("image/svg+xml; x"), MediaType::Other);
    assert_eq!(MediaType::named(MediaType::Webp.as_str()), MediaType::Webp);
}

#[test]
fn storage_is_a_folder_or_a_bucket() {
    assert!(matches!("s3://bucket/prefix".parse(), Ok(Place::Bucket { .. })));
    assert!(matches!("file:///var/files".parse(), Ok(Place::Folder(_))));
    for text in ["", "s3://", "s3:///x", "file://relative", "ftp://x", "/var/files"] {
        assert_eq!(text.parse::<Place>(), Err(NotAStorage), "{text}");
    }
}

#[tokio::test]
async fn a_file_is_stored_once_and_privately() {
    let root = std::env::temp_dir().join(format!("recourse-files-{}", std::process::id()));
    let files = Files::open(&Place::Folder(root.clone()), &BucketAccess::default()).unwrap();
    let hash = files.put(b"hello".to_vec()).await.unwrap();
    assert_eq!(files.put(b"hello".to_vec()).await.unwrap(), hash);
    assert_eq!(files.get(&hash).await.unwrap(), b"hello");
    assert_eq!(FileHash::read(hash.as_str()), Some(hash.clone()));
    assert_eq!(FileHash::read("../../etc/passwd"), None);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let (folder, name) = hash.as_str().split_at(2);
        let mode = std::fs::metadata(root.join(folder).join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_dir_all(root).unwrap();
}

/// A folder and a bucket, both empty.
fn storages() -> [Files; 2] {
    let unique = PublicId::new(SystemClock.now()).to_string();
    let root = std::env::temp_dir().join(format!("recourse-files-{unique}"));
    let prefix = object_store::path::Path::from("recourse");
    [
        Files::open(&Place::Folder(root), &BucketAccess::default()).unwrap(),
        Files(Backend::Bucket { store: Arc::new(InMemory::new()), prefix }),
    ]
}

const REFERENCES: &[Reference] = &[Reference { table: "attachments", column: "file_hash" }];

/// A file is stored and noted, and an attachment may refer to it.
async fn keep(
    db: &Db,
    files: &Files,
    bytes: &[u8],
    now: Timestamp,
    is_referred_to: bool,
) -> FileHash {
    let hash = files.put(bytes.to_vec()).await.unwrap();
    if is_referred_to {
        keep_row(db, &hash, now).await;
        return hash;
    }
    let mut tx = db.begin().await.unwrap();
    record(&mut tx, &hash, kernel::count(bytes.len()), now).await.unwrap();
    tx.commit().await.unwrap();
    hash
}

on_both! {
    async fn what_nothing_refers_to_is_removed_in_days(db: Db) {
        for files in storages() {
            let now = SystemClock.now();
            let kept = keep(&db, &files, b"kept", now, true).await;
            let left = keep(&db, &files, b"left", now, false).await;
            let stray = files.put(b"stray".to_vec()).await.unwrap();
            let collect = async |now| collect(&db, &files, REFERENCES, now).await.unwrap();
            let waiting = async || {
                let conn = db.read().await.unwrap();
                unreferenced(&conn, &files, REFERENCES).await.unwrap()
            };
            assert_eq!(waiting().await, Unreferenced { files: 2, bytes: 9 });
            // An upload may take its time until it is bound.
            assert_eq!(collect(now + Span::hours(23)).await, Collected::default());
            let days = |days| now + Span::days(days) + Span::hours(1);
            let done = collect(days(1)).await;
            assert_eq!(done, Collected { forgotten: 1, aside: 2, ..<_>::default() });
            // A backup that began before goes on reading.
            assert_eq!(files.get(&left).await.unwrap(), b"left");
            assert_eq!(waiting().await.files, 2);
            let done = collect(days(2) + Span::hours(1)).await;
            assert_eq!(done, Collected { removed: 2, removed_bytes: 9, ..<_>::default() });
            assert!(files.get(&left).await.is_err() && files.get(&stray).await.is_err());
            assert_eq!(files.get(&kept).await.unwrap(), b"kept");
            assert_eq!(waiting().await, Unreferenced::default());
            assert_eq!(collect(days(9)).await, Collected::default());
            let mut tx = db.begin().await.unwrap();
            tx.execute("delete from attachments", params![]).await.unwrap();
            tx.commit().await.unwrap();
            collect(days(10)).await;
            collect(days(12)).await;
            assert!(files.get(&kept).await.is_err());
        }
    }

    async fn what_comes_again_while_it_leaves_comes_back(db: Db) {
        for files in storages() {
            let now = SystemClock.now();
            let collect = async |days| {
                let then = now + Span::days(days) + Span::hours(days);
                collect(&db, &files, REFERENCES, then).await.unwrap()
            };
            let hash = keep(&db, &files, b"again", now, false).await;
            // Whoever stores it found the bytes, and has not come to the row when they leave.
            files.put(b"again".to_vec()).await.unwrap();
            assert_eq!(collect(2).await.aside, 1);
            keep_row(&db, &hash, now + Span::days(2)).await;
            assert_eq!(files.get(&hash).await.unwrap(), b"again");
            assert_eq!(collect(3).await.back, 1);
            assert_eq!(collect(4).await, Collected::default());
            assert_eq!(files.get(&hash).await.unwrap(), b"again");
            let mut tx = db.begin().await.unwrap();
            tx.execute("delete from attachments", params![]).await.unwrap();
            tx.execute("delete from files", params![]).await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn a_row_that_is_about_to_be_referred_to_is_not_forgotten(db: Db) {
        let [files, _] = storages();
        let now = SystemClock.now();
        let hash = keep(&db, &files, b"about", now, false).await;
        if db.engine() == database::Engine::Sqlite {
            return;
        }
        let mut tx = db.begin().await.unwrap();
        record(&mut tx, &hash, 5, now).await.unwrap();
        // What was sent goes out with what is waited for.
        let _: i64 = tx.scalar("select count(*) from files", params![]).await.unwrap();
        let done = collect(&db, &files, REFERENCES, now + Span::days(2)).await.unwrap();
        assert_eq!(done, Collected::default());
    }
}

async fn keep_row(db: &Db, hash: &FileHash, now: Timestamp) {
    let mut tx = db.begin().await.unwrap();
    record(&mut tx, hash, 5, now).await.unwrap();
    let sql = "insert into attachments (public_id, file_hash, name, media_type, size_bytes,
            created_at)
         values ($1, $2, 'a', 'b', 1, $3)";
    tx.send(sql, params![PublicId::new(now), hash.as_str(), now]).await.unwrap();
    tx.commit().await.unwrap();
}
