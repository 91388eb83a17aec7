use database::on_both;
use kernel::{Span, TicketId};

use super::browser::{Page, Shop};
use crate::actions::Edit;
use crate::ticket::Priority;

/// The tickets of a page, in its order.
fn refs(page: &Page) -> Vec<String> {
    let rows = page.body.split("id=\"conv-").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

fn names(ids: &[TicketId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

on_both! {
    async fn what_is_due_first_stands_first_and_under_its_title(db: Db) {
        let shop = Shop::new(db).await;
        let old = shop.dana_writes().await;
        shop.later(Span::hours(23) + Span::minutes(30));
        let new = shop.dana_writes().await;
        shop.later(Span::minutes(15));
        let page = shop.priya_browses().await.get("/inbox/needs-reply").await.is(200);
        assert!(page.is_whole());
        assert_eq!(refs(&page), names(&[old, new]));
        assert!(page.between("id=\"group-hour\"", "</section>").contains(&old.to_string()));
        let later = page.between("id=\"group-later\"", "</section>");
        assert!(later.contains(&new.to_string()));
        shop.later(Span::hours(1));
        let page = shop.priya_browses().await.get("/inbox/needs-reply").await;
        assert!(page.between("id=\"group-overdue\"", "</section>").contains(&old.to_string()));
        page.says("Overdue");
        page.says(&format!("/t/{old}?in=needs-reply"));

        let newest = shop.priya_browses().await.get("/inbox/all?sort=newest").await;
        assert_eq!(refs(&newest), names(&[new, old]));
        let oldest = shop.priya_browses().await.get("/inbox/all?sort=oldest").await;
        assert_eq!(refs(&oldest), names(&[old, new]));
        assert!(oldest.between("id=\"group-day-yesterday\"", "</section>").contains(&old.to_string()));
        shop.priya_browses().await.get("/inbox/nowhere").await.is(404);
        shop.priya_browses().await.get("/inbox/view-x").await.is(404);
        assert_eq!(shop.priya_browses().await.get("/inbox").await.location(), "/inbox/needs-reply");
    }

    async fn a_view_with_words_counts_what_it_shows_and_is_joined_by_what_has_them(db: Db) {
        let shop = Shop::new(db).await;
        let tapir = async |text: &str| shop.comes(&shop.mail("Zoo", text)).await.ticket;
        let (first, other) = (tapir("A tapir").await, tapir("A zebra").await);
        let priya = shop.priya_browses().await;
        let view = [("name", "Tapirs"), ("query", "tapir"), ("sort", "newest")];
        let place = priya.post("/settings/views", &view).await.location().to_owned();
        let key = place.strip_prefix("/inbox/").unwrap();
        let page = priya.get(&place).await.is(200);
        assert_eq!(refs(&page), names(&[first]));
        page.says(&format!("id=\"count-{key}\">1<"));

        shop.later(Span::minutes(1));
        let (second, zebra) = (tapir("Another tapir").await, tapir("Another zebra").await);
        priya.get(&place).await.says(&format!("id=\"count-{key}\">2<"));
        let here = priya.at(&place);
        let shown = format!("day-today:{first}");
        let joined = here.get(&format!("{place}/rows?refs={second},{zebra},{other}&shown={shown}")).await.is(200);
        assert_eq!(refs(&joined), names(&[second]));
    }

    async fn a_long_list_comes_page_by_page(db: Db) {
        let shop = Shop::new(db).await;
        let mut all = Vec::new();
        for n in 0..45 {
            let from = format!("c{n}@example.com");
            all.push(shop.comes(&shop.mail_from(&from, "C", "Hello", "Hi")).await.ticket);
            shop.later(Span::seconds(1));
        }
        let priya = shop.priya_browses().await;
        let first = priya.get("/inbox/all?sort=oldest").await;
        assert_eq!(refs(&first), names(&all[..30]));
        assert!(!first.body.contains("id=\"gc-day-today\">30"), "there may be more below");
        let more = first.after("data-more hx-get=\"").0.split('"').next().unwrap().replace("&#38;", "&");
        assert!(more.contains("after="), "{more}");

        let part = priya.at("/inbox/all?sort=oldest").get(&more).await.is(200);
        assert!(!part.is_whole());
        assert_eq!(part.places(), ["#group-day-today .conv-list beforeend"]);
        assert_eq!(refs(&part), names(&all[30..]));
        part.says("That is all 15");

        let whole = priya.get(&more).await.is(200);
        assert!(whole.is_whole(), "a link without scripts opens a page");
        assert_eq!(refs(&whole), names(&all[30..]));
        assert_eq!(refs(&priya.get("/inbox/all?sort=oldest&after=nonsense").await).len(), 30);
    }

    async fn a_list_is_narrowed_by_words_and_choices(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let other = shop.in_billing().await;
        shop.edits(id, Edit::Priority(Priority::High)).await;
        shop.edits(id, Edit::Tag("refund".to_owned())).await;
        shop.edits(other, Edit::Assign(Some(shop.cast.mateo))).await;
        let priya = shop.priya_browses().await;
        for (query, found) in [
            ("q=money", vec![id]),
            ("q=nothing+like+it", vec![]),
            ("q=from:leo@example.net", vec![other]),
            ("priority=high", vec![id]),
            ("channel=email&tag=refund", vec![id]),
            ("channel=portal", vec![]),
            ("assignee=Mateo+Ruiz", vec![other]),
            ("assignee=none", vec![id]),
            ("assignee=Nobody+Here", vec![]),
            ("q=inbox:Billing", vec![other]),
            ("tag=re%22fund&q=money", vec![id]),
        ] {
            let page = priya.get(&format!("/inbox/all?{query}")).await.is(200);
            assert_eq!(refs(&page), names(&found), "{query}");
        }
        priya.get("/inbox/all?q=nothing+like+it").await.says("Nothing fits");
        let page = priya.get("/inbox/all?q=money+priority:extreme").await.is(200);
        page.says("“priority:extreme” is not understood and left out.");
        assert_eq!(page.field("q"), "money priority:extreme");
        let page = priya.get("/inbox/all?q=%22%3E%3Cscript%3E").await.is(200);
        page.hides("<script>");

        let part = priya.at("/inbox/all").get("/inbox/all?q=money").await;
        assert!(!part.is_whole() && part.body.trim_start().starts_with("<ticket-list"));
        part.says("data-url=\"/inbox/all?sort=newest&#38;q=money\"");
    }

    async fn a_search_that_takes_too_long_says_so_and_the_rest_goes_on(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        database::testing::let_searches_never_end(shop.desk.db()).await;
        let priya = shop.priya_browses().await;
        for path in ["/search?q=money", "/inbox/all?q=money"] {
            let page = priya.get(path).await.is(200);
            page.says("This search takes too long");
            page.hides("Nothing fits");
            page.hides("Nothing was found");
        }
        priya.get("/inbox/all").await.is(200).says(&format!("/t/{id}"));
        let page = priya.at("/inbox/all").get("/palette?q=money").await.is(200);
        page.says("This search takes too long");
        priya.get("/customers?q=dana").await.is(200).says("This search takes too long");
        priya.get("/customers").await.says("Dana");
        priya.get("/search?q=from:dana@example.com").await.says(&format!("/t/{id}"));
    }

    async fn a_list_that_takes_too_long_says_so(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let page = priya.get(&format!("/t/{id}")).await;
        let dana = format!("/customers/{}", page.between("href=\"/customers/", "\""));
        database::testing::let_lists_never_end(shop.desk.db()).await;
        let page = priya.get("/inbox/all?q=assignee:none").await.is(200);
        page.says("This search takes too long");
        page.hides("Nothing fits");
        // What is more than a list is refused with a sentence.
        let page = priya.get(&dana).await.is(504);
        page.says("This list takes too long");
        page.says("narrow the list");
    }

    async fn rows_move_while_a_list_is_open(db: Db) {
        let shop = Shop::new(db).await;
        let (a, b) = (shop.dana_writes().await, shop.dana_writes().await);
        let priya = shop.priya_browses().await;
        let shown = format!("later:{a},{b}");
        let rows = async |refs: String| {
            let path = format!("/inbox/needs-reply/rows?refs={refs}&shown={shown}");
            priya.at("/inbox/needs-reply").get(&path).await.is(200)
        };
        shop.edits(a, Edit::Priority(Priority::Urgent)).await;
        let page = rows(a.to_string()).await;
        assert_eq!(page.places(), [format!("#conv-{a} outerMorph"), "#gc-later innerHTML".into()]);
        page.says("data-level=\"urgent\"");
        shop.answers(a, "Done").await;
        let page = rows(a.to_string()).await;
        assert_eq!(page.places(), [format!("#conv-{a} delete"), "#gc-later innerHTML".into()]);
        let c = shop.dana_writes().await;
        let page = rows(c.to_string()).await;
        assert_eq!(page.places()[0], "#group-later .conv-list beforeend");
        assert_eq!(page.between("#gc-later\" hx-swap=\"innerHTML\">", "<"), "2");
        assert!(rows("RC-99999,nonsense".to_owned()).await.places().is_empty());
    }

    async fn numbers_beside_the_lists_follow_what_happens(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let priya = shop.priya_browses().await;
        let number = async |key: &str| {
            let page = priya.at("/inbox/all").get("/inbox/counts").await.is(200);
            page.between(&format!("#count-{key}\" hx-swap=\"innerHTML\">"), "<").to_owned()
        };
        assert_eq!(number("needs-reply").await, "1");
        assert_eq!(number("needs-reply-phone").await, "1");
        assert_eq!(number("mine").await, "");
        shop.edits(id, Edit::Assign(Some(shop.cast.priya))).await;
        assert_eq!(number("mine").await, "1");
        assert_eq!(number("unassigned").await, "");
        shop.answers(id, "Done").await;
        assert_eq!(number("needs-reply").await, "");
        assert_eq!(number("waiting").await, "1");
    }

    async fn what_is_found_is_shown_page_by_page(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.notes(id, "Money was sent twice").await;
        let priya = shop.priya_browses().await;
        let page = priya.get("/search?q=money").await.is(200);
        assert!(page.is_whole());
        page.says("<mark>");
        page.says(&format!("/t/{id}"));
        let part = priya.at("/search").get("/search?q=money").await.is(200);
        assert!(!part.is_whole());
        priya.get("/search?q=dana").await.says("dana@example.com");
        priya.get("/search?q=priority:extreme").await.says("is not understood");
        priya.get("/search").await.is(200);
        priya.get("/search?q=money&after=nonsense").await.is(200);
        let palette = priya.at("/inbox/all").get("/palette?q=re").await.is(200);
        palette.says("Needs reply");
        assert_eq!(palette.places(), ["#palette-status innerHTML"]);
        let palette = shop.ines().await.at(&format!("/t/{id}")).get("/palette?q=").await.is(200);
        palette.hides("/t/new");
        palette.hides("Resolve");
        palette.says("Note");
    }
}
