//! What is done to accounts: set up, invite, change, let go.

use anyhow::{Context, Result, anyhow};
use database::Tx;
use kernel::{AgentId, EmailAddress, Failure, InboxId, Refusal, Timestamp};
use keys::{Token, TokenHash};

use crate::store::agents::NewAgent;
use crate::store::links::Purpose;
use crate::{
    Agent, AgentState, Company, HandOverWork, NewPassword, Role, Sees, WeakPassword, password,
    store,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    #[error("this installation is set up already; sign in instead")]
    SetUpAlready,
    #[error("this link was used, has expired, or was replaced; ask for a new one")]
    DeadLink,
    #[error("somebody with the address {0} is here already")]
    AddressTaken(EmailAddress),
    #[error("there is nobody with the address {0} here")]
    Nobody(EmailAddress),
    #[error("{0} was let go; take them back on the page People first")]
    LetGo(EmailAddress),
    #[error("{0} has not accepted the invitation yet")]
    StillInvited(EmailAddress),
    #[error("enter a name")]
    Nameless,
    #[error("the installation needs at least one owner; make somebody else owner first")]
    LastOwner,
    #[error("the present password is not right")]
    WrongPassword,
    #[error(transparent)]
    Password(#[from] WeakPassword),
}

impl Refusal for AccountRefusal {}

type Done<T> = Result<T, Failure<AccountRefusal>>;

/// The first person.
#[derive(Clone, Debug)]
pub struct NewOwner {
    pub company: String,
    pub name: String,
    pub email: EmailAddress,
    pub password: NewPassword,
    pub time_zone: String,
}

/// A link to the set-up page. Each start makes a new one while nobody is set up.
pub async fn make_set_up_link(tx: &mut Tx, now: Timestamp) -> Result<Option<Token>> {
    if Company::load(tx).await?.set_up_at.is_some() {
        return Ok(None);
    }
    store::links::make(tx, Purpose::SetUp, None, now).await.map(Some)
}

/// Sets the installation up with its owner. Happens once.
pub async fn set_up(tx: &mut Tx, new: NewOwner, now: Timestamp) -> Done<AgentId> {
    let company = Company::load(tx).await?;
    if company.set_up_at.is_some() {
        return Err(AccountRefusal::SetUpAlready.into());
    }
    let name = named(&new.name)?;
    let hash = password::hash(new.password).await?;
    let owner = NewAgent {
        name: &name,
        email: &new.email,
        role: Role::Owner,
        state: AgentState::Active,
        password_hash: Some(hash),
        sees_every_inbox: true,
        time_zone: &new.time_zone,
    };
    let id = store::agents::insert(tx, &owner, now)
        .await?
        .ok_or_else(|| AccountRefusal::AddressTaken(new.email.clone()))?;
    let company = Company {
        name: kernel::one_line(&new.company),
        time_zone: new.time_zone,
        set_up_at: Some(now),
        ..company
    };
    company.save(tx, now).await?;
    Ok(id)
}

/// Somebody who is asked to join.
#[derive(Clone, Debug)]
pub struct Invitation {
    pub name: String,
    pub email: EmailAddress,
    pub role: Role,
    pub sees: Sees,
}

/// Invites somebody, or renews an invitation that was not accepted. The token goes into a link.
pub async fn invite(
    tx: &mut Tx,
    invitation: &Invitation,
    time_zone: &str,
    now: Timestamp,
) -> Done<(AgentId, Token)> {
    let name = named(&invitation.name)?;
    let known = store::agents::find_by_email(tx, &invitation.email).await?;
    let id = match known {
        Some(agent) if agent.state == AgentState::Invited => agent.id,
        Some(_) => return Err(AccountRefusal::AddressTaken(invitation.email.clone()).into()),
        None => {
            let new = NewAgent {
                name: &name,
                email: &invitation.email,
                role: invitation.role,
                state: AgentState::Invited,
                password_hash: None,
                sees_every_inbox: invitation.sees == Sees::Everything,
                time_zone,
            };
            store::agents::insert(tx, &new, now)
                .await?
                .ok_or_else(|| AccountRefusal::AddressTaken(invitation.email.clone()))?
        }
    };
    store::agents::set_role(tx, id, &name, invitation.role, invitation.sees == Sees::Everything)
        .await?;
    store::agents::set_inboxes(tx, id, inboxes(&invitation.sees)).await?;
    let token = store::links::make(tx, Purpose::Invite, Some(id), now).await?;
    Ok((id, token))
}

fn inboxes(sees: &Sees) -> &[InboxId] {
    match sees {
        Sees::Everything => &[],
        Sees::Only(inboxes) => inboxes,
    }
}

/// Adds somebody who can work at once: for the command line and for tests.
pub async fn add_agent(
    tx: &mut Tx,
    invitation: &Invitation,
    password: NewPassword,
    time_zone: &str,
    now: Timestamp,
) -> Done<AgentId> {
    let (id, _) = invite(tx, invitation, time_zone, now).await?;
    take_password(tx, id, password).await?;
    store::agents::set_state(tx, id, AgentState::Invited, AgentState::Active, now).await?;
    Ok(id)
}

/// The invited person chooses a password and begins.
pub async fn accept_invitation(
    tx: &mut Tx,
    token: &TokenHash,
    name: &str,
    password: NewPassword,
    time_zone: &str,
    now: Timestamp,
) -> Done<AgentId> {
    let name = named(name)?;
    let id = store::links::use_up(tx, Purpose::Invite, token, now)
        .await?
        .flatten()
        .ok_or(AccountRefusal::DeadLink)?;
    take_password(tx, id, password).await?;
    store::agents::set_name_and_zone(tx, id, &name, time_zone).await?;
    if !store::agents::set_state(tx, id, AgentState::Invited, AgentState::Active, now).await? {
        return Err(AccountRefusal::DeadLink.into());
    }
    Ok(id)
}

/// A link by which somebody chooses a new password.
pub async fn make_reset_link(
    tx: &mut Tx,
    email: &EmailAddress,
    now: Timestamp,
) -> Done<(Agent, Token)> {
    let agent = store::agents::find_by_email(tx, email).await?;
    let agent = agent.ok_or_else(|| AccountRefusal::Nobody(email.clone()))?;
    working(agent.state, email)?;
    let token = store::links::make(tx, Purpose::Reset, Some(agent.id), now).await?;
    Ok((agent, token))
}

/// Refuses to do something for somebody who does not work here now, and says why.
pub fn working(state: AgentState, email: &EmailAddress) -> Result<(), AccountRefusal> {
    match state {
        AgentState::Active => Ok(()),
        AgentState::Invited => Err(AccountRefusal::StillInvited(email.clone())),
        AgentState::Deactivated => Err(AccountRefusal::LetGo(email.clone())),
    }
}

/// A new password by a link. Every session of the person ends.
pub async fn set_password_with_link(
    tx: &mut Tx,
    token: &TokenHash,
    password: NewPassword,
    now: Timestamp,
) -> Done<AgentId> {
    let id = store::links::use_up(tx, Purpose::Reset, token, now)
        .await?
        .flatten()
        .ok_or(AccountRefusal::DeadLink)?;
    let agent = store::agents::find(tx, id).await?.context("the person of a reset link")?;
    if agent.state != AgentState::Active {
        return Err(AccountRefusal::DeadLink.into());
    }
    take_password(tx, id, password).await?;
    store::sessions::end_all(tx, id, None).await?;
    Ok(id)
}

/// A new password by somebody who is signed in and knows the old one. Other sessions end.
pub async fn change_password(
    tx: &mut Tx,
    id: AgentId,
    present: kernel::Secret,
    new: NewPassword,
    session: Option<i64>,
) -> Done<()> {
    let stored = store::agents::password_hash(tx, id).await?;
    if !password::verify(present, stored).await? {
        return Err(AccountRefusal::WrongPassword.into());
    }
    take_password(tx, id, new).await?;
    store::sessions::end_all(tx, id, session).await?;
    Ok(())
}

/// A new password. A link that was on its way would let its holder choose the next one, so none
/// stays open, nor does a sign-in that began with the old one.
async fn take_password(tx: &mut Tx, id: AgentId, new: NewPassword) -> Result<()> {
    let hash = password::hash(new).await?;
    store::agents::set_password(tx, id, &hash).await?;
    store::pending::close_all(tx, id).await?;
    store::links::revoke(tx, id).await
}

/// Changes what somebody is and sees. With another role they sign in anew: nobody goes on with new
/// rights under a token from before.
pub async fn update_agent(
    tx: &mut Tx,
    id: AgentId,
    name: &str,
    role: Role,
    sees: &Sees,
) -> Done<()> {
    let name = named(name)?;
    let agent = store::agents::find(tx, id).await?.ok_or_else(|| anyhow!("agent {id} is gone"))?;
    let steps_down = agent.role == Role::Owner && role != Role::Owner;
    if steps_down
        && agent.state == AgentState::Active
        && store::agents::owners_working(tx).await? < 2
    {
        return Err(AccountRefusal::LastOwner.into());
    }
    store::agents::set_role(tx, id, &name, role, *sees == Sees::Everything).await?;
    store::agents::set_inboxes(tx, id, inboxes(sees)).await?;
    if role != agent.role {
        store::sessions::end_all(tx, id, None).await?;
    }
    Ok(())
}

/// Lets somebody go: sessions, tokens and links end at once, open work is handed over.
pub async fn deactivate(tx: &mut Tx, id: AgentId, now: Timestamp) -> Done<()> {
    let agent = store::agents::find(tx, id).await?.ok_or_else(|| anyhow!("agent {id} is gone"))?;
    if agent.role == Role::Owner
        && agent.state == AgentState::Active
        && store::agents::owners_working(tx).await? < 2
    {
        return Err(AccountRefusal::LastOwner.into());
    }
    store::agents::set_state(tx, id, agent.state, AgentState::Deactivated, now).await?;
    store::sessions::end_all(tx, id, None).await?;
    store::pending::close_all(tx, id).await?;
    store::api_tokens::revoke_all(tx, id, now).await?;
    store::links::revoke(tx, id).await?;
    queue::enqueue(tx, &HandOverWork { agent: id }, now).await?;
    Ok(())
}

/// Takes somebody back. They sign in with their old password; who never chose one is invited
/// again, and needs a new link.
pub async fn reactivate(tx: &mut Tx, id: AgentId, now: Timestamp) -> Result<bool> {
    let state = match store::agents::password_hash(tx, id).await? {
        Some(_) => AgentState::Active,
        None => AgentState::Invited,
    };
    store::agents::set_state(tx, id, AgentState::Deactivated, state, now).await
}

fn named(name: &str) -> Result<String, AccountRefusal> {
    let name = kernel::clip(&kernel::one_line(name), 100);
    if name.is_empty() { Err(AccountRefusal::Nameless) } else { Ok(name) }
}
