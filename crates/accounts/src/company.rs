//! The company that runs this installation.

use anyhow::Result;
use database::{Conn, Tx};
use kernel::{EmailAddress, Timestamp};
use keys::Keys;
use live::Change;
use serde::{Deserialize, Serialize};
use ui::Brand;

use crate::store::settings;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Company {
    pub name: String,
    /// The hue of public pages and mails, 0 to 359.
    pub hue: u16,
    pub website: String,
    pub imprint: String,
    pub time_zone: String,
    pub language: String,
    /// None until the first set-up is done.
    pub set_up_at: Option<Timestamp>,
    pub system_mail: SystemMail,
}

/// By which way mail of the system itself leaves: invitations, links, notifications.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum SystemMail {
    /// Through the first inbox that can send.
    #[default]
    AnyInbox,
    Inbox {
        inbox: i64,
    },
    /// Through a mail server of its own.
    Server {
        from: EmailAddress,
        host: String,
        port: u16,
        tls: String,
        user: String,
        /// Sealed with the key file for the place `system mail`.
        password: String,
    },
}

impl Default for Company {
    fn default() -> Self {
        Self {
            name: String::new(),
            hue: 218,
            website: String::new(),
            imprint: String::new(),
            time_zone: "UTC".to_owned(),
            language: "en".to_owned(),
            set_up_at: None,
            system_mail: SystemMail::AnyInbox,
        }
    }
}

impl Company {
    pub fn brand(&self) -> Brand {
        Brand {
            company: self.name.clone(),
            hue: self.hue,
            website: self.website.clone(),
            imprint: self.imprint.clone(),
        }
    }

    pub async fn load(conn: &Conn) -> Result<Self> {
        Ok(match settings::read(conn, NAME).await? {
            Some(json) => serde_json::from_str(&json)?,
            None => Self::default(),
        })
    }

    pub async fn save(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        settings::write(tx, NAME, &serde_json::to_string(self)?, now).await?;
        tx.announce(Change::Settings);
        Ok(())
    }
}

/// What the password of the mail server of the system is sealed for.
pub(crate) const PASSWORD_PLACE: &str = "system mail";

/// Seals what is kept here with the key of today, and says how much that was.
pub(crate) async fn seal_anew(tx: &mut Tx, keys: &Keys, now: Timestamp) -> Result<u64> {
    let mut company = Company::load(tx).await?;
    let SystemMail::Server { password, .. } = &mut company.system_mail else { return Ok(0) };
    if password.is_empty() {
        return Ok(0);
    }
    let Some(anew) = keys.seal_anew(PASSWORD_PLACE, password)? else { return Ok(0) };
    *password = anew;
    company.save(tx, now).await?;
    Ok(1)
}

/// Under which it is stored.
const NAME: &str = "company";
