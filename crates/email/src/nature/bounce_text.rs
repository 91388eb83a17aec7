//! Bounces that keep to no standard: what mail servers wrote before there was one, and still do.

use kernel::EmailAddress;

use crate::nature::bounce::{
    address_in, comes_from_mail_server, failed_recipients, in_words, is_delivery_report,
    original_mail_id, returned_mail_id,
};
use crate::nature::{Bounce, Evidence, is_robot_name};
use crate::status::{self, Status};
use crate::words::Words;

/// What such mails say. Folded to lower case.
static FAILURES: Words = Words::new(
    "\
    could not be delivered|couldn't be delivered|was not delivered|wasn't delivered|\
    not been delivered|not able to deliver|unable to deliver|cannot be delivered|\
    can't be delivered|delivery has failed|delivery failed|delivery failure|\
    delivery to the following|delivery status notification|failed to deliver|failure notice|\
    undelivered mail|undeliverable|returned mail|returning message to sender|\
    returned to sender|did not reach|address not found|message not delivered|\
    message blocked|mail delivery failed|permanent fatal errors|permanent error|\
    has not been delivered|could not deliver|the following address|rejected your message|\
    following recipient|mail system error|unzustellbar|nicht zugestellt|\
    konnte nicht zugestellt|zustellung fehlgeschlagen|nicht ausgeliefert|n'a pas pu être|\
    non remis|échec de la remise|non distribuable|no se pudo entregar|\
    no se ha podido entregar|no se puede entregar|não foi entregue|não pôde ser entregue|\
    não foi possível entregar|mancato recapito|impossibile recapitare|\
    non è stato possibile recapitare|kon niet worden|niet worden bezorgd|\
    kunde inte levereras|kunne ikke leveres|ei voitu toimittaa|nie została dostarczona|\
    nie można dostarczyć|nebylo možné doručit|nelze doručit|не было доставлено|\
    не может быть доставлено|недоставлен|не удалось доставить|送信できません|配信できません|\
    无法投递|退信|未送达|an error occurred while trying to deliver",
);

static DELAYS: Words = Words::new(
    "\
    delivery delayed|delayed mail|has been delayed|still being retried|will be retried|\
    will retry|warning: message|warning: could not send|not yet been delivered|\
    do not need to resend|no action is required on your part|delivery incomplete|\
    temporary problem delivering|verzögert|delivery is delayed|\
    this is a warning message only",
);

/// Words that come before what the other server said.
static CAUSES: Words = Words::new(
    "\
    remote host said:|remote server returned|the response was:|\
    the response from the remote server was:|error:|reason:|diagnostic|said:|\
    smtp error from|host or domain name not found|\
    the error that the other server returned was:",
);

pub(crate) fn read(evidence: &Evidence<'_, '_>) -> Option<Bounce> {
    let subject = evidence.reading.subject.to_lowercase();
    let says = |phrases: &Words| phrases.occur_in(&subject) || phrases.occur_in(&evidence.lower);
    let is_delay = says(&DELAYS);
    let is_formal = is_delivery_report(evidence.header);
    let named = failed_recipients(evidence.header);
    if !is_delay && named.is_none() && !says(&FAILURES) {
        return None;
    }
    let report = before_returned(evidence.text);
    let said = said(report);
    let code = smtp_code(report);
    let lower = report.to_lowercase();
    let meaning = status::meaning(&lower);
    let given = Status::find(report).filter(|status| status.class != 2);
    let status = status::telling(given, meaning.as_ref());
    let words = status.and_then(Status::words).unwrap_or("the mail could not be delivered");
    let is_final = match (given, &meaning, code) {
        (Some(given), ..) => given.is_permanent(),
        (None, _, Some(code)) if (400..500).contains(&code) => false,
        (None, Some(meaning), _) => meaning.permanent,
        (None, None, _) => true,
    };
    // A postmaster may be a person who answers; what a server sends back has our mail in it.
    let original_mail_id = if comes_from_mail_server(evidence) || is_formal {
        original_mail_id(evidence)
    } else {
        returned_mail_id(evidence)
    };
    Some(Bounce {
        is_formal,
        recipient: named.or_else(|| recipient(evidence, report)),
        permanent: is_final && !is_delay,
        status: status.map(Status::text),
        reason: in_words(words, said.unwrap_or_default()),
        original_mail_id,
    })
}

/// The report proper: what stands above the returned mail.
fn before_returned(text: &str) -> &str {
    static MARKS: Words = Words::new(
        "\
        --- Below this line is a copy|------ This is a copy of|----- Original message -----|\
        -----Original Message-----|--- The header of the original|\
        ----- Message header follows|--- The headers of the original|\
        Original message follows|------- Original message -------|Original message headers:|\
        ----- Unsent message follows -----|Ursprüngliche Nachricht|\
        The header of the original message is following|----- Header of the original|\
        --------- Message originale|Reporting-MTA:|--- Original message ---",
    );
    let end = MARKS.entries().filter_map(|mark| text.find(mark)).filter(|at| *at > 0).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Who was not reached: a line that is only an address, then any address that is not ours.
fn recipient(evidence: &Evidence<'_, '_>, report: &str) -> Option<EmailAddress> {
    let ours: Vec<&EmailAddress> = evidence
        .reading
        .to
        .iter()
        .map(|party| &party.address)
        .chain(evidence.reading.shown_address.as_ref())
        .chain(&evidence.reading.delivered_to)
        .collect();
    let is_theirs =
        |address: &EmailAddress| !ours.contains(&address) && !is_robot_name(address.local());
    let alone = |line: &str| {
        let bare = line.trim().trim_end_matches(':').trim();
        let bare = bare.trim_start_matches(['*', '-', '>', ' ']);
        let is_one_word = !bare.contains(' ') || bare.starts_with('<') && bare.contains(">:");
        is_one_word.then(|| address_in(bare)).flatten()
    };
    let lines = || report.lines().take(200);
    lines()
        .filter_map(alone)
        .find(is_theirs)
        .or_else(|| lines().filter_map(address_in).find(is_theirs))
        // Some reports go to the one who was not reached: a test of one's own address.
        .or_else(|| lines().find_map(alone))
}

/// What the other server said: from the first reply code or cause to the end of its paragraph.
fn said(report: &str) -> Option<&str> {
    let lower_starts = |line: &str| {
        let lower = line.to_lowercase();
        CAUSES.occur_in(&lower)
    };
    let paragraph_at = |at: usize| {
        let rest = report.get(at..)?;
        let end = rest.find("\n\n").unwrap_or(rest.len());
        rest.get(..end)
    };
    let at = line_starts(report)
        .find(|(_, line)| smtp_code(line).is_some())
        .or_else(|| line_starts(report).find(|(_, line)| lower_starts(line)))
        .map(|(at, _)| at)?;
    paragraph_at(at).map(str::trim).filter(|said| !said.is_empty())
}

fn line_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// A reply code of SMTP: three digits that begin with 4 or 5 and are followed by words.
fn smtp_code(text: &str) -> Option<u16> {
    let mut before = ' ';
    let mut rest = text;
    while let Some(at) = rest.find(['4', '5']) {
        before = rest.get(..at).and_then(|part| part.chars().next_back()).unwrap_or(before);
        let from = rest.get(at..).unwrap_or_default();
        let digits =
            from.get(..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let after = from.get(3..).and_then(|after| after.chars().next());
        let stands_alone = !before.is_alphanumeric()
            && !matches!(before, '.' | '-' | '/' | ',' | '@')
            && matches!(after, Some(' ' | '-' | '#'));
        let second = from.as_bytes().get(1).copied().unwrap_or(b'9');
        if let (Some(digits), true, b'0'..=b'5') = (digits, stands_alone, second) {
            return digits.parse().ok();
        }
        let mut chars = from.chars();
        before = chars.next().unwrap_or(' ');
        rest = chars.as_str();
    }
    None
}
