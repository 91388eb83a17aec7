//! Saved replies: texts with places for what is known when they are used. Pure.
//!
//! A place is `{{first_name}}`; after a bar stands what is used where nothing is known:
//! `{{first_name|there}}`.

/// What a text can be filled with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    pub(crate) first_name: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) reference: String,
    pub(crate) subject: String,
    pub(crate) agent: String,
    pub(crate) company: String,
    pub(crate) inbox: String,
}

/// The names of places, as the settings list them.
pub(crate) const PLACES: [&str; 8] =
    ["first_name", "name", "email", "reference", "subject", "agent", "company", "inbox"];

impl Values {
    fn of(&self, place: &str) -> Option<&str> {
        Some(match place {
            "first_name" => &self.first_name,
            "name" => &self.name,
            "email" => &self.email,
            "reference" => &self.reference,
            "subject" => &self.subject,
            "agent" => &self.agent,
            "company" => &self.company,
            "inbox" => &self.inbox,
            _ => return None,
        })
    }
}

/// The text with its places filled. What is no place stays as it is.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((place, after)) = from.split_once("}}") else {
            filled.push_str("{{");
            rest = from;
            break;
        };
        match value_of(place, values) {
            Some(value) => put(&mut filled, &value, after),
            None => filled.extend(["{{", place, "}}"]),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn value_of(place: &str, values: &Values) -> Option<String> {
    let (name, fallback) = match place.split_once('|') {
        Some((name, fallback)) => (name.trim(), fallback.trim()),
        None => (place.trim(), ""),
    };
    let value = values.of(name)?;
    Some(if value.is_empty() { fallback.to_owned() } else { value.to_owned() })
}

/// Where nothing comes in, the blank before it goes, too: "Hi {{first_name}}," reads "Hi,".
fn put(filled: &mut String, value: &str, after: &str) {
    let ends_word = after.is_empty() || after.starts_with([',', '.', '!', '?', ';', ':', '\n']);
    if value.is_empty() && ends_word && filled.ends_with(' ') {
        filled.pop();
    }
    filled.push_str(value);
}

/// Places that are not known, for the one who writes the text.
pub(crate) fn unknown_places(text: &str) -> Vec<String> {
    let places = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    places
        .map(|(place, _)| place.split('|').next().unwrap_or_default().trim().to_owned())
        .filter(|name| !PLACES.contains(&name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_with_what_is_known_or_their_fallback() {
        let known = Values { first_name: "Aino".to_owned(), ..Values::default() };
        let nobody = Values::default();
        for (text, values, expected) in [
            ("Hi {{first_name}},", &known, "Hi Aino,"),
            ("Hi {{ first_name }},", &known, "Hi Aino,"),
            ("Hi {{first_name}},", &nobody, "Hi,"),
            ("Hi {{first_name|there}},", &nobody, "Hi there,"),
            ("Hi {{first_name|there}},", &known, "Hi Aino,"),
            ("Keep {{this}} and {{", &known, "Keep {{this}} and {{"),
            ("{{reference}}", &nobody, ""),
            ("", &known, ""),
        ] {
            assert_eq!(fill(text, values), expected, "{text}");
        }
    }

    #[test]
    fn what_comes_in_is_not_filled_again() {
        let tricky = Values {
            name: "{{email}}".to_owned(),
            email: "a@b.example".to_owned(),
            ..Values::default()
        };
        assert_eq!(fill("{{name}}", &tricky), "{{email}}");
    }

    #[test]
    fn every_place_has_a_value() {
        let values = Values::default();
        assert!(PLACES.iter().all(|place| values.of(place).is_some()));
        assert_eq!(unknown_places("{{name}} {{nmae|x}}"), ["nmae"]);
    }
}
