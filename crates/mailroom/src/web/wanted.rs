//! What the form of an inbox asks for, and what of it is kept sealed.

use accounts::NewInbox;
use kernel::{InboxId, Secret, Span, Timestamp};
use keys::Keys;

use crate::connection::{AfterFetch, Connection, Endpoint, Oauth, Tls, place};

/// Of the time before the last look so much is looked at again: another server may date its mail
/// earlier, and what is here already is recognised.
const LOOKED_AT_AGAIN: Span = Span::days(1);

/// What the form asks for, checked.
pub(super) struct Wanted {
    pub(super) inbox: NewInbox,
    pub(super) imap: Option<Server>,
    pub(super) smtp: Option<Server>,
    pub(super) folder: String,
    pub(super) after_fetch: AfterFetch,
    pub(super) history_from: Option<Timestamp>,
    pub(super) oauth: Option<App>,
    pub(super) plus_addresses: bool,
    pub(super) trusted_host: Option<String>,
}

/// A server, with the password if one was typed.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) user: String,
    pub(super) password: String,
}

pub(super) struct App {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) authorize_url: String,
    pub(super) token_url: String,
    pub(super) scope: String,
}

impl Server {
    /// Whether it is the place that a secret was given for.
    fn is_at(&self, endpoint: &Endpoint) -> bool {
        (self.host.as_str(), self.port, self.user.as_str())
            == (endpoint.host.as_str(), endpoint.port, endpoint.user.as_str())
    }

    /// A password that was given for an encrypted connection is never sent over an open one.
    fn may_reuse(&self, endpoint: &Endpoint) -> bool {
        self.is_at(endpoint) && (self.tls != Tls::None || endpoint.tls == Tls::None)
    }
}

impl App {
    pub(super) fn is_at(&self, oauth: &Oauth) -> bool {
        self.client_id == oauth.client_id && self.token_url == oauth.token_url
    }

    fn is_same(&self, oauth: &Oauth) -> bool {
        self.is_at(oauth) && self.authorize_url == oauth.authorize_url && self.scope == oauth.scope
    }
}

/// Whether a password is there that was given for exactly this server and user, and may be sent
/// to it.
pub(super) fn kept(server: &Server, before: Option<&Endpoint>) -> bool {
    before.is_some_and(|endpoint| server.may_reuse(endpoint) && endpoint.password.is_some())
}

impl Wanted {
    pub(super) fn uses_oauth(&self) -> bool {
        self.oauth.is_some()
    }

    /// Whether mail is fetched from another place than before.
    pub(super) fn fetches_elsewhere(&self, before: &Connection) -> bool {
        match (&self.imap, &before.imap) {
            (Some(server), Some(endpoint)) => {
                !server.is_at(endpoint) || self.folder != before.folder
            }
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// From when on mail counts as new. What came since the last successful look is new at another
    /// place, too; what was there before the inbox was connected never is.
    pub(super) fn fetch_from(
        &self,
        before: &Connection,
        looked_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if !self.fetches_elsewhere(before) {
            return before.fetch_from;
        }
        if before.imap.is_none() {
            return Some(now);
        }
        before.fetch_from.max(looked_at.map(|at| at - LOOKED_AT_AGAIN))
    }

    /// The settings as they are to be kept. Secrets that were not entered again stay, but only
    /// for the host, port and user that they were given for.
    pub(super) fn connection(
        &self,
        before: &Connection,
        keys: &Keys,
        inbox: InboxId,
        fetch_from: Option<Timestamp>,
    ) -> Connection {
        let endpoint = |server: &Server, before: Option<&Endpoint>, what: &str| {
            let typed = !server.password.is_empty();
            let password = if self.oauth.is_some() {
                None
            } else if typed {
                Some(keys.seal(&place(inbox, what), &Secret::new(server.password.clone())))
            } else {
                before.filter(|one| server.may_reuse(one)).and_then(|one| one.password.clone())
            };
            Endpoint {
                host: server.host.clone(),
                port: server.port,
                tls: server.tls,
                user: server.user.clone(),
                password,
            }
        };
        Connection {
            imap: self.imap.as_ref().map(|one| endpoint(one, before.imap.as_ref(), "imap")),
            folder: self.folder.clone(),
            after_fetch: self.after_fetch.clone(),
            fetch_from,
            history_from: self.history_from,
            smtp: self.smtp.as_ref().map(|one| endpoint(one, before.smtp.as_ref(), "smtp")),
            oauth: self.oauth.as_ref().map(|app| self.permission(app, before, keys, inbox)),
            plus_addresses: self.plus_addresses,
            dkim_selector: before.dkim_selector.clone(),
            dkim_key: before.dkim_key.clone(),
            trusted_host: self.trusted_host.clone(),
        }
    }

    fn permission(&self, app: &App, before: &Connection, keys: &Keys, inbox: InboxId) -> Oauth {
        let known = before.oauth.as_ref();
        let client_secret = if app.client_secret.is_empty() {
            let kept = known.filter(|oauth| app.is_at(oauth));
            kept.map(|oauth| oauth.client_secret.clone()).unwrap_or_default()
        } else {
            keys.seal(&place(inbox, "oauth client"), &Secret::new(app.client_secret.clone()))
        };
        // A token goes to the mail servers, so it stays only while they are the same.
        let stays = |server: &Option<Server>, before: &Option<Endpoint>| match (server, before) {
            (Some(server), Some(endpoint)) => server.is_at(endpoint),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let same_places = stays(&self.imap, &before.imap) && stays(&self.smtp, &before.smtp);
        let tokens = known.filter(|oauth| same_places && app.is_same(oauth));
        Oauth {
            client_id: app.client_id.clone(),
            client_secret,
            authorize_url: app.authorize_url.clone(),
            token_url: app.token_url.clone(),
            scope: app.scope.clone(),
            refresh_token: tokens.and_then(|oauth| oauth.refresh_token.clone()),
            access_token: tokens.and_then(|oauth| oauth.access_token.clone()),
            expires_at: tokens.and_then(|oauth| oauth.expires_at),
            refused: tokens.and_then(|oauth| oauth.refused.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_where_it_was_given_for() {
        let server = |tls, user: &str| Server {
            host: "mail.example".to_owned(),
            port: 993,
            tls,
            user: user.to_owned(),
            password: String::new(),
        };
        let endpoint = |tls| Endpoint {
            host: "mail.example".to_owned(),
            port: 993,
            tls,
            user: "desk".to_owned(),
            password: Some("sealed".to_owned()),
        };
        for (now, before, stays) in [
            (Tls::Implicit, Tls::Implicit, true),
            (Tls::StartTls, Tls::Implicit, true),
            (Tls::Implicit, Tls::None, true),
            (Tls::None, Tls::None, true),
            (Tls::None, Tls::StartTls, false),
            (Tls::None, Tls::Implicit, false),
        ] {
            let before = endpoint(before);
            assert_eq!(kept(&server(now, "desk"), Some(&before)), stays, "{before:?} to {now:?}");
            assert!(!kept(&server(now, "other"), Some(&before)));
        }
        assert!(!kept(&server(Tls::Implicit, "desk"), None));
    }
}
