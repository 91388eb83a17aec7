//! Known and unknown addresses take the same time.

use std::time::{Duration, Instant};

use super::*;
use crate::password::EVALUATED;

/// How often each is tried; the long proof sets it.
#[expect(clippy::disallowed_methods, reason = "a test that is made longer is told so there")]
fn tries() -> usize {
    std::env::var("RECOURSE_SIGN_IN_TRIES").map_or(2, |text| text.parse().unwrap())
}

/// From here on medians mean something, and are asserted.
const TRIES_MIN: usize = 1_000;
const APART_MAX: Duration = Duration::from_millis(5);

/// One wrong try, and how many hashes it took.
async fn guess(cast: &Cast, doors: &Doors, email: &str) -> u32 {
    // Nobody has to wait after a minute.
    cast.clock.advance(Span::minutes(1));
    let before = EVALUATED.get();
    let (email, now) = (email.parse().unwrap(), cast.accounts.now());
    let done = check(&cast.db, doors, &email, Secret::new("a guess"), "10.0.0.1", now).await;
    assert!(matches!(done, Err(Failure::Refused(SignInRefusal::Wrong))), "{done:?}");
    EVALUATED.get() - before
}

on_both! {
    async fn one_hash_is_computed_whoever_is_named(db: Db) {
        let cast = Cast::new(db, MESSAGES).await;
        let now = cast.accounts.now();
        let mut tx = cast.db.begin().await.unwrap();
        deactivate(&mut tx, cast.tom, now).await.unwrap();
        let invitation = Invitation {
            name: "Noor".to_owned(),
            email: "noor@northlight.example".parse().unwrap(),
            role: Role::Agent,
            sees: Sees::Everything,
        };
        invite(&mut tx, &invitation, "UTC", now).await.unwrap();
        tx.commit().await.unwrap();
        let doors = Doors::default();
        for name in ["priya", "nobody", "tom", "noor"] {
            let email = format!("{name}@northlight.example");
            assert_eq!(guess(&cast, &doors, &email).await, 1, "{name}");
        }
    }

    #[expect(clippy::print_stdout, reason = "the figures of the long proof")]
    async fn known_and_unknown_addresses_take_the_same_time(db: Db) {
        let engine = if db.engine() == Engine::Sqlite { "SQLite" } else { "PostgreSQL" };
        let cast = Cast::new(db, MESSAGES).await;
        let (doors, tries) = (Doors::default(), tries());
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for number in 0..tries {
            let stranger = format!("nobody{number}@northlight.example");
            for (email, times) in
                [("priya@northlight.example", &mut known), (stranger.as_str(), &mut unknown)]
            {
                let begun = Instant::now();
                guess(&cast, &doors, email).await;
                times.push(begun.elapsed());
            }
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (known, unknown) = (median(&mut known), median(&mut unknown));
        println!(
            "sign-in times, {engine}: median of {tries} tries {known:.1?} at a known address, \
             {unknown:.1?} at an unknown one"
        );
        if tries >= TRIES_MIN {
            assert!(known.abs_diff(unknown) <= APART_MAX, "{known:?} and {unknown:?}");
        }
    }
}
