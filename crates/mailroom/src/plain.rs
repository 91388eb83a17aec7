//! A connection as somebody enters it, and how it is sealed.

use anyhow::Result;
use database::Tx;
use kernel::{InboxId, Secret, Timestamp};
use keys::Keys;

use crate::connection::{Connection, Endpoint, Oauth, Tls, place};

/// The settings of a new connection, with secrets that are still open.
#[derive(Clone, Debug, Default)]
pub struct PlainConnection {
    pub imap: Option<PlainEndpoint>,
    pub smtp: Option<PlainEndpoint>,
    pub oauth: Option<PlainOauth>,
}

#[derive(Clone, Debug)]
pub struct PlainEndpoint {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub user: String,
    pub password: Option<Secret>,
}

/// A permission that was given elsewhere.
#[derive(Clone, Debug)]
pub struct PlainOauth {
    pub client_id: String,
    pub client_secret: Secret,
    pub token_url: String,
    pub refresh_token: Secret,
}

/// Connects an inbox for the first time: mail is taken from now on.
pub async fn connect(
    tx: &mut Tx,
    keys: &Keys,
    inbox: InboxId,
    plain: &PlainConnection,
    now: Timestamp,
) -> Result<()> {
    let connection = Connection {
        imap: plain.imap.as_ref().map(|one| one.sealed(keys, &place(inbox, "imap"))),
        smtp: plain.smtp.as_ref().map(|one| one.sealed(keys, &place(inbox, "smtp"))),
        oauth: plain.oauth.as_ref().map(|one| one.sealed(keys, inbox)),
        // Servers date mail in whole seconds.
        fetch_from: plain.imap.is_some().then(|| Timestamp::from_seconds(now.seconds())),
        ..Connection::default()
    };
    connection.save(tx, inbox, now).await
}

impl PlainEndpoint {
    fn sealed(&self, keys: &Keys, place: &str) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            port: self.port,
            tls: self.tls,
            user: self.user.clone(),
            password: self.password.as_ref().map(|password| keys.seal(place, password)),
        }
    }
}

impl PlainOauth {
    fn sealed(&self, keys: &Keys, inbox: InboxId) -> Oauth {
        let seal = |what: &str, secret: &Secret| keys.seal(&place(inbox, what), secret);
        Oauth {
            client_id: self.client_id.clone(),
            client_secret: if self.client_secret.is_empty() {
                String::new()
            } else {
                seal("oauth client", &self.client_secret)
            },
            authorize_url: String::new(),
            token_url: self.token_url.clone(),
            scope: String::new(),
            refresh_token: Some(seal("oauth refresh", &self.refresh_token)),
            access_token: None,
            expires_at: None,
            refused: None,
        }
    }
}
