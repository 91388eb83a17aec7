use database::{on_both, params};
use kernel::{Span, TicketId};
use outbox::{Party, Recipients};

use super::browser::Shop;
use crate::State;
use crate::actions::{Forward, Incoming, forward};
use crate::store::tickets;

async fn participants(shop: &Shop, id: TicketId) -> Vec<String> {
    let conn = shop.db.read().await.unwrap();
    let all = tickets::participants(&conn, id).await.unwrap();
    all.into_iter().map(|(address, _)| address.to_string()).collect()
}

on_both! {
    async fn two_tickets_become_one_and_two_again(db: Db) {
        let shop = Shop::new(db).await;
        let (from, into) = (shop.in_billing().await, shop.dana_writes().await);
        shop.notes(from, "A word for the team").await;
        let priya = shop.priya_browses().await;
        let (here, tom) = (priya.at(&format!("/t/{from}?in=all")), shop.tom().await);
        for (reference, sentence) in [
            ("", "Choose a ticket, or enter its reference."),
            ("RC-99999", "There is no ticket “RC-99999” that you see."),
            (&from.to_string(), "A ticket cannot be merged with or linked to itself."),
        ] {
            let page = here.post(&format!("/t/{from}/merge"), &[("reference", reference)]).await;
            assert_eq!(page.is(422).toast(), sentence);
        }
        tom.get("/search?q=vat").await.says(&format!("/t/{from}"));
        let number = into.to_string().replace("RC-", "#");
        let page = here.post(&format!("/t/{from}/merge"), &[("reference", &number)]).await.is(200);
        assert_eq!(page.toast(), format!("Merged {from} into {into}"));
        assert_eq!(page.header("hx-push-url"), format!("/t/{into}?in=all"));
        assert_eq!(page.places(), ["#thread outerHTML", "#panel outerHTML"]);
        page.says("Which VAT?");
        page.says("A word for the team");
        assert_eq!(participants(&shop, into).await, ["leo@example.net"]);
        // What was merged is found by whom sees where it is now.
        tom.get("/search?q=vat").await.hides("/t/RC-");
        tom.get(&format!("/t/{from}")).await.is(404);
        priya.get("/search?q=vat").await.says(&format!("/t/{into}"));

        let page = here.post(&page.undo(), &[]).await.is(200);
        assert_eq!(page.toast(), "Taken back");
        assert!(participants(&shop, into).await.is_empty());
        assert_eq!(shop.messages(from).await.len(), 1);
        assert_eq!(shop.messages(into).await.len(), 1);
        assert_eq!(shop.ticket(from).await.state, State::New);
        tom.get("/search?q=vat").await.says(&format!("/t/{from}"));
        tom.get("/search?q=team").await.says(&format!("/t/{from}"));
        tom.get("/search?q=money").await.hides("/t/RC-");

        // Who took part before goes on taking part.
        let people = format!("/t/{into}/people");
        priya.post(&people, &[("address", "leo@example.net")]).await.location();
        let page = here.post(&format!("/t/{from}/merge"), &[("reference", &number)]).await.is(200);
        here.post(&page.undo(), &[]).await.is(200);
        assert_eq!(participants(&shop, into).await, ["leo@example.net"]);
    }

    async fn messages_move_to_a_ticket_of_their_own(db: Db) {
        let shop = Shop::new(db).await;
        let first = shop.mail("Refund", "One.");
        let id = shop.comes(&first).await.ticket;
        shop.later(Span::minutes(1));
        let more = Incoming {
            references: vec![first.mail_id.clone().unwrap()],
            ..shop.mail("Invoice", "And an invoice.")
        };
        shop.comes(&more).await;
        let messages: Vec<String> =
            shop.messages(id).await.iter().map(|one| one.public_id.to_string()).collect();
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        let split = format!("/t/{id}/split");
        let all: Vec<(&str, &str)> = messages.iter().map(|one| ("message", one.as_str())).collect();
        for fields in [&all[..], &[]] {
            let page = here.post(&split, fields).await.is(422);
            assert_eq!(page.toast(), "Choose at least one message, and leave at least one.");
        }
        let page = here.post(&split, &[("message", &messages[1]), ("subject", "")]).await.is(200);
        let part = page.header("hx-push-url").trim_start_matches("/t/").to_owned();
        assert_eq!(page.toast(), format!("Moved to {part}"));
        page.says("And an invoice.");
        let stays = shop.ticket(id).await;
        assert_eq!((stays.snippet.as_str(), stays.message_count), ("One.", 1));
        let part: TicketId = part.parse().unwrap();
        assert_eq!(shop.ticket(part).await.subject, "Invoice");
        priya.get(&format!("/t/{part}")).await.says(&format!("/t/{id}"));
    }

    async fn tickets_are_linked_and_unlinked(db: Db) {
        let shop = Shop::new(db).await;
        let (id, other) = (shop.dana_writes().await, shop.in_billing().await);
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        let links = format!("/t/{id}/links");
        let page = here.post(&links, &[("other", &other.to_string())]).await.is(200);
        page.says("Invoice");
        priya.get(&format!("/t/{other}")).await.says("Refund for Web Design Foundations");
        let page = here.post(&links, &[("unlink", &other.to_string())]).await.is(200);
        page.hides(&format!("href=\"/t/{other}\""));
        here.post(&links, &[("unlink", "nonsense")]).await.is(404);
        here.post(&links, &[]).await.is(422);
        let plain = priya.post(&format!("{links}?in=all"), &[("reference", &other.to_string())]).await;
        assert_eq!(plain.location(), format!("/t/{id}?in=all"));
    }

    async fn people_are_added_and_removed(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        let people = format!("/t/{id}/people");
        here.post(&people, &[("address", "boss@example.com")]).await.is(200).says("boss@example.com");
        assert_eq!(participants(&shop, id).await, ["boss@example.com"]);
        let page = here.post(&people, &[("address", "boss")]).await.is(422);
        assert_eq!(page.toast(), "“boss” is not an email address.");
        for own in ["support@northlight.example", "billing+t1@northlight.example"] {
            let page = here.post(&people, &[("address", own)]).await.is(422);
            assert!(page.toast().contains("one of our own inboxes"), "{}", page.toast());
        }
        here.post(&people, &[("remove", "boss@example.com")]).await.is(200);
        assert!(participants(&shop, id).await.is_empty());
    }

    async fn a_ticket_belongs_to_a_problem(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let problem = format!("/t/{id}/problem");
        shop.priya_browses().await.post(&problem, &[("title", "Login loop")]).await.is(403);
        let here = shop.mateo().await.at(&format!("/t/{id}"));
        here.post(&problem, &[("title", "Login loop")]).await.is(200).says("Login loop");
        let gone = "01930000-0000-7000-8000-000000000000";
        here.post(&problem, &[("problem", gone)]).await.is(404);
        here.post(&problem, &[("problem", "nonsense")]).await.is(404);
        assert!(shop.ticket(id).await.problem.is_some(), "still there");
        let known = &shop.ids("select public_id from problems").await[0];
        shop.priya_browses().await.get(&format!("/inbox/problem-{known}")).await.says(&id.to_string());
        here.post(&problem, &[("problem", "")]).await.is(200);
        assert_eq!(shop.ticket(id).await.problem, None);
        shop.priya_browses().await.post(&problem, &[("problem", known)]).await.location();
        assert!(shop.ticket(id).await.problem.is_some());
    }

    async fn a_message_is_removed_for_good(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.comes(&shop.mail("Help", "My card is 4111 1111 1111 1111")).await.ticket;
        let message = shop.messages(id).await[0].public_id;
        let priya = shop.priya_browses().await;
        let here = priya.at(&format!("/t/{id}"));
        let redact = format!("/t/{id}/m/{message}/redact");
        let page = here.post(&redact, &[]).await.is(200);
        page.says("Removed by Priya Nair");
        page.hides("4111");
        for path in [format!("/t/{id}"), "/inbox/all".into(), "/search?q=4111".into()] {
            priya.get(&path).await.hides("4111 1111");
        }
        assert_eq!(here.post(&redact, &[]).await.is(422).toast(), "This message was redacted already.");
        here.post(&format!("/t/{id}/m/{message}/explode"), &[]).await.is(404);
    }

    async fn a_stranger_is_let_in_by_hand(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        let (office, priya) = (shop.office().await, shop.priya().await);
        let to = Party::new("", "desk@bank.example".parse().unwrap());
        let letter = Forward {
            message: None,
            recipients: Recipients::to(to),
            text: "Please see".to_owned(),
            uploads: vec![],
        };
        let mut tx = shop.db.begin().await.unwrap();
        forward(&mut tx, &office, &priya, id, &letter).await.unwrap();
        tx.commit().await.unwrap();
        let ours = shop.messages(id).await.pop().unwrap().mail_id.unwrap();
        let answer = Incoming {
            references: vec![ours],
            ..shop.mail_from("desk@bank.example", "Bank", "Re", "It was paid.")
        };
        let received = shop.comes(&answer).await;
        assert!(received.is_held && received.ticket == id);
        let message = shop.messages(id).await.pop().unwrap().public_id;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        here.get(&format!("/t/{id}")).await.says("From somebody who takes no part");
        let admit = format!("/t/{id}/m/{message}/admit");
        here.post(&admit, &[]).await.is(200).hides("From somebody who takes no part");
        assert_eq!(participants(&shop, id).await, ["desk@bank.example"]);
        assert_eq!(here.post(&admit, &[]).await.is(422).toast(), "This message is not held.");
    }

    async fn what_did_not_arrive_is_tried_again_or_given_up(db: Db) {
        let shop = Shop::new(db).await;
        let id = shop.dana_writes().await;
        shop.leaves().await;
        let sent = shop.answers(id, "Hello").await;
        let fails = async || {
            let mut tx = shop.db.begin().await.unwrap();
            tx.execute(
                "update deliveries set state = 'failed', fault = 'no such user' where id = $1",
                params![sent.delivery],
            )
            .await
            .unwrap();
            tx.commit().await.unwrap();
        };
        fails().await;
        let here = shop.priya_browses().await.at(&format!("/t/{id}"));
        here.get(&format!("/t/{id}")).await.says("Not delivered: no such user");
        let page = here.post(&format!("/t/{id}/m/{}/retry", sent.public_id), &[]).await.is(200);
        page.hides("Not delivered");
        shop.later(Span::minutes(1));
        assert_eq!(shop.leaves().await.len(), 1);
        fails().await;
        here.post(&format!("/t/{id}/m/{}/discard", sent.public_id), &[])
            .await
            .is(200)
            .says("Discarded, never sent");
        shop.later(Span::hours(1));
        assert!(shop.leaves().await.is_empty());
    }

    async fn customers_are_known_and_brought_together(db: Db) {
        let shop = Shop::new(db).await;
        let (dana, leo) = (shop.dana_writes().await, shop.in_billing().await);
        let priya = shop.priya_browses().await;
        let public_id = async |id: TicketId| {
            let customer = shop.ticket(id).await.customer;
            let conn = shop.db.read().await.unwrap();
            customers::find(&conn, customer).await.unwrap().unwrap().public_id
        };
        let (dana_id, leo_id) = (public_id(dana).await, public_id(leo).await);
        let url = format!("/customers/{dana_id}");
        let page = priya.get(&url).await.is(200);
        page.says("dana@example.com");
        page.says(&format!("/t/{dana}"));
        assert_eq!(priya.post(&url, &[("name", "Dana W.")]).await.location(), url);
        priya.get(&url).await.says("Dana W.");
        priya.post(&url, &[("note", "Pays late")]).await.location();
        priya.get(&format!("/t/{dana}")).await.says("Pays late");
        assert_eq!(priya.at(&url).post(&url, &[("links", "revoke")]).await.is(204).toast(), "Saved");
        priya.post(&url, &[("note", " ")]).await.is(422);
        priya.post(&url, &[("x", "y")]).await.is(400);
        for address in ["", "nobody@example.com", "dana@example.com"] {
            priya.post(&format!("{url}/merge"), &[("address", address)]).await.is(422);
        }
        let page = priya.post(&format!("{url}/merge"), &[("address", "leo@example.net")]).await;
        assert_eq!(page.location(), format!("/customers/{leo_id}"));
        priya.get(&url).await.is(404);
        let page = priya.get(&format!("/customers/{leo_id}")).await.is(200);
        for text in ["dana@example.com", "leo@example.net", "Pays late", &dana.to_string()] {
            page.says(text);
        }
        shop.ines().await.get(&format!("/customers/{leo_id}")).await.hides("name=\"note\"");
    }
}
