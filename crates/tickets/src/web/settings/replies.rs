//! Saved replies: what is answered again and again.

use accounts::{Act, Actor, is_first};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::PublicId;
use ui::{Chrome, Fields, Problems, WebResult, Words, found};

use super::{must_own, name_in, owner_in};
use crate::desk::Desk;
use crate::saved_reply::{PLACES, unknown_places};
use crate::store::shared::{self, SavedReply};

const TEXT_CHARS_MAX: usize = 20_000;
/// So much of what somebody else wrote is shown in a sentence.
const QUOTED_CHARS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "settings_replies.html")]
struct Replies {
    chrome: Chrome,
    replies: Vec<ReplyForm>,
    title: String,
    text: String,
    places: String,
    may_share: bool,
    problems: Problems,
}

struct ReplyForm {
    id: PublicId,
    /// What it shows, in short.
    was: String,
    title: String,
    text: String,
    is_shared: bool,
    may_change: bool,
    used: i64,
    problems: Problems,
}

async fn page(desk: &Desk, actor: &Actor) -> WebResult<Replies> {
    let chrome = desk.accounts.chrome(actor, "/settings/replies").await?;
    let all = shared::saved_replies(&desk.db().read().await?, actor.id).await?;
    let form = |reply: SavedReply| ReplyForm {
        id: reply.public_id,
        was: ui::shown(&[&reply.title, &reply.text]),
        is_shared: reply.owner.is_none(),
        may_change: must_own(reply.owner, actor).is_ok(),
        used: reply.used_count,
        title: reply.title,
        text: reply.text,
        problems: Problems::default(),
    };
    Ok(Replies {
        replies: all.into_iter().map(form).collect(),
        title: String::new(),
        text: String::new(),
        places: PLACES.map(|place| format!("{{{{{place}}}}}")).join(" "),
        may_share: actor.may(Act::ManageShared),
        problems: Problems::default(),
        chrome,
    })
}

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    ui::page(&page(&desk, &actor).await?)
}

fn read(fields: &Fields, problems: &mut Problems, w: &Words) -> (String, String) {
    let title = name_in(fields, "title");
    let text = kernel::clip(fields.get("text").unwrap_or_default().trim(), TEXT_CHARS_MAX);
    if title.is_empty() {
        problems.add("title", w.t("reply-title-missing"));
    }
    if text.is_empty() {
        problems.add("text", w.t("reply-text-missing"));
    }
    if let Some(place) = unknown_places(&text).first() {
        problems.add("text", w.a("reply-place-unknown", "place", place));
    }
    (title, text)
}

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["title", "text", "shared"])?;
    let owner = owner_in(&fields, &actor)?;
    let mut page = page(&desk, &actor).await?;
    let words = page.chrome.words.clone();
    let (title, text) = read(&fields, &mut page.problems, &words);
    if !page.problems.is_empty() {
        (page.title, page.text) = (title, text);
        return ui::again(&page);
    }
    let mut tx = desk.db().begin().await?;
    if is_first(&mut tx, &actor, &fields, desk.now()).await? {
        shared::add_saved_reply(&mut tx, &title, &text, owner, desk.now()).await?;
        tx.commit().await?;
    }
    Ok(ui::see_other("/settings/replies"))
}

pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
    fields: Fields,
) -> WebResult<Response> {
    fields.only(&["title", "text", "shared"])?;
    let mut tx = desk.db().begin().await?;
    let reply = found(shared::find_saved_reply(&tx, actor.id, id).await?)?;
    must_own(reply.owner, &actor)?;
    let words = desk.accounts.site().words(&actor.language);
    let mut problems = Problems::default();
    let (title, text) = read(&fields, &mut problems, &words);
    let is_stale = fields.is_stale(&[&reply.title, &reply.text]);
    let is_set = problems.is_empty()
        && !is_stale
        && shared::set_saved_reply(&mut tx, &reply, &title, &text, desk.now()).await?;
    if !is_set {
        drop(tx);
        if is_stale || problems.is_empty() {
            let present = shared::find_saved_reply(&desk.db().read().await?, actor.id, id).await?;
            let present = found(present)?;
            let there = kernel::clip(&kernel::one_line(&present.text), QUOTED_CHARS_MAX);
            problems
                .add("text", words.a2("reply-meanwhile", "title", &present.title, "text", there));
        }
        let mut page = page(&desk, &actor).await?;
        for form in page.replies.iter_mut().filter(|form| form.id == id) {
            form.title.clone_from(&title);
            form.text.clone_from(&text);
            form.problems = problems.clone();
        }
        return ui::again(&page);
    }
    tx.commit().await?;
    Ok(ui::see_other("/settings/replies"))
}

pub(crate) async fn delete(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<PublicId>,
) -> WebResult<Response> {
    let mut tx = desk.db().begin().await?;
    let reply = found(shared::find_saved_reply(&tx, actor.id, id).await?)?;
    must_own(reply.owner, &actor)?;
    shared::delete_saved_reply(&mut tx, reply.id).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/replies"))
}
