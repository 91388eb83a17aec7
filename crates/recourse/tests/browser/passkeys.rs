//! Passkeys in a real browser, with an authenticator that chromedriver plays.

use serde_json::json;

use super::driver::own;
use super::tab::Tab;
use crate::world::place::PASSWORD;
use crate::world::{OWNER, World, on_both};

/// An authenticator in the machine that knows its owner by itself.
async fn gets_authenticator(tab: &Tab) -> String {
    let wanted = json!({
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": true,
        "hasUserVerification": true,
        "isUserVerified": true,
    });
    let id = tab.client.issue_cmd(own("webauthn/authenticator", wanted)).await;
    id.expect("there is an authenticator").as_str().expect("it has an id").to_owned()
}

async fn is_verified(tab: &Tab, authenticator: &str, is_verified: bool) {
    let path = format!("webauthn/authenticator/{authenticator}/uv");
    let done = tab.client.issue_cmd(own(&path, json!({"isUserVerified": is_verified}))).await;
    done.expect("the authenticator obeys");
}

async fn gives_password(tab: &Tab) {
    tab.goes("/login").await;
    tab.fills("#f-email", OWNER).await;
    tab.fills("#f-password", PASSWORD).await;
    tab.clicks("form[action='/login'] button[type=submit]").await;
}

on_both! {
    async fn a_passkey_opens_after_the_password_and_without_one(world: World) {
        // Browsers know no passkeys for a mere number.
        world.stop().await;
        world.base = world.base.replace("127.0.0.1", "localhost");
        world.settings.base_url.clone_from(&world.base);
        world.start().await;
        world.opens_shop().await;
        let tab = Tab::of_owner(world).await;
        let authenticator = gets_authenticator(&tab).await;
        tab.goes("/me/second-factor").await;
        tab.is_for_everybody("no passkey").await;
        tab.fills("#f-name", "Laptop").await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.sees("#codes-new-h").await;
        tab.reads("main li bdi", "Laptop").await;
        tab.is_for_everybody("a passkey").await;

        // As a second factor.
        tab.goes("/me").await;
        tab.client.delete_all_cookies().await.expect("cookies can be forgotten");
        gives_password(&tab).await;
        tab.is_at("/login/code").await;
        tab.is_for_everybody("the second step with a passkey").await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.sees("#inbox").await;

        // Instead of a password.
        tab.client.delete_all_cookies().await.expect("cookies can be forgotten");
        tab.goes("/login").await;
        tab.is_for_everybody("login with passkeys").await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.sees("#inbox").await;
        tab.goes("/me/second-factor").await;
        tab.reads("main li", "last used").await;

        // A key that cannot tell who touches it opens nothing.
        tab.client.delete_all_cookies().await.expect("cookies can be forgotten");
        is_verified(&tab, &authenticator, false).await;
        tab.goes("/login").await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.reads(".toast", "No key has answered.").await;
        is_verified(&tab, &authenticator, true).await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.sees("#inbox").await;

        // Removed, it opens nothing any more, and the password alone does.
        tab.goes("/me/second-factor").await;
        tab.clicks("form[action$='/delete'] button").await;
        tab.sees_no("main li bdi").await;
        tab.client.delete_all_cookies().await.expect("cookies can be forgotten");
        tab.goes("/login").await;
        tab.clicks("form[data-passkey] button[type=submit]").await;
        tab.sees(".error-summary").await;
        gives_password(&tab).await;
        tab.sees("#inbox").await;
        tab.closes().await;
    }
}
