use kernel::Secret;

use super::*;

mod structure;

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

fn sealed_file(plain: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::new(&keys(), Vec::new()).unwrap();
    // In uneven portions, as a writer comes along.
    for part in plain.chunks(7_001) {
        std::io::Write::write_all(&mut sealer, part).unwrap();
    }
    sealer.finish().unwrap()
}

fn opened_file(sealed: &[u8], keys: &Keys) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut Opener::new(keys, sealed)?, &mut plain)?;
    Ok(plain)
}

#[test]
fn a_file_of_any_length_comes_back() {
    const PIECE: usize = 64 * 1024;
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 17] {
        let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sealed = sealed_file(&plain);
        assert_eq!(opened_file(&sealed, &keys()).unwrap(), plain, "{length}");
        assert!(opened_file(&sealed, &Keys::from_master(&[8; 32])).is_err());
    }
}

#[test]
fn a_file_that_was_cut_changed_or_put_together_anew_does_not_open() {
    const SEALED: usize = 64 * 1024 + 16;
    let sealed = sealed_file(&vec![5; 3 * 64 * 1024]);
    for length in [0, 18, 19, 20, 19 + SEALED, 19 + 2 * SEALED, sealed.len() - 1] {
        assert!(opened_file(&sealed[..length], &keys()).is_err(), "cut at {length}");
    }
    for at in [0, 18, 19, 19 + SEALED, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(opened_file(&changed, &keys()).is_err(), "changed at {at}");
    }
    let mut turned = sealed[..19].to_vec();
    turned.extend_from_slice(&sealed[19 + SEALED..19 + 2 * SEALED]);
    turned.extend_from_slice(&sealed[19..19 + SEALED]);
    turned.extend_from_slice(&sealed[19 + 2 * SEALED..]);
    assert!(opened_file(&turned, &keys()).is_err(), "pieces turned around");
    let longer = [&sealed[..], b"x"].concat();
    assert!(opened_file(&longer, &keys()).is_err(), "something put behind");
}

#[test]
fn a_checksum_tells_a_slip_of_the_hand_and_old_tokens_go_on_working() {
    let token = Token::with_checksum("rct");
    let text = token.reveal();
    assert_eq!(text.len(), "rct_".len() + 52 + 6);
    assert_eq!(Token::read_checked("rct", text), Some(token.clone()));
    for at in 0..text.len() {
        let mut wrong = text.to_owned().into_bytes();
        wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(Token::read_checked("rct", &wrong), None, "{wrong}");
    }
    for end in 0..text.len() {
        let is_old = end == "rct_".len() + 52;
        assert_eq!(Token::read_checked("rct", &text[..end]).is_some(), is_old, "{end}");
    }
    for wrong in [format!("{text}a"), format!(" {text}"), text.to_uppercase(), format!("{text}é")]
    {
        assert_eq!(Token::read_checked("rct", &wrong), None, "{wrong}");
    }
    let old = Token::new("rct");
    assert_eq!(Token::read_checked("rct", old.reveal()), Some(old.clone()));
    assert_eq!(Token::read_checked("rcs", old.reveal()), None);
}

#[test]
fn an_older_key_opens_and_verifies_what_it_made_and_makes_nothing_new() {
    let before = keys();
    let sealed = before.seal("inbox 1 imap", &Secret::new("hunter2"));
    let signature = before.sign("reply", &[b"1"]);
    let file = sealed_file(b"the whole shop");
    let turned = Keys::from_masters(&[9; 32], &[[8; 32], [7; 32]]);
    assert_eq!(turned.open("inbox 1 imap", &sealed).unwrap().reveal(), "hunter2");
    assert_eq!(turned.open("inbox 2 imap", &sealed), Err(CannotOpen));
    assert!(turned.verify("reply", &[b"1"], &signature));
    assert!(!turned.verify("reply", &[b"2"], &signature));
    assert!(turned.verify_short("reply", &[b"1"], &signature[..26], 26));
    assert!(!turned.verify_short("reply", &[b"1"], &signature[..25], 26));
    assert_eq!(opened_file(&file, &turned).unwrap(), b"the whole shop");
    let long = vec![3; 200_000];
    assert_eq!(opened_file(&sealed_file(&long), &turned).unwrap(), long);
    assert!(turned.is_older(&before.fingerprint()) && !turned.is_older(&turned.fingerprint()));

    let anew = turned.seal_anew("inbox 1 imap", &sealed).unwrap().unwrap();
    assert_eq!(before.open("inbox 1 imap", &anew), Err(CannotOpen));
    let alone = Keys::from_master(&[9; 32]);
    assert_eq!(alone.open("inbox 1 imap", &anew).unwrap().reveal(), "hunter2");
    assert_eq!(turned.seal_anew("inbox 1 imap", &anew), Ok(None));
    assert_eq!(turned.seal_anew("inbox 2 imap", &sealed), Err(CannotOpen));
    assert_ne!(turned.sign("reply", &[b"1"]), signature);
    assert!(!alone.verify("reply", &[b"1"], &signature));
    assert!(opened_file(&file, &alone).is_err());
}

#[test]
fn seals_of_the_trail_say_which_key_made_them() {
    let turned = Keys::from_masters(&[9; 32], &[[7; 32]]);
    let (old, new) = (keys().seal_trail(&[b"a", b"b"]), turned.seal_trail(&[b"a", b"b"]));
    assert_eq!(turned.trail_sealed_by(&[b"a", b"b"], &old), Some(keys().fingerprint()));
    assert_eq!(turned.trail_sealed_by(&[b"a", b"b"], &new), Some(turned.fingerprint()));
    assert_eq!(turned.trail_sealed_by(&[b"ab", b""], &new), None);
    assert_eq!(turned.trail_sealed_by(&[b"a", b"b"], &[]), None);
}

#[test]
fn keys_are_added_to_the_file_and_forgotten() {
    let folder = std::env::temp_dir().join(format!("recourse-turned-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("recourse.key");
    assert!(matches!(Keys::add_to_file(&path), Err(KeyFault::Unreadable { .. })));
    let first = Keys::load_or_make(&path).unwrap();
    let second = Keys::add_to_file(&path).unwrap();
    assert_ne!(first.fingerprint(), second.fingerprint());
    let read = Keys::load(&path).unwrap();
    assert_eq!(read.fingerprint(), second.fingerprint());
    assert!(read.is_older(&first.fingerprint()));
    let alone = Keys::forget_older_in_file(&path).unwrap();
    assert_eq!((alone.fingerprint(), alone.older_count()), (second.fingerprint(), 0));
    assert_eq!(Keys::load(&path).unwrap().older_count(), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}
