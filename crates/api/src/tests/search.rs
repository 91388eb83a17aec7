use database::on_both;
use serde_json::{Value, json};

use super::shop::Shop;

on_both! {
    async fn tickets_and_customers_are_found_with_their_words(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let reference = shop.dana_writes("Support", "I would like my money back.").await;
        let path = format!("/api/v1/tickets/{reference}/notes");
        shop.post(&token, &path, &json!({"text": "The invoice was paid twice."})).await.is(201);
        let found = shop.get(&token, "/api/v1/search?q=money").await.is(200).json;
        assert_eq!(found["data"][0]["ticket"]["reference"], json!(reference));
        assert_eq!(found["data"][0]["found_in"]["kind"], "message");
        let parts = found["data"][0]["snippet"].as_array().unwrap();
        assert!(parts.contains(&json!({"text": "money", "hit": true})), "{parts:?}");
        let note = shop.get(&token, "/api/v1/search?q=%22paid%20twice%22").await.is(200).json;
        assert_eq!(note["data"][0]["found_in"]["kind"], "note");
        let name = shop.get(&token, "/api/v1/search?q=whitfield").await.is(200).json;
        assert_eq!(name["customers"][0]["email"], "dana@example.com");
        let number = shop.get(&token, &format!("/api/v1/search?q={reference}")).await.is(200).json;
        assert_eq!((&number["data"][0]["ticket"]["reference"], &number["data"][0]["found_in"]), (&json!(reference), &Value::Null));
        let odd = shop.get(&token, "/api/v1/search?q=priority:whatever+money").await.is(200).json;
        assert_eq!((&odd["not_understood"], odd["data"].as_array().unwrap().len()), (&json!(["priority:whatever"]), 1));
        let nothing = shop.get(&token, "/api/v1/search?q=status:resolved+money").await.is(200).json;
        assert_eq!((&nothing["data"], &nothing["next"]), (&json!([]), &Value::Null));
        for (query, field) in [("", "q"), ("q=", "q"), ("q=%20", "q"), ("q=a&limit=0", "limit"), ("q=a&after=zzz", "after"), ("q=a&sort=x", "sort")] {
            shop.get(&token, &format!("/api/v1/search?{query}")).await.names(422, field);
        }
        let narrow = shop.token(shop.cast.priya, "tickets:read").await;
        let found = shop.get(&narrow, "/api/v1/search?q=whitfield").await.is(200).json;
        assert_eq!(found["customers"], json!([]), "the token may not read customers");
    }

    async fn nobody_finds_what_they_do_not_see(db: Db) {
        let shop = Shop::new(db).await;
        let tom = shop.tom().await;
        let hidden = shop.writes("eve@example.com", "Support", "canary canary").await;
        shop.dana_writes("Billing", "nothing yellow").await;
        for query in ["canary", "eve@example.com", "from:eve", "has:attachment+canary", &hidden, "status:open+canary"] {
            let reply = shop.get(&tom, &format!("/api/v1/search?q={query}")).await.is(200);
            let text = String::from_utf8(reply.bytes).unwrap();
            assert!(!text.contains("canary") && !text.contains("eve@") && !text.contains(&hidden), "{query}: {text}");
        }
    }

    async fn what_takes_too_long_is_a_problem_with_a_way_on(db: Db) {
        let shop = Shop::new(db.clone()).await;
        let token = shop.priya().await;
        let reference = shop.dana_writes("Support", "I would like my money back.").await;
        database::testing::let_searches_never_end(&db).await;
        let problem = shop.get(&token, "/api/v1/search?q=money").await.is(504).json;
        assert!(problem["type"].as_str().unwrap().ends_with("too-slow"), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("narrow it"), "{problem}");
        shop.get(&token, &format!("/api/v1/tickets/{reference}")).await.is(200);
    }

    async fn a_list_that_takes_too_long_is_a_problem_with_a_way_on(db: Db) {
        let shop = Shop::new(db.clone()).await;
        let token = shop.priya().await;
        shop.dana_writes("Support", "I would like my money back.").await;
        database::testing::let_lists_never_end(&db).await;
        for path in ["/api/v1/tickets", "/api/v1/tickets?status=new&sort=due"] {
            let problem = shop.get(&token, path).await.is(504).json;
            assert!(problem["type"].as_str().unwrap().ends_with("too-slow"), "{problem}");
        }
    }

    async fn pages_neither_repeat_nor_leave_out(db: Db) {
        let shop = Shop::new(db).await;
        let token = shop.priya().await;
        let mut made = Vec::new();
        for n in 0..7 {
            made.push(shop.writes(&format!("c{n}@example.com"), "Support", "a lamp").await);
        }
        for query in ["lamp", "status:open"] {
            let mut walked = Vec::new();
            let mut path = format!("/api/v1/search?q={query}&limit=3");
            loop {
                let page = shop.get(&token, &path).await.is(200).json;
                for row in page["data"].as_array().unwrap() {
                    walked.push(row["ticket"]["reference"].as_str().unwrap().to_owned());
                }
                let Some(next) = page["next"].as_str() else { break };
                path = format!("/api/v1/search?q={query}&limit=3&after={next}");
                assert!(walked.len() < 50, "it ends");
            }
            walked.sort();
            assert_eq!(walked, made, "{query}");
        }
    }
}
