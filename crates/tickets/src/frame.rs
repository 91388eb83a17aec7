//! The frame of every agent page: the lists and their numbers, who is looking.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use accounts::{Act, Actor, ChromeMaker};
use anyhow::Result;
use ui::{Chrome, Count, Me, NavGroup, NavLink, Words};

use crate::desk::{Desk, PROBLEMS_SHOWN, reader, saved_view, view_of_inbox};
use crate::store::people;
use crate::views::{self, ListView, Standing, Title};

impl ChromeMaker for Desk {
    fn chrome<'c>(
        &'c self,
        actor: &'c Actor,
        here: &'c str,
    ) -> Pin<Box<dyn Future<Output = Result<Chrome>> + Send + 'c>> {
        Box::pin(frame(self, actor, here))
    }
}

async fn frame(desk: &Desk, actor: &Actor, here: &str) -> Result<Chrome> {
    let site = desk.accounts.site();
    let words = site.words(&actor.language);
    let company = desk.accounts.company().await?;
    let counts = desk.counts(actor).await?;
    let counts: HashMap<&str, Option<Count>> =
        counts.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    let unread = people::unread_count(&desk.db().read_list().await?, reader(actor)).await;
    // A page is worth more than the number above it.
    let unread = match unread {
        Err(fault) if database::took_too_long(&fault) => 0,
        unread => unread?,
    };
    let nav = nav(desk, actor, here, &words, &counts).await?;
    let is_settings = here.starts_with("/settings") || here.starts_with("/me");
    Ok(Chrome {
        brand: company.brand(),
        when: actor.when(desk.now()),
        appearance: actor.preferences.appearance.clone(),
        me: Me {
            id: actor.id,
            name: actor.name.clone(),
            role: words.t(actor.role.key()).to_owned(),
            badge: actor.badge(),
        },
        nav,
        subnav: if is_settings { desk.accounts.subnav(actor, here) } else { Vec::new() },
        waiting: counts.get(Standing::NeedsReply.key()).copied().flatten().unwrap_or(Count(0)),
        unread_notifications: unread,
        may_write: actor.may(Act::WriteToCustomers),
        disk_is_full: desk.db().room().is_short() && actor.may(Act::ManageCompany),
        words,
    })
}

async fn nav(
    desk: &Desk,
    actor: &Actor,
    here: &str,
    words: &Words,
    counts: &HashMap<&str, Option<Count>>,
) -> Result<Vec<NavGroup>> {
    let (shelf, directory) = (desk.shelf().await?, desk.accounts.directory().await?);
    let here = here.strip_prefix("/inbox/").unwrap_or_default();
    let link = |view: ListView| NavLink {
        href: format!("/inbox/{}", view.key),
        icon: view.icon,
        label: title(&view.title, words),
        count: counts.get(view.key.as_str()).copied().flatten(),
        is_current: view.key == here,
        hotkey: (view.key == Standing::NeedsReply.key()).then_some("g i"),
        key: if counts.contains_key(view.key.as_str()) { view.key } else { String::new() },
    };
    let standing = |views: &[Standing]| -> Vec<NavLink> {
        views.iter().map(|view| link(view.view(actor.id))).collect()
    };
    let saved = shelf
        .views
        .iter()
        .filter(|view| view.owner.is_none_or(|owner| owner == actor.id))
        .map(|view| link(saved_view(view, actor, &directory, &shelf)));
    let known = desk.problems(actor).await?;
    let problems = known
        .iter()
        .filter(|one| !one.is_fixed)
        .take(PROBLEMS_SHOWN)
        .map(|one| link(views::of_problem(one.id, one.public_id, &one.title)));
    let inboxes = directory.inboxes().filter(|inbox| actor.may_see(inbox.id));
    let group = |title: Option<&str>, links: Vec<NavLink>| NavGroup {
        title: title.map(|key| words.t(key).to_owned()),
        links,
    };
    let groups = vec![
        group(None, standing(&Standing::WORK)),
        group(Some("nav-views"), saved.chain(standing(&Standing::MORE)).collect()),
        group(Some("nav-problems"), problems.collect()),
        group(Some("nav-inboxes"), inboxes.map(|inbox| link(view_of_inbox(inbox))).collect()),
        group(Some("nav-workspace"), desk.accounts.pages_of(actor, "nav-workspace", here)),
    ];
    Ok(groups.into_iter().filter(|group| !group.links.is_empty()).collect())
}

pub(crate) fn title(title: &Title, words: &Words) -> String {
    match title {
        Title::Text(key) => words.t(key).to_owned(),
        Title::Name(name) => name.clone(),
    }
}
