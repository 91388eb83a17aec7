//! One ticket: the pane with its course line, alone or inside the inbox.

use accounts::Actor;
use askama::Template;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use database::Conn;
use kernel::{PublicId, TicketId, Timestamp};
use serde::Deserialize;
use ui::{Answer, Markup, View, WebResult, Words, found};

use super::compose::Mode;
use super::composer::{self, Composer};
use super::entries::{Loaded, Maker, Part, Stops, time_of};
use super::head::{self, Head, Menus};
use super::list::{self, Asked, InboxPage, JustSent, ListPane, Wanted};
use super::panel::{self, Panel};
use super::reference::Reference;
use crate::actions::undoable_for;
use crate::desk::Desk;
use crate::store::{people, tickets};
use crate::ticket::Ticket;
use crate::views::Standing;

/// The list that a ticket was opened from: `in` of the address, or of the page that asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct From {
    pub(crate) list: String,
    /// The path of the page that asks through htmx.
    page: String,
}

impl From {
    /// Whether the page that asks shows a ticket.
    pub(crate) fn shows_ticket(&self) -> bool {
        self.page.strip_prefix("/t/").is_some_and(|id| id.parse::<TicketId>().is_ok())
    }

    /// Whether the page that asks shows this ticket.
    pub(crate) fn is_at(&self, ticket: TicketId) -> bool {
        self.page == format!("/t/{ticket}")
    }
}

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let page = parts.headers.get("hx-current-url").and_then(|url| url.to_str().ok());
        let page: Option<axum::http::Uri> = page.and_then(|url| url.parse().ok());
        let of_page = page.as_ref().and_then(axum::http::Uri::query);
        let list = [parts.uri.query(), of_page].into_iter().flatten().find_map(list_in);
        let path = page.as_ref().map_or(String::new(), |page| page.path().to_owned());
        Ok(Self { list: list.unwrap_or_default(), page: path })
    }
}

/// The name of a list in a query. Nothing but what such names are made of.
fn list_in(query: &str) -> Option<String> {
    let list = query.split('&').find_map(|pair| pair.strip_prefix("in="))?;
    let is_name = list.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (is_name && !list.is_empty() && list.len() <= 60).then(|| list.to_owned())
}

/// The pane of a ticket.
#[derive(Template)]
#[template(path = "_thread.html")]
pub(crate) struct Thread {
    pub(crate) w: Words,
    pub(crate) reference: TicketId,
    pub(crate) head: Head,
    pub(crate) menus: Menus,
    pub(crate) stops: Stops,
    pub(crate) composer: Composer,
}

impl askama::filters::HtmlSafe for Thread {}

/// The title of the browser's tab, for an answer that is not a whole page.
#[derive(Template)]
#[template(source = "<title>{{ title }}</title>", ext = "html")]
struct TabTitle {
    title: String,
}

/// The ticket behind a reference as far as this person may see it; where it was merged, the one
/// that it became a part of.
pub(crate) async fn seen(conn: &Conn, actor: &Actor, id: TicketId) -> WebResult<Ticket> {
    // Most tickets are still what they were when they got their number.
    let (now, ticket) = tokio::try_join!(tickets::follow(conn, id), tickets::find(conn, id))?;
    let now = found(now)?;
    let ticket = if now == id { ticket } else { tickets::find(conn, now).await? };
    let ticket = found(ticket)?;
    found(Some(ticket).filter(|ticket| actor.may_see(ticket.inbox)))
}

/// Everything about a ticket that is not the course line itself.
pub(crate) struct Opened<'o> {
    pub(crate) desk: &'o Desk,
    pub(crate) actor: &'o Actor,
    pub(crate) ticket: Ticket,
    /// The list behind it.
    pub(crate) list: String,
}

impl<'o> Opened<'o> {
    pub(crate) async fn open(
        desk: &'o Desk,
        actor: &'o Actor,
        id: TicketId,
        list: &str,
    ) -> WebResult<Self> {
        let conn = desk.db().read().await?;
        let ticket = seen(&conn, actor, id).await?;
        Ok(Self { desk, actor, ticket, list: list.to_owned() })
    }

    pub(crate) fn url(&self) -> String {
        url(self.ticket.id, &self.list)
    }

    /// Both panes, all of whose questions are asked at once: each would take its own way to a
    /// database that is elsewhere.
    pub(super) async fn panes(&self, maker: &Maker<'_>) -> WebResult<(Thread, Panel)> {
        let conn = self.desk.db().read().await?;
        Box::pin(async {
            tokio::try_join!(self.thread(maker, &conn), panel::make(self, maker, &conn))
        })
        .await
    }

    /// The list that stands beside the ticket.
    async fn beside(&self, wanted: &Wanted) -> WebResult<ListPane> {
        Box::pin(list::pane(self.desk, self.actor, wanted, None, Some(self.ticket.id))).await
    }

    async fn thread(&self, maker: &Maker<'_>, conn: &Conn) -> WebResult<Thread> {
        let loaded = async { Ok(Loaded::load(conn, self.ticket.id, Part::Latest).await?) };
        let (loaded, head, menus, mut composer) = tokio::try_join!(
            loaded,
            head::make(self, maker),
            head::menus(self, maker, conn),
            composer::make(self, maker, conn),
        )?;
        composer.last_entry = loaded.last_key();
        Ok(Thread {
            w: maker.w.clone(),
            reference: self.ticket.id,
            head,
            menus,
            stops: self.stops(maker, &loaded),
            composer,
        })
    }

    pub(crate) fn stops(&self, maker: &Maker<'_>, loaded: &Loaded) -> Stops {
        let url = |message| format!("/t/{}/entries?before={message}", self.ticket.id);
        Stops {
            w: maker.w.clone(),
            reference: self.ticket.id,
            stops: maker.stops(loaded),
            earlier: loaded.earlier.map(url),
        }
    }

    /// The whole page once more, with what is wrong under the text that was written.
    pub(crate) async fn again(&self, mode: Mode, complaint: Markup) -> WebResult<Response> {
        self.retouched(|thread, _| {
            thread.composer.error = complaint;
            thread.composer.is_note = mode == Mode::Note;
        })
        .await
    }

    /// The whole page once more, a little different.
    pub(crate) async fn retouched(
        &self,
        retouch: impl FnOnce(&mut Thread, &mut Panel),
    ) -> WebResult<Response> {
        let maker = Maker::new(self.desk, self.actor).await?;
        let (mut thread, mut panel) = self.panes(&maker).await?;
        retouch(&mut thread, &mut panel);
        let wanted = list_of(self.desk, self.actor, &self.list).await?;
        let pane = self.beside(&wanted).await?;
        Box::pin(page(self, pane, (thread, panel), None)).await
    }

    /// The whole ticket, for the place of the one that is open.
    pub(crate) async fn in_place(&self) -> WebResult<Answer> {
        let maker = Maker::new(self.desk, self.actor).await?;
        let (thread, panel) = self.panes(&maker).await?;
        Ok(Answer::new()
            .piece("#thread", "outerHTML", &thread)?
            .piece("#panel", "outerHTML", &panel)?
            .address(&self.url()))
    }

    /// Every piece of the page that can look different after something was taken away.
    pub(crate) async fn whole(&self) -> WebResult<Answer> {
        let maker = Maker::new(self.desk, self.actor).await?;
        let (answer, loaded) = self.around(&maker, Part::Latest).await?;
        answer.piece("#entries", "innerMorph", &self.stops(&maker, &loaded))
    }

    /// The pieces of the page that say what the ticket is now, and what was added since.
    pub(crate) async fn pieces(&self, since: Timestamp) -> WebResult<Answer> {
        let maker = Maker::new(self.desk, self.actor).await?;
        let (answer, loaded) = self.around(&maker, Part::Since(since)).await?;
        answer.piece("#entries", "beforeend", &self.stops(&maker, &loaded).without_days())
    }

    /// The pieces around the course line, and a part of what stands in it.
    async fn around(&self, maker: &Maker<'_>, part: Part) -> WebResult<(Answer, Loaded)> {
        let conn = self.desk.db().read().await?;
        let loaded = async { Ok(Loaded::load(&conn, self.ticket.id, part).await?) };
        let (loaded, head, menus, panel) = Box::pin(async {
            tokio::try_join!(
                loaded,
                head::make(self, maker),
                head::menus(self, maker, &conn),
                panel::make(self, maker, &conn),
            )
        })
        .await?;
        let answer = Answer::new()
            .piece("#thread-head", "outerMorph", &head)?
            .piece("#thread-menus", "outerMorph", &menus)?
            .piece("#panel", "outerMorph", &panel)?;
        Ok((answer, loaded))
    }
}

/// The address of a ticket, with the list that it was opened from.
pub(crate) fn url(ticket: TicketId, list: &str) -> String {
    if list.is_empty() { format!("/t/{ticket}") } else { format!("/t/{ticket}?in={list}") }
}

/// The address of a list; without one, of what waits.
pub(crate) fn list_url(list: &str) -> String {
    format!("/inbox/{}", if list.is_empty() { Standing::NeedsReply.key() } else { list })
}

pub(super) async fn show(
    State(desk): State<Desk>,
    actor: Actor,
    view: View,
    Reference(id): Reference,
    Query(asked): Query<Shown>,
    from: From,
) -> WebResult<Response> {
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    if opened.ticket.id != id {
        // The old number of a merged ticket leads on.
        return Ok(ui::see_other(&url(opened.ticket.id, &from.list)));
    }
    let maker = Maker::new(&desk, &actor).await?;
    let wanted = list_of(&desk, &actor, &from.list).await?;
    if view.is_partial {
        let (thread, panel) = opened.panes(&maker).await?;
        let title = crate::frame::title(&wanted.view.title, &maker.w);
        let company = desk.accounts.company().await?;
        let tab = format!("{} · {title} · {}", opened.ticket.subject, company.name);
        return Ok(Answer::new()
            .main(&TabTitle { title: tab })?
            .main(&thread)?
            .piece("#panel", "outerHTML", &panel)?
            .text("#page-title", &format!("{title}: {}", opened.ticket.subject))
            .into_response());
    }
    let sent = just_sent(&opened, &maker, &asked.sent).await?;
    let (panes, pane) = tokio::try_join!(opened.panes(&maker), opened.beside(&wanted))?;
    Box::pin(page(&opened, pane, panes, sent)).await
}

/// What else the address of a ticket may say.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Shown {
    /// By which name a message that was just sent can be taken back.
    sent: String,
}

async fn just_sent(
    opened: &Opened<'_>,
    maker: &Maker<'_>,
    undo: &str,
) -> WebResult<Option<JustSent>> {
    let Ok(id) = undo.parse::<PublicId>() else { return Ok(None) };
    let Opened { desk, actor, ticket, .. } = opened;
    let conn = desk.db().read().await?;
    let Some(left) = undoable_for(&conn, actor, id, desk.now()).await? else {
        return Ok(None);
    };
    let customer = found(customers::find(&conn, ticket.customer).await?)?;
    Ok(Some(JustSent {
        text: maker.w.a("reply-leaves", "who", composer::first_name(&customer.shown_name())),
        undo: format!("/undo/{id}"),
        left_ms: left.as_micros() / 1_000,
    }))
}

/// The ticket with its list beside it, as a whole page.
async fn page(
    opened: &Opened<'_>,
    pane: ListPane,
    (thread, panel): (Thread, Panel),
    sent: Option<JustSent>,
) -> WebResult<Response> {
    let Opened { desk, actor, .. } = opened;
    let chrome = desk.accounts.chrome(actor, &format!("/inbox/{}", pane.key)).await?;
    ui::page(&InboxPage { chrome, pane, thread: Some(thread), panel: Some(panel), sent })
}

/// The list that stands beside a ticket: the one it was opened from, or all that wait.
async fn list_of(desk: &Desk, actor: &Actor, key: &str) -> WebResult<Wanted> {
    let asked = Asked::default();
    match list::wanted(desk, actor, key, &asked).await {
        Ok(wanted) => Ok(wanted),
        Err(_) => list::wanted(desk, actor, Standing::NeedsReply.key(), &asked).await,
    }
}

/// Notes that this person has seen what is there now. Most tickets are opened read.
///
/// Called when a page says so, not when one is asked for: what is fetched ahead, or by a program
/// that follows links, was read by nobody.
pub(crate) async fn mark_read(desk: &Desk, actor: &Actor, ticket: &Ticket) -> WebResult<()> {
    let until = ticket.last_message_at;
    if people::has_read(&desk.db().read().await?, ticket.id, actor.id, until).await? {
        return Ok(());
    }
    let mut tx = desk.db().begin().await?;
    people::set_read(&mut tx, ticket.id, actor.id, desk.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Which entries are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Since {
    /// The latest entry that is shown, by its key.
    after: String,
    /// What about the ticket changed: `row`, `entry` or `message`.
    touch: String,
    /// The first message that is shown.
    before: Option<i64>,
}

/// What came since, or what stands before the first message that is shown.
pub(super) async fn entries(
    State(desk): State<Desk>,
    actor: Actor,
    Reference(id): Reference,
    from: From,
    Query(since): Query<Since>,
) -> WebResult<Response> {
    let opened = Opened::open(&desk, &actor, id, &from.list).await?;
    if let Some(message) = since.before {
        return earlier(&opened, message).await;
    }
    let maker = Maker::new(&desk, &actor).await?;
    let part = if since.touch == "message" {
        // Something that is shown looks different: all of it is drawn again.
        Part::Latest
    } else {
        let at = time_of(&desk.db().read().await?, opened.ticket.id, &since.after).await?;
        at.map_or(Part::Latest, Part::Since)
    };
    let (answer, loaded) = opened.around(&maker, part).await?;
    let stops = opened.stops(&maker, &loaded);
    let answer = match part {
        Part::Since(at) => {
            let said = loaded.last_writer(at).map(|who| maker.w.a("announce-wrote", "who", who));
            let answer = answer.piece("#entries", "beforeend", &stops.without_days())?;
            match said {
                Some(said) => answer.text("#announce", &said),
                None => answer,
            }
        }
        Part::Latest | Part::Before(_) => answer.piece("#entries", "innerMorph", &stops)?,
    };
    Ok(answer.into_response())
}

async fn earlier(opened: &Opened<'_>, message: i64) -> WebResult<Response> {
    let maker = Maker::new(opened.desk, opened.actor).await?;
    let part = Part::Before(kernel::MessageId(message));
    let conn = opened.desk.db().read().await?;
    let loaded = Loaded::load(&conn, opened.ticket.id, part).await?;
    ui::page(&opened.stops(&maker, &loaded))
}
