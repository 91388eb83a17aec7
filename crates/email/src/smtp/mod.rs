//! Handing mail over to a server.
//!
//! Invariant: encryption that was asked for is never given up, and a mail that may have been
//! taken is never called failed.

mod dialogue;
mod fault;

use egress::Guard;
use kernel::EmailAddress;

use crate::compose::Composed;
use crate::link::{Credentials, Patience, Server};

pub(crate) use dialogue::Dialogue;
pub use fault::{RefusedRecipient, SendFault, Standing};

/// The server took the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it said, often with its own name for the mail.
    pub reply: String,
    /// Those it would not take the mail for, although it took it for others.
    pub refused: Vec<RefusedRecipient>,
}

/// Sends a mail. After [`SendFault::Unknown`] the server may have it: sending it again with the
/// same Message-ID lets the other side recognise it.
pub async fn send(
    server: &Server,
    credentials: &Credentials,
    mail: &Composed,
    guard: &Guard,
) -> Result<Accepted, SendFault> {
    send_with(Patience::USUAL, server, credentials, mail, guard).await
}

pub(crate) async fn send_with(
    patience: Patience,
    server: &Server,
    credentials: &Credentials,
    mail: &Composed,
    guard: &Guard,
) -> Result<Accepted, SendFault> {
    let mut dialogue = Dialogue::open(server, guard, patience).await?;
    dialogue.sign_in(credentials).await?;
    let outcome = deliver(&mut dialogue, mail).await;
    // In the middle of a mail, anything that is said would become a part of it, and could push
    // out the end of a mail that is called not sent.
    if !matches!(outcome, Err(SendFault::Link(_) | SendFault::Unknown(_))) {
        dialogue.quit().await;
    }
    outcome
}

async fn deliver(dialogue: &mut Dialogue, mail: &Composed) -> Result<Accepted, SendFault> {
    if mail.is_machine_reply {
        let outcome = deliver_from(dialogue, "", mail).await;
        let insists = matches!(&outcome, Err(fault) if may_insist_on_sender(fault));
        if !insists || !dialogue.reset().await {
            return outcome;
        }
    }
    deliver_from(dialogue, &written(&mail.return_path), mail).await
}

/// Servers that let their users send only as themselves take no mail without a return path. They say
/// so in many ways, some only when they hear for whom it is.
fn may_insist_on_sender(fault: &SendFault) -> bool {
    match fault {
        SendFault::Refused { permanent, .. } => *permanent,
        SendFault::Recipients(refused) => refused.iter().all(|one| one.permanent && !one.is_dead()),
        SendFault::Link(_)
        | SendFault::NoEncryption(_)
        | SendFault::NoSignIn(_)
        | SendFault::SignIn { .. }
        | SendFault::TooLarge { .. }
        | SendFault::NoUtf8(_)
        | SendFault::NotSmtp(_)
        | SendFault::Unknown(_) => false,
    }
}

async fn deliver_from(
    dialogue: &mut Dialogue,
    return_path: &str,
    mail: &Composed,
) -> Result<Accepted, SendFault> {
    dialogue.begin(return_path, mail).await?;
    let mut refused = Vec::new();
    for address in &mail.recipients {
        if let Some(refusal) = dialogue.recipient(&written(address)).await? {
            refused.push(refusal.for_recipient(address.clone()));
        }
    }
    if refused.len() == mail.recipients.len() {
        return Err(SendFault::Recipients(refused));
    }
    let reply = dialogue.data(&mail.bytes).await?;
    Ok(Accepted { reply, refused })
}

fn written(address: &EmailAddress) -> String {
    crate::compose::written(address)
}
