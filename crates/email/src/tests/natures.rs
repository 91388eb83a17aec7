//! What a mail is taken for: certain signs and mere resemblances.

use crate::{Limits, Nature, read};

fn nature(fields: &str, text: &str) -> Nature {
    let mail = format!("{fields}\nTo: support@shop.example\nMessage-ID: <n@x.example>\n\n{text}\n");
    read(mail.as_bytes(), &Limits::default()).nature
}

#[test]
fn machines_are_known_by_certain_signs_and_others_are_only_not_answered() {
    let is_machine = |nature: &Nature| (nature.is_automatic(), nature.must_not_be_answered());
    let dana = "From: dana@customer.example\nIn-Reply-To: <ours@shop.example>";
    for (fields, text, expected) in [
        ("Subject: Re: Hi", "It works now.", (false, false)),
        ("Subject: Re: Hi\nAuto-Submitted: auto-replied", "Away.", (true, true)),
        ("Subject: Re: Hi\nX-Autoreply: yes", "Away.", (true, true)),
        ("Subject: Re: Hi\nPrecedence: auto_reply", "Away.", (true, true)),
        ("Subject: Re: Hi\nReturn-Path: <>", "Away.", (true, true)),
        ("Subject: Automatic reply: Hi", "Ask Tom.", (true, true)),
        ("Subject: Out of office", "I am on vacation.", (true, true)),
        ("Subject: Vacation\nPrecedence: bulk", "I am on vacation.", (true, true)),
        ("Subject: Re: Hi\nPrecedence: bulk", "It works now.", (false, true)),
        ("Subject: Re: Hi\nX-Auto-Response-Suppress: All", "It works now.", (false, true)),
        ("Subject: Re: Hi\nList-Id: <team.customer.example>", "It works now.", (false, true)),
        ("Subject: Re: Hi\nList-Unsubscribe: <https://c.example/u>", "It works.", (false, true)),
        ("Subject: Vacation photography course: refund?", "A refund, please.", (false, false)),
        ("Subject: Vacation course", "I was on vacation when it began.", (false, true)),
        ("Subject: Absence of lesson 4 in my download", "Where is it?", (false, false)),
        ("Subject: Automatic reply to order 4711 is wrong", "See there.", (false, false)),
    ] {
        let nature = nature(&format!("{dana}\n{fields}"), text);
        assert_eq!(is_machine(&nature), expected, "{fields}: {nature:?}");
    }
}

#[test]
fn a_postmaster_who_answers_is_no_bounce_of_the_mail_that_is_answered() {
    let fields = "From: postmaster@petershop2.example\nSubject: Re: Your order\n\
                  In-Reply-To: <ours@shop.example>";
    let text = "I rejected your message and want a refund.";
    let Nature::Bounce(bounce) = nature(fields, text) else { panic!("its words sound like one") };
    assert!(!bounce.is_formal);
    assert_eq!(bounce.original_mail_id, None);
    let fields = "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\n\
                  In-Reply-To: <ours@shop.example>";
    let Nature::Bounce(bounce) = nature(fields, "It could not be delivered.") else {
        panic!("a bounce")
    };
    assert_eq!(bounce.original_mail_id.as_deref(), Some("ours@shop.example"));
}
