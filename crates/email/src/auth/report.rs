//! What is missing in the DNS of the owner's own domain, and what to put there.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::auth::Dns;

/// How the domain stands with each of the three records that receivers look for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainReport {
    pub domain: String,
    pub spf: Finding,
    pub dkim: Finding,
    pub dmarc: Finding,
}

/// How one record is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub state: State,
    /// What it means and what to do.
    pub sentence: String,
    /// What to publish, when something has to be.
    pub add: Option<Record>,
    /// What is published now.
    pub found: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    Missing,
    Wrong,
    Unknown,
}

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub name: String,
    pub value: String,
}

/// The DKIM key that mail of the domain is signed with.
#[derive(Clone, Debug)]
pub struct DkimRecord {
    pub selector: String,
    /// The record for our own key; nothing when the provider signs.
    pub value: Option<String>,
}

/// Looks at the records of a domain. `sending_host` is the server that sends its mail.
pub async fn domain_report(
    domain: &str,
    dkim: Option<&DkimRecord>,
    sending_host: Option<&str>,
    dns: &Dns,
) -> DomainReport {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let look = async {
        DomainReport {
            spf: spf(&domain, sending_host, dns).await,
            dkim: self::dkim(&domain, dkim, dns).await,
            dmarc: dmarc(&domain, dns).await,
            domain: domain.clone(),
        }
    };
    match dns.in_time(look).await {
        Some(report) => report,
        None => DomainReport {
            spf: Finding::unknown(),
            dkim: Finding::unknown(),
            dmarc: Finding::unknown(),
            domain: domain.clone(),
        },
    }
}

impl Finding {
    fn unknown() -> Self {
        let sentence = "The DNS did not answer; try again in a few minutes.".to_owned();
        Self { state: State::Unknown, sentence, add: None, found: None }
    }

    fn ok(sentence: impl Into<String>, found: &str) -> Self {
        let found = Some(found.to_owned());
        Self { state: State::Ok, sentence: sentence.into(), add: None, found }
    }

    fn missing(sentence: impl Into<String>, add: Option<Record>) -> Self {
        Self { state: State::Missing, sentence: sentence.into(), add, found: None }
    }

    fn wrong(sentence: impl Into<String>, add: Option<Record>, found: &str) -> Self {
        let found = Some(found.to_owned());
        Self { state: State::Wrong, sentence: sentence.into(), add, found }
    }
}

/// What providers ask their customers to include.
const PROVIDERS: &[(&str, &str)] = &[
    ("gmail.com", "include:_spf.google.com"),
    ("google.com", "include:_spf.google.com"),
    ("outlook.com", "include:spf.protection.outlook.com"),
    ("office365.com", "include:spf.protection.outlook.com"),
    ("amazonaws.com", "include:amazonses.com"),
    ("sendgrid.net", "include:sendgrid.net"),
    ("mailgun.org", "include:mailgun.org"),
    ("zoho.com", "include:zohomail.com"),
    ("zoho.eu", "include:zohomail.eu"),
    ("messagingengine.com", "include:spf.messagingengine.com"),
    ("ionos.de", "include:_spf-eu.ionos.com"),
    ("ionos.com", "include:_spf-us.ionos.com"),
    ("mailbox.org", "include:mailbox.org"),
];

async fn spf(domain: &str, sending_host: Option<&str>, dns: &Dns) -> Finding {
    let Ok(texts) = dns.texts(domain).await else { return Finding::unknown() };
    let is_spf = |text: &&String| text.trim_start().to_ascii_lowercase().starts_with("v=spf1");
    let found: Vec<&String> = texts.iter().filter(is_spf).collect();
    let mechanism = sending_host.map_or("mx".to_owned(), mechanism);
    let add = |value: String| Some(Record { name: domain.to_owned(), value });
    match found.as_slice() {
        [] => Finding::missing(
            "SPF is missing: nobody can tell which servers may send mail for this domain. Add this record.",
            add(format!("v=spf1 {mechanism} ~all")),
        ),
        [only] => {
            let words: Vec<String> =
                only.to_ascii_lowercase().split_whitespace().map(str::to_owned).collect();
            let has = |word: &str| words.iter().any(|found| found == word);
            if has("+all") || has("all") {
                let value = only.replace("+all", "~all").replace(" all", " ~all");
                return Finding::wrong(
                    "SPF lets every server in the world send mail for this domain. Change the record to this.",
                    add(value),
                    only,
                );
            }
            // A host may be covered by something that is included; a provider's word never is.
            if mechanism.starts_with("include:")
                && !has(&mechanism)
                && !words.iter().any(|word| word.starts_with("redirect="))
            {
                let value = only.replacen("v=spf1", &format!("v=spf1 {mechanism}"), 1);
                return Finding::wrong(
                    "SPF does not name the server that sends your mail. Change the record to this.",
                    add(value),
                    only,
                );
            }
            Finding::ok("SPF is set.", only)
        }
        [first, ..] => Finding::wrong(
            "There are several SPF records, and so none counts. Join them into one.",
            None,
            first,
        ),
    }
}

/// How an SPF record names a server.
fn mechanism(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => return format!("ip4:{address}"),
        Ok(IpAddr::V6(address)) => return format!("ip6:{address}"),
        Err(_) => {}
    }
    let provider = PROVIDERS.iter().find(|(suffix, _)| {
        host == *suffix || host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
    });
    provider.map_or_else(|| format!("a:{host}"), |(_, include)| (*include).to_owned())
}

async fn dkim(domain: &str, expected: Option<&DkimRecord>, dns: &Dns) -> Finding {
    let Some(expected) = expected else {
        return Finding {
            state: State::Unknown,
            sentence: "Mail of this domain is not signed here. If your provider signs it, name the selector; \
                       otherwise set up a key."
                .to_owned(),
            add: None,
            found: None,
        };
    };
    let name = format!("{}._domainkey.{domain}", expected.selector);
    let Ok(texts) = dns.texts(&name).await else { return Finding::unknown() };
    let add = expected.value.clone().map(|value| Record { name: name.clone(), value });
    let Some(found) = texts.iter().find(|text| tag(text, "p").is_some()) else {
        let what = if add.is_some() {
            "Add this record."
        } else {
            "Your provider tells you which record to add."
        };
        return Finding::missing(
            format!("DKIM is missing: nobody can check your signature. {what}"),
            add,
        );
    };
    match (tag(found, "p"), expected.value.as_deref().and_then(|value| tag(value, "p"))) {
        (Some(key), _) if key.is_empty() => Finding::wrong(
            "The DKIM key was withdrawn. Publish the key that is in use.",
            add,
            found,
        ),
        (Some(key), Some(ours)) if key != ours => Finding::wrong(
            "The DKIM record holds another key than the one that signs. Change the record to this.",
            add,
            found,
        ),
        _ => Finding::ok("DKIM is set.", found),
    }
}

/// The value of a tag in a record, without blanks.
fn tag(record: &str, name: &str) -> Option<String> {
    record.split(';').find_map(|part| {
        let (found, value) = part.split_once('=')?;
        (found.trim() == name).then(|| value.split_whitespace().collect())
    })
}

async fn dmarc(domain: &str, dns: &Dns) -> Finding {
    let add = Some(Record {
        name: format!("_dmarc.{domain}"),
        value: format!("v=DMARC1; p=none; rua=mailto:postmaster@{domain}"),
    });
    // The record of a domain above counts for those below it.
    let mut asked = domain;
    loop {
        let Ok(texts) = dns.texts(&format!("_dmarc.{asked}")).await else {
            return Finding::unknown();
        };
        let is_policy = |text: &&String| tag(text, "v").is_some_and(|version| version == "DMARC1");
        let found: Vec<&String> = texts.iter().filter(is_policy).collect();
        match found.as_slice() {
            [] => {}
            [only] => return judge_policy(only, add),
            [first, ..] => {
                return Finding::wrong(
                    "There are several DMARC records, and so none counts. Keep one.",
                    None,
                    first,
                );
            }
        }
        match asked.split_once('.') {
            Some((_, above)) if above.contains('.') => asked = above,
            _ => break,
        }
    }
    Finding::missing(
        "DMARC is missing: nobody knows what to do with mail that only pretends to be yours. Add this \
         record; once all your mail passes, change “none” to “quarantine”.",
        add,
    )
}

fn judge_policy(record: &str, add: Option<Record>) -> Finding {
    match tag(record, "p").as_deref() {
        Some("reject" | "quarantine") => {
            Finding::ok("DMARC is set and protects your domain.", record)
        }
        Some("none") => Finding::ok(
            "DMARC is set, but only watches. Once all your mail passes, change “none” to “quarantine”.",
            record,
        ),
        _ => Finding::wrong("The DMARC record has no policy. Change it to this.", add, record),
    }
}
