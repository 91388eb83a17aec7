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

/// A page of settings, for the list beside all of them.
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

/// The pages that somebody may open.
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
            links: pages
                .iter()
                .filter(|page| page.group == *group && actor.may(page.act))
                .map(|page| NavLink {
                    key: String::new(),
                    href: page.href.to_owned(),
                    icon: page.icon,
                    label: w.t(page.label).to_owned(),
                    count: None,
                    is_current: here == page.href
                        || here
                            .strip_prefix(page.href)
                            .is_some_and(|rest| rest.starts_with('/') && page.href != "/me"),
                    hotkey: None,
                })
                .collect(),
        })
        .filter(|group| !group.links.is_empty())
        .collect()
}
