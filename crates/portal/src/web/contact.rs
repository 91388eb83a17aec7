//! The front page, and the contact form.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use kernel::TicketId;
use serde::Deserialize;
use tickets::actions::{Office, fields};
use tickets::reading::cards;
use tickets::{Field, FieldKind};
use ui::{Brand, Choice, Client, Fields, Problems, Upload, WebError, WebResult, Words, found};

use super::face::Face;
use crate::actions::{self, FormMessage};
use crate::asked::{self, FILES_MAX};
use crate::form_token::{self, Age};
use crate::topic::Topic;
use crate::{Portal, session};

#[derive(Template)]
#[template(path = "help.html")]
struct Front {
    w: Words,
    brand: Brand,
    promise: Option<String>,
    topics: Vec<Topic>,
    address: Option<String>,
    is_signed_in: bool,
}

/// "Within 24 hours", as the inbox promises.
fn promise(w: &Words, office: &Office) -> Option<String> {
    let minutes = actions::default_inbox(office)?.reply_within_minutes;
    let span = if minutes % 60 == 0 {
        w.n("span-hours", minutes / 60)
    } else {
        w.n("span-minutes", minutes)
    };
    Some(w.a("contact-promise", "span", span))
}

pub(super) async fn front(State(portal): State<Portal>, headers: HeaderMap) -> WebResult<Response> {
    let Face { w, brand, session, .. } = Face::of(&portal, &headers).await?;
    let office = portal.office().await?;
    let inbox = actions::default_inbox(&office);
    ui::page(&Front {
        promise: promise(&w, &office),
        address: inbox.and_then(|inbox| inbox.address.as_ref()).map(ToString::to_string),
        topics: actions::topics(&portal).await?,
        is_signed_in: session.is_some(),
        w,
        brand,
    })
}

#[derive(Template)]
#[template(path = "contact.html")]
struct Contact {
    w: Words,
    brand: Brand,
    promise: Option<String>,
    topics: Vec<Topic>,
    fields: Vec<Field>,
    given: Fields,
    token: String,
    problems: Problems,
    /// Files came with a form that is shown again; browsers do not keep them.
    lost_files: bool,
    /// The trap caught somebody, who may be a person: then it is shown.
    is_trap_shown: bool,
}

/// The field that people do not see and programs fill in.
const TRAP: &str = "company_website";

impl Contact {
    async fn new(portal: &Portal, face: Face, office: &Office, given: Fields) -> WebResult<Self> {
        let topics = actions::topics(portal).await?;
        let fields = fields(&portal.db().read().await?).await?;
        Ok(Self {
            promise: promise(&face.w, office),
            w: face.w,
            brand: face.brand,
            topics,
            fields,
            given,
            token: form_token::make(portal.keys(), portal.now()),
            problems: Problems::default(),
            lost_files: false,
            is_trap_shown: false,
        })
    }

    fn value(&self, name: &str) -> &str {
        self.given.get(name).unwrap_or_default()
    }

    fn is_chosen(&self, topic: &Topic) -> bool {
        self.value("topic") == topic.public_id.to_string()
    }

    /// What a topic asks for; each control keeps what was typed.
    fn asks(&self, topic: &Topic) -> Vec<AskView<'_>> {
        let asks = asked::asks(topic, &self.fields);
        asks.into_iter()
            .map(|(field, required)| {
                let control = asked::control(topic, field);
                let value = self.value(&control).to_owned();
                let mut choices = vec![Choice::new("", "", value.is_empty())];
                let named = field.choices.iter();
                choices.extend(named.map(|name| Choice::new(name, name, *name == value)));
                AskView { field, control, value, required, choices }
            })
            .collect()
    }
}

struct AskView<'c> {
    field: &'c Field,
    control: String,
    value: String,
    required: bool,
    choices: Vec<Choice>,
}

impl AskView<'_> {
    fn drawn<'v>(&'v self, w: &'v Words, problems: &Problems) -> ui::Field<'v> {
        let (name, label) = (self.control.as_str(), self.field.label.as_str());
        let field = match self.field.kind {
            FieldKind::Text => ui::input("text", name, label).autocomplete("off"),
            FieldKind::Number => {
                ui::input("text", name, label).with("inputmode", "decimal").autocomplete("off")
            }
            FieldKind::Date => ui::input("date", name, label),
            FieldKind::Choice => ui::select(name, label, &self.choices),
        };
        let field = if self.required { field } else { field.optional(w.t("optional")) };
        field.value(&self.value).large().of(problems)
    }
}

/// What an address of the form may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    topic: String,
}

/// The form. An address of the page may choose the topic.
pub(super) async fn new(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    let face = Face::of(&portal, &headers).await?;
    let office = portal.office().await?;
    let mut given = Fields(vec![("topic".to_owned(), asked.topic)]);
    if let Some(session) = &face.session {
        given.0.push(("email".to_owned(), session.address.to_string()));
    }
    ui::page(&Contact::new(&portal, face, &office, given).await?)
}

/// What the form may hold, besides what a topic asks for.
const ASKED: [&str; 7] = ["form", "email", "name", "topic", "text", "choose", TRAP];

pub(super) async fn create(
    State(portal): State<Portal>,
    client: Client,
    headers: HeaderMap,
    upload: Upload,
) -> WebResult<Response> {
    upload.only_and(&ASKED, "ask-")?;
    let face = Face::of(&portal, &headers).await?;
    let office = portal.office().await?;
    let Upload { fields: given, files, too_large } = upload;
    let mut page = Contact::new(&portal, face, &office, given).await?;
    let sent_token = page.value("form").to_owned();
    let age = form_token::age(portal.keys(), &sent_token, portal.now());
    if age != Age::Stale {
        page.token.clone_from(&sent_token);
    }
    if page.given.get("choose").is_some() {
        return ui::page(&page);
    }
    page.lost_files = !files.is_empty();
    check_files(&mut page, files.len(), &too_large);
    check_form(&mut page, age);
    let asked = asked::read(&page.given, &page.topics, &page.fields, &page.w, &mut page.problems);
    let Some(asked) = asked else { return ui::again(&page) };
    // Who sends it again, because the answer was lost, gets the answer, however often.
    if let Some(ticket) = actions::sent_before(&portal, &sent_token, &asked, &files).await? {
        return Ok(receipt(&portal, ticket));
    }
    if let Err(seconds) = portal.may_write(&client.network(), asked.address.as_str()) {
        let wait = page.w.n("contact-too-many", i64::try_from(seconds.div_ceil(60)).unwrap_or(1));
        page.problems.add("text", wait);
        return too_many(&page, seconds);
    }
    let topic = page.topics.iter().find(|topic| topic.public_id == asked.topic);
    let Some(topic) = topic else { return ui::again(&page) };
    let form = FormMessage {
        token: &sent_token,
        topic,
        files: actions::store_files(&portal, files).await?,
        session: session::of(&portal, &headers).await?,
        asked,
    };
    let ticket = actions::send_form(&portal, &office, form).await?;
    Ok(receipt(&portal, ticket))
}

fn receipt(portal: &Portal, ticket: TicketId) -> Response {
    let receipt = form_token::receipt(portal.keys(), ticket);
    ui::see_other(&format!("/help/contact/sent/{ticket}/{receipt}"))
}

/// What is wrong with the files that came along.
fn check_files(page: &mut Contact, count: usize, too_large: &[String]) {
    for name in too_large {
        let name = files::clean_name(name);
        page.problems.add("files", page.w.a("contact-file-large", "name", name));
    }
    if count > FILES_MAX {
        page.problems.add("files", page.w.a("contact-files-many", "max", FILES_MAX));
    }
}

/// Whether a person seems to have filled it in. What was typed is kept either way.
fn check_form(page: &mut Contact, age: Age) {
    if !page.value(TRAP).is_empty() {
        page.is_trap_shown = true;
        page.problems.add(TRAP, page.w.t("contact-trap").to_owned());
    }
    match age {
        Age::Good => {}
        Age::TooQuick => page.problems.add("send", page.w.t("contact-too-quick").to_owned()),
        Age::Stale => page.problems.add("send", page.w.t("contact-stale").to_owned()),
    }
}

fn too_many(page: &Contact, retry_after_seconds: u64) -> WebResult<Response> {
    let mut response = ui::again(page)?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(header::RETRY_AFTER, retry_after_seconds.into());
    Ok(response)
}

#[derive(Template)]
#[template(path = "contact_sent.html")]
struct Sent {
    w: Words,
    brand: Brand,
    reference: TicketId,
    promise: Option<String>,
    /// Whether a mail with the reference leaves.
    is_acknowledged: bool,
    is_signed_in: bool,
}

/// Thanks. The same whoever wrote, and for a reference that was given out only.
pub(super) async fn sent(
    State(portal): State<Portal>,
    headers: HeaderMap,
    Path((reference, receipt)): Path<(String, String)>,
) -> WebResult<Response> {
    let reference: TicketId = found(reference.parse().ok())?;
    if !form_token::is_receipt(portal.keys(), reference, &receipt) {
        return Err(WebError::NotFound);
    }
    let Face { w, brand, session, .. } = Face::of(&portal, &headers).await?;
    let office = portal.office().await?;
    let promise = promise(&w, &office);
    let cards = cards(&portal.db().read().await?, &[reference]).await?;
    let is_acknowledged = cards.iter().any(|card| card.ticket.acknowledged_at.is_some());
    let is_signed_in = session.is_some();
    ui::page(&Sent { w, brand, reference, promise, is_acknowledged, is_signed_in })
}
