use database::testing::TUESDAY;
use database::{Db, on_both, params};
use kernel::{EmailAddress, InboxId, PublicId, Span, Timestamp};

use crate::policy::{Facts, gate};
use crate::*;

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

#[test]
fn automatic_mail_passes_the_gate_or_is_withheld_for_a_reason() {
    let dana = address("dana@example.com");
    let facts = Facts {
        address: &dana,
        recipient_count: 1,
        verified: true,
        suppressed: false,
        is_own: false,
        today: 0,
        today_on_ticket: 0,
        unverified_this_hour: 0,
    };
    let check = |facts: Facts<'_>| gate(&facts, &Caps::default());

    assert_eq!(check(facts.clone()), Ok(()));
    for (facts, said) in [
        (Facts { recipient_count: 2, ..facts.clone() }, Err(Withheld::SeveralRecipients)),
        (Facts { recipient_count: 0, ..facts.clone() }, Err(Withheld::SeveralRecipients)),
        (Facts { is_own: true, ..facts.clone() }, Err(Withheld::OwnAddress)),
        (Facts { suppressed: true, ..facts.clone() }, Err(Withheld::Suppressed)),
        (Facts { today_on_ticket: 1, today: 1, ..facts.clone() }, Err(Withheld::TicketCap)),
        (Facts { today: 2, ..facts.clone() }, Ok(())),
        (Facts { today: 3, ..facts.clone() }, Err(Withheld::AddressCap)),
        (Facts { verified: false, ..facts.clone() }, Ok(())),
        (Facts { verified: false, today: 1, ..facts.clone() }, Err(Withheld::UnverifiedCap)),
        (
            Facts { verified: false, unverified_this_hour: 10_000, ..facts.clone() },
            Err(Withheld::HourCap),
        ),
        (Facts { unverified_this_hour: 10_000, ..facts.clone() }, Ok(())),
    ] {
        assert_eq!(check(facts.clone()), said, "{facts:?}");
    }
    for robot in [
        "mailer-daemon@x.example",
        "MAILER-DAEMON@x.example",
        "no-reply@x.example",
        "noreply@x.example",
        "no_reply@x.example",
        "do-not-reply@x.example",
        "noreply-orders@x.example",
        "bounces@x.example",
        "postmaster@x.example",
    ] {
        let robot = address(robot);
        let facts = Facts { address: &robot, ..facts.clone() };
        assert_eq!(check(facts), Err(Withheld::Robot), "{robot}");
    }
    for person in ["nora.reply@x.example", "bouncer@x.example", "dana@noreply.example"] {
        let person = address(person);
        assert_eq!(check(Facts { address: &person, ..facts.clone() }), Ok(()), "{person}");
    }
}

fn letter(kind: Kind, to: &str) -> Letter {
    Letter {
        kind,
        inbox: None,
        ticket: None,
        message: None,
        mail_id: new_mail_id("shop.example"),
        from_name: "Shop".to_owned(),
        reply_to: None,
        recipients: Recipients::to(Party::new("Dana", address(to))),
        subject: "Hello".to_owned(),
        text: "Hi".to_owned(),
        html: None,
        in_reply_to: None,
        references: vec!["a@x".to_owned(), "b@x".to_owned()],
        send_after: TUESDAY,
        useful_for: None,
        verified: false,
    }
}

async fn put(db: &Db, letter: &Letter, now: Timestamp) -> Posted {
    let mut tx = db.begin().await.unwrap();
    let posted = post(&mut tx, letter, &Caps::default(), now).await.unwrap();
    tx.commit().await.unwrap();
    posted
}

async fn claim_one(db: &Db, now: Timestamp) -> Option<Sending> {
    claim(db, now, Span::seconds(60), &[(SYSTEM, 10)]).await.unwrap().pop()
}

async fn new_inbox(db: &Db, name: &str) -> InboxId {
    let tx = db.begin().await.unwrap();
    let sql = "insert into inboxes (public_id, name, kind, sender_name, created_at)
         values ($1, $2, 'form', '', $3) returning id";
    let id = tx.scalar(sql, params![PublicId::new(TUESDAY), name, TUESDAY]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn state_of(db: &Db, mail_id: &str) -> State {
    let conn = db.read().await.unwrap();
    find_by_mail_id(&conn, mail_id).await.unwrap().unwrap().state
}

on_both! {
    async fn a_letter_waits_its_time_and_is_sent_once(db: Db) {
        let letter = Letter { send_after: TUESDAY + Span::seconds(10), ..letter(Kind::Reply, "d@x.example") };
        assert!(matches!(put(&db, &letter, TUESDAY).await, Posted::Queued(_)));
        assert!(claim_one(&db, TUESDAY).await.is_none());

        let now = TUESDAY + Span::seconds(10);
        let sending = claim_one(&db, now).await.unwrap();
        assert_eq!(sending.letter.references, letter.references);
        assert_eq!(sending.letter.recipients, letter.recipients);
        assert!(claim_one(&db, now).await.is_none());

        let mut tx = db.begin().await.unwrap();
        sent(&mut tx, sending.id, now).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(state_of(&db, &letter.mail_id).await, State::Sent);
    }

    async fn of_each_inbox_as_many_leave_as_its_share(db: Db) {
        let (shop, sales) = (new_inbox(&db, "Shop").await, new_inbox(&db, "Sales").await);
        for (inbox, after) in [(Some(shop), 3), (Some(sales), 2), (None, 1)] {
            let send_after = TUESDAY + Span::seconds(after);
            for _ in 0..5 {
                let letter = Letter { inbox, send_after, ..letter(Kind::Reply, "d@x.example") };
                put(&db, &letter, TUESDAY).await;
            }
        }
        let now = TUESDAY + Span::seconds(2);
        let conn = db.read().await.unwrap();
        assert_eq!(inboxes_due(&conn, now, &[]).await.unwrap(), [SYSTEM, sales]);
        assert_eq!(inboxes_due(&conn, now, &[SYSTEM]).await.unwrap(), [sales]);
        drop(conn);
        let now = TUESDAY + Span::seconds(3);
        let shares = [(shop, 2), (SYSTEM, 9)];
        let claimed = claim(&db, now, Span::seconds(60), &shares).await.unwrap();
        let of = |inbox: Option<InboxId>| claimed.iter().filter(|one| one.letter.inbox == inbox).count();
        assert_eq!((of(Some(shop)), of(None), claimed.len()), (2, 5, 7));
        let conn = db.read().await.unwrap();
        assert_eq!(inboxes_due(&conn, now, &[]).await.unwrap(), [sales, shop]);
    }

    async fn taking_back_and_sending_exclude_each_other(db: Db) {
        let first = letter(Kind::Reply, "d@x.example");
        let Posted::Queued(id) = put(&db, &first, TUESDAY).await else { panic!() };
        let mut tx = db.begin().await.unwrap();
        assert!(take_back(&mut tx, id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(claim_one(&db, TUESDAY).await.is_none());

        let second = letter(Kind::Reply, "d@x.example");
        let Posted::Queued(id) = put(&db, &second, TUESDAY).await else { panic!() };
        assert!(claim_one(&db, TUESDAY).await.is_some());
        let mut tx = db.begin().await.unwrap();
        assert!(!take_back(&mut tx, id).await.unwrap());
    }

    async fn a_dead_sender_s_letter_goes_out_under_the_same_id(db: Db) {
        let letter = letter(Kind::Reply, "d@x.example");
        put(&db, &letter, TUESDAY).await;
        let first = claim_one(&db, TUESDAY).await.unwrap();
        assert_eq!(free_expired(&db, TUESDAY).await.unwrap(), 0);
        assert_eq!(free_expired(&db, TUESDAY + Span::seconds(61)).await.unwrap(), 1);
        let again = claim_one(&db, TUESDAY + Span::seconds(61)).await.unwrap();
        assert_eq!(first.letter.mail_id, again.letter.mail_id);
        assert_eq!(again.attempts, 2);
    }

    async fn a_dead_sender_s_letter_goes_out_although_the_clock_was_set_back(db: Db) {
        put(&db, &letter(Kind::Reply, "d@x.example"), TUESDAY).await;
        assert!(claim_one(&db, TUESDAY).await.is_some());
        assert_eq!(free_expired(&db, TUESDAY - Span::seconds(20)).await.unwrap(), 0);
        assert_eq!(free_expired(&db, TUESDAY - Span::hours(1)).await.unwrap(), 1);
    }

    async fn a_letter_in_the_hands_of_a_living_sender_stays_there(db: Db) {
        put(&db, &letter(Kind::Reply, "d@x.example"), TUESDAY).await;
        let held = claim_one(&db, TUESDAY).await.unwrap();
        renew(&db, &[held.id], TUESDAY + Span::seconds(120)).await.unwrap();
        assert_eq!(free_expired(&db, TUESDAY + Span::seconds(61)).await.unwrap(), 0);
        // What it has put down meanwhile is not taken up again.
        let mut tx = db.begin().await.unwrap();
        put_back(&mut tx, held.id, TUESDAY, "busy").await.unwrap();
        tx.commit().await.unwrap();
        renew(&db, &[held.id], TUESDAY + Span::seconds(120)).await.unwrap();
        assert!(claim_one(&db, TUESDAY).await.is_some());
    }

    async fn a_failed_letter_is_visible_and_can_be_sent_again_or_dropped(db: Db) {
        let letter = letter(Kind::Reply, "d@x.example");
        put(&db, &letter, TUESDAY).await;
        let sending = claim_one(&db, TUESDAY).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        set_failed(&mut tx, sending.id, "the address does not exist").await.unwrap();
        let failed = failed_letters(&tx, None, 10).await.unwrap();
        assert_eq!(failed[0].fault.as_deref(), Some("the address does not exist"));
        assert!(retry(&mut tx, sending.id, TUESDAY).await.unwrap());
        assert!(discard(&mut tx, sending.id).await.unwrap());
        assert!(!discard(&mut tx, sending.id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(claim_one(&db, TUESDAY).await.is_none());
    }

    async fn after_a_bounce_only_those_who_did_not_get_it_are_tried_again(db: Db) {
        let kim = Party::new("Kim", address("kim@x.example"));
        let mut letter = letter(Kind::Reply, "d@x.example");
        letter.recipients.cc = vec![kim.clone(), Party::new("", address("lee@x.example"))];
        put(&db, &letter, TUESDAY).await;
        for (known, had_it) in [
            (Some(kim.address.clone()), vec!["d@x.example", "lee@x.example"]),
            (Some(address("lee@x.example")), vec!["d@x.example", "kim@x.example"]),
            (None, vec![]),
        ] {
            let sending = claim_one(&db, TUESDAY).await.unwrap();
            let mut tx = db.begin().await.unwrap();
            sent(&mut tx, sending.id, TUESDAY).await.unwrap();
            assert!(bounced(&mut tx, sending.id, known.as_ref(), "gone").await.unwrap());
            assert!(retry(&mut tx, sending.id, TUESDAY).await.unwrap());
            tx.commit().await.unwrap();
            let again = claim_one(&db, TUESDAY).await.unwrap();
            assert_eq!(again.accepted, had_it.iter().map(|one| address(one)).collect::<Vec<_>>());
            let mut tx = db.begin().await.unwrap();
            put_back(&mut tx, again.id, TUESDAY, "later").await.unwrap();
            tx.commit().await.unwrap();
        }
    }

    async fn a_stranger_gets_one_automatic_mail_a_day_and_a_known_person_three(db: Db) {
        let mut results = Vec::new();
        for _ in 0..2 {
            results.push(put(&db, &letter(Kind::Acknowledgement, "new@x.example"), TUESDAY).await);
        }
        assert!(matches!(results[0], Posted::Queued(_)));
        assert_eq!(results[1], Posted::Withheld(Withheld::UnverifiedCap));
        let tomorrow = TUESDAY + Span::hours(25);
        let again = put(&db, &letter(Kind::Acknowledgement, "new@x.example"), tomorrow).await;
        assert!(matches!(again, Posted::Queued(_)));

        for count in 0..4 {
            let known = Letter { verified: true, ..letter(Kind::Automatic, "known@x.example") };
            let posted = put(&db, &known, TUESDAY).await;
            assert_eq!(matches!(posted, Posted::Queued(_)), count < 3);
        }
        // People are not capped.
        for _ in 0..5 {
            let posted = put(&db, &letter(Kind::Reply, "new@x.example"), TUESDAY).await;
            assert!(matches!(posted, Posted::Queued(_)));
        }
    }

    async fn of_many_who_write_to_an_address_at_once_as_many_get_through_as_one_after_another(db: Db) {
        for (to, verified, expected) in [("new@x.example", false, 1), ("known@x.example", true, 3)] {
            let one = async || {
                let letter = Letter { verified, ..letter(Kind::Acknowledgement, to) };
                matches!(put(&db, &letter, TUESDAY).await, Posted::Queued(_))
            };
            let queued = tokio::join!(one(), one(), one(), one(), one(), one(), one(), one());
            let queued: [bool; 8] = queued.into();
            assert_eq!(queued.iter().filter(|queued| **queued).count(), expected, "{to}");
        }
    }

    async fn the_cap_of_an_hour_holds_when_many_write_at_once_and_is_told_of_once(db: Db) {
        let caps = Caps { unverified_per_hour: 3, ..Caps::default() };
        let tell = async |now| {
            let mut tx = db.begin().await.unwrap();
            let claimed = claim_cap_alarm(&mut tx, &caps, now).await.unwrap();
            tx.commit().await.unwrap();
            claimed
        };
        assert!(!tell(TUESDAY).await, "nothing is wrong");
        let one = async |number: u8| {
            let letter = letter(Kind::Acknowledgement, &format!("victim{number}@x.example"));
            loop {
                let mut tx = db.begin().await.unwrap();
                let posted = post(&mut tx, &letter, &caps, TUESDAY).await.unwrap();
                match tx.commit().await {
                    Ok(()) => return posted,
                    Err(fault) => assert!(database::may_pass(&fault), "{fault:#}"),
                }
            }
        };
        let posted = tokio::join!(one(1), one(2), one(3), one(4), one(5), one(6), one(7), one(8));
        let posted: [Posted; 8] = posted.into();
        let withheld = posted.iter().filter(|one| **one == Posted::Withheld(Withheld::HourCap));
        assert_eq!(withheld.count(), 5, "{posted:?}");
        let conn = db.read().await.unwrap();
        let queued: i64 = conn.scalar("select count(*) from deliveries", params![]).await.unwrap();
        assert_eq!(queued, 3);
        drop(conn);

        assert!(tell(TUESDAY).await);
        assert!(!tell(TUESDAY + Span::minutes(30)).await, "once");
        assert!(!tell(TUESDAY + Span::hours(25)).await, "it is over");
        for number in 1..=3 {
            let letter = letter(Kind::Acknowledgement, &format!("other{number}@x.example"));
            let mut tx = db.begin().await.unwrap();
            post(&mut tx, &letter, &caps, TUESDAY + Span::hours(25)).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert!(tell(TUESDAY + Span::hours(25)).await, "and anew");
    }

    async fn nothing_automatic_goes_to_an_address_that_bounced(db: Db) {
        let gone = address("gone@x.example");
        let mut tx = db.begin().await.unwrap();
        suppress(&mut tx, &gone, "the mailbox does not exist", TUESDAY).await.unwrap();
        tx.commit().await.unwrap();
        for kind in [Kind::Acknowledgement, Kind::Automatic, Kind::System] {
            let posted = put(&db, &letter(kind, "gone@x.example"), TUESDAY).await;
            assert_eq!(posted, Posted::Withheld(Withheld::Suppressed), "{kind:?}");
        }
        let posted = put(&db, &letter(Kind::Reply, "gone@x.example"), TUESDAY).await;
        assert!(matches!(posted, Posted::Queued(_)), "a person may try");

        let mut tx = db.begin().await.unwrap();
        assert!(lift_suppression(&mut tx, &gone).await.unwrap());
        tx.commit().await.unwrap();
        let posted = put(&db, &letter(Kind::Acknowledgement, "gone@x.example"), TUESDAY).await;
        assert!(matches!(posted, Posted::Queued(_)));
    }
}

/// On SQLite there is one writer at a time, who waits for nobody.
#[tokio::test]
async fn who_counts_the_same_hour_does_not_wait_for_the_others() {
    let Some(db) = database::testing::postgres().await else { return };
    let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    let caps = Caps::default();
    let to = |address: &str| letter(Kind::Acknowledgement, address);
    post(&mut one, &to("d@x.example"), &caps, TUESDAY).await.unwrap();
    suppress(&mut two, &address("e@x.example"), "bounced", TUESDAY).await.unwrap();
    let waits = async {
        suppress(&mut one, &address("e@x.example"), "bounced", TUESDAY).await.unwrap();
        one.commit().await.unwrap();
    };
    let goes_on = async {
        post(&mut two, &to("f@x.example"), &caps, TUESDAY).await.unwrap();
        two.commit().await.unwrap();
    };
    tokio::join!(waits, goes_on);
    let conn = db.read().await.unwrap();
    let sent: i64 = conn.scalar("select sent from automatic_mail_hours", vec![]).await.unwrap();
    assert_eq!(sent, 2);
}
