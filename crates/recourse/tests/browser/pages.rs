//! Every kind of page can be used by everybody, with a house full of life behind it.

use super::tab::Tab;
use crate::world::{World, on_both};

on_both! {
    async fn the_pages_are_for_everybody(world: World) {
        let address = world.fills_with_demo(60).await;
        let tab = Tab::new(world).await;
        tab.goes("/login").await;
        tab.is_for_everybody("login").await;
        tab.goes("/help/contact").await;
        tab.is_for_everybody("contact form").await;
        tab.goes("/help").await;
        tab.is_for_everybody("help").await;
        tab.goes("/api/docs").await;
        tab.is_for_everybody("api docs").await;

        tab.signs_in_with(&address, demo::PASSWORD).await;
        tab.goes("/inbox/all").await;
        tab.sees(".conv").await;
        tab.is_for_everybody("inbox").await;
        tab.clicks(".conv__who").await;
        tab.sees("#composer").await;
        tab.is_for_everybody("ticket").await;
        for path in [
            "/settings/inboxes",
            "/settings/inboxes/new",
            "/settings/mail",
            "/settings/quarantine",
            "/settings/outgoing",
            "/settings/people",
            "/settings/replies",
            "/settings/views",
            "/settings/topics",
            "/settings/company",
            "/settings/system",
            "/settings/trail",
            "/settings/trail/1",
            "/search?q=course",
            "/customers",
            "/problems",
            "/notifications",
            "/t/new",
            "/me",
            "/me/tokens",
            "/me/second-factor",
            "/settings/sign-in",
            "/confirm",
        ] {
            tab.goes(path).await;
            tab.is_for_everybody(path).await;
        }
        tab.goes("/customers").await;
        tab.clicks("main a[href^='/customers/']").await;
        tab.is_at("/customers/").await;
        tab.is_for_everybody("customer").await;
        tab.closes().await;
    }
}
