use database::testing::TUESDAY;
use kernel::{AgentId, CustomerId, EmailAddress, MessageId, PublicId, Span, TicketId};
use outbox::{Party, Recipients};

use crate::SenderCheck;
use crate::customer_view::*;
use crate::message::{Author, Message, MessageKind};
use crate::state::State;
use crate::ticket::{Channel, Direction};

fn greta() -> Viewer {
    Viewer { customer: CustomerId(1), addresses: vec![address("greta@example.com")] }
}

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn message(kind: MessageKind, direction: Direction, author: Author, to: &[&str]) -> Message {
    let parties = to.iter().map(|one| Party::new("", address(one))).collect();
    Message {
        id: MessageId(1),
        public_id: PublicId::new(TUESDAY),
        ticket: TicketId(1),
        direction,
        kind,
        channel: Channel::Email,
        author,
        from_name: String::new(),
        from_address: None,
        recipients: Recipients { to: parties, ..Recipients::default() },
        subject: String::new(),
        text: String::new(),
        quoted: String::new(),
        mail_id: None,
        check: SenderCheck::Unknown,
        check_detail: String::new(),
        held: false,
        ledger: None,
        redacted: None,
        has_html: false,
        created_at: TUESDAY,
    }
}

#[test]
fn a_customer_sees_what_the_table_says() {
    use Direction::{In, Out};
    use MessageKind::{Acknowledgement, Automatic, Forward, Message as Plain};
    let (own, other) = (Author::Customer(CustomerId(1)), Author::Customer(CustomerId(2)));
    let (agent, system) = (Author::Agent(AgentId(1)), Author::System);
    let (me, bank) = (["greta@example.com"].as_slice(), ["desk@bank.example"].as_slice());
    let both = ["desk@bank.example", "greta@example.com"].as_slice();
    let table = [
        (message(Plain, In, own, &[]), true),
        (message(Plain, In, other, &[]), true),
        (message(Plain, In, Author::Stranger(CustomerId(3)), &[]), false),
        (Message { held: true, ..message(Plain, In, own, &[]) }, false),
        (Message { held: true, ..message(Plain, In, Author::Stranger(CustomerId(3)), &[]) }, false),
        (message(Plain, Out, agent, me), true),
        (message(Plain, Out, agent, both), true),
        (message(Plain, Out, agent, &[]), true),
        (message(Plain, Out, agent, bank), false),
        (message(Forward, Out, agent, bank), false),
        (message(Forward, Out, agent, me), false),
        (message(Forward, In, own, &[]), false),
        (message(Automatic, In, own, &[]), false),
        (message(Automatic, In, system, &[]), false),
        (message(Acknowledgement, In, own, &[]), false),
        (message(Acknowledgement, Out, system, me), true),
        (message(Automatic, Out, system, me), true),
        (message(Automatic, Out, system, bank), false),
    ];
    let later = TUESDAY + Span::minutes(1);
    for (message, expected) in table {
        assert_eq!(may_see_message(&message, &greta(), later), expected, "{message:?}");
    }
}

#[test]
fn what_can_be_taken_back_was_not_said_yet() {
    let answer = message(
        MessageKind::Message,
        Direction::Out,
        Author::Agent(AgentId(1)),
        &["greta@example.com"],
    );
    for (seconds, expected) in [(0, false), (9, false), (10, true), (60, true)] {
        let now = TUESDAY + Span::seconds(seconds);
        assert_eq!(may_see_message(&answer, &greta(), now), expected, "{seconds}");
    }
}

#[test]
fn each_state_has_its_phase_and_ways() {
    use Phase::{Looking, Received, Solved, WaitingForYou};
    // answer, solve, reopen, follow up
    let table = [
        (State::New, Received, [true, true, false, false]),
        (State::Bot, Received, [true, false, false, false]),
        (State::Open, Looking, [true, true, false, false]),
        (State::WaitingCustomer, WaitingForYou, [true, true, false, false]),
        (State::OnHold, Looking, [true, true, false, false]),
        (State::Snoozed, Looking, [true, true, false, false]),
        (State::Resolved, Solved, [true, false, true, false]),
        (State::Closed, Solved, [false, false, false, true]),
        (State::Spam, Received, [true, false, false, false]),
        (State::Merged, Looking, [false, false, false, false]),
    ];
    assert_eq!(table.map(|(state, ..)| state), State::ALL);
    for (state, phase, [answer, solve, reopen, follow_up]) in table {
        assert_eq!(Phase::of(state), phase, "{state:?}");
        assert_eq!(ways(state), Ways { answer, solve, reopen, follow_up }, "{state:?}");
    }
}

#[test]
fn customers_read_first_names() {
    for (name, expected) in [("Priya Nair", "Priya"), ("Madonna", "Madonna"), ("", "")] {
        assert_eq!(first_name(name), expected);
    }
}
