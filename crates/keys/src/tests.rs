use kernel::Secret;

use super::*;

fn keys() -> Keys {
    Keys::from_master(&[7; 32])
}

#[test]
fn a_credential_opens_only_where_it_belongs() {
    let sealed = keys().seal("inbox 1 imap", &Secret::new("hunter2"));
    assert!(!sealed.contains("hunter2"));
    assert_eq!(keys().open("inbox 1 imap", &sealed).unwrap().reveal(), "hunter2");
    assert_eq!(keys().open("inbox 2 imap", &sealed), Err(CannotOpen));
    assert_eq!(Keys::from_master(&[8; 32]).open("inbox 1 imap", &sealed), Err(CannotOpen));

    let mut changed = sealed.clone();
    changed.pop();
    assert_eq!(keys().open("inbox 1 imap", &changed), Err(CannotOpen));
    for nonsense in ["", "v1.", "v1.AA", "v0.AAAA", "hunter2"] {
        assert_eq!(keys().open("inbox 1 imap", nonsense), Err(CannotOpen), "{nonsense}");
    }
}

#[test]
fn sealing_twice_gives_two_texts() {
    let secret = Secret::new("same");
    assert_ne!(keys().seal("x", &secret), keys().seal("x", &secret));
}

#[test]
fn signatures_hold_for_their_parts_and_purpose_only() {
    let signature = keys().sign("reply", &[b"10482", b"dana@example.com"]);
    assert_eq!(signature.len(), 32);
    assert!(keys().verify("reply", &[b"10482", b"dana@example.com"], &signature));
    assert!(keys().verify("reply", &[b"10482", b"dana@example.com"], &signature.to_uppercase()));
    assert!(!keys().verify("reply", &[b"1048", b"2dana@example.com"], &signature));
    assert!(!keys().verify("other", &[b"10482", b"dana@example.com"], &signature));
    assert!(!keys().verify("reply", &[b"10482", b"dana@example.com"], ""));
}

#[test]
fn tokens_are_read_in_their_exact_form() {
    let token = Token::new("rcs");
    assert_eq!(Token::read("rcs", token.reveal()), Some(token.clone()));
    assert_eq!(Token::read("rct", token.reveal()), None);
    for nonsense in ["", "rcs_", "rcs_short", &format!("{}x", token.reveal())] {
        assert_eq!(Token::read("rcs", nonsense), None, "{nonsense}");
    }
    assert_ne!(Token::new("rcs").hash(), token.hash());
}

#[test]
fn base32_follows_rfc_4648() {
    for (plain, encoded) in
        [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")]
    {
        assert_eq!(token::base32(plain.as_bytes()), encoded);
    }
}

#[test]
fn the_key_file_is_made_once_and_private() {
    let folder = std::env::temp_dir().join(format!("recourse-keys-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("recourse.key");

    let made = Keys::load_or_make(&path).unwrap();
    let read = Keys::load_or_make(&path).unwrap();
    assert_eq!(made.fingerprint(), read.fingerprint());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Keys::load_or_make(&path), Err(KeyFault::TooOpen { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    std::fs::write(&path, "not a key").unwrap();
    assert!(matches!(Keys::load_or_make(&path), Err(KeyFault::NotAKey { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}
