use jiff::tz::TimeZone;
use kernel::{AgentId, CategoryId, InboxId, ProblemId, TeamId, Timestamp};
use search::Term;

use crate::State;
use crate::filter::{Assignee, Cursor, Filter, Names, StateSet};
use crate::ticket::{Channel, Priority};

struct Shop;

impl Names for Shop {
    fn me(&self) -> Option<AgentId> {
        Some(AgentId(3))
    }

    fn agent(&self, name: &str) -> Option<AgentId> {
        (name == "mateo").then_some(AgentId(2))
    }

    fn team(&self, name: &str) -> Option<TeamId> {
        (name == "refunds").then_some(TeamId(1))
    }

    fn inbox(&self, name: &str) -> Option<InboxId> {
        (name == "support" || name == "billing team").then_some(InboxId(1))
    }

    fn category(&self, name: &str) -> Option<CategoryId> {
        (name == "login").then_some(CategoryId(4))
    }

    fn problem(&self, name: &str) -> Option<ProblemId> {
        (name == "login loop").then_some(ProblemId(2))
    }
}

fn read(query: &str) -> (Filter, Vec<String>) {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let (filter, unknown) = Filter::read(query, &Shop, &zone);
    (filter, unknown.into_iter().map(|word| word.0).collect())
}

#[test]
fn a_query_becomes_a_filter() {
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let word = |text: &str| Term::Word(text.to_owned());
    let phrase = |text: &str| Term::Phrase(text.to_owned());
    let any = Filter::default();
    let one = |state| Filter { states: StateSet::One(state), ..Filter::default() };
    let mateo = Some(Assignee::Agent(AgentId(2)));
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for (query, expected) in [
        ("", any.clone()),
        ("status:open", Filter { states: StateSet::NeedsReply, ..any.clone() }),
        ("is:snoozed", one(State::Snoozed)),
        ("status:done", Filter { states: StateSet::Done, ..any.clone() }),
        ("status:closed", one(State::Closed)),
        ("status:on-hold", one(State::OnHold)),
        ("status:waiting_customer", one(State::WaitingCustomer)),
        ("status:spam", one(State::Spam)),
        ("assignee:me", Filter { assignee: Some(Assignee::Agent(AgentId(3))), ..any.clone() }),
        ("assignee:Mateo", Filter { assignee: mateo, ..any.clone() }),
        ("assignee:none", Filter { assignee: Some(Assignee::Nobody), ..any.clone() }),
        ("team:refunds", Filter { team: Some(TeamId(1)), ..any.clone() }),
        ("inbox:\"Billing team\"", Filter { inbox: Some(InboxId(1)), ..any.clone() }),
        ("category:login", Filter { category: Some(CategoryId(4)), ..any.clone() }),
        ("priority:HIGH", Filter { priority: Some(Priority::High), ..any.clone() }),
        ("channel:mail", Filter { channel: Some(Channel::Email), ..any.clone() }),
        ("from:Jane@x.example", Filter { from: list(&["jane@x.example"]), ..any.clone() }),
        (
            "tag:refund -tag:vip",
            Filter { tags: list(&["refund"]), not_tags: list(&["vip"]), ..any.clone() },
        ),
        ("before:2026-01-01", Filter { created_before: at("2025-12-31T23:00:00Z"), ..any.clone() }),
        ("after:2026-07-01", Filter { created_from: at("2026-06-30T22:00:00Z"), ..any.clone() }),
        ("has:attachment", Filter { has_attachment: true, ..any.clone() }),
        ("follows:me", Filter { followed_by: Some(AgentId(3)), ..any.clone() }),
        (
            "is:without-human",
            Filter { states: StateSet::Active, without_human: true, ..any.clone() },
        ),
        ("money back", Filter { terms: vec![word("money"), word("back")], ..any.clone() }),
        (
            "\"exact phrase\" x",
            Filter { terms: vec![phrase("exact phrase"), word("x")], ..any.clone() },
        ),
        ("-course", Filter { terms: vec![Term::Not(Box::new(word("course")))], ..any.clone() }),
        (
            "https://x.example/a",
            Filter { terms: vec![phrase("https://x.example/a")], ..any.clone() },
        ),
        ("assignee:nobodyknows", Filter { impossible: true, ..any.clone() }),
        ("\"unclosed words", Filter { terms: vec![phrase("unclosed words")], ..any.clone() }),
    ] {
        assert_eq!(read(query).0, expected, "{query}");
    }
}

#[test]
fn what_is_not_understood_is_said_and_the_rest_counts() {
    let (filter, unknown) = read("status:flying refund before:yesterday -priority:high");
    assert_eq!(filter.terms, [Term::Word("refund".to_owned())]);
    assert_eq!(unknown, ["status:flying", "before:yesterday", "priority:high"]);
    let (filter, _) = read(&"word ".repeat(500));
    assert!(filter.terms.len() <= 40);
    read(&"ü".repeat(5_000));
}

#[test]
fn a_cursor_reads_back() {
    let cursor = Cursor { key: -5, id: 10_482 };
    assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
    for text in ["", ".", "1", "1.x", "1.2.3"] {
        assert_eq!(Cursor::read(text), None, "{text}");
    }
}
