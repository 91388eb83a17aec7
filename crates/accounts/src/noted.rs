//! What the audit trail hears of accounts. Called in the transaction that does it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use audit::{Deed, Entry, Who};
use database::Tx;
use kernel::{AgentId, EmailAddress, PublicId, Span, Timestamp};
use serde_json::{Value, json};
use ui::Client;

use crate::store::agents::Profile;
use crate::{
    Accounts, Actor, Agent, AgentCard, Company, Invitation, NewToken, Role, Sees, SignInRefusal,
    SignInRules, SystemMail, TeamCard, store,
};

/// Failed sign-ins of an address from a network are noted at the first, and then once in a while
/// with their number: guessing must not fill the trail.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<String, Failed>>);

#[derive(Debug)]
struct Failed {
    noted_at: Timestamp,
    /// Since it was noted.
    count: u32,
}

const NOTED_EVERY: Span = Span::minutes(10);
const FAILURES_MAX: usize = 10_000;

impl Failures {
    /// How many failures there are to be noted now, with this one.
    fn count(&self, key: &str, now: Timestamp) -> Option<u32> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= FAILURES_MAX {
            all.retain(|_, failed| now.since(failed.noted_at) < NOTED_EVERY);
        }
        let is_full = all.len() >= FAILURES_MAX;
        match all.get_mut(key) {
            Some(failed) if now.since(failed.noted_at) < NOTED_EVERY => {
                failed.count += 1;
                None
            }
            Some(failed) => {
                let count = failed.count + 1;
                *failed = Failed { noted_at: now, count: 0 };
                Some(count)
            }
            // Who changes the address with every try is not noted without end either.
            None if is_full => None,
            None => {
                all.insert(key.to_owned(), Failed { noted_at: now, count: 0 });
                Some(1)
            }
        }
    }

    /// How many were not noted before somebody was let in.
    fn take(&self, key: &str) -> u32 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(key).map_or(0, |failed| failed.count)
    }
}

fn key(email: &EmailAddress, client: Client) -> String {
    format!("{} {email}", client.network())
}

async fn who(tx: &mut Tx, agent: AgentId, client: Client) -> Result<(Who, Option<Agent>)> {
    let found = store::agents::find(tx, agent).await?;
    let name = found.as_ref().map_or("", |agent| agent.name.as_str());
    Ok((Who::agent(agent, name).from(Some(client.0)), found))
}

pub(crate) async fn signed_in(
    accounts: &Accounts,
    tx: &mut Tx,
    agent: AgentId,
    client: Client,
    now: Timestamp,
) -> Result<()> {
    let (who, found) = who(tx, agent, client).await?;
    let failed =
        found.map_or(0, |agent| accounts.doors().failures.take(&key(&agent.email, client)));
    let entry = Entry::new(Deed::SignedIn, who, now);
    let more = (failed > 0).then(|| json!({ "failed tries before": failed }));
    accounts.note(tx, entry.with(more.unwrap_or_default()));
    Ok(())
}

pub(crate) async fn signed_out(
    accounts: &Accounts,
    tx: &mut Tx,
    agent: AgentId,
    client: Client,
) -> Result<()> {
    by_link(accounts, tx, Deed::SignedOut, agent, client).await
}

/// What was typed is noted only if it is an address: some type their password there. Tries that
/// were too many are noted for the network they came from, whatever addresses they name.
pub(crate) async fn sign_in_failed(
    accounts: &Accounts,
    typed: &str,
    client: Client,
    refusal: &SignInRefusal,
) -> Result<()> {
    let Ok(email) = typed.parse::<EmailAddress>() else { return Ok(()) };
    let now = accounts.now();
    let (key, is_too_many) = match refusal {
        SignInRefusal::TooMany(_) => (client.network(), true),
        SignInRefusal::Wrong
        | SignInRefusal::WrongPassword
        | SignInRefusal::WrongCode
        | SignInRefusal::WrongKey => (key(&email, client), false),
    };
    let Some(count) = accounts.doors().failures.count(&key, now) else { return Ok(()) };
    let who = Who::visitor().from(Some(client.0));
    let entry = Entry::new(Deed::SignInFailed, who, now).on("address", &email, email.as_str());
    let tries = json!({ "tries": count, "too many": is_too_many.then_some(true) });
    accounts.note_alone(entry.with(tries)).await
}

/// The password was right and the second factor was not.
pub(crate) async fn second_factor_failed(
    accounts: &Accounts,
    agent: AgentId,
    client: Client,
    refusal: &SignInRefusal,
) -> Result<()> {
    let found = store::agents::find(&accounts.db().read().await?, agent).await?;
    match found {
        Some(agent) => sign_in_failed(accounts, agent.email.as_str(), client, refusal).await,
        None => Ok(()),
    }
}

/// Something that somebody does who has a link, or a session that ends with it.
pub(crate) async fn by_link(
    accounts: &Accounts,
    tx: &mut Tx,
    deed: Deed,
    agent: AgentId,
    client: Client,
) -> Result<()> {
    let (who, _) = who(tx, agent, client).await?;
    accounts.note(tx, Entry::new(deed, who, accounts.now()));
    Ok(())
}

pub(crate) fn link_asked_for(accounts: &Accounts, tx: &mut Tx, agent: &Agent, client: Client) {
    let entry =
        Entry::new(Deed::PasswordLinkMade, Who::visitor().from(Some(client.0)), accounts.now());
    accounts.note(tx, entry.on("person", agent.id, &agent.name));
}

/// Something about oneself.
pub(crate) fn oneself(accounts: &Accounts, tx: &mut Tx, deed: Deed, actor: &Actor) {
    let entry = actor.did(deed, accounts.now());
    accounts.note(tx, entry.on("person", actor.id, &actor.name));
}

pub(crate) fn profile(accounts: &Accounts, tx: &mut Tx, actor: &Actor, new: &Profile<'_>) {
    let entry = actor.did(Deed::PersonChanged, accounts.now()).on("person", actor.id, &actor.name);
    let of = |name: &str, zone: &str, language: &str, signature: &str| json!({ "name": name, "time zone": zone, "language": language, "signature": signature });
    let Actor { name, time_zone, language, signature, .. } = actor;
    let before = of(name, time_zone, language, signature);
    let after = of(new.name, new.time_zone, new.language, new.signature);
    accounts.note(tx, entry.change(before, after));
}

/// Something about somebody else.
pub(crate) fn person(
    accounts: &Accounts,
    tx: &mut Tx,
    deed: Deed,
    actor: &Actor,
    card: &AgentCard,
) {
    accounts.note(tx, actor.did(deed, accounts.now()).on("person", card.id, &card.name));
}

fn seen(sees: &Sees) -> Value {
    match sees {
        Sees::Everything => json!("every inbox"),
        Sees::Only(inboxes) => inboxes.iter().map(|inbox| inbox.0).collect(),
    }
}

fn rights(name: &str, role: Role, sees: &Sees) -> Value {
    json!({ "name": name, "role": role.as_str(), "sees": seen(sees) })
}

/// What is asked of those who sign in, without the provider's secret.
pub(crate) fn sign_in_rules(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    before: &SignInRules,
    after: &SignInRules,
) {
    let secret = |rules: &SignInRules| {
        rules.provider.as_ref().map(|provider| provider.client_secret.clone())
    };
    let (old, new) = Entry::secret(secret(before) != secret(after));
    let described = |rules: &SignInRules, secret: Value| {
        let roles: Vec<&str> = rules.second_factor_for.iter().map(|role| role.as_str()).collect();
        let provider = rules.provider.as_ref().map(|provider| {
            json!({
                "issuer": provider.issuer,
                "client": provider.client_id,
                "label": provider.label,
                "by address": provider.links_by_email,
            })
        });
        json!({
            "second factor for": roles,
            "provider": provider,
            "secret of the client": secret,
            "idle hours of a session": rules.sessions.idle_hours,
            "days of a session": rules.sessions.days,
        })
    };
    let entry = actor.did(Deed::SignInRulesChanged, accounts.now());
    accounts.note(tx, entry.change(described(before, old), described(after, new)));
}

pub(crate) fn invited(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    id: AgentId,
    invitation: &Invitation,
) {
    let Invitation { name, email, role, sees } = invitation;
    let mut after = rights(name, *role, sees);
    if let Some(fields) = after.as_object_mut() {
        fields.insert("email".to_owned(), json!(email.as_str()));
    }
    let entry = actor.did(Deed::PersonInvited, accounts.now()).on("person", id, name);
    accounts.note(tx, entry.with(after));
}

pub(crate) fn person_changed(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    before: &AgentCard,
    (name, role, sees): (&str, Role, &Sees),
) {
    let entry = actor.did(Deed::PersonChanged, accounts.now()).on("person", before.id, name);
    let before = rights(&before.name, before.role, &before.sees);
    accounts.note(tx, entry.change(before, rights(name, role, sees)));
}

/// A token: what it may and how long, never itself.
pub(crate) fn token_made(accounts: &Accounts, tx: &mut Tx, who: Who, new: &NewToken) {
    let entry = Entry::new(Deed::TokenMade, who, accounts.now()).on("person", new.agent, &new.name);
    let expires = new.expires_at.map(|at| at.to_string());
    let NewToken { name, scopes, sees, .. } = new;
    let scopes = scopes.to_text();
    let after = json!({ "name": name, "scopes": scopes, "sees": seen(sees), "expires": expires });
    accounts.note(tx, entry.with(after));
}

pub(crate) fn token_revoked(accounts: &Accounts, tx: &mut Tx, actor: &Actor, id: PublicId) {
    accounts.note(tx, actor.did(Deed::TokenRevoked, accounts.now()).on("token", id, ""));
}

/// A team that was made, changed or deleted.
pub(crate) async fn team(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    before: Option<&TeamCard>,
    after: Option<(&String, &Vec<AgentId>)>,
) -> Result<()> {
    let directory = accounts.directory().await?;
    let described = |name: &str, members: &[AgentId]| {
        let members: Vec<&str> = members.iter().map(|id| directory.name_of(*id)).collect();
        json!({ "name": name, "members": members })
    };
    let deed = match (before, after) {
        (None, _) => Deed::TeamMade,
        (Some(_), Some(_)) => Deed::TeamChanged,
        (Some(_), None) => Deed::TeamDeleted,
    };
    let id = before.map_or_else(String::new, |team| team.public_id.to_string());
    let name = after
        .map_or_else(|| before.map_or("", |team| team.name.as_str()), |(name, _)| name.as_str());
    let entry = actor.did(deed, accounts.now()).on("team", id, name);
    let before = before.map(|team| described(&team.name, &team.members));
    let after = after.map(|(name, members)| described(name, members));
    accounts.note(tx, entry.change(before.unwrap_or_default(), after.unwrap_or_default()));
    Ok(())
}

pub(crate) fn company(
    accounts: &Accounts,
    tx: &mut Tx,
    actor: &Actor,
    before: &Company,
    after: &Company,
) {
    let is_changed = password_of(before) != password_of(after);
    let (old, new) = Entry::secret(is_changed);
    let entry = actor.did(Deed::CompanyChanged, accounts.now()).on("company", "", &after.name);
    accounts.note(tx, entry.change(described(before, old), described(after, new)));
}

fn password_of(company: &Company) -> &str {
    match &company.system_mail {
        SystemMail::Server { password, .. } => password,
        SystemMail::AnyInbox | SystemMail::Inbox { .. } => "",
    }
}

/// A company without its secrets.
fn described(company: &Company, password: Value) -> Value {
    let mail = match &company.system_mail {
        SystemMail::AnyInbox => json!("any inbox"),
        SystemMail::Inbox { inbox } => json!(format!("inbox {inbox}")),
        SystemMail::Server { from, host, port, tls, user, .. } => {
            json!({ "from": from.as_str(), "host": host, "port": port, "tls": tls, "user": user })
        }
    };
    json!({
        "name": company.name,
        "hue": company.hue,
        "website": company.website,
        "imprint": company.imprint,
        "time zone": company.time_zone,
        "language": company.language,
        "system mail": mail,
        "password of the mail server": password,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_is_counted_and_noted_once_in_a_while() {
        let failures = Failures::default();
        let at = |minutes: i64| Timestamp::from_seconds(1_000_000 + minutes * 60);
        assert_eq!(failures.count("a", at(0)), Some(1));
        assert_eq!(failures.count("a", at(1)), None);
        assert_eq!(failures.count("a", at(2)), None);
        assert_eq!(failures.count("b", at(2)), Some(1));
        assert_eq!(failures.count("a", at(11)), Some(3));
        assert_eq!(failures.count("a", at(12)), None);
        assert_eq!(failures.take("a"), 1);
        assert_eq!(failures.take("a"), 0);
        assert_eq!(failures.count("a", at(13)), Some(1));
    }

    #[test]
    fn addresses_without_end_do_not_fill_the_trail() {
        let failures = Failures::default();
        let now = Timestamp::from_seconds(1_000_000);
        let noted =
            (0..FAILURES_MAX * 2).filter(|at| failures.count(&at.to_string(), now).is_some());
        assert_eq!(noted.count(), FAILURES_MAX);
    }
}
