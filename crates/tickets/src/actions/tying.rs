//! A message that shows that several tickets are one conversation.

use anyhow::{Context, Result, anyhow};
use database::{Conn, Tx};
use kernel::{Failure, TicketId};

use super::Office;
use super::merge::unite;
use super::receive::Incoming;
use crate::event::By;
use crate::joining::{Candidate, Proof, Strand, also_continued, tie};
use crate::state::State;
use crate::store::tickets;

/// More tickets than this are not looked at: somebody only wants us to work.
const STRANDS_MAX: usize = 10;
/// As many links are offered at once.
const LINKS_MAX: usize = 3;

/// Makes the ticket that a message joins and the others that it continues one, where that is safe,
/// and offers the rest as links. Says which ticket takes the message.
pub(super) async fn tie_up(
    tx: &mut Tx,
    office: &Office,
    incoming: &Incoming,
    candidates: &[Candidate],
    joined: TicketId,
) -> Result<TicketId> {
    let also = also_continued(candidates, incoming.sender.check, joined);
    let (into, mut apart) = if also.is_empty() {
        (joined, Vec::new())
    } else {
        take_in(tx, office, joined, &also).await?
    };
    // Others' tickets, and those of mails that failed their check.
    let pointed = candidates.iter().filter(|one| {
        matches!(one.proof, Proof::TheirMessageId | Proof::DoubtfulMessageId)
            && one.ticket != joined
            && !also.contains(&one.ticket)
    });
    apart.extend(pointed.map(|one| one.ticket));
    apart.sort_unstable();
    apart.dedup();
    for other in apart.into_iter().filter(|other| *other != into).take(LINKS_MAX) {
        tickets::link(tx, into, other, "possibly", incoming.received_at).await?;
    }
    Ok(into)
}

/// Says which ticket is left, and which others stay apart from it.
async fn take_in(
    tx: &mut Tx,
    office: &Office,
    joined: TicketId,
    also: &[TicketId],
) -> Result<(TicketId, Vec<TicketId>)> {
    let chosen = strand(tx, joined).await?;
    let mut others = Vec::with_capacity(also.len());
    for other in also.iter().take(STRANDS_MAX) {
        others.push(strand(tx, *other).await?);
    }
    let tied = tie(&chosen, &others);
    for from in tied.taken_in {
        let gone = "a ticket that a message continues is gone";
        let from = tickets::take(tx, from).await?.context(gone)?;
        let into = tickets::take(tx, tied.into).await?.context(gone)?;
        let (from_id, into_id) = (from.id, into.id);
        match Box::pin(unite(tx, office, By::System, from, into)).await {
            Ok(_) => {}
            Err(Failure::Broken(fault)) => return Err(fault),
            Err(Failure::Refused(why)) => {
                return Err(anyhow!("ticket {from_id} does not go into {into_id}: {why}"));
            }
        }
    }
    Ok((tied.into, tied.apart))
}

async fn strand(conn: &Conn, id: TicketId) -> Result<Strand> {
    let ticket = tickets::find(conn, id).await?.context("a candidate is gone")?;
    let others = tickets::participants(conn, id).await?;
    Ok(Strand {
        ticket: id,
        customer: ticket.customer,
        inbox: ticket.inbox,
        others: others.into_iter().map(|(address, _)| address).collect(),
        is_touched: tickets::is_touched(conn, id).await?,
        is_spam: ticket.state == State::Spam,
    })
}
