use database::testing::TUESDAY;
use database::{on_both, params};
use kernel::{CustomerId, PublicId, Span, TicketId};
use keys::Keys;

use crate::links::{self, Link};
use crate::names::given_name;
use crate::*;

#[test]
fn people_are_addressed_by_the_name_that_is_surely_theirs() {
    for (name, given) in [
        ("Dana Whitfield", Some("Dana")),
        ("dana whitfield", Some("Dana")),
        ("DANA WHITFIELD", Some("Dana")),
        ("Whitfield, Dana", Some("Dana")),
        ("Dr. Aino Virtanen", Some("Aino")),
        ("Jean-Luc Picard", Some("Jean-Luc")),
        ("JEAN-LUC", Some("Jean-Luc")),
        ("O'BRIEN", Some("O'Brien")),
        ("McKenzie Fox", Some("McKenzie")),
        ("山本 恵子", Some("山本 恵子")),
        ("김민준", Some("김민준")),
        ("فاطمة الهاشمي", Some("فاطمة")),
        ("Мария Иванова", Some("Мария")),
        ("\"Dana\" (Shop)", Some("Dana")),
        ("Northlight Studio", None),
        ("Acme Ltd.", None),
        ("dana@example.com", None),
        ("J", None),
        ("J. Mercer", None),
        ("user1234", None),
        ("", None),
        ("   ", None),
        ("Support Team", None),
    ] {
        assert_eq!(given_name(name).as_deref(), given, "{name:?}");
    }
}

#[test]
fn a_link_opens_for_its_customer_until_its_time_is_over() {
    let keys = Keys::from_master(&[7; 32]);
    let link = Link { customer: CustomerId(77), ticket: Some(TicketId(10_482)), made_at: TUESDAY };
    let token = links::make(&keys, &link);
    assert_eq!(links::read(&keys, &token), Some(link));
    assert!(token.len() < 64, "{token}");

    let never = kernel::Timestamp::from_micros(0);
    assert!(link.is_good(never, TUESDAY + Span::days(29)));
    assert!(!link.is_good(never, TUESDAY + Span::days(30)));
    assert!(!link.is_good(TUESDAY + Span::minutes(1), TUESDAY + Span::minutes(2)), "revoked");
    let to_sign_in = Link { ticket: None, ..link };
    assert_eq!(links::read(&keys, &links::make(&keys, &to_sign_in)), Some(to_sign_in));
    assert!(!to_sign_in.is_good(never, TUESDAY + Span::hours(1)));

    let other = Keys::from_master(&[8; 32]);
    assert_eq!(links::read(&other, &token), None);
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(links::read(&keys, &changed), None, "{changed}");
    }
    for nonsense in ["", "rcl_", "rcl____", &format!("{token}_x"), &token[..token.len() - 1]] {
        assert_eq!(links::read(&keys, nonsense), None, "{nonsense}");
    }
}

#[test]
fn links_are_found_in_quoted_mails() {
    let keys = Keys::from_master(&[7; 32]);
    let link = Link { customer: CustomerId(1), ticket: Some(TicketId(10_001)), made_at: TUESDAY };
    let token = links::make(&keys, &link);
    let text =
        format!("> see it online: https://x.example/help/link/{token}.\n> thanks rcl_ rcl_x");
    let found: Vec<_> = links::tokens_in(&text).filter_map(|t| links::read(&keys, t)).collect();
    assert_eq!(found, [link]);
}

on_both! {
    async fn somebody_is_met_once(db: Db) {
        let address = "dana@example.com".parse().unwrap();
        let mut tx = db.begin().await.unwrap();
        let first = meet(&mut tx, &address, "", None, TUESDAY).await.unwrap();
        let again = meet(&mut tx, &address, "Dana Whitfield", Some("en"), TUESDAY).await.unwrap();
        let third = meet(&mut tx, &address, "Somebody Else", Some("de"), TUESDAY).await.unwrap();
        assert_eq!((first, first), (again, third));
        let customer = find(&tx, first).await.unwrap().unwrap();
        assert_eq!(customer.name, "Dana Whitfield", "a name that is known stays");
        assert_eq!(customer.language.as_deref(), Some("en"));
        assert_eq!(customer.shown_name(), "Dana Whitfield");
        assert_eq!(customer.address, Some(address));
    }

    async fn an_address_in_place_of_a_name_is_no_name(db: Db) {
        let address = "dana@example.com".parse().unwrap();
        let mut tx = db.begin().await.unwrap();
        let id = meet(&mut tx, &address, "Dana@Example.com", None, TUESDAY).await.unwrap();
        assert_eq!(find(&tx, id).await.unwrap().unwrap().name, "");
    }

    async fn ownership_of_an_address_is_noted_once(db: Db) {
        let address = "dana@example.com".parse().unwrap();
        let mut tx = db.begin().await.unwrap();
        let id = meet(&mut tx, &address, "", None, TUESDAY).await.unwrap();
        assert!(!identity_verified(&tx, &address).await.unwrap());
        verify(&mut tx, &address, TUESDAY).await.unwrap();
        verify(&mut tx, &address, TUESDAY + Span::days(1)).await.unwrap();
        assert_eq!(identities(&tx, id).await.unwrap()[0].verified_at, Some(TUESDAY));
        assert!(identity_verified(&tx, &address).await.unwrap());
    }

    async fn two_records_of_one_person_become_one(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let work = "dana@work.example".parse().unwrap();
        let home = "dana@home.example".parse().unwrap();
        let from = meet(&mut tx, &work, "Dana Whitfield", None, TUESDAY).await.unwrap();
        let into = meet(&mut tx, &home, "", None, TUESDAY).await.unwrap();
        merge(&mut tx, from, into, TUESDAY).await.unwrap();
        assert_eq!(by_address(&tx, &work).await.unwrap(), Some(into));
        assert_eq!(identities(&tx, into).await.unwrap().len(), 2);
        assert_eq!(find(&tx, into).await.unwrap().unwrap().name, "Dana Whitfield");
        assert!(merge(&mut tx, into, into, TUESDAY).await.is_err());
    }

    async fn customers_are_found_by_name_and_address(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let address = "dana@example.com".parse().unwrap();
        let id = meet(&mut tx, &address, "Dana Whitfield", None, TUESDAY).await.unwrap();
        rename(&mut tx, id, "Dana Meyer", TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read().await.unwrap();
        for (word, count) in [("dana", 1), ("meyer", 1), ("whitfield", 0), ("dana@example.com", 1)] {
            let terms = [search::folded(word)].concat();
            let terms: Vec<_> = terms.into_iter().map(search::Term::Word).collect();
            let expr = search::expr(&terms).unwrap();
            let found = search::newest(&tx, &expr, Some(&[]), None, 10).await.unwrap();
            assert_eq!(found.len(), count, "{word}");
        }
    }

    async fn customers_are_found_by_what_the_team_noted(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let author = tx
            .scalar(
                "insert into agents (public_id, name, email, role, state, sees_every_inbox,
                    time_zone, language, created_at)
                 values ($1, 'Priya', 'priya@shop.example', 'agent', 'active', $2, 'UTC', 'en', $3)
                 returning id",
                params![PublicId::new(TUESDAY), true, TUESDAY],
            )
            .await
            .unwrap();
        let address = "dana@example.com".parse().unwrap();
        let id = meet(&mut tx, &address, "Dana", None, TUESDAY).await.unwrap();
        add_note(&mut tx, id, author, "Teaches weaving in Porto", TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
        let tx = db.read().await.unwrap();
        for word in ["weaving", "porto", "dana@example.com"] {
            let terms = search::folded(word).into_iter().map(search::Term::Word);
            let expr = search::expr(&terms.collect::<Vec<_>>()).unwrap();
            let found = search::newest(&tx, &expr, Some(&[]), None, 10).await.unwrap();
            assert_eq!(found.len(), 1, "{word}");
        }
    }

    async fn revoked_links_no_longer_open(db: Db) {
        let mut tx = db.begin().await.unwrap();
        let address = "dana@example.com".parse().unwrap();
        let id = meet(&mut tx, &address, "", None, TUESDAY).await.unwrap();
        let link = Link { customer: id, ticket: Some(TicketId(1)), made_at: TUESDAY };
        let from = links_valid_from(&tx, id).await.unwrap().unwrap();
        assert!(link.is_good(from, TUESDAY));
        revoke_links(&mut tx, id, TUESDAY).await.unwrap();
        let from = links_valid_from(&tx, id).await.unwrap().unwrap();
        assert!(!link.is_good(from, TUESDAY));
    }
}
