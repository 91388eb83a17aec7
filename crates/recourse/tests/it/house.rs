//! A house full of life: every page opens.

use crate::world::{World, on_both};

on_both! {
    async fn every_page_of_the_demo_opens_for_an_owner(world: World) {
        let address = world.fills_with_demo(60).await;
        let web = world.web();
        let password = demo::PASSWORD;
        web.post("/login", &[("email", &address), ("password", password)]).await.location();

        let mut paths: Vec<String> = world.program().routes.iter()
            .filter(|route| route.method == "GET" && !route.path.contains('{'))
            .filter(|route| matches!(route.access, accounts::Access::May(_) | accounts::Access::Confirmed(_) | accounts::Access::Public))
            .map(|route| route.path.to_owned())
            // A stream has no end, a callback and a proxied image need their question.
            // Whoever is signed in is sent on from the page for signing in.
            .filter(|path| !["/live", "/mail/image", "/settings/inboxes/oauth/callback", "/login/provider/callback"].contains(&path.as_str()))
            .collect();
        let list = web.get("/inbox/all").await;
        let mut tickets: Vec<&str> = list.body.split("data-ref=\"").skip(1)
            .filter_map(|rest| rest.split('"').next()).collect();
        tickets.truncate(12);
        assert!(tickets.len() > 5, "{}", list.body);
        for ticket in tickets {
            paths.push(format!("/t/{ticket}"));
        }
        for sheet in ["snooze", "hold", "resolve", "merge", "split", "tags"] {
            paths.push(format!("/t/{}/ask/{sheet}", paths.last().unwrap().split('/').nth(2).unwrap()));
        }
        // What the pages lead to: people, inboxes, customers, lines of the ledger.
        for from in ["/settings/people", "/settings/inboxes", "/settings/mail", "/customers", "/search?q=course"] {
            let page = web.get(from).await;
            assert_eq!(page.status, 200, "{from}");
            let start = from.split('?').next().unwrap();
            let links = page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
            let deeper = links.filter(|link| link.starts_with(&format!("{start}/")) || link.starts_with("/t/"));
            paths.extend(deeper.take(4).map(|link| link.replace("&amp;", "&").replace("&#38;", "&")));
        }
        for path in paths {
            let mut page = web.get(&path).await;
            for _ in 0..3 {
                if page.status.is_redirection() {
                    let next = page.header("location").to_owned();
                    page = web.get(&next).await;
                }
            }
            assert_eq!(page.status, 200, "{path}: {}", page.body);
        }
    }
}
