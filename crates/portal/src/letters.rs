//! The mail with a link. It holds nothing that anybody typed, not even a name.

use accounts::Company;
use anyhow::Result;
use customers::links;
use database::Tx;
use kernel::{EmailAddress, Timestamp};
use outbox::{Caps, Kind, Letter, Party, Posted, Recipients, new_mail_id};
use ui::{Site, Words};

pub(crate) struct LinkLetter<'l> {
    pub(crate) to: &'l EmailAddress,
    /// Whether somebody proved to own the address. Others get one automatic mail a day, whatever
    /// it says.
    pub(crate) is_verified: bool,
    pub(crate) link: String,
}

/// Queues the letter; `false` if it must not leave.
pub(crate) async fn send_link(
    tx: &mut Tx,
    site: &Site,
    company: &Company,
    w: &Words,
    letter: LinkLetter<'_>,
    now: Timestamp,
) -> Result<bool> {
    let text = format!(
        "{}\n\n{}\n\n{}\n",
        w.a("link-letter-text", "company", &company.name),
        letter.link,
        w.t("link-letter-else")
    );
    let mail = Letter {
        kind: if letter.is_verified { Kind::System } else { Kind::Automatic },
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
    let posted = outbox::post(tx, &mail, &Caps::default(), now).await?;
    Ok(matches!(posted, Posted::Queued(_)))
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.is_empty() { "localhost" } else { host }
}
