//! Forms: explicit fields, and problems that are said at the field.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::WebError;

/// A form whose fields are exactly those of `T`; unknown ones are refused, so `T` says
/// `#[serde(deny_unknown_fields)]`.
#[derive(Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match axum_extra::extract::Form::<T>::from_request(request, state).await {
            Ok(axum_extra::extract::Form(form)) => Ok(Self(form)),
            Err(fault) => {
                tracing::debug!(%fault, "a form could not be read");
                Err(not_as_expected())
            }
        }
    }
}

pub(crate) fn not_as_expected() -> WebError {
    WebError::BadInput("The form was not as expected; reload the page and try again.".to_owned())
}

/// What any form may bring along besides its own fields: the key by which a form that is sent
/// twice is known, and the version of what it changes.
pub const BROUGHT_ALONG: [&str; 3] = ["key", "version", WAS];
/// Before the name of a field: what the page showed there when somebody began to change it.
pub const WAS_OF: &str = "was-";

/// A form as pairs, for forms whose fields are known only at run time.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        Form::<Vec<(String, String)>>::from_request(request, state).await.map(|Form(all)| Self(all))
    }
}

impl Fields {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Refuses a form with fields that nobody asked for, as [`Form`] does. What any form may bring
    /// along, [`BROUGHT_ALONG`], is fine, and so is what the page showed of a field, [`WAS_OF`].
    pub fn only<N: AsRef<str>>(&self, names: &[N]) -> Result<(), WebError> {
        self.only_those(|key| names.iter().any(|name| name.as_ref() == key))
    }

    /// The same where one field for each of some things may come, too: `prefix` and their numbers.
    pub fn only_and<N: AsRef<str>>(&self, names: &[N], prefix: &str) -> Result<(), WebError> {
        let is_number =
            |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        self.only_those(|key| {
            names.iter().any(|name| name.as_ref() == key)
                || key.strip_prefix(prefix).is_some_and(is_number)
        })
    }

    fn only_those(&self, is_known: impl Fn(&str) -> bool) -> Result<(), WebError> {
        let may_come = |key: &str| {
            is_known(key)
                || BROUGHT_ALONG.contains(&key)
                || key.strip_prefix(WAS_OF).is_some_and(&is_known)
        };
        if self.0.iter().all(|(key, _)| may_come(key)) { Ok(()) } else { Err(not_as_expected()) }
    }

    /// The fields that are this form's own, and no more than what the page showed of them.
    pub fn own(&self) -> impl Iterator<Item = &(String, String)> {
        let is_own = |key: &str| !BROUGHT_ALONG.contains(&key) && !key.starts_with(WAS_OF);
        self.0.iter().filter(move |(key, _)| is_own(key))
    }

    /// Whether the form showed something else than what is there now.
    pub fn is_stale(&self, present: &[&str]) -> bool {
        self.get(WAS).is_some_and(|was| was != shown(present))
    }

    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a form shows, in short. It comes back with the form under [`WAS`], so that nobody saves
/// over what somebody else put there meanwhile without hearing of it.
pub fn shown(values: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The field of a form that says what it showed.
pub const WAS: &str = "was";

/// What is wrong with one field, and how to put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub field: Cow<'static, str>,
    pub text: String,
}

/// What is wrong with a form. The same form is shown again with these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, text: impl std::fmt::Display) {
        self.0.push(Problem { field: field.into(), text: crate::error::sentence(&text) });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentence at a field.
    pub fn at(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|problem| problem.field == field).map(|problem| problem.text.as_str())
    }

    /// The value, or its refusal noted at the field.
    pub fn keep<T, E: std::fmt::Display>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        read: Result<T, E>,
    ) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(refusal) => {
                self.add(field, refusal);
                None
            }
        }
    }
}
