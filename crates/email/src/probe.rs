//! Trying a mail server out, with words for what is wrong.

use egress::Guard;
use serde::{Deserialize, Serialize};

use crate::imap::{ImapFault, Mailbox};
use crate::link::{Credentials, LinkFault, Patience, Security, Server, Wire};
use crate::smtp::{Dialogue, SendFault};

/// How far a trial came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub passed: Vec<Step>,
    /// What stopped it; nothing when everything works.
    pub problem: Option<String>,
}

/// What works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The server answers at that name and port.
    Reached,
    /// The connection is encrypted and the certificate is good.
    Encrypted,
    /// It is a mail server of the right kind.
    Greeted,
    SignedIn,
    /// The folder is there.
    FolderOpened,
}

const TRIAL: Patience = Patience::OF_A_PERSON;
/// Nothing is fetched.
const NO_MAIL: usize = 0;

/// Tries to read a folder over IMAP.
pub async fn imap(
    server: &Server,
    credentials: &Credentials,
    folder: &str,
    guard: &Guard,
) -> Probe {
    let mut passed = Vec::new();
    let outcome = try_imap(server, credentials, folder, guard, &mut passed).await;
    let problem = match outcome {
        Ok(()) => None,
        Err(ImapFault::Link(fault)) => Some(explain(fault, server, guard, &passed).await),
        Err(fault) => Some(fault.to_string()),
    };
    Probe { passed, problem }
}

/// Tries to sign in over SMTP. No mail is sent.
pub async fn smtp(server: &Server, credentials: &Credentials, guard: &Guard) -> Probe {
    let mut passed = Vec::new();
    let outcome = try_smtp(server, credentials, guard, &mut passed).await;
    let problem = match outcome {
        Ok(()) => None,
        Err(SendFault::Link(fault)) => Some(explain(fault, server, guard, &passed).await),
        Err(fault) => Some(fault.to_string()),
    };
    Probe { passed, problem }
}

async fn try_imap(
    server: &Server,
    credentials: &Credentials,
    folder: &str,
    guard: &Guard,
    passed: &mut Vec<Step>,
) -> Result<(), ImapFault> {
    let wire = reach(server, guard, passed).await?;
    let connection = crate::imap::Connection::greet(wire, server, TRIAL).await;
    let mut connection = connection?;
    greeted(server, passed);
    connection.sign_in(credentials).await?;
    passed.push(Step::SignedIn);
    let mut mailbox = Mailbox::over(connection, NO_MAIL);
    mailbox.select(folder).await?;
    passed.push(Step::FolderOpened);
    mailbox.logout().await;
    Ok(())
}

async fn try_smtp(
    server: &Server,
    credentials: &Credentials,
    guard: &Guard,
    passed: &mut Vec<Step>,
) -> Result<(), SendFault> {
    let wire = reach(server, guard, passed).await?;
    let mut dialogue = Dialogue::greet(wire, server, TRIAL).await?;
    greeted(server, passed);
    dialogue.sign_in(credentials).await?;
    passed.push(Step::SignedIn);
    dialogue.quit().await;
    Ok(())
}

async fn reach(server: &Server, guard: &Guard, passed: &mut Vec<Step>) -> Result<Wire, LinkFault> {
    let wire = Wire::reach(server, guard).await?;
    passed.push(Step::Reached);
    if server.security != Security::Tls {
        return Ok(wire);
    }
    let wire = wire.encrypted(server, TRIAL).await?;
    passed.push(Step::Encrypted);
    Ok(wire)
}

fn greeted(server: &Server, passed: &mut Vec<Step>) {
    passed.push(Step::Greeted);
    if server.security == Security::StartTls {
        passed.push(Step::Encrypted);
    }
}

/// A server that waits for TLS and one that waits for us look alike: both say nothing. Trying TLS
/// tells them apart.
async fn explain(fault: LinkFault, server: &Server, guard: &Guard, passed: &[Step]) -> String {
    let said_nothing = matches!(fault, LinkFault::Silent { .. } | LinkFault::Closed(_));
    if server.security == Security::Tls || passed != [Step::Reached] || !said_nothing {
        return fault.to_string();
    }
    let tried = async { Wire::reach(server, guard).await?.encrypted(server, TRIAL).await };
    match tried.await {
        Ok(_) | Err(LinkFault::Certificate { .. }) => format!(
            "{} expects TLS from the first byte on port {}; choose TLS instead of STARTTLS",
            server.host, server.port
        ),
        Err(_) => fault.to_string(),
    }
}
