//! Inboxes: how they are doing, and their settings.

use accounts::{Actor, Inbox, InboxKind, archive_inbox, update_inbox};
use anyhow::Result;
use askama::Template;
use audit::Deed;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use database::Tx;
use kernel::{Failure, InboxId, PublicId};
use ui::{Chrome, Form, Toast, View, WebResult, Words};

use super::inbox_form::InboxForm;
use super::oauth::{CALLBACK, Onward, SETS_UP};
use super::parts::Parts;
use super::standing::{Coming, Standing, incoming, outgoing};
use super::wanted::Wanted;
use crate::connection::Connection;
use crate::health::{health, quiet, quiet_since};
use crate::store::{cursors, health as health_store};
use crate::{Mailroom, noted};

#[derive(Template)]
#[template(path = "inboxes.html")]
struct Inboxes {
    chrome: Chrome,
    rows: Vec<Row>,
    archived: Vec<Row>,
}

struct Row {
    id: PublicId,
    name: String,
    address: String,
    coming: Standing,
    going: Standing,
}

pub(super) async fn index(State(mailroom): State<Mailroom>, actor: Actor) -> WebResult<Response> {
    let chrome = mailroom.accounts.chrome(&actor, "/settings/inboxes").await?;
    let directory = mailroom.accounts.directory().await?;
    let conn = mailroom.db().read().await?;
    let health = health(&conn).await?;
    let quiet = quiet(&conn, &directory, mailroom.now()).await?;
    let (mut rows, mut archived) = (Vec::new(), Vec::new());
    for inbox in directory.all_inboxes().iter().filter(|inbox| actor.may_see(inbox.id)) {
        let connection = Connection::find(&conn, inbox.id).await?;
        let known = Coming {
            connection: connection.as_ref(),
            health: health.iter().find(|one| one.inbox == inbox.id),
            quiet: quiet.iter().find(|one| one.inbox == inbox.id),
            now: mailroom.now(),
        };
        let (when, w) = (&chrome.when, &chrome.words);
        let row = Row {
            id: inbox.public_id,
            name: inbox.name.clone(),
            address: inbox.address.as_ref().map(ToString::to_string).unwrap_or_default(),
            coming: incoming(inbox, &known, (when, w)),
            going: outgoing(inbox, connection.as_ref(), w),
        };
        if inbox.archived_at.is_some() { archived.push(row) } else { rows.push(row) }
    }
    drop(conn);
    ui::page(&Inboxes { chrome, rows, archived })
}

/// One inbox, or one that is about to be made.
#[derive(Template)]
#[template(path = "inbox.html")]
pub(super) struct InboxPage {
    pub(super) chrome: Chrome,
    /// None while it is new.
    pub(super) id: Option<PublicId>,
    pub(super) title: String,
    pub(super) is_archived: bool,
    pub(super) state: Option<(Standing, Standing)>,
    /// Where a provider's permission comes from, if one is needed.
    pub(super) permission: Option<Permission>,
    pub(super) parts: Parts,
}

/// A provider's permission to read and send.
pub(super) struct Permission {
    pub(super) is_given: bool,
    /// Leads to the provider and back.
    pub(super) connect_url: String,
}

impl InboxPage {
    pub(super) async fn blank(
        mailroom: &Mailroom,
        actor: &Actor,
        form: Option<InboxForm>,
    ) -> WebResult<Self> {
        let chrome = mailroom.accounts.chrome(actor, "/settings/inboxes").await?;
        let form = form.unwrap_or_else(|| InboxForm::blank(&chrome.brand.company));
        let ways = (mailroom.accounts.site().url(CALLBACK), "/settings/inboxes/probe".to_owned());
        let parts = Parts::new(&chrome.words, form, InboxKind::Email, None, ways);
        Ok(Self {
            title: chrome.t("inbox-new").to_owned(),
            chrome,
            id: None,
            is_archived: false,
            state: None,
            permission: None,
            parts,
        })
    }

    pub(super) async fn of(
        mailroom: &Mailroom,
        actor: &Actor,
        inbox: &Inbox,
        before: Option<&Connection>,
        form: Option<InboxForm>,
    ) -> WebResult<Self> {
        let here = format!("/settings/inboxes/{}", inbox.public_id);
        let chrome = mailroom.accounts.chrome(actor, &here).await?;
        let form = form.unwrap_or_else(|| InboxForm::of(inbox, before));
        let ways = (mailroom.accounts.site().url(CALLBACK), format!("{here}/probe"));
        let parts = Parts::new(&chrome.words, form, inbox.kind, before, ways);
        let conn = mailroom.db().read().await?;
        let all = health(&conn).await?;
        let quiet = quiet_since(&conn, inbox.id, mailroom.now()).await?;
        drop(conn);
        let known = Coming {
            connection: before,
            health: all.iter().find(|one| one.inbox == inbox.id),
            quiet: quiet.as_ref(),
            now: mailroom.now(),
        };
        let (when, w) = (&chrome.when, &chrome.words);
        let coming = incoming(inbox, &known, (when, w));
        let state = Some((coming, outgoing(inbox, before, w)));
        Ok(Self {
            title: inbox.name.clone(),
            id: Some(inbox.public_id),
            is_archived: inbox.archived_at.is_some(),
            state,
            permission: before.and_then(|one| one.oauth.as_ref()).map(|oauth| Permission {
                is_given: oauth.is_given(),
                connect_url: format!("{here}/connect"),
            }),
            parts,
            chrome,
        })
    }
}

pub(super) async fn connection_of(
    mailroom: &Mailroom,
    inbox: InboxId,
) -> Result<Option<Connection>> {
    Connection::find(&mailroom.db().read().await?, inbox).await
}

pub(super) async fn new(State(mailroom): State<Mailroom>, actor: Actor) -> WebResult<Response> {
    ui::page(&InboxPage::blank(&mailroom, &actor, None).await?)
}

pub(super) async fn show(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
    Query(onward): Query<Onward>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let before = connection_of(&mailroom, inbox.id).await?;
    let mut page = InboxPage::of(&mailroom, &actor, &inbox, before.as_ref(), None).await?;
    if let Some(permission) = page.permission.as_mut().filter(|_| onward.sets_up) {
        permission.connect_url.push_str(SETS_UP);
    }
    ui::page(&page)
}

/// Adds an inbox with its connection. The refusal is at a field of the form.
pub(super) async fn add(
    mailroom: &Mailroom,
    actor: &Actor,
    wanted: &Wanted,
    parts: &mut Parts,
) -> WebResult<Option<InboxId>> {
    let now = mailroom.now();
    let mut tx = mailroom.db().begin().await?;
    match accounts::add_inbox(&mut tx, &wanted.inbox, now).await {
        Ok(id) => {
            let none = Connection::default();
            let fetch_from = wanted.fetch_from(&none, None, now);
            let connection = wanted.connection(&none, &mailroom.keys, id, fetch_from);
            connection.save(&mut tx, id, now).await?;
            accounts::let_maker_see(&mut tx, actor, id).await?;
            noted::inbox_made(mailroom, &mut tx, actor, id, (&wanted.inbox, &connection));
            tx.commit().await?;
            Ok(Some(id))
        }
        Err(failure) => refuse(failure, parts).map(|()| None),
    }
}

fn refuse(failure: Failure<accounts::InboxRefusal>, parts: &mut Parts) -> WebResult<()> {
    match failure {
        Failure::Refused(refusal) => {
            let field = match &refusal {
                accounts::InboxRefusal::AddressTaken(_) => "address",
                accounts::InboxRefusal::Nameless => "name",
                accounts::InboxRefusal::ReplyTime => "reply_within",
            };
            parts.problems.add(field, refusal);
            Ok(())
        }
        Failure::Broken(fault) => Err(fault.into()),
    }
}

pub(super) async fn create(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let mut page = InboxPage::blank(&mailroom, &actor, Some(form.clone())).await?;
    let w = page.chrome.words.clone();
    let none = Connection::default();
    let wanted = form.read(InboxKind::Email, &none, &w, &mut page.parts.problems);
    let Some(wanted) = wanted else { return ui::again(&page) };
    let Some(id) = add(&mailroom, &actor, &wanted, &mut page.parts).await? else {
        return ui::again(&page);
    };
    Ok(ui::see_other(&next_page(&mailroom, &actor, id, wanted.uses_oauth()).await?))
}

/// Where to go after an inbox was made: to it, if there is something left to do and it is seen.
pub(super) async fn next_page(
    mailroom: &Mailroom,
    actor: &Actor,
    id: InboxId,
    has_more_to_do: bool,
) -> Result<String> {
    let directory = mailroom.accounts.directory().await?;
    let inbox = directory.inbox(id).filter(|inbox| actor.may_see(inbox.id));
    Ok(match inbox {
        Some(inbox) if has_more_to_do => format!("/settings/inboxes/{}", inbox.public_id),
        Some(_) | None => "/settings/inboxes".to_owned(),
    })
}

pub(super) async fn update(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Path(id): Path<PublicId>,
    Form(form): Form<InboxForm>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let before = connection_of(&mailroom, inbox.id).await?;
    let shown = Some(form.clone());
    let mut page = InboxPage::of(&mailroom, &actor, &inbox, before.as_ref(), shown).await?;
    let before = before.unwrap_or_default();
    let w = page.chrome.words.clone();
    let Some(wanted) = form.read(inbox.kind, &before, &w, &mut page.parts.problems) else {
        return ui::again(&page);
    };
    let mut tx = mailroom.db().begin().await?;
    if let Err(failure) = update_inbox(&mut tx, inbox.id, &wanted.inbox).await {
        refuse(failure, &mut page.parts)?;
        return ui::again(&page);
    }
    if inbox.kind == InboxKind::Email {
        keep(&mut tx, &mailroom, &actor, &inbox, &wanted).await?;
    }
    noted::inbox_changed(&mailroom, &mut tx, &actor, &inbox, &wanted.inbox);
    tx.commit().await?;
    Ok(done(view, &format!("/settings/inboxes/{id}"), &w, "saved"))
}

/// Keeps the connection, if it is not as it was. Read anew: a provider may have handed out another
/// token since the form was shown.
async fn keep(
    tx: &mut Tx,
    mailroom: &Mailroom,
    actor: &Actor,
    inbox: &Inbox,
    wanted: &Wanted,
) -> Result<()> {
    let now = mailroom.now();
    let before = Connection::find(tx, inbox.id).await?.unwrap_or_default();
    let looked_at = health_store::worked_at(tx, inbox.id).await?;
    let fetch_from = wanted.fetch_from(&before, looked_at, now);
    let connection = wanted.connection(&before, &mailroom.keys, inbox.id, fetch_from);
    if connection == before {
        return Ok(());
    }
    connection.save(tx, inbox.id, now).await?;
    noted::connected(mailroom, tx, actor, (inbox.id, &inbox.name), (&before, &connection));
    health_store::forget(tx, inbox.id).await?;
    if wanted.fetches_elsewhere(&before) {
        cursors::forget(tx, inbox.id).await?;
    }
    Ok(())
}

/// Says that something was done, and shows the page again.
pub(super) fn done(view: View, page: &str, w: &Words, key: &str) -> Response {
    view.done(page, &Toast::new(w.t(key)))
}

pub(super) async fn archive(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let mut tx = mailroom.db().begin().await?;
    archive_inbox(&mut tx, inbox.id, Some(mailroom.now())).await?;
    noted::inbox(&mailroom, &mut tx, &actor, Deed::InboxArchived, &inbox);
    tx.commit().await?;
    Ok(ui::see_other("/settings/inboxes"))
}

pub(super) async fn restore(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let inbox = mailroom.inbox(&actor, id).await?;
    let mut tx = mailroom.db().begin().await?;
    archive_inbox(&mut tx, inbox.id, None).await?;
    noted::inbox(&mailroom, &mut tx, &actor, Deed::InboxRestored, &inbox);
    tx.commit().await?;
    Ok(ui::see_other(&format!("/settings/inboxes/{id}")))
}
