//! Who is told of what, and by which way.

use accounts::{AgentCard, AgentState, Notify, SystemLetter, Ways, send_system_letter};
use anyhow::Result;
use database::Tx;
use kernel::{AgentId, Span};

use crate::actions::Office;
use crate::store::people::{self, Reason};
use crate::ticket::Ticket;

/// Something that people may want to hear of.
pub(crate) struct Told<'t> {
    pub(crate) reason: Reason,
    pub(crate) ticket: &'t Ticket,
    /// Who caused it, in words; empty for time itself.
    pub(crate) by: &'t str,
}

/// The ways by which a person wants to hear of a reason.
fn ways(notify: &Notify, reason: Reason) -> Ways {
    match reason {
        Reason::NewTicket => notify.new_ticket,
        Reason::Assigned | Reason::Woke => notify.assigned,
        Reason::Mentioned => notify.mentioned,
        Reason::Replied => notify.replied,
    }
}

/// Tells everybody whom it concerns, but for the one who did it.
pub(crate) async fn tell(
    tx: &mut Tx,
    office: &Office,
    told: &Told<'_>,
    but: Option<AgentId>,
) -> Result<()> {
    let concerned = match told.reason {
        Reason::NewTicket => office
            .directory
            .working()
            .into_iter()
            .filter(|card| ways(&card.notify, Reason::NewTicket).any())
            .map(|card| card.id)
            .collect(),
        Reason::Assigned | Reason::Woke => told.ticket.assignee.into_iter().collect(),
        Reason::Mentioned => Vec::new(),
        Reason::Replied => {
            let mut concerned = people::followers(tx, told.ticket.id).await?;
            concerned.extend(told.ticket.assignee);
            concerned.sort_unstable();
            concerned.dedup();
            concerned
        }
    };
    for agent in concerned.into_iter().filter(|agent| Some(*agent) != but) {
        tell_one(tx, office, told, agent).await?;
    }
    Ok(())
}

/// Tells one person, as they chose, if they may see the ticket.
pub(crate) async fn tell_one(
    tx: &mut Tx,
    office: &Office,
    told: &Told<'_>,
    agent: AgentId,
) -> Result<()> {
    let Some(card) = office.directory.agent(agent) else { return Ok(()) };
    let ways = ways(&card.notify, told.reason);
    if card.state != AgentState::Active || !card.may_see(told.ticket.inbox) || !ways.any() {
        return Ok(());
    }
    people::notify(tx, agent, told.reason, told.ticket.id, told.by, office.now).await?;
    if ways.mail { mail(tx, office, told, card).await } else { Ok(()) }
}

async fn mail(tx: &mut Tx, office: &Office, told: &Told<'_>, card: &AgentCard) -> Result<()> {
    let words = office.site.words(&card.language);
    let text = words.all(
        told.reason.key(),
        &[("who", &told.by), ("ticket", &told.ticket.id), ("subject", &told.ticket.subject)],
    );
    let letter = SystemLetter {
        to: (&card.name, &card.email),
        subject: format!("{}: {}", told.ticket.id, told.ticket.subject),
        text,
        link: office.site.url(&format!("/t/{}", told.ticket.id)),
        useful_for: Span::days(1),
    };
    send_system_letter(tx, &office.company, &words, letter, office.now).await
}
