use database::on_both;

use super::browser::Shop;
use crate::actions::Edit;

/// The public ids of what a table holds.
macro_rules! ids {
    ($shop:expr, $table:literal) => {
        $shop.ids(concat!("select public_id from ", $table, " order by id")).await
    };
}

on_both! {
    async fn views_are_saved_questions(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.edits(id, Edit::Assign(Some(shop.cast.priya))).await;
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let page = priya.get("/settings/views?query=tag:x&sort=newest").await.is(200);
        assert_eq!(page.field("query"), "tag:x");
        page.hides("name=\"shared\"");

        let own = [("name", "My own"), ("query", "assignee:me"), ("sort", "oldest")];
        let place = priya.post("/settings/views", &own).await.location().to_owned();
        priya.get(&place).await.is(200).says(&id.to_string());
        priya.get("/inbox/all").await.says("My own");
        mateo.get(&place).await.is(404);
        mateo.get("/inbox/all").await.hides("My own");
        mateo.get("/settings/views").await.hides("My own");
        let view = &ids!(shop, "views")[0];
        let path = format!("/settings/views/{view}");
        mateo.post(&path, &own).await.is(404);
        mateo.post(&format!("{path}/delete"), &[]).await.is(404);

        for (fields, sentence) in [
            ([("name", ""), ("query", "is:open")], "Enter a name."),
            ([("name", "Bad"), ("query", "priority:extreme")], "is not understood"),
        ] {
            for path in ["/settings/views", &path] {
                let page = priya.post(path, &fields).await.is(422);
                page.says(sentence);
                page.says(&format!("value=\"{}\"", fields[1].1));
            }
        }
        let page = priya.post(&path, &[("name", ""), ("query", "is:spam")]).await.is(422);
        let form = page.between("<details class=\"card\" open>", "</details>");
        assert!(form.contains("is:spam") && form.contains("aria-invalid"), "{form}");

        let new = [("name", "Renamed"), ("query", "is:spam"), ("sort", "newest")];
        assert_eq!(priya.post(&path, &new).await.location(), "/settings/views");
        priya.get(&place).await.is(200).hides(&format!("conv-{id}"));
        assert_eq!(priya.post(&format!("{path}/delete"), &[]).await.location(), "/settings/views");
        priya.get(&place).await.is(404);

        // Shared ones are for all, and "me" is whoever looks.
        let shared = [("name", "Ours"), ("query", "assignee:me"), ("shared", "on")];
        priya.post("/settings/views", &shared).await.is(403);
        let place = mateo.post("/settings/views", &shared).await.location().to_owned();
        priya.get(&place).await.is(200).says(&format!("conv-{id}"));
        mateo.get(&place).await.is(200).hides(&format!("conv-{id}"));
        let path = format!("/settings/views/{}", ids!(shop, "views")[0]);
        priya.post(&path, &shared).await.is(403);
        priya.post(&format!("{path}/delete"), &[]).await.is(403);
        priya.get("/settings/views").await.hides(&format!("{path}/delete"));
        shop.sarah().await.post(&format!("{path}/delete"), &[]).await.location();
    }

    async fn saved_replies_are_written_down(db: Db) {
        let shop = Shop::new(db).await;
        let (priya, mateo) = (shop.priya_browses().await, shop.mateo().await);
        let good = [("title", "Hello"), ("text", "Hi {{first_name}}")];
        assert_eq!(priya.post("/settings/replies", &good).await.location(), "/settings/replies");
        let path = format!("/settings/replies/{}", ids!(shop, "saved_replies")[0]);
        for (fields, sentence) in [
            ([("title", ""), ("text", "Typed text")], "Enter a title."),
            ([("title", "Typed title"), ("text", " ")], "Enter a text."),
            ([("title", "Typed title"), ("text", "Typed {{nmae}}")], "nmae"),
        ] {
            for path in ["/settings/replies", &path] {
                let page = priya.post(path, &fields).await.is(422);
                page.says(sentence);
                for (_, typed) in fields.iter().filter(|(_, text)| text.starts_with("Typed")) {
                    page.says(typed);
                }
            }
        }
        let page = priya.post(&path, &[("title", ""), ("text", "Typed text")]).await;
        assert!(page.between("<details class=\"card\" open>", "</details>").contains("Typed text"));
        priya.post(&path, &[("title", "Bye"), ("text", "See you")]).await.location();
        priya.get("/settings/replies").await.says("See you");
        mateo.get("/settings/replies").await.hides("See you");
        mateo.post(&path, &good).await.is(404);
        mateo.post(&format!("{path}/delete"), &[]).await.is(404);
        priya.post(&format!("{path}/delete"), &[]).await.location();
        priya.get("/settings/replies").await.hides("See you");

        let shared = [("title", "Ours"), ("text", "Dear all"), ("shared", "on")];
        priya.post("/settings/replies", &shared).await.is(403);
        mateo.post("/settings/replies", &shared).await.location();
        let path = format!("/settings/replies/{}", ids!(shop, "saved_replies")[0]);
        priya.get("/settings/replies").await.says("Dear all");
        priya.post(&path, &shared).await.is(403);
        priya.post(&format!("{path}/delete"), &[]).await.is(403);
        shop.sarah().await.post(&path, &[("title", "Ours"), ("text", "Dear you")]).await.location();
        priya.get("/settings/replies").await.says("Dear you");
    }

    async fn tags_are_renamed_and_brought_together(db: Db) {
        let shop = Shop::new(db).await;
        let (a, b) = (shop.dana_writes().await, shop.dana_writes().await);
        shop.edits(a, Edit::Tag("refund".to_owned())).await;
        shop.edits(b, Edit::Tag("refunds".to_owned())).await;
        let mateo = shop.mateo().await;
        let page = mateo.get("/settings/tags").await.is(200);
        let action = page.after("action=\"/settings/tags/").0;
        let first = format!("/settings/tags/{}", action.split('"').next().unwrap());
        let long = "x".repeat(51);
        for (name, sentence) in [("", "Enter a name."), (&long, "one to fifty characters")] {
            mateo.post(&first, &[("name", name)]).await.is(422).says(sentence);
        }
        assert_eq!(mateo.post(&first, &[("name", "Refunds")]).await.location(), "/settings/tags");
        assert_eq!(shop.texts("select name from tags").await, ["refunds"]);
        let both = mateo.get("/inbox/all?tag=refunds").await;
        both.says(&a.to_string());
        both.says(&b.to_string());
        let page = mateo.get("/settings/tags").await;
        let action = page.after("action=\"/settings/tags/").0.split('"').next().unwrap();
        mateo.post(&format!("/settings/tags/{action}/delete"), &[]).await.location();
        assert_eq!(shop.count("select count(*) from ticket_tags").await, 0);
        mateo.get("/settings/tags").await.says("tag");
    }

    async fn categories_have_names_of_their_own(db: Db) {
        let shop = Shop::new(db).await;
        let mateo = shop.mateo().await;
        let path = "/settings/categories";
        for name in ["Billing", "Login"] {
            assert_eq!(mateo.post(path, &[("name", name)]).await.location(), path);
        }
        let page = mateo.post(path, &[("name", "Billing")]).await.is(422);
        assert_eq!(page.after("id=\"f-name\"").0.split("value=\"").nth(1).unwrap().split('"').next(), Some("Billing"));
        mateo.post(path, &[("name", " ")]).await.is(422).says("Enter a name.");
        let ids = ids!(shop, "categories");
        let first = format!("{path}/{}", ids[0]);
        let page = mateo.post(&first, &[("name", "Login")]).await.is(422);
        page.says("role=\"alert\"");
        page.says("value=\"Login\"");
        mateo.post(&first, &[("name", "")]).await.is(422).says("Enter a name.");
        mateo.post(&first, &[("name", "Money"), ("archived", "on")]).await.location();
        let id = shop.dana_writes().await;
        let page = mateo.get(&format!("/t/{id}")).await;
        page.says("Login");
        page.hides("Money");
        mateo.post(&format!("{path}/01930000-0000-7000-8000-000000000000"), &[("name", "x")])
            .await
            .is(404);
    }

    async fn fields_ask_for_what_else_is_to_be_known(db: Db) {
        let shop = Shop::new(db).await;
        let mateo = shop.mateo().await;
        let path = "/settings/fields";
        let good = [("label", "Plan"), ("kind", "choice"), ("choices", "Basic\nPro\nPro\n")];
        assert_eq!(mateo.post(path, &good).await.location(), path);
        assert_eq!(shop.texts("select choices from fields").await, ["Basic\nPro"]);
        for (fields, sentence) in [
            ([("label", "?!"), ("kind", "text"), ("choices", "")], "Enter a label."),
            ([("label", "Size"), ("kind", "choice"), ("choices", "One")], "at least two choices"),
            ([("label", "plan"), ("kind", "text"), ("choices", "")], "already"),
        ] {
            let page = mateo.post(path, &fields).await.is(422);
            page.says(sentence);
            page.says(&format!("value=\"{}\"", fields[0].1));
        }
        let first = shop.texts("select cast(id as text) from fields").await;
        let first = format!("{path}/{}", first[0]);
        let bad = [("label", ""), ("choices", "Only one"), ("required", "on")];
        let page = mateo.post(&first, &bad).await.is(422);
        let form = page.between("<details class=\"card\" open>", "</details>");
        for text in ["Only one", "at least two choices", "Enter a label.", "checked"] {
            assert!(form.contains(text), "{text}: {form}");
        }
        let fields = [("label", "Tariff"), ("choices", "Basic\nPro"), ("required", "on")];
        mateo.post(&first, &fields).await.location();
        let id = shop.dana_writes().await;
        let page = shop.priya_browses().await.get(&format!("/t/{id}")).await;
        page.says("Tariff");
        let change = format!("/t/{id}/change");
        let priya = shop.priya_browses().await;
        priya.post(&change, &[("state", "resolve")]).await.is(422).says("Fill in “Tariff”");
        let fields = [("label", "Tariff"), ("choices", "Basic\nPro"), ("archived", "on")];
        mateo.post(&first, &fields).await.location();
        priya.post(&change, &[("state", "resolve")]).await.location();
        mateo.post("/settings/fields/999", &fields).await.is(404);
    }

    async fn problems_are_named_fixed_and_back_again(db: Db) {
        let shop = Shop::new(db).await;
        let mateo = shop.mateo().await;
        mateo.post("/problems", &[("title", " ")]).await.is(422).says("Enter a title.");
        assert_eq!(mateo.post("/problems", &[("title", "Login loop")]).await.location(), "/problems");
        let problem = &ids!(shop, "problems")[0];
        mateo.get("/inbox/all").await.says("Login loop");
        let path = format!("/problems/{problem}");
        mateo.post(&path, &[("fixed", "yes")]).await.location();
        mateo.get("/problems").await.says("Fixed</span>");
        mateo.get("/inbox/all").await.hides("Login loop");
        mateo.post(&path, &[("fixed", "no")]).await.location();
        mateo.get("/problems").await.hides("Fixed</span>");
    }

    async fn pages_show_what_a_role_may_open(db: Db) {
        let shop = Shop::new(db).await;
        let page = shop.ines().await.get("/settings/views").await.is(200);
        for path in ["/settings/tags", "/settings/fields", "/settings/replies", "/people"] {
            page.hides(&format!("href=\"{path}\""));
        }
        let page = shop.mateo().await.get("/settings/views").await.is(200);
        for path in ["/settings/tags", "/settings/categories", "/settings/fields"] {
            page.says(&format!("href=\"{path}\""));
        }
    }
}
