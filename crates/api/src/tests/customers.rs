use database::on_both;
use serde_json::{Value, json};

use super::shop::Shop;

on_both! {
    async fn customers_are_listed_read_and_changed(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        for n in 0..3 {
            shop.writes(&format!("c{n}@example.com"), "Support", "Hello").await;
        }
        let list = shop.get(&token, "/api/v1/customers").await.is(200);
        assert_eq!(list.column("email"), ["c2@example.com", "c1@example.com", "c0@example.com"]);
        let first = shop.get(&token, "/api/v1/customers?limit=2").await.is(200);
        let next = first.json["next"].as_str().unwrap();
        shop.writes("later@example.com", "Support", "Hello").await;
        let rest = shop.get(&token, &format!("/api/v1/customers?limit=2&after={next}")).await.is(200);
        assert_eq!((rest.column("email"), &rest.json["next"]), (vec!["c0@example.com".to_owned()], &Value::Null));
        let one = shop.get(&token, "/api/v1/customers?email=C1@example.com").await.is(200);
        assert_eq!(one.column("email"), ["c1@example.com"]);
        assert_eq!(shop.get(&token, "/api/v1/customers?email=x@example.com").await.is(200).json["data"], json!([]));
        shop.get(&token, "/api/v1/customers?email=x").await.names(422, "email");

        let path = format!("/api/v1/customers/{}", one.json["data"][0]["id"].as_str().unwrap());
        let read = shop.get(&token, &path).await.is(200).json;
        assert_eq!(read["addresses"][0], json!({"email": "c1@example.com", "verified_at": null}));
        let changed = shop.patch(&token, &path, &json!({"name": "  Dana\nCosta "})).await.is(200).json;
        assert_eq!(changed["name"], "Dana Costa");
        let same = shop.patch(&token, &path, &json!({})).await.is(200).json;
        assert_eq!(same["name"], "Dana Costa");
        for field in ["email", "id", "links_valid_from", "created_at"] {
            shop.patch(&token, &path, &json!({field: "x"})).await.names(422, field);
        }
        shop.patch(&token, &path, &json!({"name": 7})).await.names(422, "name");
    }

    async fn whoever_wrote_elsewhere_is_not_there(db: Db) {
        let shop = Shop::new(db).await;
        let (priya, tom) = (shop.priya().await, shop.tom().await);
        shop.writes("eve@example.com", "Support", "Hello").await;
        shop.writes("dana@example.com", "Billing", "Hello").await;
        assert_eq!(shop.get(&tom, "/api/v1/customers").await.is(200).column("email"), ["dana@example.com"]);
        assert_eq!(shop.get(&tom, "/api/v1/customers?email=eve@example.com").await.is(200).json["data"], json!([]));
        let eve = shop.get(&priya, "/api/v1/customers?email=eve@example.com").await.is(200);
        let path = format!("/api/v1/customers/{}", eve.json["data"][0]["id"].as_str().unwrap());
        shop.get(&tom, &path).await.refused(404);
        shop.patch(&tom, &path, &json!({"name": "x"})).await.refused(404);
        shop.get(&priya, "/api/v1/customers/0199f3a1-7c2e-7d10-a4f5-3a2b1c0d9e8f").await.refused(404);
    }
}
