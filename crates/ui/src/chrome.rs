//! The frame around an agent's page.

use kernel::{AgentId, PublicId};

use crate::{Brand, Markup, When, Words};

/// Everything in the frame: made once a request, by the one who knows the views and counts.
#[derive(Clone)]
pub struct Chrome {
    pub brand: Brand,
    pub words: Words,
    pub when: When,
    pub appearance: Appearance,
    pub me: Me,
    pub nav: Vec<NavGroup>,
    /// The list beside pages of settings; empty elsewhere.
    pub subnav: Vec<NavGroup>,
    /// How many tickets need a reply.
    pub waiting: Count,
    pub unread_notifications: i64,
    /// Whether this person may write to customers.
    pub may_write: bool,
    /// The disk is full, and this person can do something about it.
    pub disk_is_full: bool,
}

impl Chrome {
    /// A text of the catalogue without arguments.
    pub fn t<'c>(&'c self, key: &'c str) -> &'c str {
        self.words.t(key)
    }

    /// A field that names a form, each time anew: what is sent twice under one name is done once.
    pub fn form_key(&self) -> Markup {
        let key = PublicId::new(self.when.now);
        Markup::trusted(format!(r#"<input type="hidden" name="key" value="{key}">"#))
    }
}

#[derive(Clone, Debug)]
pub struct Me {
    pub id: AgentId,
    pub name: String,
    pub role: String,
    pub badge: Badge,
}

/// Initials on a tint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    pub initials: String,
    /// 0 to 35: tens of degrees on the colour wheel.
    pub hue: u8,
}

impl Badge {
    /// The badge of a person; the tint depends on nothing but the seed.
    pub fn of(name: &str, seed: i64) -> Self {
        let letters: Vec<char> = name
            .split_whitespace()
            .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()))
            .collect();
        let initials = match letters.as_slice() {
            [] => "?".to_owned(),
            [only] => only.to_uppercase().collect(),
            [first, .., last] => [first, last].iter().flat_map(|c| c.to_uppercase()).collect(),
        };
        // Neighbours in the list of people should not look alike.
        let hue = u8::try_from((seed.unsigned_abs() % 36 * 23 + 6) % 36).unwrap_or(0);
        Self { initials, hue }
    }
}

#[derive(Clone, Debug)]
pub struct NavGroup {
    pub title: Option<String>,
    pub links: Vec<NavLink>,
}

#[derive(Clone, Debug)]
pub struct NavLink {
    /// Names the count, so that it can be replaced while the page is open.
    pub key: String,
    pub href: String,
    pub icon: &'static str,
    pub label: String,
    pub count: Option<Count>,
    pub is_current: bool,
    pub hotkey: Option<&'static str>,
}

/// A number that stops counting where it stops mattering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub i64);

impl Count {
    /// Nobody works through more; counting further only costs time.
    pub const MAX: i64 = 999;
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 > Self::MAX { write!(f, "{}+", Self::MAX) } else { write!(f, "{}", self.0) }
    }
}

/// How somebody likes to look at it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Appearance {
    pub theme: String,
    pub density: String,
    pub font: String,
    pub hotkeys: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            density: "normal".to_owned(),
            font: "hanken".to_owned(),
            hotkeys: true,
        }
    }
}

/// A step of the set-up, as the list beside its pages shows it.
#[derive(Clone, Debug)]
pub struct SetUpStep {
    /// The key of its name.
    pub title: &'static str,
    /// What was entered there.
    pub note: String,
    pub is_done: bool,
    pub is_now: bool,
}
