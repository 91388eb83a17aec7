//! Whether a mail comes from whom it says: DKIM, DMARC and ARC checked here, SPF as far as a
//! trusted server checked it.
//!
//! Invariant: what is not known is unknown. Only a mail that was checked in full and found wrong
//! has failed.

mod dns;
mod report;

use kernel::EmailAddress;
use mail_auth::common::headers::Header as AuthHeader;
use mail_auth::dkim::Signature;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, SpfOutput,
    SpfResult,
};
use serde::{Deserialize, Serialize};

use crate::reading::{Reading, Sender};
use crate::trace;

use dns::Vain;
pub use dns::{Dns, DnsFault};
pub use report::{DkimRecord, DomainReport, Finding, Record, State, domain_report};

/// Whom the owner believes.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Servers of our own or our provider whose `Authentication-Results` are believed about SPF.
    pub hosts: Vec<String>,
    /// Domains of forwarders whose ARC seal is believed.
    pub sealers: Vec<String>,
}

/// Whether the sender is who the mail says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    Unknown,
}

/// What was found out about the sender of a mail, with a few words on each check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderCheck {
    pub verdict: Verdict,
    /// The domain that was checked.
    pub domain: Option<String>,
    pub dkim: String,
    pub spf: String,
    pub dmarc: String,
    pub arc: String,
}

/// Signatures beyond this are not looked at: each costs a question to the DNS.
const SIGNATURES_MAX: usize = 10;
const ARC_SETS_MAX: usize = 20;

/// Checks the sender of a mail that was read before.
pub async fn authenticate(raw: &[u8], reading: &Reading, trust: &Trust, dns: &Dns) -> SenderCheck {
    let Sender::One { address, .. } = &reading.from else {
        return SenderCheck::unknown(None, "not checked: the sender is unclear");
    };
    let domain = Some(address.domain().to_owned());
    let Some(mut message) = AuthenticatedMessage::parse(raw) else {
        return SenderCheck::unknown(domain, "not checked: the mail cannot be read");
    };
    // Both parsers must see the same sender, or one of them was tricked.
    if message.froms() != [address.as_str()] {
        return SenderCheck::unknown(domain, "not checked: the sender is unclear");
    }
    message.dkim_headers.truncate(SIGNATURES_MAX);
    if message.ams_headers.len() > ARC_SETS_MAX {
        message.has_arc_errors = true;
    }
    let spf = trusted_spf(reading, trust);
    check(message, address, spf, trust, dns).await
}

impl SenderCheck {
    fn unknown(domain: Option<String>, why: &str) -> Self {
        Self {
            verdict: Verdict::Unknown,
            domain,
            dkim: why.to_owned(),
            spf: why.to_owned(),
            dmarc: why.to_owned(),
            arc: why.to_owned(),
        }
    }
}

/// SPF as a trusted server found it, with the domain it was found for.
struct Spf {
    result: SpfResult,
    domain: String,
}

/// Only the topmost finding counts, and only if it is by a trusted server: the sender can write
/// all the others.
fn trusted_spf(reading: &Reading, trust: &Trust) -> Option<Spf> {
    let topmost = reading.authentication_results.first()?;
    if !trust.hosts.iter().any(|host| host.eq_ignore_ascii_case(&topmost.host)) {
        return None;
    }
    let found = topmost.find("spf")?;
    let result = SpfResult::try_from(found.result.as_str()).ok()?;
    let sender = found.property("smtp.mailfrom").or_else(|| found.property("smtp.helo"))?;
    let domain = sender.rsplit_once('@').map_or(sender, |(_, domain)| domain);
    Some(Spf { result, domain: domain.to_owned() })
}

async fn check(
    message: AuthenticatedMessage<'_>,
    address: &EmailAddress,
    spf: Option<Spf>,
    trust: &Trust,
    dns: &Dns,
) -> SenderCheck {
    let (message, were_asked) = without_the_silent(message, dns);
    let message = &message;
    let signatures = signatures(message, dns).await;
    let were_asked = were_asked && signatures.is_some();
    let (dkim, arc) = signatures.map_or((Vec::new(), None), |(dkim, arc)| (dkim, Some(arc)));
    let was_checked = were_asked && dkim.iter().all(is_settled);
    let spf_domain = spf.as_ref().map_or("", |spf| spf.domain.as_str());
    let spf_result = spf.as_ref().map_or(SpfResult::None, |spf| spf.result);
    let spf_output = SpfOutput::new(spf_domain.to_owned()).with_result(spf_result);
    let domain = address.domain();
    let question = DmarcParameters {
        message,
        dkim_output: &dkim,
        dkim2_output: None,
        rfc5321_mail_from_domain: spf_domain,
        spf_output: &spf_output,
    };
    let dmarc = policy(question, domain, dns).await;
    let aligned = has_aligned_signature(&dkim, domain)
        || spf_result == SpfResult::Pass && spf_domain.eq_ignore_ascii_case(domain);
    let forwarded = arc.as_ref().is_some_and(|arc| arc_vouches(message, arc, trust, domain));
    let verdict = match dmarc.as_ref().map(DmarcOutput::result) {
        Ok(DmarcResult::Pass) => Verdict::Pass,
        _ if forwarded => Verdict::Pass,
        // No policy to judge by, but the domain itself signed.
        Err(Vain::Absence) if aligned => Verdict::Pass,
        // Without SPF one half of the check is missing.
        Ok(DmarcResult::Fail(_)) if spf.is_some() && was_checked => Verdict::Fail,
        Ok(
            DmarcResult::Fail(_)
            | DmarcResult::None
            | DmarcResult::TempError(_)
            | DmarcResult::PermError(_),
        )
        | Err(_) => Verdict::Unknown,
    };
    SenderCheck {
        verdict,
        domain: Some(domain.to_owned()),
        dkim: if dkim.is_empty() && !were_asked {
            UNANSWERED.to_owned()
        } else {
            dkim_in_words(&dkim, domain)
        },
        spf: spf.map_or("not known".to_owned(), |spf| {
            format!("{} ({})", spf.result.to_string().to_lowercase(), spf.domain)
        }),
        dmarc: dmarc.as_ref().map_or_else(|vain| vain_in_words(*vain), dmarc_in_words),
        arc: arc.map_or(UNANSWERED.to_owned(), |arc| arc_in_words(message, &arc)),
    }
}

const UNANSWERED: &str = "not checked: the DNS did not answer";

/// Where the key of a signature is, as a question that is remembered. The whole name: whoever signs
/// chooses it, and must not silence other keys of the domain.
fn key_of(signature: &Signature) -> String {
    format!("{}._domainkey.{}", signature.s, signature.d).to_ascii_lowercase()
}

/// A mail without the signatures of those whose name servers were silent lately, and whether that
/// is all of it.
fn without_the_silent<'m>(
    mut message: AuthenticatedMessage<'m>,
    dns: &Dns,
) -> (AuthenticatedMessage<'m>, bool) {
    let all = message.dkim_headers.len();
    message.dkim_headers.retain(|header| dns.in_vain(&key_of(&header.header)).is_none());
    let is_all = message.dkim_headers.len() == all;
    (message, is_all)
}

/// What the signatures are worth, unless nobody says so in time.
async fn signatures<'m>(
    message: &'m AuthenticatedMessage<'m>,
    dns: &'m Dns,
) -> Option<(Vec<DkimOutput<'m>>, ArcOutput<'m>)> {
    let asked = dns.in_time(async {
        let dkim = dns.authenticator().verify_dkim(dns.parameters(message)).await;
        (dkim, dns.authenticator().verify_arc(dns.parameters(message)).await)
    });
    let found = asked.await;
    // Where all of it took too long nobody knows whose silence that was, and nobody is blamed: one
    // mail can carry the signature of somebody else beside slow ones.
    for output in found.iter().flat_map(|(dkim, _)| dkim).filter(|output| !is_settled(output)) {
        if let Some(signature) = output.signature() {
            dns.was_in_vain(&key_of(signature), Vain::Silence);
        }
    }
    found
}

/// What the policy of a domain says about a mail, unless it has none or nobody says so in time.
async fn policy(
    question: DmarcParameters<'_>,
    domain: &str,
    dns: &Dns,
) -> Result<DmarcOutput, Vain> {
    let name = format!("_dmarc.{domain}");
    if let Some(vain) = dns.in_vain(&name) {
        return Err(vain);
    }
    let asked = dns.authenticator().verify_dmarc(dns.parameters(question));
    let found = dns.in_time(asked).await.ok_or(Vain::Silence);
    let found = found.and_then(|dmarc| match dmarc.result() {
        DmarcResult::None => Err(Vain::Absence),
        // Of the policy; where it was found, the silence is about something else.
        DmarcResult::TempError(_) if dmarc.dmarc_record().is_none() => Err(Vain::Silence),
        DmarcResult::Pass
        | DmarcResult::Fail(_)
        | DmarcResult::TempError(_)
        | DmarcResult::PermError(_) => Ok(dmarc),
    });
    if let Err(vain) = found {
        dns.was_in_vain(&name, vain);
    }
    found
}

fn vain_in_words(vain: Vain) -> String {
    match vain {
        Vain::Silence => UNANSWERED.to_owned(),
        Vain::Absence => "the domain has no policy".to_owned(),
    }
}

fn is_settled(output: &DkimOutput<'_>) -> bool {
    !matches!(output.result(), DkimResult::TempError(_))
}

fn has_aligned_signature(dkim: &[DkimOutput<'_>], domain: &str) -> bool {
    dkim.iter().any(|output| {
        *output.result() == DkimResult::Pass
            && output.signature().is_some_and(|signature| covers(&signature.d, domain))
    })
}

/// Whether a signing domain speaks for the sender's domain: it is the same, or one above it.
fn covers(signer: &str, domain: &str) -> bool {
    let signer = signer.to_ascii_lowercase();
    domain == signer
        || signer.contains('.')
            && domain.strip_suffix(&signer).is_some_and(|prefix| prefix.ends_with('.'))
}

/// A trusted forwarder saw the mail pass before it changed it.
fn arc_vouches(
    message: &AuthenticatedMessage<'_>,
    arc: &ArcOutput<'_>,
    trust: &Trust,
    domain: &str,
) -> bool {
    let Some(seal) = message.as_headers.last() else { return false };
    let is_trusted = trust.sealers.iter().any(|sealer| sealer.eq_ignore_ascii_case(&seal.header.d));
    if *arc.result() != DkimResult::Pass || !is_trusted {
        return false;
    }
    message.aar_headers.last().is_some_and(|results| saw_pass(results, domain))
}

fn saw_pass<T>(results: &AuthHeader<'_, T>, domain: &str) -> bool {
    let value = String::from_utf8_lossy(results.value);
    // The instance stands before the results: `i=1; mx.example; dmarc=pass …`.
    let value = value.split_once(';').map_or("", |(_, rest)| rest);
    let found = trace::authentication_results(value);
    found.find("dmarc").is_some_and(|dmarc| {
        dmarc.result == "pass" && dmarc.property("header.from").is_none_or(|from| from == domain)
    })
}

fn dkim_in_words(dkim: &[DkimOutput<'_>], domain: &str) -> String {
    let rank = |output: &&DkimOutput<'_>| match output.result() {
        DkimResult::Pass if output.signature().is_some_and(|s| covers(&s.d, domain)) => 0,
        DkimResult::Pass => 1,
        DkimResult::TempError(_) => 2,
        DkimResult::Neutral(_) | DkimResult::Fail(_) | DkimResult::PermError(_) => 3,
        DkimResult::None => 4,
    };
    let Some(best) = dkim.iter().min_by_key(rank) else { return "not signed".to_owned() };
    let signer = best.signature().map_or("unreadable signature", |signature| signature.d.as_str());
    match best.result() {
        DkimResult::Pass => format!("pass ({signer})"),
        DkimResult::TempError(_) => format!("not checked ({signer}): the DNS did not answer"),
        DkimResult::Neutral(why) | DkimResult::Fail(why) | DkimResult::PermError(why) => {
            format!("fail ({signer}): {}", why.to_string().to_lowercase())
        }
        DkimResult::None => "not signed".to_owned(),
    }
}

fn dmarc_in_words(dmarc: &DmarcOutput) -> String {
    match dmarc.result() {
        DmarcResult::Pass => format!("pass (policy {})", dmarc.policy()),
        DmarcResult::Fail(_) => format!("fail (policy {})", dmarc.policy()),
        DmarcResult::None => vain_in_words(Vain::Absence),
        DmarcResult::TempError(_) => UNANSWERED.to_owned(),
        DmarcResult::PermError(_) => "the domain's policy cannot be read".to_owned(),
    }
}

fn arc_in_words(message: &AuthenticatedMessage<'_>, arc: &ArcOutput<'_>) -> String {
    let sealer = message.as_headers.last().map_or("unknown", |seal| seal.header.d.as_str());
    match arc.result() {
        DkimResult::Pass => format!("pass ({sealer})"),
        DkimResult::None => "not sealed".to_owned(),
        DkimResult::TempError(_) => format!("not checked ({sealer}): the DNS did not answer"),
        DkimResult::Neutral(why) | DkimResult::Fail(why) | DkimResult::PermError(why) => {
            format!("fail ({sealer}): {}", why.to_string().to_lowercase())
        }
    }
}
