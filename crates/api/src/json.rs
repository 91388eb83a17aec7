//! What was sent, before it is known what it has to be: JSON and parameters as a tree that says
//! in words what is wrong with it.
//!
//! Unlike a reader of JSON that knows programs only, this one takes an object for what has named
//! fields and nothing else, notes a field that stands twice, and speaks of texts and lists where
//! others name types.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{
    self, Deserialize, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
};
use serde::de::{Unexpected, Visitor};

#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Count(u64),
    Negative(i64),
    Fraction(f64),
    Text(String),
    /// Of a parameter, which is written without quotes whatever it stands for.
    Word(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Why a tree is not what it has to be. The details go on after the name of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    Unknown(String),
    Missing(String),
    Twice(String),
    Wrong(String),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(field) => write!(f, "“{field}” is not a field here"),
            Self::Missing(field) => write!(f, "“{field}” is missing"),
            Self::Twice(field) => write!(f, "“{field}” stands there twice"),
            Self::Wrong(detail) => f.write_str(detail),
        }
    }
}

impl std::error::Error for Misfit {}

impl Misfit {
    /// What a type that reads its own inside says of it.
    fn passed_on(text: &str) -> Self {
        let named = text.strip_prefix('“').and_then(|rest| rest.split_once("” "));
        match named {
            Some((field, "is not a field here")) => Self::Unknown(field.to_owned()),
            Some((field, "is missing")) => Self::Missing(field.to_owned()),
            Some((field, "stands there twice")) => Self::Twice(field.to_owned()),
            Some(_) | None => Self::Wrong(text.to_owned()),
        }
    }
}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(fault: T) -> Self {
        Self::passed_on(&fault.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Wrong(format!("has to be {}", words(&expected.to_string())))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        let known: Vec<String> = known.iter().map(|one| format!("“{one}”")).collect();
        Self::Wrong(format!("is one of {}", known.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::Unknown(field.to_owned())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field.to_owned())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field.to_owned())
    }
}

/// What a type is called outside of programs.
fn words(expected: &str) -> &str {
    let first = expected.split(' ').next().unwrap_or_default();
    match (expected, first) {
        ("a string" | "string", _) => "a text",
        ("a boolean", _) => "true or false",
        ("a sequence", _) => "a list",
        ("a map", _) | (_, "struct") => "an object",
        ("u8", _) => "a whole number from 0 to 255",
        ("u16", _) => "a whole number from 0 to 65,535",
        ("u32" | "u64" | "usize", _) => "a whole number, 0 or more",
        ("i8" | "i16" | "i32" | "i64" | "isize", _) => "a whole number",
        ("f32" | "f64", _) => "a number",
        ("unit", _) => "null",
        (_, "enum" | "variant" | "newtype" | "tuple" | "map" | "identifier") => "as documented",
        (other, _) => other,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Grow)
    }
}

/// Makes a tree of whatever is there.
struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Count(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Negative(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Fraction(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Tree::Object(object))
    }
}

impl IntoDeserializer<'_, Misfit> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Count(value) => visitor.visit_u64(value),
            Self::Negative(value) => visitor.visit_i64(value),
            Self::Fraction(value) => visitor.visit_f64(value),
            Self::Text(text) | Self::Word(text) => visitor.visit_string(text),
            Self::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            Self::Object(fields) => visitor.visit_map(MapDeserializer::new(fields.into_iter())),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Word(word) => match word.parse() {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(de::Error::invalid_type(Unexpected::Str(&word), &visitor)),
            },
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self {
            object @ Self::Object(_) => object.deserialize_any(visitor),
            _ => Err(Misfit::Wrong("has to be an object".to_owned())),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self {
            Self::Text(text) | Self::Word(text) => visitor.visit_enum(text.into_deserializer()),
            Self::Object(fields) => {
                let fields = MapDeserializer::new(fields.into_iter());
                visitor.visit_enum(MapAccessDeserializer::new(fields))
            }
            _ => Err(Misfit::Wrong("has to be as documented".to_owned())),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}
