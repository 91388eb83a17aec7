//! Names behind which nobody reads.

use crate::words::Words;

/// Beginnings of local parts, without dots, dashes and underscores.
static ROBOTS: Words = Words::new(
    "\
    noreply|noreplies|donotreply|dontreply|noresponse|noanswer|neverreply|mailerdaemon|\
    mailerdeamon|postmaster|mdaemon|maildaemon|bounce|bounces|autoreply|autoresponder|\
    autoresponse|automailer|automated|keineantwort|nichtantworten|bittenichtantworten|\
    nepasrepondre|noresponder|noresponda|naoresponda|naoresponder|nonrispondere|\
    nietbeantwoorden|nietreageren|svarainte|svarikke|ikkesvar|eivastausta|nieodpowiadaj|\
    neodpovidejte|nevalaszolj|yanitlamayin|neotvechat|microsoftexchange",
);

/// Local parts that only mail servers write from, without dots, dashes and underscores.
static MAIL_SERVERS: Words =
    Words::new("mailerdaemon|mailerdeamon|mdaemon|maildaemon|microsoftexchange");

/// Whether a local part belongs to a mail server that reports, and to no person.
pub(crate) fn is_mail_server_name(local: &str) -> bool {
    let plain = plain(local);
    MAIL_SERVERS.entries().any(|name| {
        plain.strip_prefix(name).is_some_and(|rest| {
            rest.chars().next().is_none_or(|c| !c.is_alphabetic()) || name == "microsoftexchange"
        })
    })
}

/// Whether a local part is the one that servers report from and that people read, too.
pub(crate) fn is_postmaster(local: &str) -> bool {
    plain(local) == "postmaster"
}

fn plain(local: &str) -> String {
    local.chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

/// Whether a local part belongs to a robot.
pub(crate) fn is_robot_name(local: &str) -> bool {
    let plain = plain(local);
    ROBOTS.entries().any(|name| {
        plain.strip_prefix(name).is_some_and(|rest| {
            // `bounces+1234` and `noreply2`, but not `bouncecastle`.
            rest.chars().next().is_none_or(|c| !c.is_alphabetic())
                || name.starts_with("noreply")
                || name.starts_with("donotreply")
                || name.starts_with("microsoftexchange")
        })
    }) || plain.ends_with("noreply")
        || plain.ends_with("donotreply")
}
