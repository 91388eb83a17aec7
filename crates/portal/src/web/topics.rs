//! The page on which a lead sets what the contact form asks.

use accounts::{Actor, is_first};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use kernel::{CategoryId, InboxId, PublicId, TeamId};
use tickets::actions::{Office, categories, fields};
use tickets::{Category, Field, Priority};
use ui::{Choice, Chrome, Fields, Problems, WebError, WebResult, found};

use crate::topic::{Ask, NewTopic, Topic};
use crate::{Portal, store};

const HERE: &str = "/settings/topics";

#[derive(Template)]
#[template(path = "topics.html")]
struct Topics {
    chrome: Chrome,
    /// Those that this person may change: of inboxes they see.
    topics: Vec<TopicForm>,
    archived: Vec<TopicForm>,
    fresh: TopicForm,
    problems: Problems,
}

/// A topic as a form shows it.
struct TopicForm {
    id: Option<PublicId>,
    name: String,
    hint: String,
    inboxes: Vec<Choice>,
    categories: Vec<Choice>,
    teams: Vec<Choice>,
    priorities: Vec<Choice>,
    asks: Vec<AskForm>,
    asked: String,
    is_first: bool,
}

struct AskForm {
    label: String,
    control: String,
    choices: Vec<Choice>,
}

impl TopicForm {
    /// The ids of its controls, which stand on the page once for each topic.
    fn control_id(&self, name: &str) -> String {
        match self.id {
            Some(id) => format!("f-{name}-{id}"),
            None => format!("f-{name}"),
        }
    }
}

/// What the choices of a form are made of.
struct Material<'m> {
    office: &'m Office,
    actor: &'m Actor,
    categories: &'m [Category],
    fields: &'m [Field],
    chrome: &'m Chrome,
}

impl Material<'_> {
    fn form(&self, topic: Option<&Topic>, is_first: bool) -> TopicForm {
        let c = self.chrome;
        let none = |chosen: bool| Choice::new("", c.t("topic-none"), chosen);
        let inboxes = self.office.directory.inboxes().filter(|one| self.actor.may_see(one.id));
        let (category, team) = (topic.and_then(|one| one.category), topic.and_then(|one| one.team));
        let mut categories = vec![none(category.is_none())];
        let all = self.categories.iter();
        categories.extend(all.map(|one| Choice::new(one.id, &one.name, category == Some(one.id))));
        let mut teams = vec![none(team.is_none())];
        let all = self.office.directory.teams().iter();
        teams.extend(all.map(|one| Choice::new(one.id, &one.name, team == Some(one.id))));
        let priority = topic.map_or(Priority::Normal, |one| one.priority);
        let asked = self.fields.iter().filter(|one| topic.is_some_and(|t| t.ask(one.id).is_some()));
        let asked: Vec<&str> = asked.map(|field| field.label.as_str()).collect();
        TopicForm {
            id: topic.map(|one| one.public_id),
            name: topic.map_or(String::new(), |one| one.name.clone()),
            hint: topic.map_or(String::new(), |one| one.hint.clone()),
            inboxes: inboxes
                .map(|one| Choice::new(one.id, &one.name, topic.is_some_and(|t| t.inbox == one.id)))
                .collect(),
            categories,
            teams,
            priorities: Priority::ALL
                .iter()
                .map(|one| {
                    let label = c.t(&format!("topic-priority-{}", one.as_str())).to_owned();
                    Choice::new(one.as_str(), label, *one == priority)
                })
                .collect(),
            asks: self.fields.iter().map(|field| self.ask(topic, field)).collect(),
            asked: asked.join(", "),
            is_first,
        }
    }

    fn ask(&self, topic: Option<&Topic>, field: &Field) -> AskForm {
        let ask = topic.and_then(|topic| topic.ask(field.id));
        let chosen = match ask {
            None => "no",
            Some(Ask { required: false, .. }) => "optional",
            Some(Ask { required: true, .. }) => "required",
        };
        let choice = |value: &'static str| {
            let label = self.chrome.t(&format!("topic-ask-{value}")).to_owned();
            Choice::new(value, label, value == chosen)
        };
        AskForm {
            label: field.label.clone(),
            control: format!("field-{}", field.id),
            choices: ["no", "optional", "required"].map(choice).to_vec(),
        }
    }
}

impl Topics {
    async fn new(portal: &Portal, actor: &Actor) -> WebResult<Self> {
        let chrome = portal.accounts().chrome(actor, HERE).await?;
        let office = portal.office().await?;
        let conn = portal.db().read().await?;
        let all = store::topics(&conn).await?;
        let (categories, fields) = (categories(&conn).await?, fields(&conn).await?);
        drop(conn);
        let all: Vec<Topic> = all.into_iter().filter(|one| actor.may_see(one.inbox)).collect();
        let material = Material {
            office: &office,
            actor,
            categories: &categories,
            fields: &fields,
            chrome: &chrome,
        };
        let (archived, in_use): (Vec<&Topic>, Vec<&Topic>) =
            all.iter().partition(|topic| topic.is_archived);
        let topics = in_use.iter().enumerate();
        let topics = topics.map(|(at, topic)| material.form(Some(topic), at == 0)).collect();
        let archived = archived.iter().map(|topic| material.form(Some(topic), true)).collect();
        let fresh = material.form(None, true);
        Ok(Self { topics, archived, fresh, chrome, problems: Problems::default() })
    }
}

pub(super) async fn index(State(portal): State<Portal>, actor: Actor) -> WebResult<Response> {
    ui::page(&Topics::new(&portal, &actor).await?)
}

/// What the form of a topic may hold, besides how it asks for each field.
const OF_A_TOPIC: [&str; 6] = ["name", "hint", "inbox", "category", "team", "priority"];

/// What a form says, or the key of what is wrong with it.
async fn read(
    portal: &Portal,
    actor: &Actor,
    given: &Fields,
) -> WebResult<Result<NewTopic, &'static str>> {
    let get = |name: &str| given.get(name).unwrap_or_default();
    let name = kernel::clip(&kernel::one_line(get("name")), 60);
    if name.is_empty() {
        return Ok(Err("topic-name-missing"));
    }
    let office = portal.office().await?;
    let inbox = get("inbox").parse::<InboxId>().ok();
    let inbox = inbox.filter(|id| office.inbox_of(*id).is_some() && actor.may_see(*id));
    let Some(inbox) = inbox else { return Ok(Err("topic-inbox-missing")) };
    let conn = portal.db().read().await?;
    let (known, fields) = (categories(&conn).await?, fields(&conn).await?);
    let category = get("category").parse::<CategoryId>().ok();
    let team = get("team").parse::<TeamId>().ok();
    let asks = fields.iter().filter_map(|field| match get(&format!("field-{}", field.id)) {
        "optional" => Some(Ask { field: field.id, required: false }),
        "required" => Some(Ask { field: field.id, required: true }),
        _ => None,
    });
    Ok(Ok(NewTopic {
        inbox,
        name,
        hint: kernel::clip(&kernel::one_line(get("hint")), 500),
        category: category.filter(|id| known.iter().any(|one| one.id == *id)),
        team: team.filter(|id| office.directory.team(*id).is_some()),
        priority: Priority::named(get("priority")).unwrap_or(Priority::Normal),
        asks: asks.collect(),
    }))
}

pub(super) async fn create(
    State(portal): State<Portal>,
    actor: Actor,
    given: Fields,
) -> WebResult<Response> {
    given.only_and(&OF_A_TOPIC, "field-")?;
    let topic = match read(&portal, &actor, &given).await? {
        Ok(topic) => topic,
        Err(key) => {
            let mut page = Topics::new(&portal, &actor).await?;
            given.get("name").unwrap_or_default().clone_into(&mut page.fresh.name);
            given.get("hint").unwrap_or_default().clone_into(&mut page.fresh.hint);
            page.problems.add("name", page.chrome.t(key).to_owned());
            return ui::again(&page);
        }
    };
    let mut tx = portal.db().begin().await?;
    if is_first(&mut tx, &actor, &given, portal.now()).await? {
        store::add_topic(&mut tx, &topic, portal.now()).await?;
        tx.commit().await?;
    }
    Ok(ui::see_other(HERE))
}

/// All topics that this person may change, and the one that is asked for.
async fn one(portal: &Portal, actor: &Actor, id: &str) -> WebResult<(Topic, Vec<Topic>)> {
    let id: PublicId = found(id.parse().ok())?;
    let mut all = store::topics(&portal.db().read().await?).await?;
    all.retain(|topic| actor.may_see(topic.inbox));
    let topic = found(all.iter().find(|topic| topic.public_id == id).cloned())?;
    Ok((topic, all))
}

pub(super) async fn update(
    State(portal): State<Portal>,
    actor: Actor,
    Path(id): Path<String>,
    given: Fields,
) -> WebResult<Response> {
    given.only_and(&OF_A_TOPIC, "field-")?;
    let (topic, _) = one(&portal, &actor, &id).await?;
    let w = portal.site().words(&actor.language);
    let new = read(&portal, &actor, &given).await?;
    let new = new.map_err(|key| WebError::Refused(w.t(key).to_owned()))?;
    let mut tx = portal.db().begin().await?;
    store::set_topic(&mut tx, topic.id, &new).await?;
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}

pub(super) async fn move_up(
    State(portal): State<Portal>,
    actor: Actor,
    Path(id): Path<String>,
    given: Fields,
) -> WebResult<Response> {
    given.only(&["key"])?;
    let (topic, _) = one(&portal, &actor, &id).await?;
    let mut tx = portal.db().begin().await?;
    if !is_first(&mut tx, &actor, &given, portal.now()).await? {
        return Ok(ui::see_other(HERE));
    }
    let all = store::topics(&tx).await?;
    let mut ids: Vec<_> = all.iter().filter(|one| !one.is_archived).map(|one| one.id).collect();
    let at = ids.iter().position(|id| *id == topic.id);
    if let Some(at) = at.filter(|at| *at > 0) {
        ids.swap(at, at - 1);
    }
    store::order_topics(&mut tx, &ids).await?;
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}

pub(super) async fn archive(
    State(portal): State<Portal>,
    actor: Actor,
    Path(id): Path<String>,
) -> WebResult<Response> {
    set_archived(&portal, &actor, &id, true).await
}

pub(super) async fn restore(
    State(portal): State<Portal>,
    actor: Actor,
    Path(id): Path<String>,
) -> WebResult<Response> {
    set_archived(&portal, &actor, &id, false).await
}

async fn set_archived(
    portal: &Portal,
    actor: &Actor,
    id: &str,
    is_archived: bool,
) -> WebResult<Response> {
    let (topic, _) = one(portal, actor, id).await?;
    let mut tx = portal.db().begin().await?;
    store::archive_topic(&mut tx, topic.id, is_archived.then(|| portal.now())).await?;
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}
