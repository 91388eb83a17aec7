//! What the commands do, whoever carries them out.

use accounts::{
    AccountRefusal, AgentState, Invitation, NewOwner, NewPassword, NewToken, Role, Scopes, Sees,
};
use anyhow::Result;
use audit::{Deed, Entry, Who};
use database::Tx;
use kernel::{EmailAddress, Failure, InboxId, Span};
use mailroom::Piped;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Foundation;

/// Something that the operator asks for. Secrets travel over the private socket only and are
/// never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    SetUp {
        company: String,
        name: String,
        email: String,
        password: String,
        time_zone: String,
    },
    AddAgent {
        name: String,
        email: String,
        role: String,
        inboxes: Vec<String>,
        password: String,
    },
    ListAgents,
    DeactivateAgent {
        email: String,
    },
    SetPassword {
        email: String,
        password: String,
    },
    RemoveSecondFactor {
        email: String,
    },
    CreateToken {
        agent: String,
        name: String,
        scope: String,
        /// Without any, it sees all that its person sees.
        #[serde(default)]
        inboxes: Vec<String>,
        /// Without it, the token works until it is revoked.
        #[serde(default)]
        expires_in_days: Option<u16>,
    },
    DeliverMail {
        inbox: String,
        from: String,
        size: u64,
    },
}

impl Command {
    /// Whether it may begin an installation where there is none.
    pub(crate) fn may_begin(&self) -> bool {
        match self {
            Self::SetUp { .. } => true,
            Self::AddAgent { .. }
            | Self::ListAgents
            | Self::DeactivateAgent { .. }
            | Self::SetPassword { .. }
            | Self::RemoveSecondFactor { .. }
            | Self::CreateToken { .. }
            | Self::DeliverMail { .. } => false,
        }
    }

    pub(super) fn bytes_that_follow(&self) -> u64 {
        match self {
            Self::DeliverMail { size, .. } => *size,
            Self::SetUp { .. }
            | Self::AddAgent { .. }
            | Self::ListAgents
            | Self::DeactivateAgent { .. }
            | Self::SetPassword { .. }
            | Self::RemoveSecondFactor { .. }
            | Self::CreateToken { .. } => 0,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// As the process ends: 0, 65 refused, 70 broken, 75 try again (sysexits.h).
    pub exit_code: u8,
    pub text: String,
}

impl Answer {
    fn done(text: impl Into<String>) -> Self {
        Self { exit_code: 0, text: text.into() }
    }

    fn refused(text: impl Into<String>) -> Self {
        Self { exit_code: 65, text: text.into() }
    }
}

/// Does what was asked for.
pub async fn carry_out(foundation: &Foundation, command: Command, bytes: Vec<u8>) -> Answer {
    let done = match command {
        Command::SetUp { company, name, email, password, time_zone } => {
            set_up(foundation, company, name, &email, &password, time_zone).await
        }
        Command::AddAgent { name, email, role, inboxes, password } => {
            add_agent(foundation, name, &email, &role, &inboxes, &password).await
        }
        Command::ListAgents => list_agents(foundation).await,
        Command::DeactivateAgent { email } => deactivate(foundation, &email).await,
        Command::SetPassword { email, password } => {
            set_password(foundation, &email, &password).await
        }
        Command::RemoveSecondFactor { email } => remove_second_factor(foundation, &email).await,
        Command::CreateToken { agent, name, scope, inboxes, expires_in_days } => {
            create_token(foundation, &agent, name, (&scope, &inboxes), expires_in_days).await
        }
        Command::DeliverMail { inbox, from, .. } => {
            return deliver(foundation, &inbox, &from, bytes).await;
        }
    };
    match done {
        Ok(text) => Answer::done(text),
        Err(Failure::Refused(refusal)) => Answer::refused(refusal.0),
        Err(Failure::Broken(fault)) => Answer { exit_code: 70, text: format!("{fault:#}") },
    }
}

/// A "no", in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl kernel::Refusal for Refused {}

type Done = Result<String, Failure<Refused>>;

fn no<T>(why: impl std::fmt::Display) -> Result<T, Failure<Refused>> {
    Err(Failure::Refused(Refused(why.to_string())))
}

fn refuse(failure: Failure<AccountRefusal>) -> Failure<Refused> {
    match failure {
        Failure::Refused(refusal) => Failure::Refused(Refused(refusal.to_string())),
        Failure::Broken(fault) => Failure::Broken(fault),
    }
}

fn address(text: &str) -> Result<EmailAddress, Failure<Refused>> {
    text.parse().or_else(|fault: kernel::NotAnAddress| no(fault))
}

fn new_password(text: &str, personal: &[&str]) -> Result<NewPassword, Failure<Refused>> {
    NewPassword::read(text, personal).or_else(no)
}

/// Notes what the operator does.
fn note(foundation: &Foundation, tx: &mut Tx, deed: Deed, more: impl FnOnce(Entry) -> Entry) {
    let entry = Entry::new(deed, Who::command(), foundation.clock.now());
    foundation.accounts.note(tx, more(entry));
}

async fn set_up(
    foundation: &Foundation,
    company: String,
    name: String,
    email: &str,
    password: &str,
    time_zone: String,
) -> Done {
    let email = address(email)?;
    if jiff::tz::TimeZone::get(&time_zone).is_err() {
        return no(format!("“{time_zone}” is not a time zone such as Europe/Berlin"));
    }
    let password = new_password(password, &[&name, email.as_str(), &company])?;
    let owner = NewOwner { company, name, email, password, time_zone };
    let mut tx = foundation.db.begin().await?;
    let id = accounts::set_up(&mut tx, owner, foundation.clock.now()).await.map_err(refuse)?;
    note(foundation, &mut tx, Deed::InstallationSetUp, |entry| entry.on("person", id, ""));
    tx.commit().await?;
    Ok(format!("Recourse is set up. Sign in at {}", foundation.site.url("/login")))
}

async fn add_agent(
    foundation: &Foundation,
    name: String,
    email: &str,
    role: &str,
    inboxes: &[String],
    password: &str,
) -> Done {
    let Ok(role) = Role::named(role) else {
        return no("the role must be one of owner, lead, agent, collaborator");
    };
    let email = address(email)?;
    let password = new_password(password, &[&name, email.as_str()])?;
    let sees = sees_only(foundation, inboxes).await?;
    let company = foundation.accounts.company().await?;
    let invitation = Invitation { name, email, role, sees };
    let mut tx = foundation.db.begin().await?;
    let now = foundation.clock.now();
    let id = accounts::add_agent(&mut tx, &invitation, password, &company.time_zone, now)
        .await
        .map_err(refuse)?;
    let described = json!({ "email": invitation.email.as_str(), "role": role.as_str() });
    note(foundation, &mut tx, Deed::PersonAdded, |entry| {
        entry.on("person", id, &invitation.name).with(described)
    });
    tx.commit().await?;
    Ok(format!("{} can sign in as {}", invitation.name, invitation.email))
}

/// The inboxes that were named; all of them if none was.
async fn sees_only(foundation: &Foundation, names: &[String]) -> Result<Sees, Failure<Refused>> {
    if names.is_empty() {
        return Ok(Sees::Everything);
    }
    inboxes_named(foundation, names).await.map(Sees::Only)
}

async fn inboxes_named(
    foundation: &Foundation,
    names: &[String],
) -> Result<Vec<InboxId>, Failure<Refused>> {
    let directory = foundation.accounts.directory().await?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let inbox = directory.inboxes().find(|inbox| {
            let address = inbox.address.as_ref().map(EmailAddress::as_str);
            inbox.name.eq_ignore_ascii_case(name)
                || address.is_some_and(|address| address.eq_ignore_ascii_case(name))
        });
        match inbox {
            Some(inbox) => found.push(inbox.id),
            None => return no(format!("there is no inbox “{name}”")),
        }
    }
    Ok(found)
}

async fn list_agents(foundation: &Foundation) -> Done {
    let directory = foundation.accounts.directory().await?;
    let lines: Vec<String> = directory
        .everybody()
        .into_iter()
        .map(|card| {
            let (role, state) = (card.role.as_str(), card.state.as_str());
            format!("{}\t{}\t{role}\t{state}", card.email, card.name)
        })
        .collect();
    Ok(lines.join("\n"))
}

async fn deactivate(foundation: &Foundation, email: &str) -> Done {
    let email = address(email)?;
    let directory = foundation.accounts.directory().await?;
    let Some(card) = directory.by_email(&email) else { return no(AccountRefusal::Nobody(email)) };
    if card.state == AgentState::Deactivated {
        return no(format!("{email} was let go already"));
    }
    let mut tx = foundation.db.begin().await?;
    accounts::deactivate(&mut tx, card.id, foundation.clock.now()).await.map_err(refuse)?;
    note(foundation, &mut tx, Deed::PersonDeactivated, |entry| {
        entry.on("person", card.id, &card.name)
    });
    tx.commit().await?;
    Ok(format!("{} can no longer sign in; open tickets go back to everybody", card.name))
}

async fn set_password(foundation: &Foundation, email: &str, password: &str) -> Done {
    let email = address(email)?;
    let password = new_password(password, &[email.as_str()])?;
    let now = foundation.clock.now();
    let mut tx = foundation.db.begin().await?;
    let (agent, token) = accounts::make_reset_link(&mut tx, &email, now).await.map_err(refuse)?;
    accounts::set_password_with_link(&mut tx, &token.hash(), password, now)
        .await
        .map_err(refuse)?;
    note(foundation, &mut tx, Deed::PasswordChanged, |entry| {
        entry.on("person", agent.id, &agent.name)
    });
    tx.commit().await?;
    Ok(format!("{} has a new password; every session of theirs has ended", agent.name))
}

async fn remove_second_factor(foundation: &Foundation, email: &str) -> Done {
    let email = address(email)?;
    let directory = foundation.accounts.directory().await?;
    let Some(card) = directory.by_email(&email) else { return no(AccountRefusal::Nobody(email)) };
    let mut tx = foundation.db.begin().await?;
    if !accounts::remove_second_factors(&mut tx, card.id).await? {
        return no(format!("{email} has no second factor"));
    }
    let entry = Entry::new(Deed::SecondFactorRemoved, Who::command(), foundation.clock.now());
    foundation.accounts.note(&mut tx, entry.on("person", card.id, &card.name));
    tx.commit().await?;
    Ok(format!("{} signs in with the password alone; every session of theirs has ended", card.name))
}

async fn create_token(
    foundation: &Foundation,
    agent: &str,
    name: String,
    (scope, inboxes): (&str, &[String]),
    expires_in_days: Option<u16>,
) -> Done {
    let email = address(agent)?;
    let scopes = Scopes::read(scope).or_else(no)?;
    let directory = foundation.accounts.directory().await?;
    let Some(card) = directory.by_email(&email) else { return no(AccountRefusal::Nobody(email)) };
    accounts::working(card.state, &email).or_else(no)?;
    let now = foundation.clock.now();
    let expires_at = expires_in_days.map(|days| now + Span::days(i64::from(days)));
    let sees = sees_only(foundation, inboxes).await?;
    let new = NewToken { agent: card.id, name, scopes, sees, expires_at };
    let mut tx = foundation.db.begin().await?;
    let token = accounts::make_token(&mut tx, &new, now).await?;
    let described = json!({ "name": new.name, "scopes": new.scopes.to_text() });
    note(foundation, &mut tx, Deed::TokenMade, |entry| {
        entry.on("person", new.agent, &card.name).with(described)
    });
    tx.commit().await?;
    Ok(format!("This token is shown once; keep it: {}", token.reveal()))
}

async fn deliver(foundation: &Foundation, inbox: &str, from: &str, mail: Vec<u8>) -> Answer {
    let Ok(inbox) = inbox.parse::<EmailAddress>() else {
        return Answer::refused(format!("“{inbox}” is not a mail address"));
    };
    let (accounts, intake) = (&foundation.accounts, &foundation.intake);
    let has_address = |it: &accounts::Inbox| it.address.is_some();
    match accounts.directory().await {
        Ok(directory) if directory.inboxes().any(has_address) => {}
        // Mail for the real installation must not be sent back because of a wrong setting.
        Ok(_) => return try_again("no inbox has an address here; is --data the right folder?"),
        Err(fault) => return try_again(&format!("{fault:#}")),
    }
    match mailroom::pipe(accounts, intake, &inbox, from, mail).await {
        Piped::Stored => Answer::done(""),
        Piped::Refused(why) => Answer::refused(why),
        Piped::TryAgain(why) => try_again(&why),
    }
}

fn try_again(why: &str) -> Answer {
    Answer { exit_code: 75, text: why.to_owned() }
}
