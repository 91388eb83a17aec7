//! Permissions of providers: stored, refreshed before they end, and missed loudly.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use database::Db;
use egress::Http;
use email::Credentials;
use email::oauth::{App, OauthFault, Provider, Tokens, refresh};
use kernel::{InboxId, Secret, SharedClock, Span};
use keys::Keys;
use tokio::sync::Mutex;

use crate::connection::{Connection, Endpoint, Oauth, place};
use crate::store::connections::save_tokens;

/// Gives credentials for inboxes. Cheap to clone.
#[derive(Clone)]
pub struct Permissions {
    pub db: Db,
    pub clock: SharedClock,
    pub keys: Keys,
    pub http: Http,
    /// One refresh at a time: providers may take the old permission away with it.
    pub turn: Arc<Mutex<()>>,
}

/// A permission is renewed when it ends within this time.
const EARLY: Span = Span::minutes(5);

impl Permissions {
    pub(crate) async fn imap(
        &self,
        inbox: InboxId,
        connection: &Connection,
    ) -> Result<Credentials> {
        let endpoint = connection.imap.as_ref().context("an inbox without IMAP")?;
        self.credentials(inbox, connection, endpoint, "imap").await
    }

    pub(crate) async fn smtp(
        &self,
        inbox: InboxId,
        connection: &Connection,
    ) -> Result<Credentials> {
        let endpoint = connection.smtp.as_ref().context("an inbox without SMTP")?;
        self.credentials(inbox, connection, endpoint, "smtp").await
    }

    async fn credentials(
        &self,
        inbox: InboxId,
        connection: &Connection,
        endpoint: &Endpoint,
        what: &str,
    ) -> Result<Credentials> {
        if connection.oauth.is_none() {
            return endpoint.credentials(&self.keys, &place(inbox, what));
        }
        let token = self.token(inbox).await?;
        Ok(Credentials::Token { user: endpoint.user.clone(), token })
    }

    /// A token that is good for a while, renewed if need be.
    pub(crate) async fn token(&self, inbox: InboxId) -> Result<Secret> {
        let _turn = self.turn.lock().await;
        // Read anew: somebody may have renewed it while we waited for our turn.
        let connection = Connection::find(&self.db.read().await?, inbox).await?;
        let oauth = connection.and_then(|one| one.oauth).context("an inbox without OAuth")?;
        let now = self.clock.now();
        if let (Some(sealed), Some(expires_at)) = (&oauth.access_token, oauth.expires_at)
            && now + EARLY < expires_at
        {
            return Ok(self.keys.open(&place(inbox, "oauth access"), sealed)?);
        }
        let Some(sealed) = &oauth.refresh_token else {
            bail!("the provider has given no permission yet; connect the inbox");
        };
        let refresh_token = self.keys.open(&place(inbox, "oauth refresh"), sealed)?;
        let app = self.app(inbox, &oauth, String::new())?;
        match refresh(&app, &refresh_token, &self.http).await {
            Ok(tokens) => {
                let access = tokens.access.clone();
                self.keep(inbox, &oauth, tokens).await?;
                Ok(access)
            }
            Err(fault) => {
                self.note_refusal(inbox, &oauth, &fault).await?;
                Err(fault.into())
            }
        }
    }

    /// This installation as the provider knows it.
    pub(crate) fn app(&self, inbox: InboxId, oauth: &Oauth, redirect_url: String) -> Result<App> {
        let client_secret = if oauth.client_secret.is_empty() {
            Secret::new("")
        } else {
            self.keys.open(&place(inbox, "oauth client"), &oauth.client_secret)?
        };
        Ok(App {
            provider: Provider {
                name: "the mail provider".to_owned(),
                authorize_url: oauth.authorize_url.clone(),
                token_url: oauth.token_url.clone(),
                scopes: oauth.scope.split_whitespace().map(str::to_owned).collect(),
                extra: vec![
                    ("access_type".to_owned(), "offline".to_owned()),
                    ("prompt".to_owned(), "consent".to_owned()),
                ],
            },
            client_id: oauth.client_id.clone(),
            client_secret,
            redirect_url,
        })
    }

    /// Stores what the provider handed out. Providers do not always send the refresh token again.
    pub(crate) async fn keep(&self, inbox: InboxId, oauth: &Oauth, tokens: Tokens) -> Result<()> {
        let seal = |what: &str, secret: &Secret| self.keys.seal(&place(inbox, what), secret);
        let renewed = tokens.refresh.as_ref().map(|token| seal("oauth refresh", token));
        let stored = Oauth {
            refresh_token: renewed.or_else(|| oauth.refresh_token.clone()),
            access_token: Some(seal("oauth access", &tokens.access)),
            expires_at: Some(
                self.clock.now() + Span::seconds(i64::from(tokens.expires_in_seconds)),
            ),
            refused: None,
            ..oauth.clone()
        };
        let mut tx = self.db.begin().await?;
        save_tokens(&mut tx, inbox, &stored).await?;
        tx.commit().await
    }

    async fn note_refusal(&self, inbox: InboxId, oauth: &Oauth, fault: &OauthFault) -> Result<()> {
        if !fault.is_permanent() {
            return Ok(());
        }
        tracing::error!(%inbox, "the provider refused the permission of inbox {inbox}: {fault}");
        let refused = Oauth { refused: Some(fault.to_string()), ..oauth.clone() };
        let mut tx = self.db.begin().await?;
        save_tokens(&mut tx, inbox, &refused).await?;
        tx.announce(live::Change::Settings);
        tx.commit().await
    }
}
