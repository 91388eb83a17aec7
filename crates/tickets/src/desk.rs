//! What the pages of tickets stand on, and what they remember between requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::{Accounts, Actor, Directory};
use anyhow::Result;
use database::Db;
use files::Files;
use kernel::{AgentId, Timestamp};
use keys::Keys;
use live::{Hub, Remembered};
use ui::Count;

use crate::actions::Office;
use crate::filter::{Filter, NotUnderstood};
use crate::finding;
use crate::names::Known;
use crate::store::lists::{self, Reader};
use crate::store::shared::View;
use crate::store::taxonomy::{Category, Field, Problem};
use crate::store::{shared, taxonomy};
use crate::views::{self, ListView, Standing, Title};

/// Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pub(crate) accounts: Accounts,
    pub(crate) keys: Keys,
    pub(crate) files: Files,
    shelf: Arc<Remembered<Shelf>>,
    counts: Arc<Mutex<HashMap<AgentId, Counted>>>,
}

/// The numbers by the keys of their lists; none where counting would cost too much.
pub(crate) type Counts = Vec<(String, Option<Count>)>;

/// Counts as they were under two versions of everything.
struct Counted {
    versions: (u64, u64),
    counts: Arc<Counts>,
}

/// What is small and changes rarely.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) views: Vec<View>,
    pub(crate) categories: Vec<Category>,
    pub(crate) fields: Vec<Field>,
    pub(crate) problems: Vec<Problem>,
}

/// What counting a list costs: a list that asks for much is not to take the numbers of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// Indexes know.
    Little,
    /// Every ticket may have to be looked at.
    Much,
    /// The search is asked.
    Words,
}

impl Cost {
    fn of(filter: &Filter) -> Self {
        if !filter.terms.is_empty() {
            Self::Words
        } else if filter.from.is_empty() && !filter.has_attachment {
            Self::Little
        } else {
            Self::Much
        }
    }
}

const PROBLEMS_MAX: i64 = 200;
/// The sidebar is for what is at hand; the rest is found through search.
pub(crate) const PROBLEMS_SHOWN: usize = 8;

impl Desk {
    pub fn new(accounts: Accounts, keys: Keys, files: Files) -> Self {
        let shelf = Arc::new(Remembered::new(accounts.hub().clone()));
        Self { accounts, keys, files, shelf, counts: Arc::default() }
    }

    pub(crate) fn db(&self) -> &Db {
        self.accounts.db()
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.accounts.hub()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.accounts.now()
    }

    pub(crate) async fn office(&self) -> Result<Office> {
        Office::open(&self.accounts, &self.keys).await
    }

    pub(crate) async fn shelf(&self) -> Result<Arc<Shelf>> {
        let load = async {
            let conn = self.db().read_for_all().await?;
            Ok(Shelf {
                views: shared::views(&conn).await?,
                categories: taxonomy::categories(&conn).await?,
                fields: taxonomy::fields(&conn).await?,
                problems: taxonomy::problems(&conn, PROBLEMS_MAX).await?,
            })
        };
        self.shelf.get(load).await
    }

    /// The problems that somebody may know of.
    pub(crate) async fn problems(&self, actor: &Actor) -> Result<Vec<Problem>> {
        let reader = reader(actor);
        if reader.inboxes.is_none() {
            return Ok(self.shelf().await?.problems.clone());
        }
        taxonomy::problems_for(&self.db().read().await?, reader, PROBLEMS_MAX).await
    }

    /// The list behind a key, as far as it is there for this person.
    pub(crate) async fn view(&self, actor: &Actor, key: &str) -> Result<Option<ListView>> {
        if let Some(standing) = Standing::named(key) {
            return Ok(Some(standing.view(actor.id)));
        }
        let (shelf, directory) = (self.shelf().await?, self.accounts.directory().await?);
        let Some((kind, id)) = key.split_once('-') else { return Ok(None) };
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(match kind {
            "inbox" => {
                let inbox = directory.inbox_by_public_id(id);
                inbox.filter(|inbox| actor.may_see(inbox.id)).map(view_of_inbox)
            }
            "problem" => {
                let problems = self.problems(actor).await?;
                let problem = problems.iter().find(|problem| problem.public_id == id);
                problem.map(|one| views::of_problem(one.id, one.public_id, &one.title))
            }
            "view" => {
                let view = shelf.views.iter().find(|view| view.public_id == id);
                let view = view.filter(|view| view.owner.is_none_or(|owner| owner == actor.id));
                view.map(|view| saved_view(view, actor, &directory, &shelf))
            }
            _ => None,
        })
    }

    /// The lists beside which a number stands.
    pub(crate) async fn counted_views(&self, actor: &Actor) -> Result<Vec<ListView>> {
        let (shelf, directory) = (self.shelf().await?, self.accounts.directory().await?);
        let standing = Standing::WORK.into_iter().filter(|view| view.is_counted());
        let saved = shelf
            .views
            .iter()
            .filter(|view| view.owner.is_none_or(|owner| owner == actor.id))
            .map(|view| saved_view(view, actor, &directory, &shelf));
        let known = self.problems(actor).await?;
        let problems = known
            .iter()
            .filter(|one| !one.is_fixed)
            .map(|one| views::of_problem(one.id, one.public_id, &one.title))
            .take(PROBLEMS_SHOWN);
        let inboxes =
            directory.inboxes().filter(|inbox| actor.may_see(inbox.id)).map(view_of_inbox);
        Ok(standing
            .map(|view| view.view(actor.id))
            .chain(saved)
            .chain(problems)
            .chain(inboxes)
            .collect())
    }

    /// The numbers beside the lists, counted again only when something changed.
    pub(crate) async fn counts(&self, actor: &Actor) -> Result<Arc<Counts>> {
        let versions = (self.hub().tickets_version(), self.hub().settings_version());
        if let Some(known) = self.known_counts().get(&actor.id)
            && known.versions == versions
        {
            return Ok(Arc::clone(&known.counts));
        }
        let views = self.counted_views(actor).await?;
        let mut cheap = self.numbers(actor, &views, Cost::Little).await?.into_iter();
        let mut costly = self.numbers(actor, &views, Cost::Much).await?.into_iter();
        let mut counts = Counts::with_capacity(views.len());
        for view in views {
            let count = match Cost::of(&view.filter) {
                Cost::Little => cheap.next(),
                Cost::Much => costly.next(),
                Cost::Words => {
                    let conn = self.db().read_within(finding::LIMIT).await?;
                    finding::count(&conn, reader(actor), &view.filter).await?
                }
            };
            counts.push((view.key, count));
        }
        let counts = Arc::new(counts);
        let counted = Counted { versions, counts: Arc::clone(&counts) };
        self.known_counts().insert(actor.id, counted);
        Ok(counts)
    }

    /// The numbers of the lists of one cost, in their order; nothing where they cost too much.
    async fn numbers(&self, actor: &Actor, views: &[ListView], cost: Cost) -> Result<Vec<Count>> {
        let filters = views.iter().map(|view| &view.filter);
        let filters: Vec<Filter> = filters.filter(|one| Cost::of(one) == cost).cloned().collect();
        if filters.is_empty() {
            return Ok(Vec::new());
        }
        let conn = self.db().read_list().await?;
        match lists::count(&conn, reader(actor), &filters).await {
            Err(fault) if database::took_too_long(&fault) => Ok(Vec::new()),
            numbers => numbers,
        }
    }

    fn known_counts(&self) -> MutexGuard<'_, HashMap<AgentId, Counted>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A query in the words of somebody, on top of a list.
    pub(crate) async fn narrow(
        &self,
        actor: &Actor,
        base: Filter,
        query: &str,
    ) -> Result<(Filter, Vec<NotUnderstood>)> {
        let (shelf, directory) = (self.shelf().await?, self.accounts.directory().await?);
        let problems = self.problems(actor).await?;
        let names = known(actor, &directory, &shelf, &problems);
        let zone = actor.when(self.now()).zone;
        Ok(Filter::narrow(base, query, &names, &zone))
    }
}

/// What somebody may see, as lists ask for it.
pub(crate) fn reader(actor: &Actor) -> Reader<'_> {
    Reader::of(actor)
}

fn known<'k>(
    actor: &'k Actor,
    directory: &'k Directory,
    shelf: &'k Shelf,
    problems: &'k [Problem],
) -> Known<'k> {
    Known { actor, directory, categories: &shelf.categories, problems }
}

pub(crate) fn view_of_inbox(inbox: &accounts::Inbox) -> ListView {
    let icon = match inbox.kind {
        accounts::InboxKind::Email => "mail",
        accounts::InboxKind::Form => "file-text",
        accounts::InboxKind::Api => "webhook",
    };
    views::of_inbox(inbox.id, inbox.public_id, &inbox.name, icon)
}

/// A view that somebody made, read again for each reader: "me" is whoever looks.
pub(crate) fn saved_view(
    view: &View,
    actor: &Actor,
    directory: &Directory,
    shelf: &Shelf,
) -> ListView {
    let zone = actor.when(kernel::Timestamp::from_seconds(0)).zone;
    let names = known(actor, directory, shelf, &shelf.problems);
    let (filter, _) = Filter::read(&view.query, &names, &zone);
    ListView {
        key: format!("view-{}", view.public_id),
        title: Title::Name(view.name.clone()),
        icon: if view.owner.is_some() { "star" } else { "list-filter" },
        filter,
        sort: view.sort,
    }
}
