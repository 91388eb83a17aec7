//! What every handler knows about the installation.

use std::sync::Arc;

use kernel::{SharedClock, Timestamp};

use crate::{Catalog, Words};

/// The installation as pages see it. Cheap to clone.
#[derive(Clone)]
pub struct Site {
    pub catalog: Arc<Catalog>,
    pub clock: SharedClock,
    /// Without a slash at the end.
    pub base_url: Arc<str>,
    /// Whether cookies may ask for HTTPS.
    pub is_https: bool,
}

impl Site {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn words(&self, tag: &str) -> Words {
        self.catalog.words(tag)
    }

    /// The whole address of a local path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}

/// Whose pages these are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    pub company: String,
    /// 0 to 359; the colours follow from it.
    pub hue: u16,
    pub website: String,
    /// The line under public pages and mails.
    pub imprint: String,
}

impl Brand {
    /// The address of the website, if it is one that a browser should follow.
    pub fn link(&self) -> Option<String> {
        let website = self.website.trim();
        if website.is_empty() {
            None
        } else if website.starts_with("https://") || website.starts_with("http://") {
            Some(website.to_owned())
        } else if website.contains(':') || website.contains(char::is_whitespace) {
            None
        } else {
            Some(format!("https://{website}"))
        }
    }
}
