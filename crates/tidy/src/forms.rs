//! Forms say what they may hold.

use crate::tree::{expect_none, production};

/// Handlers that look at every field themselves and refuse what they do not know, or hand the form
/// to one that does.
const BY_THEMSELVES: [&str; 5] = [
    "crates/accounts/src/web/me.rs update_appearance",
    "crates/mailroom/src/web/quarantine.rs dismiss",
    "crates/mailroom/src/web/quarantine.rs hold",
    "crates/mailroom/src/web/quarantine.rs release",
    "crates/tickets/src/web/change.rs details",
];

/// Beginnings of the functions of a source: the name, the parameters and what follows.
fn functions(code: &str) -> Vec<(&str, &str, &str)> {
    let starts: Vec<usize> = code.match_indices("async fn ").map(|(at, _)| at + 9).collect();
    let ends = starts.iter().skip(1).copied().chain([code.len()]);
    let parts = starts.iter().zip(ends).filter_map(|(start, end)| code.get(*start..end));
    parts
        .filter_map(|part| {
            let (name, rest) = part.split_once('(')?;
            let (parameters, body) = rest.split_once("->")?;
            Some((name, parameters, body))
        })
        .collect()
}

#[test]
fn whoever_takes_a_form_refuses_what_nobody_asked_for() {
    let mut wrong = Vec::new();
    let sources = production().iter().filter(|source| source.path.contains("/web/"));
    for source in sources {
        for (name, parameters, body) in functions(&source.parts().code) {
            let takes = [": Fields", ": ui::Fields", ": Upload"];
            // Who has no state is no handler, and gets the form from one.
            let is_handler = parameters.contains("State(");
            let takes_pairs = is_handler && takes.iter().any(|one| parameters.contains(one));
            let place = format!("{} {name}", source.path);
            let refuses = body.contains(".only(") || body.contains(".only_and(");
            if takes_pairs && !refuses && !BY_THEMSELVES.contains(&place.as_str()) {
                wrong.push(place);
            }
        }
    }
    expect_none(&wrong, "Say which fields the form may hold: `fields.only(&[…])?`.");
}

#[test]
fn the_types_of_forms_know_all_of_their_fields() {
    let mut wrong = Vec::new();
    for source in production() {
        let code = &source.parts().code;
        for (_, parameters, _) in functions(code) {
            let Some((_, rest)) = parameters.split_once("): Form<") else { continue };
            let kind = rest.split('>').next().unwrap_or_default();
            // A type of another file is looked for there.
            let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let said =
                production().iter().filter(|other| other.path.starts_with(folder)).any(|other| {
                    let code = &other.parts().code;
                    code.split_once(&format!("struct {kind} {{")).is_some_and(|(before, _)| {
                        let derived = before.rfind("#[derive").and_then(|at| before.get(at..));
                        derived.is_some_and(|derived| derived.contains("deny_unknown_fields"))
                    })
                });
            if !said {
                wrong.push(format!("{} {kind}", source.path));
            }
        }
    }
    expect_none(&wrong, "Write `#[serde(deny_unknown_fields)]` above the type of the form.");
}
