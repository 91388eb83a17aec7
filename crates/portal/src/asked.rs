//! Reading what somebody filled in. Pure.

use kernel::{EmailAddress, FieldId, PublicId};
use tickets::Field;
use tickets::actions::read_field;
use ui::{Fields, Problems, Words};

use crate::topic::Topic;

const TEXT_CHARS_MAX: usize = 50_000;
const NAME_CHARS_MAX: usize = 100;
pub(crate) const FILES_MAX: usize = 10;

/// A form that has nothing wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) address: EmailAddress,
    pub(crate) topic: PublicId,
    pub(crate) text: String,
    pub(crate) fields: Vec<(FieldId, String)>,
}

/// The name of the control for a field of a topic.
pub(crate) fn control(topic: &Topic, field: &Field) -> String {
    format!("ask-{}-{}", topic.id, field.id)
}

/// Reads the form, or says at each field what is wrong.
pub(crate) fn read(
    given: &Fields,
    topics: &[Topic],
    fields: &[Field],
    w: &Words,
    problems: &mut Problems,
) -> Option<Asked> {
    let get = |name: &str| given.get(name).unwrap_or_default();
    let name = kernel::clip(&kernel::one_line(get("name")), NAME_CHARS_MAX);
    let address = problems.keep("email", get("email").parse::<EmailAddress>());
    let topic = topics.iter().find(|topic| topic.public_id.to_string() == get("topic"));
    if topic.is_none() {
        problems.add("topic", w.t("contact-topic-missing"));
    }
    let mut values = Vec::new();
    for (field, required) in topic.map(|topic| asks(topic, fields)).unwrap_or_default() {
        let control = topic.map(|topic| control(topic, field)).unwrap_or_default();
        match read_field(field, get(&control)) {
            Ok(value) if value.is_empty() && required => {
                problems.add(control, w.a("contact-field-missing", "label", &field.label));
            }
            Ok(value) if value.is_empty() => {}
            Ok(value) => values.push((field.id, value)),
            Err(refusal) => problems.add(control, refusal),
        }
    }
    let text = check_text(get("text"), false, w, problems);
    Some(Asked { name, address: address?, topic: topic?.public_id, text: text?, fields: values })
        .filter(|_| problems.is_empty())
}

/// The fields that a topic asks for, and which of them must be filled in.
pub(crate) fn asks<'f>(topic: &Topic, fields: &'f [Field]) -> Vec<(&'f Field, bool)> {
    let find = |id| fields.iter().find(|field| field.id == id);
    topic.asks.iter().filter_map(|ask| Some((find(ask.field)?, ask.required))).collect()
}

/// What somebody wrote, if it is something and not endless.
pub(crate) fn check_text(
    text: &str,
    has_files: bool,
    w: &Words,
    problems: &mut Problems,
) -> Option<String> {
    // What cannot be seen cannot be meant.
    let text: String =
        text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    let text = text.trim();
    if text.is_empty() && !has_files {
        problems.add("text", w.t("contact-text-missing"));
        None
    } else if text.chars().count() > TEXT_CHARS_MAX {
        problems.add("text", w.a("contact-text-long", "max", TEXT_CHARS_MAX));
        None
    } else {
        Some(text.to_owned())
    }
}
