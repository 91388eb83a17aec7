//! What we answer, and how the conversation goes on.

use crate::world::{World, on_both};

on_both! {
    async fn an_answer_reaches_the_customer_and_theirs_comes_back_to_it(world: World) {
        let shop = world.shop().await;
        world.dana_writes("q1", "The download is broken", "It stops at half.", "").await;
        let ticket = world.tickets(&shop, 1).await.remove(0);
        let reference = ticket["reference"].as_str().unwrap();
        world.dana_got(1).await;
        world.answers(&shop, reference, "Please try **again**, it is mended.").await;

        let letter = world.dana_got(2).await.remove(1);
        let first = format!("<{}>", world.mail_id("q1"));
        assert_eq!(letter.field("in-reply-to"), first);
        assert!(letter.field("references").starts_with(&first), "{}", letter.field("references"));
        assert_eq!(letter.field("subject"), format!("Re: The download is broken [{reference}]"));
        assert_eq!(letter.field("auto-submitted"), "", "a person wrote it");
        assert!(letter.field("content-type").starts_with("multipart/alternative"));
        assert!(letter.text().contains("Please try") && letter.text().contains("again"));
        assert!(letter.html().contains("<strong>again</strong>"), "{}", letter.html());
        assert!(letter.from.starts_with("support"), "{}", letter.from);

        // The keyed address alone leads back: no reference, another subject.
        let keyed = letter.field("reply-to");
        let keyed = keyed.rsplit('<').next().unwrap().trim_end_matches('>');
        assert!(keyed.starts_with("support+"), "{keyed}");
        world.dana_writes_to(keyed, "q2", "Thank you", "It still stops. What now?", "").await;
        let came = world.came(&shop, reference, 2).await;
        assert_eq!(came[1]["text"], "It still stops. What now?");

        // And so does the thread, as a mail program that ignores Reply-To keeps it.
        let thread = format!(
            "In-Reply-To: {id}\nReferences: {first} {id}\n",
            id = letter.field("message-id")
        );
        world.dana_writes("q3", "Re: hm", "At 60 percent, to be exact.", &thread).await;
        let came = world.came(&shop, reference, 3).await;
        assert_eq!(came[2]["text"], "At 60 percent, to be exact.");
        assert_eq!(world.tickets(&shop, 1).await.len(), 1, "all of it is one ticket");

        // The next answer hangs on the latest mail.
        world.answers(&shop, reference, "Now it is mended for good.").await;
        let letters = world.dana_got(3).await;
        let last = letters.last().unwrap();
        assert_eq!(last.field("in-reply-to"), format!("<{}>", world.mail_id("q3")));
    }

    async fn nothing_is_lost_when_the_server_stops(world: World) {
        let shop = world.shop().await;
        world.dana_writes("s1", "Before", "One.", "").await;
        let ticket = world.tickets(&shop, 1).await.remove(0);
        let ticket = ticket["id"].as_str().unwrap();
        world.dana_got(1).await;
        // An answer waits for its ten seconds, and a mail comes while nobody is there.
        world.answers(&shop, ticket, "This waits to be sent.").await;
        world.stop().await;
        assert_eq!(crate::world::Sink::here().got(&world.dana()).len(), 1);
        world.dana_writes("s2", "Meanwhile", "Two.", "").await;
        world.start().await;
        let tickets = world.tickets(&shop, 2).await;
        assert_eq!(tickets[0]["subject"], "Meanwhile");
        // The session is still good: `tickets` and this page need it no less than before.
        assert_eq!(shop.web.get("/inbox/needs-reply").await.status, 200);
        // An address that nobody verified gets one automatic mail a day: this is the answer.
        let letters = world.dana_got(2).await;
        let waited: Vec<_> = letters.iter().filter(|l| l.text().contains("This waits")).collect();
        assert_eq!(waited.len(), 1, "sent once");
    }
}
