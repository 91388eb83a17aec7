//! Second factors in a real browser.

use kernel::{Clock, SystemClock, Timestamp};

use super::tab::Tab;
use crate::world::place::PASSWORD;
use crate::world::{OWNER, World, eventually, on_both};

async fn key_of(tab: &Tab) -> String {
    let key = tab.js("document.querySelector('#app-key').innerText.replaceAll(' ', '')").await;
    key.as_str().expect("there is a key").to_owned()
}

/// The step of time that codes go by.
fn step(at: Timestamp) -> i64 {
    at.seconds() / 30
}

/// A code that was not given before: the next one, when need be.
async fn later_code(key: &str, after: i64) -> String {
    eventually("the next half minute", async || {
        // The code to come is taken, too, so that nobody has to wait.
        let now = SystemClock.now() + kernel::Span::seconds(29);
        (step(now) > after).then(|| accounts::testing::totp_code(key, now))
    })
    .await
}

on_both! {
    async fn the_owner_sets_an_app_up_and_signs_in_with_it(world: World) {
        world.opens_shop().await;
        let tab = Tab::of_owner(world).await;
        tab.goes("/me/second-factor").await;
        tab.is_for_everybody("second factor, off").await;
        tab.clicks("form[action='/me/second-factor/app'] button").await;
        tab.sees("#app-key").await;
        tab.waits("for the picture", "document.querySelector('main img').naturalWidth > 0").await;
        tab.is_for_everybody("second factor, begun").await;
        let key = key_of(&tab).await;
        let now = SystemClock.now();
        tab.fills("#f-code", &accounts::testing::totp_code(&key, now)).await;
        tab.clicks("form[action='/me/second-factor/app/confirm'] button").await;
        tab.sees("#codes-new-h").await;
        tab.is_for_everybody("second factor, on").await;
        let code = tab.js("document.querySelector('main li code').innerText").await;
        let recovery = code.as_str().expect("a recovery code").to_owned();

        let other = Tab::new(world).await;
        other.goes("/login").await;
        other.fills("#f-email", OWNER).await;
        other.fills("#f-password", PASSWORD).await;
        other.clicks("main button[type=submit]").await;
        other.is_at("/login/code").await;
        other.is_for_everybody("the second step").await;
        other.fills("#f-code", "000000").await;
        other.clicks("form[action='/login/code'] button").await;
        other.sees(".error-summary").await;
        other.fills("#f-code", &later_code(&key, step(now)).await).await;
        other.clicks("form[action='/login/code'] button").await;
        other.sees("#inbox").await;
        other.closes().await;

        let third = Tab::new(world).await;
        third.goes("/login").await;
        third.fills("#f-email", OWNER).await;
        third.fills("#f-password", PASSWORD).await;
        third.clicks("main button[type=submit]").await;
        third.is_at("/login/code").await;
        third.fills("#f-code", &recovery).await;
        third.clicks("form[action='/login/code'] button").await;
        third.sees("#inbox").await;
        third.goes("/me/second-factor").await;
        third.reads("main", "9 recovery codes are left.").await;
        third.closes().await;

        // Who locked himself out has a command.
        let words = ["agent", "remove-second-factor", "--email", OWNER];
        let (code, said) = world.run(&words, "");
        assert_eq!(code, 0, "{said}");
        let (code, said) = world.run(&words, "");
        assert_eq!(code, 65, "{said}");
        tab.goes("/me").await;
        tab.is_at("/login").await;
        tab.signs_in(OWNER).await;
        tab.closes().await;
    }
}
