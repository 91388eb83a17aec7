//! What mail servers mean by their numbers, in words for a person (RFC 3463).

use crate::words::Words;

/// An enhanced status code such as `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) class: u8,
    pub(crate) subject: u16,
    pub(crate) detail: u16,
}

impl Status {
    /// The first enhanced status in a text. Addresses of hosts look alike but have four numbers.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let is_edge = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '@');
        text.split(is_edge).map(|word| word.trim_end_matches(['.', '-'])).find_map(Self::parse)
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        // Some servers write `#5.1.1` or `550-5.1.1`.
        let word = word.rsplit('-').next().unwrap_or(word).trim_start_matches('#');
        let mut numbers = word.split('.');
        let class = number(numbers.next()?, 1)?;
        let status = Self {
            class: u8::try_from(class).ok()?,
            subject: number(numbers.next()?, 3)?,
            detail: number(numbers.next()?, 3)?,
        };
        let is_one = matches!(status.class, 2 | 4 | 5) && numbers.next().is_none();
        is_one.then_some(status)
    }

    pub(crate) fn text(self) -> String {
        format!("{}.{}.{}", self.class, self.subject, self.detail)
    }

    /// A full mailbox gets better by itself, whatever class the server gave.
    pub(crate) fn is_permanent(self) -> bool {
        self.class == 5 && (self.subject, self.detail) != (2, 2)
    }

    /// What the code means; nothing when it means everything or nothing.
    pub(crate) fn words(self) -> Option<&'static str> {
        Some(match (self.subject, self.detail) {
            (1, 1 | 3 | 6) => "the address does not exist",
            (1, 2) => "the mail domain does not exist",
            (1, 8) => "our own sender address was refused; its domain may not exist",
            (1, 10) => "the address does not exist or takes no mail",
            (7, 27) => "this domain takes no mail",
            (2, 1) => "the mailbox is disabled",
            (2, 2) => "the mailbox is full",
            (2, 3) | (3, 4) => "the mail is too large for the other side",
            (2, 4) => "the mailing list could not be reached",
            (3, 1) => "the other mail server is full",
            (3, 2) => "the other mail server takes no mail at the moment",
            (4, 1 | 2) => "the other mail server does not answer",
            (4, 3 | 4) => "the way to the other mail server could not be found",
            (4, 6) => "the mail went round in circles",
            (4, 7) => "the mail could not be delivered in time",
            (6, _) => "the other mail server cannot handle the form of this mail",
            (7, 1) => "the other side does not accept mail from us",
            (7, 25 | 26) => {
                "our mail server failed a check of its name or sender (SPF, DKIM or DMARC)"
            }
            (7, 20..=24) => "our mail failed the SPF or DKIM check of the other side",
            (7, 8) => "the sign-in was refused",
            (7, _) => "the other side refused the mail for security or policy reasons",
            _ => return None,
        })
    }
}

fn number(text: &str, digits_max: usize) -> Option<u16> {
    let is_number = !text.is_empty()
        && text.len() <= digits_max
        && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// What a server's free words amount to.
pub(crate) struct Meaning {
    pub(crate) permanent: bool,
    /// The closest enhanced code.
    pub(crate) status: Status,
}

const fn code(class: u8, subject: u16, detail: u16) -> Status {
    Status { class, subject, detail }
}

/// Phrases, and what they mean. The first that matches counts, so the special ones come first.
static PHRASES: [(Words, Status); 10] = [
    (
        Words::new(
            "mailbox full|mailbox is full|over quota|overquota|over-quota|quota exceeded|\
         exceeded storage|out of storage|exceeded its quota|quota is exceeded|inbox is full|\
         inbox full|insufficient disk space|mailbox size limit|exceeds allotted|\
         postfach ist voll|postfach voll|boîte pleine|buzón lleno|casella piena|storage quota|\
         mailfolder is full|not enough storage|mailbox has exceeded|user is over the quota|\
         maximum mailbox size",
        ),
        code(4, 2, 2),
    ),
    (
        Words::new(
            "message too large|message size exceeds|message is too large|message too big|\
         exceeds size limit|exceeds maximum message size|size limit exceeded|\
         larger than the current system limit",
        ),
        code(5, 3, 4),
    ),
    (
        Words::new(
            "user unknown|unknown user|no such user|does not exist|doesn't exist|not exist|\
         unknown recipient|recipient unknown|no such recipient|no such mailbox|\
         invalid recipient|invalid mailbox|mailbox not found|mailbox unavailable|\
         recipient not found|address not found|couldn't be found|could not be found|\
         wasn't found at|not listed in|unrouteable address|unroutable address|\
         recipient address rejected: access|no mailbox here by that name|unknown local|\
         user not found|not a valid mailbox|account not found|address unknown|unknown address|\
         addresses were unknown|address was unknown|no longer works|no longer available|\
         no longer valid|no longer on server|is not known|invalid address|\
         adresse existiert nicht|unbekannter empfänger|empfänger unbekannt|no existe|\
         n'existe pas|destinataire inconnu|not our customer|mailbox does not|\
         bad destination mailbox|not a known user|no account by that name|\
         undeliverable address|no such address|destinatario sconosciuto|usuário desconhecido|\
         пользователь не найден|не существует",
        ),
        code(5, 1, 1),
    ),
    (
        Words::new(
            "account disabled|account is disabled|account has been disabled|mailbox disabled|\
         mailbox is disabled|account suspended|account is inactive|inactive user|\
         account inactive|mailbox is inactive|user is inactive|account has been suspended|\
         account closed|account expired|mailbox temporarily disabled|deactivated",
        ),
        code(5, 2, 1),
    ),
    (
        Words::new(
            "host unknown|unknown host|host not found|domain not found|no mx record|\
         name or service not known|domain does not|domain name not found|no mx or a records|\
         nxdomain|dns error|unable to find an mx|cannot find your recipient's mail system|\
         all relevant mx records point|couldn't find any host|no mail hosts for domain|\
         couldn't find a mail exchanger",
        ),
        code(5, 1, 2),
    ),
    (
        Words::new(
            "retry timeout exceeded|retry time not reached for any host|been in the queue|\
         message expired|maximum queue lifetime",
        ),
        code(5, 4, 7),
    ),
    (
        Words::new(
            "spam|blacklist|blocklist|blocked using|policy|reputation|not authorized|\
         not permitted|access denied|dmarc|spf check|sender verify failed|content rejected|\
         message rejected|unsolicited|prohibited|virus|rejected by the recipient|denied by",
        ),
        code(5, 7, 1),
    ),
    (
        Words::new(
            "greylist|graylist|try again later|try later|temporarily deferred|\
         temporarily unavailable|temporary failure|temporary local problem|\
         too many connections|rate limit|too many messages",
        ),
        code(4, 3, 2),
    ),
    (
        Words::new(
            "connection timed out|connection refused|timed out|timeout|no route to host|\
         unreachable|could not connect|connection dropped|lost connection|not responding|\
         wasn't able to establish an smtp connection",
        ),
        code(4, 4, 1),
    ),
    (Words::new("hop count|too many hops|mail loop|loops back to|loop detected"), code(5, 4, 6)),
];

/// What free words mean. `lower` is the text in lower case.
pub(crate) fn meaning(lower: &str) -> Option<Meaning> {
    let (_, status) = PHRASES.iter().find(|(phrases, _)| phrases.occur_in(lower))?;
    Some(Meaning { permanent: status.is_permanent(), status: *status })
}

/// The status that says most: what the server gave, or what its words amount to. Many give a
/// vague code and say in words that the address does not exist.
pub(crate) fn telling(given: Option<Status>, meaning: Option<&Meaning>) -> Option<Status> {
    let meant = meaning.map(|meaning| meaning.status);
    match (given, meant) {
        (Some(given), Some(meant)) if is_vague(given) && matches!(meant.subject, 1 | 2) => {
            Some(Status { class: given.class, ..meant })
        }
        (Some(given), Some(meant)) if given.words().is_none() => {
            Some(Status { class: given.class, ..meant })
        }
        (given, meant) => given.or(meant),
    }
}

fn is_vague(status: Status) -> bool {
    status.words().is_none() || matches!((status.subject, status.detail), (4, 1))
}

/// A reply such as `550 5.1.1 no such user` in words, and whether it is final.
pub(crate) fn explain(code: u16, text: &str) -> (Option<Status>, bool, String) {
    let given = Status::find(text).filter(|status| status.class != 2);
    let meaning = meaning(&text.to_lowercase());
    let status = telling(given, meaning.as_ref());
    let is_full = status.is_some_and(|status| (status.subject, status.detail) == (2, 2));
    let permanent = (500..600).contains(&code) && !is_full;
    let words = status.and_then(Status::words).unwrap_or("the other mail server refused it");
    (status, permanent, words.to_owned())
}
