use std::sync::Arc;

use database::testing::{TUESDAY, sqlite};
use kernel::{AgentId, InboxId, ManualClock, Span, TicketId};
use tokio_util::sync::CancellationToken;

use crate::*;

const TICKET: Change =
    Change::Ticket { id: TicketId(10_482), inbox: InboxId(3), touch: Touch::Entry };

#[test]
fn changes_travel_as_text() {
    for change in [
        TICKET,
        Change::Ticket { id: TicketId(1), inbox: InboxId(1), touch: Touch::Row },
        Change::Ticket { id: TicketId(1), inbox: InboxId(1), touch: Touch::Message },
        Change::Presence { ticket: TicketId(1), agent: AgentId(2), activity: Activity::Writing },
        Change::Notifications { agent: AgentId(2) },
        Change::Agent { id: AgentId(2) },
        Change::Settings,
        Change::Everything,
    ] {
        assert_eq!(change.to_string().parse::<Change>().unwrap(), change);
    }
    for text in ["", "jobs", "ticket", "ticket x 1 row", "presence 1 2 dancing"] {
        assert!(text.parse::<Change>().is_err(), "{text}");
    }
}

async fn stage() -> (Hub, database::Db, Arc<ManualClock>, CancellationToken) {
    let db = sqlite().await;
    let clock = ManualClock::at(TUESDAY);
    let hub = Hub::new(db.clone(), clock.clone());
    let stop = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "the node under test")]
    tokio::spawn(hub.clone().run(db.notices(), stop.clone()));
    tokio::task::yield_now().await;
    (hub, db, clock, stop)
}

#[tokio::test]
async fn who_was_away_catches_up_or_is_told_to_look_again() {
    let (hub, db, _, stop) = stage().await;
    let mut changes = hub.changes();
    let before = hub.latest();
    for _ in 0..3 {
        db.announce(TICKET.to_string()).await.unwrap();
        assert_eq!(changes.recv().await.unwrap().change, TICKET);
    }
    assert_eq!(hub.since(before).unwrap().len(), 3);
    assert_eq!(hub.since(before + 2).unwrap().len(), 1);
    assert_eq!(hub.since(before + 3).unwrap().len(), 0);
    assert!(hub.since(before - 1).is_none(), "from before this node started");
    assert!(hub.since(before + 4).is_none(), "from another node");
    stop.cancel();
}

#[tokio::test]
async fn a_person_has_a_limited_number_of_streams() {
    let (hub, _, _, stop) = stage().await;
    let mut open: Vec<Stream> = Vec::new();
    while let Some(stream) = hub.stream(AgentId(1)) {
        open.push(stream);
    }
    assert_eq!(open.len(), STREAMS_MAX);
    assert!(hub.stream(AgentId(2)).is_some(), "others are not concerned");
    open.pop();
    assert!(hub.stream(AgentId(1)).is_some());
    stop.cancel();
}

#[tokio::test]
async fn what_is_remembered_is_read_again_after_a_change() {
    let (hub, db, _, _stop) = stage().await;
    let mut changes = hub.changes();
    let (settings, tickets) = (hub.settings_version(), hub.tickets_version());
    db.announce(TICKET.to_string()).await.unwrap();
    changes.recv().await.unwrap();
    assert_eq!((hub.settings_version(), hub.tickets_version()), (settings, tickets + 1));
    db.announce("settings".to_owned()).await.unwrap();
    changes.recv().await.unwrap();
    assert_eq!((hub.settings_version(), hub.tickets_version()), (settings + 1, tickets + 1));
}

#[tokio::test]
async fn presence_is_seen_and_runs_out() {
    let (hub, _db, clock, _stop) = stage().await;
    let mut changes = hub.changes();
    let ticket = TicketId(10_482);
    for (agent, activity) in
        [(1, Activity::Viewing), (2, Activity::Viewing), (2, Activity::Writing)]
    {
        hub.be_present(ticket, AgentId(agent), activity).await.unwrap();
        changes.recv().await.unwrap();
    }
    let here = hub.present(ticket);
    assert_eq!(here, [(AgentId(1), Activity::Viewing), (AgentId(2), Activity::Writing)]);

    hub.be_present(ticket, AgentId(1), Activity::Gone).await.unwrap();
    changes.recv().await.unwrap();
    assert_eq!(hub.present(ticket), [(AgentId(2), Activity::Writing)]);

    clock.advance(Span::seconds(46));
    assert!(hub.present(ticket).is_empty());
}
