//! What servers on the way wrote about the sender: `Authentication-Results` and `Received-SPF`.
//!
//! Anybody can write such a field. Only the topmost one of a server that the owner trusts says
//! anything; the rest is kept for showing.

use kernel::clip;
use serde::{Deserialize, Serialize};

use crate::format::header::Header;

/// The findings of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    /// The server's own name for itself; empty when it gave none.
    pub host: String,
    pub methods: Vec<Method>,
}

/// One finding, such as `spf=pass smtp.mailfrom=example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub method: String,
    pub result: String,
    pub properties: Vec<(String, String)>,
}

const RESULTS_MAX: usize = 20;
const METHODS_MAX: usize = 30;
const PROPERTIES_MAX: usize = 20;
const VALUE_CHARS_MAX: usize = 300;

impl Results {
    pub fn find(&self, method: &str) -> Option<&Method> {
        self.methods.iter().find(|found| found.method == method)
    }
}

impl Method {
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The findings in a header, from the topmost.
pub(crate) fn results(header: &Header<'_>) -> Vec<Results> {
    let parsed = header.fields.iter().filter_map(|field| {
        if field.name.eq_ignore_ascii_case(b"Authentication-Results") {
            Some(authentication_results(&field.unfolded()))
        } else if field.name.eq_ignore_ascii_case(b"Received-SPF") {
            Some(received_spf(&field.unfolded()))
        } else {
            None
        }
    });
    parsed.take(RESULTS_MAX).collect()
}

/// Reads `host 1; method=result property=value; …` (RFC 8601). Some servers leave out the host.
pub(crate) fn authentication_results(value: &str) -> Results {
    let value = without_comments(value);
    let mut host = "";
    let mut methods = Vec::new();
    for (index, piece) in value.split(';').enumerate() {
        let mut words = piece.split_whitespace();
        let Some(first) = words.next() else { continue };
        match first.split_once('=') {
            None if index == 0 => host = first,
            None => {}
            Some((method, result)) if methods.len() < METHODS_MAX => {
                // `dkim/1=pass` names the version of the method.
                let method = method.split('/').next().unwrap_or(method);
                methods.push(Method {
                    method: kept(method),
                    result: kept(result),
                    properties: properties(words),
                });
            }
            Some(_) => break,
        }
    }
    Results { host: kept(host), methods }
}

/// Reads `pass (comment) client-ip=…; envelope-from=…; receiver=…` (RFC 7208).
fn received_spf(value: &str) -> Results {
    let value = without_comments(value);
    let mut words = value.split([' ', '\t', ';']).filter(|word| !word.is_empty());
    let result = kept(words.next().unwrap_or_default());
    let mut properties = properties(words);
    let host = properties
        .iter()
        .find(|(name, _)| name == "receiver")
        .map(|(_, receiver)| receiver.clone())
        .unwrap_or_default();
    for (name, _) in &mut properties {
        if name == "envelope-from" {
            "smtp.mailfrom".clone_into(name);
        }
    }
    Results { host, methods: vec![Method { method: "spf".to_owned(), result, properties }] }
}

fn properties<'x>(words: impl Iterator<Item = &'x str>) -> Vec<(String, String)> {
    words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (kept(name), kept(value.trim_matches(['"', '<', '>']))))
        .take(PROPERTIES_MAX)
        .collect()
}

fn kept(text: &str) -> String {
    clip(&text.to_lowercase(), VALUE_CHARS_MAX)
}

fn without_comments(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                out.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(c);
        }
    }
    out
}
