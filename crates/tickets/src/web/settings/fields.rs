//! Custom fields: what else is to be known about a ticket.

use accounts::{Actor, is_first};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use ui::{Choice, Chrome, Problems, WebResult, Words, found};

use super::name_in;
use crate::desk::Desk;
use crate::store::taxonomy::{self, Field, FieldKind, NewField};

#[derive(Template)]
#[template(path = "settings_fields.html")]
struct FieldsPage {
    chrome: Chrome,
    fields: Vec<FieldForm>,
    kinds: Vec<Choice>,
    label: String,
    choices: String,
    problems: Problems,
}

struct FieldForm {
    id: i64,
    label: String,
    kind: String,
    is_choice: bool,
    choices: String,
    is_required: bool,
    is_archived: bool,
    problems: Problems,
}

fn kind_key(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "field-kind-text",
        FieldKind::Number => "field-kind-number",
        FieldKind::Choice => "field-kind-choice",
        FieldKind::Date => "field-kind-date",
    }
}

fn form(field: &Field, w: &Words) -> FieldForm {
    FieldForm {
        id: field.id.0,
        label: field.label.clone(),
        kind: w.t(kind_key(field.kind)).to_owned(),
        is_choice: field.kind == FieldKind::Choice,
        choices: field.choices.join("\n"),
        is_required: field.required_to_resolve,
        is_archived: field.is_archived,
        problems: Problems::default(),
    }
}

async fn page(desk: &Desk, actor: &Actor) -> WebResult<FieldsPage> {
    let chrome = desk.accounts.chrome(actor, "/settings/fields").await?;
    let fields = taxonomy::fields(&desk.db().read().await?).await?;
    let w = chrome.words.clone();
    let kinds = FieldKind::ALL
        .map(|kind| Choice::new(kind.as_str(), w.t(kind_key(kind)).to_owned(), false));
    Ok(FieldsPage {
        fields: fields.iter().map(|field| form(field, &w)).collect(),
        kinds: kinds.into(),
        label: String::new(),
        choices: String::new(),
        problems: Problems::default(),
        chrome,
    })
}

pub(crate) async fn index(State(desk): State<Desk>, actor: Actor) -> WebResult<Response> {
    ui::page(&page(&desk, &actor).await?)
}

/// One choice a line, none twice.
fn choices_in(fields: &ui::Fields) -> Vec<String> {
    let mut choices: Vec<String> = Vec::new();
    for line in fields.get("choices").unwrap_or_default().lines() {
        let choice = kernel::clip(&kernel::one_line(line), 100);
        if !choice.is_empty() && !choices.contains(&choice) {
            choices.push(choice);
        }
    }
    choices.truncate(100);
    choices
}

/// The name by which programs know a field, made once from its label: `Order number` is
/// `order_number`.
fn key_of(label: &str) -> String {
    let lower = label.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

pub(crate) async fn create(
    State(desk): State<Desk>,
    actor: Actor,
    fields: ui::Fields,
) -> WebResult<Response> {
    fields.only(&["label", "kind", "choices", "required"])?;
    let mut page = page(&desk, &actor).await?;
    let label = name_in(&fields, "label");
    let choices = choices_in(&fields);
    let kind = FieldKind::named(fields.get("kind").unwrap_or_default()).unwrap_or(FieldKind::Text);
    let w = page.chrome.words.clone();
    if key_of(&label).is_empty() {
        page.problems.add("label", w.t("field-label-missing"));
    }
    if kind == FieldKind::Choice && choices.len() < 2 {
        page.problems.add("choices", w.t("field-choices-missing"));
    }
    if page.problems.is_empty() {
        let new = NewField {
            key: &key_of(&label),
            label: &label,
            kind,
            choices: &choices,
            required_to_resolve: fields.get("required") == Some("on"),
        };
        let mut tx = desk.db().begin().await?;
        if !is_first(&mut tx, &actor, &fields, desk.now()).await? {
            return Ok(ui::see_other("/settings/fields"));
        }
        if taxonomy::add_field(&mut tx, &new).await?.is_some() {
            tx.commit().await?;
            return Ok(ui::see_other("/settings/fields"));
        }
        page.problems.add("label", w.t("field-label-taken"));
    }
    page.label = label;
    page.choices = choices.join("\n");
    ui::again(&page)
}

pub(crate) async fn update(
    State(desk): State<Desk>,
    actor: Actor,
    Path(id): Path<i64>,
    fields: ui::Fields,
) -> WebResult<Response> {
    fields.only(&["label", "choices", "required", "archived"])?;
    let label = name_in(&fields, "label");
    let choices = choices_in(&fields);
    let archived_at = (fields.get("archived") == Some("on")).then(|| desk.now());
    let is_required = fields.get("required") == Some("on");
    let mut tx = desk.db().begin().await?;
    let all = taxonomy::fields(&tx).await?;
    let field = found(all.iter().find(|field| field.id.0 == id))?;
    let mut wrong = Vec::new();
    if label.is_empty() {
        wrong.push(("label", "field-label-missing"));
    }
    if field.kind == FieldKind::Choice && choices.len() < 2 {
        wrong.push(("choices", "field-choices-missing"));
    }
    if !wrong.is_empty() {
        drop(tx);
        let mut page = page(&desk, &actor).await?;
        for form in page.fields.iter_mut().filter(|form| form.id == id) {
            form.label.clone_from(&label);
            form.choices = choices.join("\n");
            (form.is_required, form.is_archived) = (is_required, archived_at.is_some());
            for (name, key) in &wrong {
                form.problems.add(*name, page.chrome.t(key));
            }
        }
        return ui::again(&page);
    }
    taxonomy::set_field(&mut tx, field.id, &label, &choices, is_required, archived_at).await?;
    tx.commit().await?;
    Ok(ui::see_other("/settings/fields"))
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn keys_are_plain_words() {
        assert_eq!(key_of("Order number"), "order_number");
        assert_eq!(key_of("  Licence / key  "), "licence_key");
        assert_eq!(key_of("注文番号"), "注文番号");
        assert_eq!(key_of("?!"), "");
    }
}
