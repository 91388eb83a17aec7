use axum::http::Method;
use database::on_both;

use super::browser::{Browser, Shop};

/// Who gets what from a route: `y` is let in by the guard, `n` is told that it is not for them.
/// In order: the owner, a lead, an agent, a collaborator.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/inbox", "yyyy"),
    ("GET", "/inbox/counts", "yyyy"),
    ("GET", "/inbox/all", "yyyy"),
    ("GET", "/inbox/all/rows", "yyyy"),
    ("GET", "/t/new", "yyyn"),
    ("POST", "/t/new", "yyyn"),
    ("PUT", "/t/new/draft", "yyyn"),
    ("POST", "/t/new/files", "yyyn"),
    ("DELETE", "/t/new/files/01930000-0000-7000-8000-000000000000", "yyyn"),
    ("GET", "/t/new/saved-replies", "yyyn"),
    ("POST", "/t/new/saved-replies/01930000-0000-7000-8000-000000000000", "yyyn"),
    ("GET", "/t/{t}", "yyyy"),
    ("GET", "/t/{t}/entries", "yyyy"),
    ("POST", "/t/{t}/messages", "yyyy"),
    ("PUT", "/t/{t}/draft", "yyyy"),
    ("POST", "/t/{t}/files", "yyyy"),
    ("DELETE", "/t/{t}/files/01930000-0000-7000-8000-000000000000", "yyyy"),
    ("GET", "/t/{t}/saved-replies", "yyyn"),
    ("POST", "/t/{t}/saved-replies/01930000-0000-7000-8000-000000000000", "yyyn"),
    ("POST", "/t/{t}/presence", "yyyy"),
    ("GET", "/t/{t}/drafts/1", "yyyy"),
    ("POST", "/t/{t}/change", "yyyn"),
    ("POST", "/t/{t}/details", "yyyn"),
    ("POST", "/t/{t}/problem", "yyyn"),
    ("POST", "/t/{t}/following", "yyyy"),
    ("POST", "/t/{t}/merge", "yyyn"),
    ("POST", "/t/{t}/split", "yyyn"),
    ("POST", "/t/{t}/links", "yyyn"),
    ("POST", "/t/{t}/people", "yyyn"),
    ("GET", "/t/{t}/ask/snooze", "yyyn"),
    ("GET", "/t/{t}/m/01930000-0000-7000-8000-000000000000/redact", "yyyn"),
    ("POST", "/t/{t}/m/01930000-0000-7000-8000-000000000000/redact", "yyyn"),
    ("POST", "/t/{t}/m/01930000-0000-7000-8000-000000000000/admit", "yyyn"),
    ("POST", "/undo/01930000-0000-7000-8000-000000000000", "yyyy"),
    ("POST", "/tickets/bulk", "yyyn"),
    ("GET", "/files/01930000-0000-7000-8000-000000000000", "yyyy"),
    ("GET", "/search", "yyyy"),
    ("GET", "/palette", "yyyy"),
    ("GET", "/notifications", "yyyy"),
    ("POST", "/notifications/read", "yyyy"),
    ("GET", "/customers", "yyyy"),
    ("GET", "/customers/01930000-0000-7000-8000-000000000000", "yyyy"),
    ("POST", "/customers/01930000-0000-7000-8000-000000000000", "yyyn"),
    ("POST", "/customers/01930000-0000-7000-8000-000000000000/merge", "yyyn"),
    ("GET", "/problems", "yyyy"),
    ("POST", "/problems", "yynn"),
    ("POST", "/problems/01930000-0000-7000-8000-000000000000", "yynn"),
    ("GET", "/settings/views", "yyyy"),
    ("POST", "/settings/views", "yyyy"),
    ("POST", "/settings/views/01930000-0000-7000-8000-000000000000", "yyyy"),
    ("POST", "/settings/views/01930000-0000-7000-8000-000000000000/delete", "yyyy"),
    ("GET", "/settings/replies", "yyyn"),
    ("POST", "/settings/replies", "yyyn"),
    ("POST", "/settings/replies/01930000-0000-7000-8000-000000000000", "yyyn"),
    ("POST", "/settings/replies/01930000-0000-7000-8000-000000000000/delete", "yyyn"),
    ("GET", "/settings/tags", "yynn"),
    ("POST", "/settings/tags/999", "yynn"),
    ("POST", "/settings/tags/999/delete", "yynn"),
    ("GET", "/settings/categories", "yynn"),
    ("POST", "/settings/categories", "yynn"),
    ("POST", "/settings/categories/01930000-0000-7000-8000-000000000000", "yynn"),
    ("GET", "/settings/fields", "yynn"),
    ("POST", "/settings/fields", "yynn"),
    ("POST", "/settings/fields/999", "yynn"),
];

async fn asks(browser: &Browser, method: &str, path: &str) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let page = browser.form(method, path, &[]).await;
    // Empty forms are refused, unknown things are not there; but nothing breaks.
    assert!(page.status.as_u16() < 500, "{path}: {}", page.body);
    page.status.as_u16()
}

on_both! {
    async fn each_role_opens_what_is_for_it(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await.to_string();
        let browsers =
            [shop.sarah().await, shop.mateo().await, shop.priya_browses().await, shop.ines().await];
        let nobody = shop.nobody();
        for (method, path, table) in ROUTES {
            let path = path.replace("{t}", &id);
            for (browser, may) in browsers.iter().zip(table.chars()) {
                let status = asks(browser, method, &path).await;
                assert_eq!(status != 403, may == 'y', "{method} {path} {table}: {status}");
            }
            let page = nobody.form(Method::from_bytes(method.as_bytes()).unwrap(), &path, &[]).await;
            assert!(page.location().starts_with("/login"), "{method} {path}");
            let page = nobody
                .at("/inbox")
                .form(Method::from_bytes(method.as_bytes()).unwrap(), &path, &[])
                .await
                .is(401);
            assert_eq!(page.header("hx-redirect"), "/login");
        }
    }

    async fn every_route_is_in_the_table(db: Db) {
        let shop = Shop::new(db).await;
        let (_, routes) = crate::routes(&shop.desk);
        let fits = |pattern: &str, path: &str| {
            let (pattern, path): (Vec<&str>, Vec<&str>) =
                (pattern.split('/').collect(), path.split('/').collect());
            pattern.len() == path.len()
                && pattern.iter().zip(&path).all(|(a, b)| a == b || a.starts_with('{'))
        };
        for route in routes.iter().filter(|route| route.path != "/live") {
            let is_there = ROUTES
                .iter()
                .any(|(method, path, _)| *method == route.method && fits(route.path, path));
            assert!(is_there, "{} {}", route.method, route.path);
        }
    }
}
