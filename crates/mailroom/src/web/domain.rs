//! The domain that an inbox writes from: what receivers find about it, and a key to sign with.

use accounts::{Actor, Inbox};
use anyhow::anyhow;
use askama::Template;
use audit::Deed;
use axum::extract::{Path, State};
use axum::response::Response;
use email::{DkimRecord, Finding, domain_report, new_signing_key, signing_record};
use kernel::PublicId;
use ui::{Chrome, WebResult, found};

use super::inboxes::connection_of;
use crate::connection::{Connection, place};
use crate::{Mailroom, noted};

#[derive(Template)]
#[template(path = "inbox_domain.html")]
struct DomainPage {
    chrome: Chrome,
    id: PublicId,
    name: String,
    domain: String,
    /// The name and the text of the record for our own key.
    key: Option<(String, String)>,
    checks: Vec<Check>,
}

struct Check {
    id: &'static str,
    title: &'static str,
    tone: &'static str,
    state: &'static str,
    finding: Finding,
}

pub(super) async fn show(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let domain = found(inbox.address.as_ref())?.domain().to_owned();
    let here = format!("/settings/inboxes/{id}");
    let chrome = mailroom.accounts.chrome(&actor, &here).await?;
    let connection = connection_of(&mailroom, inbox.id).await?.unwrap_or_default();
    let dkim = own_record(&mailroom, &inbox, &connection)?;
    mailroom.take_trial(&actor)?;
    let host = connection.smtp.as_ref().map(|smtp| smtp.host.as_str());
    let report = domain_report(&domain, dkim.as_ref(), host, &mailroom.dns).await;
    let check = |id, title, finding: Finding| {
        let (tone, state) = match finding.state {
            email::State::Ok => ("ok", "domain-ok"),
            email::State::Missing => ("bad", "domain-missing"),
            email::State::Wrong => ("warn", "domain-wrong"),
            email::State::Unknown => ("neutral", "domain-unknown"),
        };
        Check { id, title, tone, state, finding }
    };
    let checks = vec![
        check("spf", "SPF", report.spf),
        check("dkim", "DKIM", report.dkim),
        check("dmarc", "DMARC", report.dmarc),
    ];
    let key = dkim.and_then(|record| {
        record.value.map(|value| (format!("{}._domainkey.{domain}", record.selector), value))
    });
    ui::page(&DomainPage { chrome, id, name: inbox.name, domain, key, checks })
}

/// The record that belongs to the key of an inbox.
fn own_record(
    mailroom: &Mailroom,
    inbox: &Inbox,
    connection: &Connection,
) -> anyhow::Result<Option<DkimRecord>> {
    let (Some(selector), Some(sealed)) = (&connection.dkim_selector, &connection.dkim_key) else {
        return Ok(None);
    };
    let key = mailroom.keys.open(&place(inbox.id, "dkim"), sealed)?;
    let value = signing_record(&key).map_err(|fault| anyhow!("a key of our own: {fault}"))?;
    Ok(Some(DkimRecord { selector: selector.clone(), value: Some(value) }))
}

/// A name that was not used before: receivers remember records for a while.
fn next_selector(before: Option<&str>) -> String {
    const NAME: &str = "recourse";
    let number =
        before.and_then(|name| name.strip_prefix(NAME)).and_then(|n| n.parse::<u32>().ok());
    format!("{NAME}{}", number.map_or(1, |number| number.saturating_add(1)))
}

/// Makes a key; mail is signed with it from now on.
pub(super) async fn make_key(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    found(inbox.address.as_ref())?;
    mailroom.take_trial(&actor)?;
    let key = tokio::task::spawn_blocking(new_signing_key).await.map_err(anyhow::Error::from)?;
    let key = key.map_err(|fault| anyhow!("no key can be made: {fault}"))?;
    let sealed = mailroom.keys.seal(&place(inbox.id, "dkim"), &key);
    change(&mailroom, &actor, &inbox, |connection| {
        connection.dkim_selector = Some(next_selector(connection.dkim_selector.as_deref()));
        connection.dkim_key = Some(sealed);
    })
    .await
}

/// Signs no longer. The name of the key stays, so that the next one gets another.
pub(super) async fn delete_key(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    change(&mailroom, &actor, &inbox, |connection| connection.dkim_key = None).await
}

async fn change(
    mailroom: &Mailroom,
    actor: &Actor,
    inbox: &Inbox,
    change: impl FnOnce(&mut Connection),
) -> WebResult<Response> {
    let mut tx = mailroom.db().begin().await?;
    let mut connection = Connection::find(&tx, inbox.id).await?.unwrap_or_default();
    change(&mut connection);
    connection.save(&mut tx, inbox.id, mailroom.now()).await?;
    noted::inbox(mailroom, &mut tx, actor, Deed::DkimChanged, inbox);
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/inboxes/{}/domain", inbox.public_id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_name_of_its_own() {
        for (before, next) in [
            (None, "recourse1"),
            (Some("recourse1"), "recourse2"),
            (Some("recourse41"), "recourse42"),
            (Some("other"), "recourse1"),
        ] {
            assert_eq!(next_selector(before), next);
        }
    }
}
