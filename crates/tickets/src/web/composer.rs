//! Where an answer, a note or a forward is written.

use accounts::Act;
use askama::Template;
use database::Conn;
use kernel::{EmailAddress, PublicId, TicketId};
use outbox::{Party, Recipients};
use ui::{Badge, Markup, WebResult, Words};

use super::entries::{Maker, size};
use super::head::Person;
use super::live::collision;
use super::ticket::Opened;
use crate::State;
use crate::message::Attachment;
use crate::seen::Slot;
use crate::store::people::Draft;
use crate::store::{entries, people, tickets};

#[derive(Template)]
#[template(path = "_composer.html")]
pub(crate) struct Composer {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) list: String,
    pub(crate) was_state: String,
    /// Why nothing can be written to the customer here.
    pub(crate) notice: Option<Notice>,
    pub(crate) first_name: String,
    /// By which way it goes: `by email`.
    pub(crate) way: String,
    /// Opens with the note.
    pub(crate) is_note: bool,
    pub(crate) last_entry: String,
    pub(crate) key: PublicId,
    pub(crate) reply: Text,
    /// It goes to others than the customer alone, which is seen before it is sent.
    pub(crate) has_others: bool,
    pub(crate) note: Text,
    pub(crate) forward: Text,
    /// Somebody else is writing an answer: said before one types.
    pub(crate) collision: Markup,
    /// Why what was written could not be sent.
    pub(crate) error: Markup,
    pub(crate) people: Vec<Person>,
    pub(crate) me: Badge,
    pub(crate) may_write: bool,
}

impl askama::filters::HtmlSafe for Composer {}

/// A sentence in the place of the composer, and what can be done instead.
pub(crate) struct Notice {
    pub(crate) text: String,
    /// A change that lifts it, with its label.
    pub(crate) way_out: Option<(&'static str, &'static str)>,
}

/// One of the three texts.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) saved_at: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) bcc: String,
    pub(crate) files: Vec<UploadCard>,
}

/// A file that waits in a draft.
#[derive(Template)]
#[template(path = "_upload.html")]
pub(crate) struct UploadCard {
    pub(crate) w: Words,
    pub(crate) reference: String,
    pub(crate) mode: String,
    pub(crate) id: PublicId,
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) icon: &'static str,
}

impl askama::filters::HtmlSafe for UploadCard {}

impl UploadCard {
    pub(crate) fn of(file: &Attachment, reference: &str, mode: &str, w: &Words) -> Self {
        Self {
            w: w.clone(),
            reference: reference.to_owned(),
            mode: mode.to_owned(),
            id: file.public_id,
            name: file.name.clone(),
            size: size(file.size_bytes),
            icon: if file.media_type.is_image() { "image" } else { "file" },
        }
    }
}

/// What is written, to whom it goes, and what was attached so far. The page sets
/// [`Composer::last_entry`].
pub(crate) async fn make(
    opened: &Opened<'_>,
    maker: &Maker<'_>,
    conn: &Conn,
) -> WebResult<Composer> {
    let Opened { desk, actor, ticket, list } = opened;
    let (customer, drafts, uploads, participants) = tokio::try_join!(
        customers::find(conn, ticket.customer),
        people::drafts(conn, ticket.id, actor.id),
        entries::waiting_uploads(conn, ticket.id, actor.id),
        tickets::participants(conn, ticket.id),
    )?;
    let customer = ui::found(customer)?;
    let usual = Recipients {
        to: customer.address.iter().map(|one| Party::new("", one.clone())).collect(),
        cc: participants.into_iter().map(|(address, _)| Party::new("", address)).collect(),
        bcc: Vec::new(),
    };
    let w = &maker.w;
    let reference = ticket.id.to_string();
    let text = |mode: &str| {
        let draft = drafts.iter().find(|draft| draft.mode == mode);
        let files = uploads.iter().filter(|(of, _)| of == mode);
        let files = files.map(|(_, file)| UploadCard::of(file, &reference, mode, w)).collect();
        text_of(draft, if mode == "reply" { Some(&usual) } else { None }, files)
    };
    let may_write = actor.may(Act::WriteToCustomers);
    let reply = text("reply");
    let own = customer.address.as_ref().map_or(String::new(), ToString::to_string);
    let people = maker.directory.working().into_iter().filter(|card| card.may_see(ticket.inbox));
    Ok(Composer {
        reference: ticket.id,
        list: list.clone(),
        was_state: Slot::State.value(ticket),
        notice: notice(ticket.state, w),
        first_name: first_name(&customer.shown_name()),
        way: w.t(if customer.address.is_some() { "way-email" } else { "way-portal" }).to_owned(),
        is_note: begins_with_note(may_write, &drafts),
        last_entry: String::new(),
        key: PublicId::new(desk.now()),
        has_others: reply.to != own || !reply.cc.is_empty() || !reply.bcc.is_empty(),
        reply,
        note: text("note"),
        forward: text("forward"),
        collision: collision(desk, actor, &maker.directory, ticket.id, w),
        error: Markup::default(),
        people: people
            .map(|card| Person {
                id: card.id.0,
                name: card.name.clone(),
                badge: card.badge.clone(),
                is_current: false,
            })
            .collect(),
        me: actor.badge(),
        may_write,
        w: w.clone(),
    })
}

/// Opens where something was begun; else with the answer.
fn begins_with_note(may_write: bool, drafts: &[Draft]) -> bool {
    let has = |mode: &str| drafts.iter().any(|draft| draft.mode == mode);
    !may_write || (has("note") && !has("reply"))
}

fn notice(state: State, w: &Words) -> Option<Notice> {
    let (key, way_out) = match state {
        State::Closed => ("notice-closed", None),
        State::Spam => ("notice-spam", Some(("not_spam", "do-not-spam"))),
        State::Merged => ("notice-merged", None),
        State::New
        | State::Bot
        | State::Open
        | State::WaitingCustomer
        | State::OnHold
        | State::Snoozed
        | State::Resolved => return None,
    };
    Some(Notice { text: w.t(key).to_owned(), way_out })
}

fn text_of(draft: Option<&Draft>, usual: Option<&Recipients>, files: Vec<UploadCard>) -> Text {
    let chosen = draft.map(|draft| &draft.recipients).filter(|one| **one != Recipients::default());
    let nobody = Recipients::default();
    let recipients = chosen.or(usual).unwrap_or(&nobody);
    Text {
        text: draft.map_or(String::new(), |draft| draft.text.clone()),
        saved_at: draft.map_or(String::new(), |draft| draft.updated_at.to_string()),
        to: addresses(&recipients.to),
        cc: addresses(&recipients.cc),
        bcc: addresses(&recipients.bcc),
        files,
    }
}

fn addresses(list: &[Party]) -> String {
    let list: Vec<String> = list.iter().map(|party| party.address.to_string()).collect();
    list.join(", ")
}

pub(super) fn first_name(name: &str) -> String {
    // An address is not cut.
    if name.parse::<EmailAddress>().is_ok() {
        return name.to_owned();
    }
    name.split_whitespace().next().unwrap_or(name).to_owned()
}
