//! What a person set for themselves.

use serde::{Deserialize, Serialize};
use ui::Appearance;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    pub appearance: Appearance,
    pub notify: Notify,
}

/// By which ways somebody hears of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notify {
    pub new_ticket: Ways,
    pub assigned: Ways,
    pub mentioned: Ways,
    pub replied: Ways,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ways {
    pub app: bool,
    pub browser: bool,
    pub mail: bool,
}

impl Ways {
    const NONE: Self = Self { app: false, browser: false, mail: false };
    const SEEN: Self = Self { app: true, browser: true, mail: false };
    const ALL: Self = Self { app: true, browser: true, mail: true };

    pub fn any(self) -> bool {
        self.app || self.browser || self.mail
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            new_ticket: Ways::NONE,
            assigned: Ways::SEEN,
            mentioned: Ways::ALL,
            replied: Ways::SEEN,
        }
    }
}
