//! The form of an inbox: what was entered, and whether it makes sense. Pure.

use accounts::{InboxKind, NewInbox};
use email::oauth::Provider;
use kernel::{EmailAddress, Timestamp};
use serde::Deserialize;
use ui::{Problems, Words};

use super::wanted::{App, Server, Wanted, kept};
use crate::connection::{AfterFetch, Connection, Tls};

/// The fields as the browser sends them. Secrets only ever come in.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct InboxForm {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) sender_name: String,
    pub(super) signature: String,
    /// Minutes.
    pub(super) reply_within: String,
    pub(super) acknowledges: String,
    /// `imap` or `handed`.
    pub(super) incoming: String,
    pub(super) imap_host: String,
    pub(super) imap_port: String,
    pub(super) imap_tls: String,
    pub(super) imap_user: String,
    pub(super) imap_password: String,
    pub(super) folder: String,
    /// `leave`, `seen` or `move`.
    pub(super) after_fetch: String,
    pub(super) move_to: String,
    /// `now` or `history`.
    pub(super) begin: String,
    pub(super) history_from: String,
    /// `smtp` or `none`.
    pub(super) outgoing: String,
    pub(super) smtp_host: String,
    pub(super) smtp_port: String,
    pub(super) smtp_tls: String,
    pub(super) smtp_user: String,
    pub(super) smtp_password: String,
    /// `password`, `google`, `microsoft` or `own`.
    pub(super) auth: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) authorize_url: String,
    pub(super) token_url: String,
    pub(super) scope: String,
    pub(super) plus_addresses: String,
    pub(super) trusted_host: String,
}

fn on(is_on: bool) -> String {
    if is_on { "on".to_owned() } else { String::new() }
}

impl InboxForm {
    /// What most people want.
    pub(super) fn blank(company: &str) -> Self {
        Self {
            sender_name: company.to_owned(),
            reply_within: "1440".to_owned(),
            acknowledges: on(true),
            incoming: "imap".to_owned(),
            imap_port: "993".to_owned(),
            imap_tls: "implicit".to_owned(),
            folder: "INBOX".to_owned(),
            after_fetch: "leave".to_owned(),
            begin: "now".to_owned(),
            outgoing: "smtp".to_owned(),
            smtp_port: "587".to_owned(),
            smtp_tls: "starttls".to_owned(),
            auth: "password".to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn of(inbox: &accounts::Inbox, connection: Option<&Connection>) -> Self {
        let form = Self {
            name: inbox.name.clone(),
            address: inbox.address.as_ref().map(ToString::to_string).unwrap_or_default(),
            sender_name: inbox.sender_name.clone(),
            signature: inbox.signature.clone(),
            reply_within: inbox.reply_within_minutes.to_string(),
            acknowledges: on(inbox.acknowledges),
            ..Self::blank("")
        };
        match connection {
            Some(connection) => form.with(connection),
            None => Self { incoming: "handed".to_owned(), outgoing: "none".to_owned(), ..form },
        }
    }

    fn with(mut self, connection: &Connection) -> Self {
        let incoming = if connection.imap.is_some() { "imap" } else { "handed" };
        incoming.clone_into(&mut self.incoming);
        if let Some(imap) = &connection.imap {
            self.imap_host.clone_from(&imap.host);
            self.imap_port = imap.port.to_string();
            imap.tls.as_str().clone_into(&mut self.imap_tls);
            self.imap_user.clone_from(&imap.user);
        }
        self.folder.clone_from(&connection.folder);
        let (after, to) = match &connection.after_fetch {
            AfterFetch::Leave => ("leave", ""),
            AfterFetch::MarkSeen => ("seen", ""),
            AfterFetch::MoveTo(folder) => ("move", folder.as_str()),
        };
        (self.after_fetch, self.move_to) = (after.to_owned(), to.to_owned());
        if let Some(from) = connection.history_from {
            "history".clone_into(&mut self.begin);
            let date = from.in_zone(&jiff::tz::TimeZone::UTC);
            self.history_from = date.strftime("%Y-%m-%d").to_string();
        }
        let outgoing = if connection.smtp.is_some() { "smtp" } else { "none" };
        outgoing.clone_into(&mut self.outgoing);
        if let Some(smtp) = &connection.smtp {
            self.smtp_host.clone_from(&smtp.host);
            self.smtp_port = smtp.port.to_string();
            smtp.tls.as_str().clone_into(&mut self.smtp_tls);
            self.smtp_user.clone_from(&smtp.user);
        }
        if let Some(oauth) = &connection.oauth {
            preset(&oauth.token_url).clone_into(&mut self.auth);
            self.client_id.clone_from(&oauth.client_id);
            self.authorize_url.clone_from(&oauth.authorize_url);
            self.token_url.clone_from(&oauth.token_url);
            self.scope.clone_from(&oauth.scope);
        }
        self.plus_addresses = on(connection.plus_addresses);
        self.trusted_host = connection.trusted_host.clone().unwrap_or_default();
        self
    }

    /// Forgets what must not go back to the browser.
    pub(super) fn without_secrets(self) -> Self {
        Self {
            imap_password: String::new(),
            smtp_password: String::new(),
            client_secret: String::new(),
            ..self
        }
    }

    /// What is asked for, if nothing is wrong with it. `before` knows which secrets are there.
    pub(super) fn read(
        &self,
        kind: InboxKind,
        before: &Connection,
        w: &Words,
        problems: &mut Problems,
    ) -> Option<Wanted> {
        let is_mail = kind == InboxKind::Email;
        if is_mail {
            self.read_choices(w, problems);
        }
        let inbox = self.read_inbox(kind, w, problems);
        let oauth = if is_mail { self.read_app(before, w, problems) } else { None };
        let by_password = oauth.is_none();
        let wants_imap = is_mail && self.incoming == "imap";
        let wants_smtp = is_mail && self.outgoing == "smtp";
        let imap = wants_imap.then(|| Typed::imap(self).read(w, problems)).flatten();
        let smtp = wants_smtp.then(|| Typed::smtp(self).read(w, problems)).flatten();
        if let Some(imap) = &imap {
            if imap.user.is_empty() {
                problems.add("imap_user", w.t("server-user-missing"));
            }
            let is_kept = kept(imap, before.imap.as_ref());
            if by_password && imap.password.is_empty() && !is_kept {
                problems.add("imap_password", w.t("server-password-missing"));
            }
        }
        if let Some(smtp) = &smtp {
            let is_kept = kept(smtp, before.smtp.as_ref());
            if by_password && !smtp.user.is_empty() && smtp.password.is_empty() && !is_kept {
                problems.add("smtp_password", w.t("server-password-missing"));
            }
            if !by_password && smtp.user.is_empty() {
                problems.add("smtp_user", w.t("server-user-missing"));
            }
        }
        let after_fetch = self.read_after_fetch(wants_imap, w, problems);
        let history_from = self.read_history(wants_imap, w, problems);
        let trusted_host = kernel::clip(&kernel::one_line(&self.trusted_host), 255);
        let folder = kernel::clip(&kernel::one_line(&self.folder), 200);
        if !problems.is_empty() {
            return None;
        }
        Some(Wanted {
            inbox: inbox?,
            imap,
            smtp,
            folder: if folder.is_empty() { "INBOX".to_owned() } else { folder },
            after_fetch,
            history_from,
            oauth,
            plus_addresses: !self.plus_addresses.is_empty(),
            trusted_host: (!trusted_host.is_empty()).then_some(trusted_host),
        })
    }

    /// Each choice is one of those that the page offers; what is missing or not understood is
    /// refused, and not taken for the one that asks least.
    fn read_choices(&self, w: &Words, problems: &mut Problems) {
        let (imap, smtp) = (self.incoming == "imap", self.outgoing == "smtp");
        let encryptions = ["implicit", "starttls", "none"].as_slice();
        for (is_asked, field, given, known) in [
            (true, "incoming", &self.incoming, ["imap", "handed"].as_slice()),
            (true, "outgoing", &self.outgoing, &["smtp", "none"]),
            (true, "auth", &self.auth, &["password", "google", "microsoft", "own"]),
            (imap, "imap_tls", &self.imap_tls, encryptions),
            (smtp, "smtp_tls", &self.smtp_tls, encryptions),
            (imap, "after_fetch", &self.after_fetch, &["leave", "seen", "move"]),
            (imap, "begin", &self.begin, &["now", "history"]),
        ] {
            if is_asked && !known.contains(&given.as_str()) {
                problems.add(field, w.t("inbox-choice-missing"));
            }
        }
    }

    fn read_inbox(&self, kind: InboxKind, w: &Words, problems: &mut Problems) -> Option<NewInbox> {
        let name = kernel::clip(&kernel::one_line(&self.name), 100);
        if name.is_empty() {
            problems.add("name", w.t("inbox-name-missing"));
        }
        let address = match kind {
            InboxKind::Email => {
                Some(problems.keep("address", self.address.parse::<EmailAddress>())?)
            }
            InboxKind::Form | InboxKind::Api => None,
        };
        let reply_within_minutes = self.reply_within.parse().ok();
        if reply_within_minutes.is_none() {
            problems.add("reply_within", w.t("inbox-reply-wrong"));
        }
        Some(NewInbox {
            name,
            kind,
            address,
            sender_name: kernel::clip(&kernel::one_line(&self.sender_name), 100),
            signature: kernel::clip(self.signature.trim(), 2_000),
            reply_within_minutes: reply_within_minutes?,
            acknowledges: !self.acknowledges.is_empty(),
        })
    }

    fn read_app(&self, before: &Connection, w: &Words, problems: &mut Problems) -> Option<App> {
        let provider = match self.auth.as_str() {
            "google" => Some(Provider::google()),
            "microsoft" => Some(Provider::microsoft("common")),
            "own" => None,
            _ => return None,
        };
        let (authorize_url, token_url, scope) = match provider {
            Some(one) => (one.authorize_url, one.token_url, one.scopes.join(" ")),
            None => (
                self.authorize_url.trim().to_owned(),
                self.token_url.trim().to_owned(),
                kernel::one_line(&self.scope),
            ),
        };
        for (field, url) in [("authorize_url", &authorize_url), ("token_url", &token_url)] {
            let is_web = url.starts_with("https://") || url.starts_with("http://");
            if !is_web || url.contains(char::is_whitespace) || url.contains(['?', '#']) {
                problems.add(field, w.t("oauth-url-wrong"));
            }
        }
        let client_id = self.client_id.trim().to_owned();
        if client_id.is_empty() {
            problems.add("client_id", w.t("oauth-client-missing"));
        }
        let app = App {
            client_id,
            client_secret: self.client_secret.trim().to_owned(),
            authorize_url,
            token_url,
            scope,
        };
        let knows = before
            .oauth
            .as_ref()
            .is_some_and(|oauth| app.is_at(oauth) && !oauth.client_secret.is_empty());
        if app.client_secret.is_empty() && !knows {
            problems.add("client_secret", w.t("oauth-secret-missing"));
        }
        Some(app)
    }

    fn read_after_fetch(&self, is_imap: bool, w: &Words, problems: &mut Problems) -> AfterFetch {
        match self.after_fetch.as_str() {
            "seen" => AfterFetch::MarkSeen,
            "move" => {
                let folder = kernel::clip(&kernel::one_line(&self.move_to), 200);
                if is_imap && (folder.is_empty() || folder.eq_ignore_ascii_case(self.folder.trim()))
                {
                    problems.add("move_to", w.t("inbox-move-missing"));
                }
                AfterFetch::MoveTo(folder)
            }
            _ => AfterFetch::Leave,
        }
    }

    fn read_history(&self, is_imap: bool, w: &Words, problems: &mut Problems) -> Option<Timestamp> {
        if !is_imap || self.begin != "history" {
            return None;
        }
        let date = self.history_from.parse::<jiff::civil::Date>().ok();
        let at = date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
        if at.is_none() {
            problems.add("history_from", w.t("inbox-history-missing"));
        }
        at.map(|at| Timestamp::from_seconds(at.timestamp().as_second()))
    }
}

/// The preset behind a token address.
fn preset(token_url: &str) -> &'static str {
    if token_url == Provider::google().token_url {
        "google"
    } else if token_url == Provider::microsoft("common").token_url {
        "microsoft"
    } else {
        "own"
    }
}

/// The fields of one server as they were typed.
struct Typed<'t> {
    what: [&'static str; 2],
    host: &'t str,
    port: &'t str,
    tls: &'t str,
    user: &'t str,
    password: &'t str,
}

impl<'t> Typed<'t> {
    fn imap(form: &'t InboxForm) -> Self {
        Self {
            what: ["imap_host", "imap_port"],
            host: &form.imap_host,
            port: &form.imap_port,
            tls: &form.imap_tls,
            user: &form.imap_user,
            password: &form.imap_password,
        }
    }

    fn smtp(form: &'t InboxForm) -> Self {
        Self {
            what: ["smtp_host", "smtp_port"],
            host: &form.smtp_host,
            port: &form.smtp_port,
            tls: &form.smtp_tls,
            user: &form.smtp_user,
            password: &form.smtp_password,
        }
    }

    fn read(&self, w: &Words, problems: &mut Problems) -> Option<Server> {
        let [host_field, port_field] = self.what;
        let host = self.host.trim().to_ascii_lowercase();
        let is_name =
            |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        let is_host = !host.is_empty() && host.len() <= 255 && host.chars().all(is_name);
        if !is_host {
            let is_incoming = host_field == "imap_host";
            let key = if is_incoming { "host-wrong-incoming" } else { "host-wrong-outgoing" };
            problems.add(host_field, w.t(key));
        }
        let port = self.port.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port.is_none() {
            problems.add(port_field, w.t("port-wrong"));
        }
        let server = Server {
            host,
            port: port?,
            tls: Tls::named(self.tls).unwrap_or(Tls::Implicit),
            user: kernel::clip(&kernel::one_line(self.user), 320),
            password: self.password.to_owned(),
        };
        is_host.then_some(server)
    }
}
