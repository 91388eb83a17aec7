//! Signatures that another program made.

use serde_json::json;

use super::*;

const MODULUS: &str = "qsiSAalF--Ii2RChLF_dUcU181fP_gEsBinNc2PsZzxtxUDU5bRXRKEttBDktRVTNZbrjNPGvWDsFy7Cn36K\
    toykcIhTLpsNsG0OTNAFD0SC8zuLR20e5fkvV-wgBa-YdRZxsK66GFac2tG4eR5MAPKU4MLwGhv-kQrovY1E\
    mvqr76JNfW7hVS-6LlJDknCi0p-lE1l_C-2wDXCuYgQXJWp5CDxMwTXfsY4UuIyxYWedphNLveDruvjSYLfn\
    aWqd9xezpbX9YNF5BCOCRkgJPeZRvb83aZJ_Moi6QQ6ErhQ24oqL9XUcCiLG42H1Eo6_IlIwE-AFVMDvV47H\
    eZIQSw";

const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXV\
    kIjoiZGVzayIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI\
    6Im4ifQ.m2jv27WfO1MYsB-vCnZIgiS5axvjosHq6EDPhf5hYZzCRhht8imZK76phRqy3yMJN5_aexXCBPyL\
    kvgbzIeIM6Kk3fNI_LJP-M4f69CFOX677yGnCIdQSRza3LMhqcsMj9L9qpQP3MvBRVqfmrmYRmYKJZU8lzQr\
    6DtfZqDPfIbykm9yP7eMuWK6SfuqlMGUp7myOKZhVNsFgJwA5S7K91xyEjr40w4aqVwbOopqVnWnP4-Sl6q1\
    Q4-4jgaAFg2-NlUW2hFAnAczCOAaMI-e941gGUrmfExg6LEvh9QwxP5aH3fxZyozhLXR_ZumASkxF-w293DL\
    lwt0Yff_Eo8pYQ";

const PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXV\
    kIjoiZGVzayIsInN1YiI6InUtMSIsImV4cCI6MTcwMDAwMDYwMCwiaWF0IjoxNzAwMDAwMDAwLCJub25jZSI\
    6Im4ifQ.lZYsrdM-DMYgNPGlwJmllnxQ7NB8SVU6U9gn3cVBFxXipcJWJit6Ja9wMZO6DvTO1t13BAK6kzF2\
    iraK0Yf_ddrPn-sZ4IiZCBYbHcdLgmreYPiKJz0QjRUvtulgod_2ofTlbpzLy1VpdmdTl4hSLMFxd2qqm146\
    e9oc0Kj8bGnCrJDQWmixbXoEviVn6oV7fEjgXMICZsEV-F0D_w8J7l5vezvstGOeN9zxddhGtKx1dQhL3tPW\
    TR2iZWJYKevHOYIRQEk7_xtnYo3rKNN62Uyg6emfRg51M3JjYWFKlBebZKvMrXGVYopPvZIVcRBGj6oeJK2h\
    Z5EgEVXel6ZDaA";

fn keys(change: impl Fn(&mut serde_json::Value)) -> KeySet {
    let mut key = json!({"kty": "RSA", "kid": "one", "use": "sig", "n": MODULUS, "e": "AQAB"});
    change(&mut key);
    KeySet { keys: vec![json!({"kty": "strange", "n": 7}), key] }
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: "https://id.example.com",
        client_id: "desk",
        nonce: "n",
        now: Timestamp::from_seconds(1_700_000_300),
    }
}

#[test]
fn signatures_of_openssl_are_understood() {
    for token in [RS256, PS256] {
        let found = verify(token, &keys(|_| ()), expected()).unwrap();
        assert_eq!(found, Identity { subject: "u-1".to_owned(), verified_email: None });
        let tampered = token.replacen(".eyJpc3MiOi", ".eyJpc3NiOi", 1);
        assert_ne!(tampered, token);
        assert_eq!(verify(&tampered, &keys(|_| ()), expected()), Err(TokenFault::Signature));
    }
}

#[test]
fn a_key_signs_only_what_it_is_for() {
    let changes: [(&str, &str); 5] =
        [("kid", "two"), ("use", "enc"), ("alg", "ES256"), ("e", "AAAB"), ("kty", "EC")];
    for (field, value) in changes {
        let keys = keys(|key| key[field] = value.into());
        assert_eq!(verify(RS256, &keys, expected()), Err(TokenFault::Signature), "{field}");
    }
}

#[test]
fn a_token_is_believed_in_its_time_alone() {
    for (seconds, is_believed) in [
        (1_699_999_939, false),
        (1_699_999_940, true),
        (1_700_000_000, true),
        (1_700_000_659, true),
        (1_700_000_660, false),
    ] {
        let expected = Expected { now: Timestamp::from_seconds(seconds), ..expected() };
        let found = verify(RS256, &keys(|_| ()), expected);
        assert_eq!(found.is_ok(), is_believed, "{seconds}: {found:?}");
    }
}
