//! Form fields: label, hint, error and control, in that order and always visible.

use std::fmt::{self, Write as _};

use crate::{Markup, Problems, icon, parts};

/// A field with one control. Built in a template, printed as HTML.
#[derive(Clone, Debug)]
pub struct Field<'f> {
    name: &'f str,
    label: &'f str,
    control: Control<'f>,
    value: String,
    hint: &'f str,
    /// The word for "optional", where it is.
    optional: &'f str,
    autocomplete: &'f str,
    problem: Option<String>,
    is_large: bool,
    has_focus: bool,
    id: String,
    more: String,
}

#[derive(Clone, Debug)]
enum Control<'f> {
    Input {
        kind: &'f str,
    },
    /// A password with a button that shows it; the button's label.
    Secret {
        reveal: &'f str,
    },
    Text {
        rows: u8,
    },
    Select {
        choices: &'f [Choice],
    },
}

/// One of several values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    /// What it means, where the label does not say it all.
    pub note: String,
    pub is_chosen: bool,
}

impl Choice {
    pub fn new(value: impl ToString, label: impl Into<String>, is_chosen: bool) -> Self {
        Self { value: value.to_string(), label: label.into(), note: String::new(), is_chosen }
    }

    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

fn field<'f>(name: &'f str, label: &'f str, control: Control<'f>) -> Field<'f> {
    Field {
        name,
        label,
        control,
        value: String::new(),
        hint: "",
        optional: "",
        autocomplete: "",
        problem: None,
        is_large: false,
        has_focus: false,
        id: format!("f-{name}"),
        more: String::new(),
    }
}

/// A line of text; `kind` is the type of the input.
pub fn input<'f>(kind: &'f str, name: &'f str, label: &'f str) -> Field<'f> {
    field(name, label, Control::Input { kind })
}

/// A password; `reveal` labels the button that shows it.
pub fn secret<'f>(name: &'f str, label: &'f str, reveal: &'f str) -> Field<'f> {
    field(name, label, Control::Secret { reveal })
}

/// Several lines of text.
pub fn text<'f>(name: &'f str, label: &'f str, rows: u8) -> Field<'f> {
    field(name, label, Control::Text { rows })
}

/// One of a list.
pub fn select<'f>(name: &'f str, label: &'f str, choices: &'f [Choice]) -> Field<'f> {
    field(name, label, Control::Select { choices })
}

impl<'f> Field<'f> {
    pub fn value(self, value: impl fmt::Display) -> Self {
        Self { value: value.to_string(), ..self }
    }

    pub fn hint(self, hint: &'f str) -> Self {
        Self { hint, ..self }
    }

    /// Says that it may be left empty.
    pub fn optional(self, word: &'f str) -> Self {
        Self { optional: word, ..self }
    }

    pub fn autocomplete(self, autocomplete: &'f str) -> Self {
        Self { autocomplete, ..self }
    }

    /// Shows what was wrong with it.
    pub fn of(self, problems: &Problems) -> Self {
        let problem = problems.at(self.name).map(str::to_owned);
        Self { problem, ..self }
    }

    pub fn large(self) -> Self {
        Self { is_large: true, ..self }
    }

    pub fn focused(self) -> Self {
        Self { has_focus: true, ..self }
    }

    /// Sets another id where the same name stands on a page twice.
    pub fn id(self, id: impl Into<String>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// Adds an attribute to the control. The name is ours, the value is escaped.
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let value = Markup::escape(&value.to_string());
        // A string takes whatever is written to it.
        let _ = write!(self.more, " {name}=\"{value}\"");
        self
    }

    fn control(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, name) = (&self.id, self.name);
        let large = if self.is_large { " input--l" } else { "" };
        match &self.control {
            Control::Input { kind } => {
                write!(f, r#"<input class="input{large}" id="{id}" name="{name}" type="{kind}""#)?;
                self.attributes(f)?;
                write!(f, r#" value="{}">"#, Markup::escape(&self.value))
            }
            Control::Secret { reveal } => {
                let reveal = Markup::escape(reveal);
                f.write_str(r#"<div class="reveal">"#)?;
                write!(
                    f,
                    r#"<input class="input{large}" id="{id}" name="{name}" type="password""#
                )?;
                self.attributes(f)?;
                write!(
                    f,
                    r#"><button class="btn btn--quiet btn--icon needs-script" type="button" data-reveal aria-controls="{id}" aria-label="{reveal}" aria-pressed="false">{}</button></div>"#,
                    icon("eye")
                )
            }
            Control::Text { rows } => {
                let large = if self.is_large { " input--l" } else { "" };
                write!(
                    f,
                    r#"<textarea class="input{large}" id="{id}" name="{name}" rows="{rows}""#
                )?;
                self.attributes(f)?;
                // A first line break is taken away by browsers, so there is one to spare.
                write!(f, ">\n{}</textarea>", Markup::escape(&self.value))
            }
            Control::Select { choices } => {
                write!(f, r#"<select class="input select{large}" id="{id}" name="{name}""#)?;
                self.attributes(f)?;
                f.write_str(">")?;
                for choice in *choices {
                    let (value, label) =
                        (Markup::escape(&choice.value), Markup::escape(&choice.label));
                    let selected = if choice.is_chosen { " selected" } else { "" };
                    write!(f, r#"<option value="{value}"{selected}>{label}</option>"#)?;
                }
                f.write_str("</select>")
            }
        }
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.autocomplete.is_empty() {
            write!(f, r#" autocomplete="{}""#, self.autocomplete)?;
        }
        if self.has_focus {
            f.write_str(" autofocus")?;
        }
        let described: Vec<String> = [
            (!self.hint.is_empty()).then(|| format!("{}-hint", self.id)),
            self.problem.as_ref().map(|_| format!("{}-error", self.id)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !described.is_empty() {
            write!(f, r#" aria-describedby="{}""#, described.join(" "))?;
        }
        if self.problem.is_some() {
            f.write_str(r#" aria-invalid="true""#)?;
        }
        f.write_str(&self.more)
    }
}

impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.id;
        write!(f, r#"<div class="field"><label for="{id}">{}"#, Markup::escape(self.label))?;
        if !self.optional.is_empty() {
            let word = Markup::escape(self.optional);
            write!(f, r#" <span class="field__optional">({word})</span>"#)?;
        }
        f.write_str("</label>")?;
        if !self.hint.is_empty() {
            let hint = Markup::escape(self.hint);
            write!(f, r#"<p class="field__hint" id="{id}-hint">{hint}</p>"#)?;
        }
        if let Some(problem) = &self.problem {
            let problem = Markup::escape(problem);
            let mark = parts::icon("circle-alert");
            write!(f, r#"<p class="field__error" id="{id}-error">{mark}{problem}</p>"#)?;
        }
        self.control(f)?;
        f.write_str("</div>")
    }
}

impl askama::filters::HtmlSafe for Field<'_> {}

/// What is wrong with the form as a whole, with a way to each field. Gets the focus.
pub fn error_summary(title: &str, problems: &Problems) -> Markup {
    if problems.is_empty() {
        return Markup::default();
    }
    let mut lines = String::new();
    for problem in &problems.0 {
        let (field, text) = (&problem.field, Markup::escape(&problem.text));
        let _ = write!(lines, r##"<li><a href="#f-{field}">{text}</a></li>"##);
    }
    let title = Markup::escape(title);
    Markup::trusted(format!(
        r#"<div class="error-summary" role="alert" tabindex="-1"><h2>{title}</h2><ul>{lines}</ul></div>"#
    ))
}

/// One of a few, each with its consequence.
pub fn radios(name: &str, legend: &str, choices: &[Choice]) -> Markup {
    let mut rows = String::new();
    for choice in choices {
        let checked = if choice.is_chosen { " checked" } else { "" };
        let note = if choice.note.is_empty() {
            String::new()
        } else {
            format!(r#"<span class="choice__note">{}</span>"#, Markup::escape(&choice.note))
        };
        let _ = write!(
            rows,
            r#"<label class="choice"><input type="radio" name="{name}" value="{}"{checked}><span class="choice__title">{}</span><span></span>{note}</label>"#,
            Markup::escape(&choice.value),
            Markup::escape(&choice.label),
        );
    }
    Markup::trusted(format!(
        r#"<fieldset class="fieldset" id="f-{name}"><legend>{}</legend><div class="choices">{rows}</div></fieldset>"#,
        Markup::escape(legend)
    ))
}

/// Yes or no.
pub fn check(name: &str, label: &str, is_on: bool) -> Markup {
    let checked = if is_on { " checked" } else { "" };
    Markup::trusted(format!(
        r#"<label class="check"><input type="checkbox" name="{name}" value="on"{checked}><span>{}</span></label>"#,
        Markup::escape(label)
    ))
}

/// Yes or no, with what it means.
pub fn switch(name: &str, label: &str, note: &str, is_on: bool) -> Markup {
    let checked = if is_on { " checked" } else { "" };
    let (label, note) = (Markup::escape(label), Markup::escape(note));
    Markup::trusted(format!(
        r#"<div class="switch-row"><div><div class="strong" id="{name}-label">{label}</div><div class="t-sm muted" id="{name}-note">{note}</div></div><input type="checkbox" role="switch" name="{name}" value="on" aria-labelledby="{name}-label" aria-describedby="{name}-note"{checked}></div>"#
    ))
}
