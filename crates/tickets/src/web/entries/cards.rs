//! How each thing of a ticket looks: messages, notes, facts, files, deliveries.

use accounts::{Act, Actor};
use anyhow::Result;
use kernel::{PublicId, Timestamp};
use outbox::{Delivery, State as Sent};
use ui::{Badge, Markup, When, Words};

use super::super::facts::{Telling, Told};
use super::Loaded;
use crate::SenderCheck;
use crate::desk::Desk;
use crate::event::Note;
use crate::message::{Attachment, Author, Message, MessageKind};
use crate::ticket::Direction;

/// One thing on the course line.
pub(crate) enum Stop {
    Day(String),
    Message(Box<MessageCard>),
    Note(NoteCard),
    Event(EventCard),
}

pub(crate) struct MessageCard {
    pub(crate) key: String,
    pub(crate) public_id: PublicId,
    pub(crate) is_ours: bool,
    pub(crate) badge: Badge,
    pub(crate) from: String,
    pub(crate) via_icon: &'static str,
    pub(crate) via: String,
    pub(crate) time: String,
    pub(crate) at: Timestamp,
    pub(crate) label: String,
    pub(crate) recipients: String,
    pub(crate) body: Markup,
    pub(crate) quoted: Markup,
    pub(crate) has_html: bool,
    pub(crate) has_remote_images: bool,
    pub(crate) frame_size: &'static str,
    pub(crate) files: Vec<FileCard>,
    pub(crate) delivery: Option<DeliveryCard>,
    pub(crate) warning: Option<String>,
    pub(crate) checked: Option<String>,
    pub(crate) is_held: bool,
    pub(crate) redaction: Option<String>,
    pub(crate) has_source: bool,
    /// Where it can be looked up from elsewhere.
    pub(crate) link: String,
    pub(crate) may: MayDo,
}

/// What the reader may do with a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MayDo {
    pub(crate) write: bool,
    pub(crate) change: bool,
    pub(crate) redact: bool,
    pub(crate) source: bool,
}

pub(crate) struct NoteCard {
    pub(crate) key: String,
    pub(crate) badge: Badge,
    pub(crate) from: String,
    pub(crate) time: String,
    pub(crate) at: Timestamp,
    pub(crate) label: String,
    pub(crate) body: Markup,
    pub(crate) files: Vec<FileCard>,
}

pub(crate) struct EventCard {
    pub(crate) key: String,
    pub(crate) told: Told,
    pub(crate) time: String,
    pub(crate) at: Timestamp,
}

pub(crate) struct FileCard {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) size: String,
    pub(crate) icon: &'static str,
}

pub(crate) struct DeliveryCard {
    pub(crate) icon: &'static str,
    /// A tone of the design, or empty.
    pub(crate) tone: &'static str,
    pub(crate) text: String,
    pub(crate) is_failed: bool,
}

/// Makes cards for one reader.
pub(crate) struct Maker<'m> {
    pub(crate) actor: &'m Actor,
    pub(crate) directory: std::sync::Arc<accounts::Directory>,
    pub(crate) when: When,
    pub(crate) w: Words,
    base_url: String,
}

impl<'m> Maker<'m> {
    pub(crate) async fn new(desk: &Desk, actor: &'m Actor) -> Result<Self> {
        Ok(Self {
            actor,
            directory: desk.accounts.directory().await?,
            when: actor.when(desk.now()),
            w: desk.accounts.site().words(&actor.language),
            base_url: desk.accounts.site().base_url.to_string(),
        })
    }

    /// Everything in its order, with a line where a new day begins.
    pub(crate) fn stops(&self, loaded: &Loaded) -> Vec<Stop> {
        let telling =
            Telling { me: self.actor.id, directory: &self.directory, when: &self.when, w: &self.w };
        let messages = loaded.messages.iter().map(|message| {
            let card = self.message(message, loaded);
            ((message.created_at, 0, message.id.0), Stop::Message(Box::new(card)))
        });
        let notes = loaded
            .notes
            .iter()
            .map(|note| ((note.created_at, 1, note.id.0), Stop::Note(self.note(note, loaded))));
        let events = loaded.events.iter().filter_map(|event| {
            let told = telling.tell(event)?;
            let card = EventCard {
                key: format!("v{}", event.id),
                told,
                time: ui::clock_time(event.created_at, &self.when),
                at: event.created_at,
            };
            Some(((event.created_at, 2, event.id.0), Stop::Event(card)))
        });
        let mut all: Vec<_> = messages.chain(notes).chain(events).collect();
        all.sort_by_key(|(place, _)| *place);
        self.with_days(all)
    }

    fn with_days(&self, all: Vec<((Timestamp, i32, i64), Stop)>) -> Vec<Stop> {
        let mut stops = Vec::with_capacity(all.len() + 8);
        let mut day = None;
        for ((at, ..), stop) in all {
            let date = at.in_zone(&self.when.zone).date();
            if day != Some(date) {
                stops.push(Stop::Day(self.day(at)));
                day = Some(date);
            }
            stops.push(stop);
        }
        stops
    }

    fn day(&self, at: Timestamp) -> String {
        let date = at.in_zone(&self.when.zone).date();
        let today = self.when.now.in_zone(&self.when.zone).date();
        if date == today {
            self.w.t("when-today").to_owned()
        } else if today.yesterday().is_ok_and(|yesterday| yesterday == date) {
            self.w.t("when-yesterday").to_owned()
        } else {
            ui::day(at, &self.when)
        }
    }

    fn note(&self, note: &Note, loaded: &Loaded) -> NoteCard {
        let mine = |file: &&Attachment| file.note == Some(note.id);
        let name = self.directory.name_of(note.author).to_owned();
        let badge = Badge::of(&name, note.author.0);
        let everybody = self.directory.everybody();
        let full = everybody.iter().map(|card| card.name.as_str());
        let first = everybody.iter().map(|card| card.first_name());
        let names: Vec<&str> = full.chain(first).collect();
        let time = ui::clock_time(note.created_at, &self.when);
        NoteCard {
            key: format!("n{}", note.id),
            badge,
            label: self.w.a2("entry-note-label", "who", &name, "time", &time),
            from: self.name_or_you(note.author, &name),
            at: note.created_at,
            time,
            body: ui::prose_with_mentions(&note.text, &names),
            files: loaded.note_files.iter().filter(mine).map(file_card).collect(),
        }
    }

    fn name_or_you(&self, id: kernel::AgentId, name: &str) -> String {
        if id == self.actor.id { self.w.t("you").to_owned() } else { name.to_owned() }
    }

    fn message(&self, message: &Message, loaded: &Loaded) -> MessageCard {
        let is_ours = message.direction == Direction::Out;
        let (badge, from) = match message.author {
            Author::Agent(id) => {
                let name = self.directory.name_of(id);
                (Badge::of(name, id.0), self.name_or_you(id, name))
            }
            Author::Customer(id) | Author::Stranger(id) => {
                let name = message.shown_from();
                (Badge::of(&name, id.0), name)
            }
            Author::System => (Badge::of("R", 0), self.w.t("system-did").to_owned()),
        };
        let time = ui::clock_time(message.created_at, &self.when);
        let via = match message.kind {
            MessageKind::Forward => {
                self.w.a("via-forward", "whom", parties(&message.recipients.to))
            }
            MessageKind::Automatic => self.w.t("via-automatic").to_owned(),
            MessageKind::Message | MessageKind::Acknowledgement => {
                self.w.t(message.channel.key()).to_owned()
            }
        };
        let label: [(&str, &dyn std::fmt::Display); 3] =
            [("who", &from), ("via", &via), ("time", &time)];
        let show_html = message.has_html && message.redacted.is_none();
        MessageCard {
            key: format!("m{}", message.id),
            public_id: message.public_id,
            is_ours,
            badge,
            label: self.w.all("entry-label", &label),
            from,
            via_icon: match message.kind {
                MessageKind::Forward => "forward",
                MessageKind::Automatic => "bot",
                MessageKind::Message | MessageKind::Acknowledgement => message.channel.icon(),
            },
            via,
            at: message.created_at,
            time,
            recipients: self.recipients(message),
            // What was written as HTML has its text beside it, which is no Markdown.
            body: if is_ours && !message.has_html {
                ui::markdown(&message.text)
            } else {
                ui::prose(&message.text)
            },
            quoted: ui::prose(&message.quoted),
            has_html: show_html,
            has_remote_images: loaded.pictured.contains(&message.id),
            frame_size: frame_size(&message.text),
            files: files(message, show_html, loaded),
            delivery: self.delivery(message, loaded),
            warning: (message.check == SenderCheck::Fail && !is_ours)
                .then(|| self.w.t("sender-failed").to_owned()),
            checked: checked(message, &self.w),
            is_held: message.held,
            redaction: message.redacted.map(|redaction| {
                let who = self.directory.name_of(redaction.by);
                let when = ui::moment_in_full(redaction.at, &self.when);
                self.w.a2("entry-redacted", "who", who, "when", when)
            }),
            has_source: message.ledger.is_some(),
            link: format!("{}/t/{}#e-m{}", self.base_url, message.ticket, message.id),
            may: MayDo {
                write: self.actor.may(Act::WriteToCustomers),
                change: self.actor.may(Act::ChangeTickets),
                redact: self.actor.may(Act::Redact),
                source: self.actor.may(Act::ReadMail),
            },
        }
    }

    /// Who it went to, where that is not plain.
    fn recipients(&self, message: &Message) -> String {
        let recipients = &message.recipients;
        if recipients.cc.is_empty() && recipients.bcc.is_empty() && recipients.to.len() < 2 {
            return String::new();
        }
        let lists = [
            ("recipients-to", &recipients.to),
            ("recipients-cc", &recipients.cc),
            ("recipients-bcc", &recipients.bcc),
        ];
        let lines: Vec<String> = lines_of(&lists, &self.w);
        lines.join(" · ")
    }

    fn delivery(&self, message: &Message, loaded: &Loaded) -> Option<DeliveryCard> {
        let mine = |delivery: &&Delivery| delivery.message == Some(message.id);
        let delivery = loaded.deliveries.iter().rev().find(mine)?;
        let fault = delivery.fault.clone().unwrap_or_default();
        let card = |icon, tone, text| DeliveryCard { icon, tone, text, is_failed: false };
        Some(match delivery.state {
            Sent::Queued if delivery.attempts == 0 => {
                card("clock", "", self.w.t("delivery-queued").to_owned())
            }
            Sent::Queued => {
                let when = ui::relative(delivery.send_after, &self.when, &self.w);
                let text = self.w.a2("delivery-waits", "when", when, "reason", fault);
                card("clock", "warn", text)
            }
            Sent::Sending => card("send", "", self.w.t("delivery-sending").to_owned()),
            Sent::Sent => {
                let at = delivery.sent_at.unwrap_or(delivery.send_after);
                let time = ui::clock_time(at, &self.when);
                card("check", "", self.w.a("delivery-sent", "time", time))
            }
            Sent::Failed | Sent::Bounced => DeliveryCard {
                is_failed: true,
                ..card("circle-x", "bad", self.w.a("delivery-failed", "reason", fault))
            },
            Sent::Discarded => card("x", "", self.w.t("delivery-discarded").to_owned()),
        })
    }
}

fn lines_of(lists: &[(&str, &Vec<outbox::Party>)], w: &Words) -> Vec<String> {
    lists
        .iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(key, list)| format!("{} {}", w.t(key), parties(list)))
        .collect()
}

fn parties(list: &[outbox::Party]) -> String {
    let names: Vec<String> = list.iter().map(|party| party.address.to_string()).collect();
    names.join(", ")
}

/// What the checks of the sender said, in words.
fn checked(message: &Message, w: &Words) -> Option<String> {
    if message.direction == Direction::Out || message.ledger.is_none() {
        return None;
    }
    let detail: serde_json::Value = serde_json::from_str(&message.check_detail).ok()?;
    let said = |name: &str| -> String {
        let value = detail.get(name).and_then(serde_json::Value::as_str);
        value.map_or_else(|| "none".to_owned(), str::to_owned)
    };
    let verdict = match message.check {
        SenderCheck::Pass => "sender-pass",
        SenderCheck::Fail => "sender-fail",
        SenderCheck::Unknown => "sender-unknown",
    };
    Some(format!(
        "{} SPF {}, DKIM {}, DMARC {}",
        w.t(verdict),
        said("spf"),
        said("dkim"),
        said("dmarc")
    ))
}

/// Attachments as chips; pictures that stand inside the HTML are shown there.
fn files(message: &Message, show_html: bool, loaded: &Loaded) -> Vec<FileCard> {
    let mine = |file: &&Attachment| file.message == Some(message.id);
    let is_chip = |file: &&Attachment| !(show_html && file.content_id.is_some());
    loaded.attachments.iter().filter(mine).filter(is_chip).map(file_card).collect()
}

pub(crate) fn file_card(file: &Attachment) -> FileCard {
    FileCard {
        url: format!("/files/{}", file.public_id),
        name: file.name.clone(),
        size: size(file.size_bytes),
        icon: if file.media_type.is_image() { "image" } else { "file" },
    }
}

/// `48 KB`, `2.1 MB`.
pub(crate) fn size(bytes: i64) -> String {
    if bytes < 1_000 {
        format!("{bytes} B")
    } else if bytes < 1_000_000 {
        format!("{} KB", bytes / 1_000)
    } else {
        format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
    }
}

/// A guess how tall a mail is: the frame cannot be measured from outside.
fn frame_size(text: &str) -> &'static str {
    match text.len() {
        0..=400 => "s",
        401..=1_500 => "m",
        1_501..=5_000 => "l",
        _ => "xl",
    }
}
