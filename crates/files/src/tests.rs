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
    ] {
        assert_eq!(clean_name(given), shown, "{given:?}");
    }
    let long = clean_name(&format!("{}.pdf", "ä".repeat(300)));
    assert!(long.len() <= 255 && long.ends_with("ä.pdf"), "{long}");
}

#[test]
fn a_file_is_what_its_bytes_say() {
    for (bytes, is) in [
        (&b"\x89PNG\r\n\x1a\n0000"[..], MediaType::Png),
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
    files.remove(&hash).await.unwrap();
    files.remove(&hash).await.unwrap();
    assert!(files.get(&hash).await.is_err());
    std::fs::remove_dir_all(root).unwrap();
}
