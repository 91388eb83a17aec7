//! What the audit trail hears of inboxes and their connections. Secrets are only said to have
//! changed.

use accounts::{Actor, Inbox, NewInbox};
use audit::{Deed, Entry};
use database::Tx;
use kernel::InboxId;
use serde_json::{Value, json};

use crate::Mailroom;
use crate::connection::{AfterFetch, Connection, Endpoint};
use crate::senders::Rule;

pub(crate) fn inbox_made(
    mailroom: &Mailroom,
    tx: &mut Tx,
    actor: &Actor,
    id: InboxId,
    (inbox, connection): (&NewInbox, &Connection),
) {
    let entry = actor.did(Deed::InboxMade, mailroom.now()).on("inbox", id, &inbox.name);
    mailroom.accounts.note(tx, entry.with(of_new(inbox)));
    connected(mailroom, tx, actor, (id, &inbox.name), (&Connection::default(), connection));
}

fn of_new(inbox: &NewInbox) -> Value {
    json!({
        "name": inbox.name,
        "address": inbox.address.as_ref().map(kernel::EmailAddress::as_str),
        "sender": inbox.sender_name,
        "signature": inbox.signature,
        "answers within minutes": inbox.reply_within_minutes,
        "acknowledges": inbox.acknowledges,
    })
}

pub(crate) fn inbox_changed(
    mailroom: &Mailroom,
    tx: &mut Tx,
    actor: &Actor,
    before: &Inbox,
    after: &NewInbox,
) {
    let was = NewInbox {
        name: before.name.clone(),
        kind: before.kind,
        address: before.address.clone(),
        sender_name: before.sender_name.clone(),
        signature: before.signature.clone(),
        reply_within_minutes: before.reply_within_minutes,
        acknowledges: before.acknowledges,
    };
    let (was, is) = (of_new(&was), of_new(after));
    if was != is {
        let entry = actor.did(Deed::InboxChanged, mailroom.now());
        mailroom.accounts.note(tx, entry.on("inbox", before.id, &after.name).change(was, is));
    }
}

/// Something about an inbox that says all by its name.
pub(crate) fn inbox(mailroom: &Mailroom, tx: &mut Tx, actor: &Actor, deed: Deed, inbox: &Inbox) {
    let entry = actor.did(deed, mailroom.now()).on("inbox", inbox.id, &inbox.name);
    mailroom.accounts.note(tx, entry);
}

pub(crate) fn connected(
    mailroom: &Mailroom,
    tx: &mut Tx,
    actor: &Actor,
    (id, name): (InboxId, &str),
    (before, after): (&Connection, &Connection),
) {
    if before == after {
        return;
    }
    let (mut was, mut is) = (of(before), of(after));
    for (what, secret) in secrets(after) {
        let old = secrets(before).into_iter().find(|(name, _)| *name == what);
        let (old, new) = Entry::secret(old.is_none_or(|(_, old)| old != secret));
        if let (Some(was), Some(is)) = (was.as_object_mut(), is.as_object_mut()) {
            was.insert(what.to_owned(), old);
            is.insert(what.to_owned(), new);
        }
    }
    let entry = actor.did(Deed::ConnectionChanged, mailroom.now()).on("inbox", id, name);
    mailroom.accounts.note(tx, entry.change(was, is));
}

fn secrets(connection: &Connection) -> [(&'static str, Option<&String>); 4] {
    [
        ("password of IMAP", connection.imap.as_ref().and_then(|one| one.password.as_ref())),
        ("password of SMTP", connection.smtp.as_ref().and_then(|one| one.password.as_ref())),
        ("secret of the application", connection.oauth.as_ref().map(|one| &one.client_secret)),
        (
            "permission of the provider",
            connection.oauth.as_ref().and_then(|one| one.refresh_token.as_ref()),
        ),
    ]
}

/// A connection without its secrets.
fn of(connection: &Connection) -> Value {
    let endpoint = |one: &Endpoint| json!({ "host": one.host, "port": one.port, "tls": one.tls.as_str(), "user": one.user });
    let afterwards = match &connection.after_fetch {
        AfterFetch::Leave => "left".to_owned(),
        AfterFetch::MarkSeen => "marked as seen".to_owned(),
        AfterFetch::MoveTo(folder) => format!("moved to {folder}"),
    };
    let Connection { folder, plus_addresses, trusted_host, .. } = connection;
    json!({
        "IMAP": connection.imap.as_ref().map(endpoint),
        "SMTP": connection.smtp.as_ref().map(endpoint),
        "folder": folder,
        "fetched mail is": afterwards,
        "plus addresses": plus_addresses,
        "trusted host": trusted_host,
        "application": connection.oauth.as_ref().map(|one| one.client_id.clone()),
    })
}

/// A rule about a sender, that is there now or is gone.
pub(crate) fn rule(
    mailroom: &Mailroom,
    tx: &mut Tx,
    actor: &Actor,
    pattern: &str,
    rule: Option<Rule>,
) {
    let deed = if rule == Some(Rule::Block) { Deed::SenderBlocked } else { Deed::SenderUnblocked };
    let after = rule.map(|rule| json!({ "rule": rule.as_str() }));
    let entry = actor.did(deed, mailroom.now()).on("sender", pattern, pattern);
    mailroom.accounts.note(tx, entry.with(after.unwrap_or_default()));
}
