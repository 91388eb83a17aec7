//! Statements that are put together from parts.

use std::borrow::Cow;

use crate::Value;

/// A statement and its parameters. Text comes from string literals and numbers alone, so nothing a person
/// typed can become SQL; values are always bound.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

impl Sql {
    pub fn new(text: &'static str) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    /// A whole statement with its parameters.
    pub fn of(text: &'static str, values: Vec<Value>) -> Self {
        Self { text: text.into(), values }
    }

    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Appends the placeholder of a new parameter.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let text = self.text.to_mut();
        text.push('$');
        text.push_str(&self.values.len().to_string());
        self
    }

    /// Appends a number as it is. For limits: PostgreSQL keeps the plan of a statement whose limit
    /// it knows, and plans one whose limit is bound each time anew.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.text.to_mut().push_str(&number.to_string());
        self
    }

    /// Appends `$n, $n+1, …`; nothing matches an empty list, so `null` stands for it.
    pub fn bind_list<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        let mut first = true;
        for value in values {
            if !first {
                self.text.to_mut().push_str(", ");
            }
            first = false;
            self.bind(value);
        }
        if first {
            self.text.to_mut().push_str("null");
        }
        self
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, Vec<Value>) {
        (self.text, self.values)
    }
}
