//! Handing mail over to a server.
//!
//! Invariant: encryption that was asked for is never given up, and a mail that may have been
//! taken is never called failed.

mod dialogue;
mod fault;

use std::pin::pin;

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
///
/// When `stop` is done before the server could have the mail, it does not get it
/// ([`SendFault::Stopped`]). After that its answer is waited for.
pub async fn send(
    server: &Server,
    credentials: &Credentials,
    mail: &Composed,
    guard: &Guard,
    stop: impl Future<Output = ()>,
) -> Result<Accepted, SendFault> {
    let opening = Dialogue::open(server, guard, Patience::USUAL);
    converse(opening, credentials, mail, stop).await
}

#[cfg(test)]
pub(crate) async fn send_with(
    patience: Patience,
    server: &Server,
    credentials: &Credentials,
    mail: &Composed,
    guard: &Guard,
) -> Result<Accepted, SendFault> {
    let opening = Dialogue::open(server, guard, patience);
    converse(opening, credentials, mail, std::future::pending()).await
}

async fn converse(
    opening: impl Future<Output = Result<Dialogue, SendFault>>,
    credentials: &Credentials,
    mail: &Composed,
    stop: impl Future<Output = ()>,
) -> Result<Accepted, SendFault> {
    let mut stop = pin!(stop);
    let agreed = async {
        let mut dialogue = opening.await?;
        dialogue.sign_in(credentials).await?;
        Ok::<_, SendFault>(dialogue)
    };
    let mut dialogue = tokio::select! {
        agreed = agreed => agreed?,
        () = &mut stop => return Err(SendFault::Stopped),
    };
    if mail.is_machine_reply {
        let outcome = deliver(&mut dialogue, "", mail, stop.as_mut()).await;
        let insists = matches!(&outcome, Err(fault) if may_insist_on_sender(fault));
        if !insists || !dialogue.reset().await {
            return take_leave(&mut dialogue, outcome).await;
        }
    }
    let outcome = deliver(&mut dialogue, &written(&mail.return_path), mail, stop).await;
    take_leave(&mut dialogue, outcome).await
}

/// In the middle of a mail, anything that is said would become a part of it, and could push out the
/// end of a mail that is called not sent.
async fn take_leave(
    dialogue: &mut Dialogue,
    outcome: Result<Accepted, SendFault>,
) -> Result<Accepted, SendFault> {
    if !matches!(outcome, Err(SendFault::Link(_) | SendFault::Unknown(_) | SendFault::Stopped)) {
        dialogue.quit().await;
    }
    outcome
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
        | SendFault::Stopped
        | SendFault::Unknown(_) => false,
    }
}

async fn deliver(
    dialogue: &mut Dialogue,
    return_path: &str,
    mail: &Composed,
    stop: impl Future<Output = ()>,
) -> Result<Accepted, SendFault> {
    let refused = tokio::select! {
        announced = announce(dialogue, return_path, mail) => announced?,
        () = stop => return Err(SendFault::Stopped),
    };
    let reply = dialogue.hand_over(&mail.bytes).await?;
    Ok(Accepted { reply, refused })
}

/// Agrees with the server on a mail, up to where it waits for the first byte. Gives those it is not
/// taken for.
async fn announce(
    dialogue: &mut Dialogue,
    return_path: &str,
    mail: &Composed,
) -> Result<Vec<RefusedRecipient>, SendFault> {
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
    dialogue.ask_to_send().await?;
    Ok(refused)
}

fn written(address: &EmailAddress) -> String {
    crate::compose::written(address)
}
