//! What a list or a search asks for: `status:open from:jane@… tag:refund "exact phrase"`. Pure.
//!
//! Views are stored in these words, the search field takes them, and so does the API; what is
//! built in says the same as a value.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kernel::{AgentId, CategoryId, CustomerId, InboxId, ProblemId, TeamId, Timestamp};
use search::Term;

use crate::State;
use crate::ticket::{Channel, Priority};

/// Conditions that all have to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub states: StateSet,
    pub assignee: Option<Assignee>,
    pub team: Option<TeamId>,
    pub inbox: Option<InboxId>,
    pub customer: Option<CustomerId>,
    pub category: Option<CategoryId>,
    pub problem: Option<ProblemId>,
    pub priority: Option<Priority>,
    pub channel: Option<Channel>,
    /// Part of the customer's address or name, folded.
    pub from: Vec<String>,
    pub tags: Vec<String>,
    pub not_tags: Vec<String>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    /// Acknowledged, and no person wrote yet.
    pub without_human: bool,
    pub has_attachment: bool,
    pub followed_by: Option<AgentId>,
    pub terms: Vec<Term>,
    /// Something named a thing that does not exist, so nothing can match.
    pub impossible: bool,
}

/// Which states are meant. The sets are those that the indexes know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateSet {
    /// Everything but spam and merged.
    #[default]
    Any,
    NeedsReply,
    Active,
    Done,
    One(State),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignee {
    Agent(AgentId),
    Nobody,
}

/// Names and ids that the words of a query may stand for.
pub trait Names {
    fn me(&self) -> Option<AgentId>;
    fn agent(&self, name: &str) -> Option<AgentId>;
    fn team(&self, name: &str) -> Option<TeamId>;
    fn inbox(&self, name: &str) -> Option<InboxId>;
    fn category(&self, name: &str) -> Option<CategoryId>;
    fn problem(&self, name: &str) -> Option<ProblemId>;
}

/// A word of the query that is not understood; the rest is used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotUnderstood(pub String);

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longer queries are cut: nobody types them.
const QUERY_MAX: usize = 1_000;
const WORDS_MAX: usize = 40;

impl Filter {
    /// Reads a query. Dates are whole days in the reader's zone.
    pub fn read(query: &str, names: &dyn Names, zone: &TimeZone) -> (Self, Vec<NotUnderstood>) {
        Self::narrow(Self::default(), query, names, zone)
    }

    /// Reads a query on top of what a list asks for already.
    pub fn narrow(
        base: Self,
        query: &str,
        names: &dyn Names,
        zone: &TimeZone,
    ) -> (Self, Vec<NotUnderstood>) {
        let mut filter = base;
        let mut unknown = Vec::new();
        let query = query.get(..query.floor_char_boundary(QUERY_MAX)).unwrap_or_default();
        for token in tokens(query).into_iter().take(WORDS_MAX) {
            if !filter.take(&token, names, zone) {
                unknown.push(NotUnderstood(token.text()));
            }
        }
        (filter, unknown)
    }

    /// Uses one token; `false` if it is an operator that says nothing sensible.
    #[expect(clippy::too_many_lines, reason = "one line for each operator")]
    fn take(&mut self, token: &Token, names: &dyn Names, zone: &TimeZone) -> bool {
        let Some(key) = &token.key else {
            let term = if token.is_quoted {
                Term::Phrase(token.value.clone())
            } else {
                Term::Word(token.value.clone())
            };
            self.terms.push(if token.is_negated { Term::Not(Box::new(term)) } else { term });
            return true;
        };
        let value = token.value.to_lowercase();
        if token.is_negated {
            if key == "tag" {
                self.not_tags.push(value);
                return true;
            }
            return false;
        }
        match key.as_str() {
            "status" | "state" | "is" => self.take_state(&value),
            "assignee" | "assigned" => {
                self.assignee = match value.as_str() {
                    "none" | "nobody" => Some(Assignee::Nobody),
                    "me" => names.me().map(Assignee::Agent),
                    name => names.agent(name).map(Assignee::Agent),
                };
                self.require(self.assignee.is_some())
            }
            "team" => {
                self.team = names.team(&value);
                self.require(self.team.is_some())
            }
            "inbox" | "in" => {
                self.inbox = names.inbox(&value);
                self.require(self.inbox.is_some())
            }
            "category" => {
                self.category = names.category(&value);
                self.require(self.category.is_some())
            }
            "priority" => {
                self.priority = Priority::named(&value).ok();
                self.priority.is_some()
            }
            "channel" => {
                let channel = if value == "mail" { "email" } else { &value };
                self.channel = Channel::named(channel).ok();
                self.channel.is_some()
            }
            "from" | "customer" => {
                self.from.push(value);
                true
            }
            "tag" => {
                self.tags.push(value);
                true
            }
            "has" => {
                self.has_attachment |= value == "attachment" || value == "file";
                self.has_attachment
            }
            "before" => {
                self.created_before = day(&value, zone);
                self.created_before.is_some()
            }
            "after" | "since" => {
                self.created_from = day(&value, zone);
                self.created_from.is_some()
            }
            "problem" => {
                self.problem = names.problem(&value);
                self.require(self.problem.is_some())
            }
            "follows" | "following" => {
                self.followed_by = names.me();
                true
            }
            _ => {
                // Not one of ours: `http:` in an address is text.
                self.terms.push(Term::Phrase(token.text()));
                true
            }
        }
    }

    fn take_state(&mut self, value: &str) -> bool {
        self.states = match value {
            "open" | "unanswered" | "needs-reply" => StateSet::NeedsReply,
            "active" => StateSet::Active,
            "done" | "solved" => StateSet::Done,
            "waiting" | "pending" => StateSet::One(State::WaitingCustomer),
            "hold" | "on-hold" => StateSet::One(State::OnHold),
            "any" | "all" => StateSet::Any,
            "unacknowledged" | "without-human" => {
                self.without_human = true;
                StateSet::Active
            }
            name => match State::named(&name.replace('-', "_")) {
                Ok(state) => StateSet::One(state),
                Err(_) => return false,
            },
        };
        true
    }

    /// Notes that a named thing does not exist: then nothing matches, rather than everything.
    fn require(&mut self, found: bool) -> bool {
        self.impossible |= !found;
        found
    }
}

fn day(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let date: Date = text.parse().ok()?;
    Some(date.to_zoned(zone.clone()).ok()?.timestamp().into())
}

#[derive(Debug, PartialEq, Eq)]
struct Token {
    key: Option<String>,
    value: String,
    is_quoted: bool,
    is_negated: bool,
}

impl Token {
    fn text(&self) -> String {
        match &self.key {
            Some(key) => format!("{key}:{}", self.value),
            None => self.value.clone(),
        }
    }
}

/// Cuts a query at blanks, keeping what is in quotes together.
fn tokens(query: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = query.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return tokens;
        }
        let is_negated = chars.next_if_eq(&'-').is_some();
        let mut key = None;
        let mut value = String::new();
        let mut is_quoted = false;
        while let Some(c) = chars.next_if(|c| is_quoted || !c.is_whitespace()) {
            match c {
                '"' | '“' | '”' if is_quoted => break,
                '"' | '“' | '”' if value.is_empty() => is_quoted = true,
                ':' if key.is_none() && !is_quoted && is_key(&value) => {
                    key = Some(std::mem::take(&mut value).to_lowercase());
                }
                _ => value.push(c),
            }
        }
        if !value.trim().is_empty() {
            tokens.push(Token { key, value, is_quoted, is_negated });
        }
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= 12 && text.chars().all(|c| c.is_ascii_alphabetic())
}

/// How a list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What is due first.
    #[default]
    Due,
    Newest,
    Oldest,
}

impl Sort {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }

    pub fn named(text: &str) -> Option<Self> {
        match text {
            "due" => Some(Self::Due),
            "newest" => Some(Self::Newest),
            "oldest" => Some(Self::Oldest),
            _ => None,
        }
    }
}

/// A place in a list: the sort key and id of the last row that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub key: i64,
    pub id: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.key, self.id)
    }
}

impl Cursor {
    pub fn read(text: &str) -> Option<Self> {
        let (key, id) = text.split_once('.')?;
        Some(Self { key: key.parse().ok()?, id: id.parse().ok()? })
    }
}
