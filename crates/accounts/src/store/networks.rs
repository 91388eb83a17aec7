//! The networks from which people signed in, so that strangers who guess cannot shut them out.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::{AgentId, Timestamp};

use super::settings;

/// Home, work, a phone and some journeys.
const KEPT_MAX: usize = 20;

fn name(agent: AgentId) -> String {
    format!("networks of agent {agent}")
}

/// Where somebody signed in before, the latest last. Nobody has the id 0.
pub(crate) async fn of(conn: &Conn, agent: AgentId) -> Result<Vec<String>> {
    let stored = settings::read(conn, &name(agent)).await?.unwrap_or_default();
    Ok(stored.lines().map(str::to_owned).collect())
}

/// Notes that somebody signed in from a network.
pub(crate) async fn remember(
    tx: &mut Tx,
    agent: AgentId,
    network: &str,
    now: Timestamp,
) -> Result<()> {
    let mut networks = of(tx, agent).await?;
    if networks.iter().any(|known| known == network) {
        return Ok(());
    }
    networks.push(network.to_owned());
    let surplus = networks.len().saturating_sub(KEPT_MAX);
    networks.drain(..surplus);
    settings::write(tx, &name(agent), &networks.join("\n"), now).await
}
