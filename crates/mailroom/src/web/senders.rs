//! Senders whose mail is always let in or always held.

use accounts::Actor;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use ui::{Answer, Choice, Chrome, Form, Problems, Toast, View, WebError, WebResult};

use crate::senders::{Pattern, Rule};
use crate::store::senders;
use crate::{Mailroom, actions, noted};

const HERE: &str = "/settings/senders";
/// More are not shown; each one that is looked for still counts.
const SHOWN: i64 = 500;

#[derive(Template)]
#[template(path = "senders.html")]
struct Senders {
    chrome: Chrome,
    blocked: Vec<Row>,
    allowed: Vec<Row>,
    pattern: String,
    rules: Vec<Choice>,
    problems: Problems,
}

struct Row {
    pattern: String,
    /// Who said so, and when.
    said: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    pattern: String,
    #[serde(default)]
    rule: String,
}

impl Senders {
    async fn new(mailroom: &Mailroom, actor: &Actor, form: Option<&RuleForm>) -> WebResult<Self> {
        let chrome = mailroom.accounts.chrome(actor, HERE).await?;
        let directory = mailroom.accounts.directory().await?;
        let conn = mailroom.db().read().await?;
        let mut lists = Vec::with_capacity(2);
        for rule in [Rule::Block, Rule::Allow] {
            let rows = senders::rules(&conn, rule, SHOWN).await?;
            let rows = rows.into_iter().map(|row| {
                let by = row.by.map_or("", |by| directory.name_of(by));
                let at = ui::day(row.since, &chrome.when);
                Row {
                    said: chrome.words.a2("sender-said", "name", by, "at", at),
                    pattern: row.pattern,
                }
            });
            lists.push(rows.collect());
        }
        drop(conn);
        let chosen = form.and_then(|form| Rule::named(&form.rule).ok()).unwrap_or(Rule::Block);
        let rules = [Rule::Block, Rule::Allow].map(|rule| {
            let label = chrome.t(&format!("sender-{}", rule.as_str())).to_owned();
            Choice::new(rule.as_str(), label, rule == chosen)
        });
        Ok(Self {
            allowed: lists.pop().unwrap_or_default(),
            blocked: lists.pop().unwrap_or_default(),
            pattern: form.map(|form| form.pattern.clone()).unwrap_or_default(),
            rules: rules.to_vec(),
            problems: Problems::default(),
            chrome,
        })
    }
}

pub(super) async fn index(State(mailroom): State<Mailroom>, actor: Actor) -> WebResult<Response> {
    ui::page(&Senders::new(&mailroom, &actor, None).await?)
}

pub(super) async fn create(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Form(form): Form<RuleForm>,
) -> WebResult<Response> {
    let mut page = Senders::new(&mailroom, &actor, Some(&form)).await?;
    let Some(pattern) = page.problems.keep("pattern", Pattern::read(&form.pattern)) else {
        return ui::again(&page);
    };
    let rule = Rule::named(&form.rule).unwrap_or(Rule::Block);
    let mut tx = mailroom.db().begin().await?;
    actions::set_rule(&mut tx, &pattern, rule, actor.id, mailroom.now()).await?;
    noted::rule(&mailroom, &mut tx, &actor, &form.pattern, Some(rule));
    tx.commit().await?;
    Ok(ui::see_other(HERE))
}

/// Forgets a rule; the toast can bring it back.
pub(super) async fn delete(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    view: View,
    Form(form): Form<RuleForm>,
) -> WebResult<Response> {
    let mut tx = mailroom.db().begin().await?;
    let before = ui::found(senders::rule_of(&tx, &form.pattern).await?)?;
    senders::drop_rule(&mut tx, &before.pattern).await?;
    noted::rule(&mailroom, &mut tx, &actor, &before.pattern, None);
    tx.commit().await?;
    if !view.is_htmx {
        return Ok(ui::see_other(HERE));
    }
    let w = mailroom.accounts.site().words(&actor.language);
    let pattern = before.pattern.replace('%', "%25").replace('+', "%2B").replace('&', "%26");
    let undo = format!("{HERE}/restore?rule={}&pattern={pattern}", before.rule.as_str());
    let toast = Toast::new(w.a("sender-forgotten", "pattern", &before.pattern));
    let toast = toast.with_undo(undo, w.t("undo"));
    // The row that asked goes away.
    Ok(Answer::new().toast(&toast).into_response())
}

pub(super) async fn restore(
    State(mailroom): State<Mailroom>,
    actor: Actor,
    Query(form): Query<RuleForm>,
) -> WebResult<Response> {
    let pattern = Pattern::read(&form.pattern).ok().ok_or(WebError::NotFound)?;
    let rule = Rule::named(&form.rule).ok().ok_or(WebError::NotFound)?;
    let mut tx = mailroom.db().begin().await?;
    actions::set_rule(&mut tx, &pattern, rule, actor.id, mailroom.now()).await?;
    noted::rule(&mailroom, &mut tx, &actor, &form.pattern, Some(rule));
    tx.commit().await?;
    Ok(Answer::new().redirect(HERE).into_response())
}
