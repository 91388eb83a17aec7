//! Page frames and lists of settings, lent by the features that know what belongs in them.

use std::future::Future;
use std::pin::Pin;

use ui::{Chrome, NavGroup, NavLink, Words};

use crate::{Act, Actor};

/// Makes the frame for a person at a place. Lent to features whose pages have the frame but who
/// do not know the tickets that its counts are about.
pub trait ChromeMaker: Send + Sync {
    fn chrome<'c>(
        &'c self,
        actor: &'c Actor,
        here: &'c str,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<Chrome>> + Send + 'c>>;
}

/// A page that stands in a list: beside all settings, or in the sidebar (`nav-workspace`).
#[derive(Clone, Copy, Debug)]
pub struct SettingsPage {
    /// The key of the group's title; pages with the same one stand together.
    pub group: &'static str,
    pub href: &'static str,
    pub icon: &'static str,
    /// The key of the label.
    pub label: &'static str,
    pub act: Act,
}

/// The order of the groups, whatever the features are registered in.
const GROUPS: [&str; 4] = [
    "settings-group-you",
    "settings-group-channels",
    "settings-group-work",
    "settings-group-company",
];

/// The pages of settings that somebody may open.
pub(crate) fn subnav(
    pages: &[SettingsPage],
    actor: &Actor,
    here: &str,
    w: &Words,
) -> Vec<NavGroup> {
    GROUPS
        .iter()
        .map(|group| NavGroup {
            title: Some(w.t(group).to_owned()),
            links: links(pages, actor, group, here, w),
        })
        .filter(|group| !group.links.is_empty())
        .collect()
}

/// The pages of one group that somebody may open.
pub(crate) fn links(
    pages: &[SettingsPage],
    actor: &Actor,
    group: &str,
    here: &str,
    w: &Words,
) -> Vec<NavLink> {
    pages
        .iter()
        .filter(|page| page.group == group && actor.may(page.act))
        .map(|page| NavLink {
            key: String::new(),
            href: page.href.to_owned(),
            icon: page.icon,
            label: w.t(page.label).to_owned(),
            count: None,
            is_current: is_within(here, page.href),
            hotkey: (page.href == "/settings").then_some("g s"),
        })
        .collect()
}

/// Whether a page is this one or below it.
fn is_within(here: &str, href: &str) -> bool {
    let below = here.strip_prefix(href).is_some_and(|rest| rest.starts_with('/'));
    // Other pages of one's own have entries of their own.
    here == href || (below && href != "/me")
}
