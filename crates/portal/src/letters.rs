//! The mail with a link. It holds nothing that anybody typed, not even a name.

use accounts::Company;
use anyhow::Result;
use customers::links;
use database::Tx;
use kernel::{EmailAddress, Timestamp};
use outbox::{Caps, Kind, Letter, Party, Recipients, new_mail_id};
use ui::{Site, Words};

pub(crate) struct LinkLetter<'l> {
    pub(crate) to: &'l EmailAddress,
    /// Whether somebody proved to own the address.
    pub(crate) is_verified: bool,
    pub(crate) link: String,
}

/// How much automatic mail an address may have got in a day, acknowledgements and links together, for
/// one more link to go there.
const MAILS_A_DAY: i64 = 6;

/// What a link is held to. Anybody can ask for one in anybody's name, so that it counts as the
/// automatic mail that it is: nobody gets an acknowledgement any more who got three links. It is
/// not held to the three of acknowledgements itself, since whoever writes to us three times a day
/// may still want to look at it; twice as many is what a stranger can have sent to somebody, three
/// of them in an hour, and each opens for its owner alone. What nobody proved to own gets one
/// automatic mail a day, whatever it says.
fn caps() -> Caps {
    Caps { per_address: MAILS_A_DAY, ..Caps::default() }
}

/// Whether a link may be sent to somebody now. Until the transaction ends nobody else is told so.
pub(crate) async fn may_send_link(
    tx: &mut Tx,
    to: &EmailAddress,
    is_verified: bool,
    now: Timestamp,
) -> Result<bool> {
    let recipients = Recipients::to(Party::new("", to.clone()));
    let withheld = outbox::gate(tx, &recipients, None, is_verified, &caps(), now).await?;
    Ok(withheld.is_none())
}

/// Queues the letter that [`may_send_link`] let pass in this transaction.
pub(crate) async fn send_link(
    tx: &mut Tx,
    site: &Site,
    company: &Company,
    w: &Words,
    letter: LinkLetter<'_>,
    now: Timestamp,
) -> Result<()> {
    let text = format!(
        "{}\n\n{}\n\n{}\n",
        w.a("link-letter-text", "company", &company.name),
        letter.link,
        w.t("link-letter-else")
    );
    let mail = Letter {
        kind: Kind::Automatic,
        inbox: None,
        ticket: None,
        message: None,
        mail_id: new_mail_id(host_of(&site.base_url)),
        from_name: company.name.clone(),
        reply_to: None,
        recipients: Recipients::to(Party::new("", letter.to.clone())),
        subject: w.a("link-letter-subject", "company", &company.name),
        text,
        html: None,
        in_reply_to: None,
        references: Vec::new(),
        send_after: now,
        useful_for: Some(links::SIGN_IN_LINK_LASTS),
        verified: letter.is_verified,
    };
    outbox::post_passed(tx, &mail, &caps(), now).await.map(drop)
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { "localhost" } else { host }
}
