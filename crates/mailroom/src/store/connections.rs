//! The settings of connections, one row an inbox.

use std::collections::HashMap;

use anyhow::{Context, Result};
use database::{Cols, Conn, FromRow, Sql, Tx, Value, params};
use kernel::{InboxId, Timestamp};
use keys::Keys;
use live::Change;

use crate::connection::{AfterFetch, Connection, Endpoint, Oauth, Tls, place};

const COLUMNS: &str = "imap_host, imap_port, imap_tls, imap_user, imap_password, imap_folder,
    after_fetch, move_to, fetch_from, history_from, smtp_host, smtp_port, smtp_tls, smtp_user,
    smtp_password, auth, oauth_client_id, oauth_client_secret, oauth_authorize_url,
    oauth_token_url, oauth_scope, oauth_refresh_token, oauth_access_token, oauth_expires_at,
    oauth_refused, plus_addresses, dkim_selector, dkim_key, trusted_host";

fn endpoint(cols: &mut Cols<'_>) -> Result<Option<Endpoint>> {
    let host: Option<String> = cols.next()?;
    let port: Option<i64> = cols.next()?;
    let tls: Option<String> = cols.next()?;
    let user: Option<String> = cols.next()?;
    let password = cols.next()?;
    let (Some(host), Some(port), Some(tls)) = (host, port, tls) else { return Ok(None) };
    Ok(Some(Endpoint {
        host,
        port: u16::try_from(port).context("a port")?,
        tls: Tls::named(&tls)?,
        user: user.unwrap_or_default(),
        password,
    }))
}

impl FromRow for Connection {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        let imap = endpoint(cols)?;
        let folder = cols.next()?;
        let after_fetch: String = cols.next()?;
        let move_to: Option<String> = cols.next()?;
        let after_fetch = match (after_fetch.as_str(), move_to) {
            ("seen", _) => AfterFetch::MarkSeen,
            ("move", Some(folder)) => AfterFetch::MoveTo(folder),
            _ => AfterFetch::Leave,
        };
        let (fetch_from, history_from) = (cols.next()?, cols.next()?);
        let smtp = endpoint(cols)?;
        let uses_oauth = cols.next::<String>()? == "xoauth2";
        let client_id: Option<String> = cols.next()?;
        let client_secret: Option<String> = cols.next()?;
        let authorize_url: Option<String> = cols.next()?;
        let token_url: Option<String> = cols.next()?;
        let scope: Option<String> = cols.next()?;
        let oauth = Oauth {
            client_id: client_id.unwrap_or_default(),
            client_secret: client_secret.unwrap_or_default(),
            authorize_url: authorize_url.unwrap_or_default(),
            token_url: token_url.unwrap_or_default(),
            scope: scope.unwrap_or_default(),
            refresh_token: cols.next()?,
            access_token: cols.next()?,
            expires_at: cols.next()?,
            refused: cols.next()?,
        };
        Ok(Self {
            imap,
            folder,
            after_fetch,
            fetch_from,
            history_from,
            smtp,
            oauth: uses_oauth.then_some(oauth),
            plus_addresses: cols.next()?,
            dkim_selector: cols.next()?,
            dkim_key: cols.next()?,
            trusted_host: cols.next()?,
        })
    }
}

/// By which server, host and port, the letters of each inbox leave that has one.
pub(crate) async fn smtp_servers(conn: &Conn) -> Result<Vec<(InboxId, String, u16)>> {
    let rows: Vec<(InboxId, String, i64)> = conn
        .all(
            "select inbox_id, smtp_host, smtp_port from mail_connections
              where smtp_host is not null and smtp_port is not null",
            params![],
        )
        .await?;
    let named = |(inbox, host, port)| Ok((inbox, host, u16::try_from(port).context("a port")?));
    rows.into_iter().map(named).collect()
}

impl Connection {
    pub async fn find(conn: &Conn, inbox: InboxId) -> Result<Option<Self>> {
        let mut sql = Sql::new("select ");
        sql.push(COLUMNS).push(" from mail_connections where inbox_id = ").bind(inbox);
        conn.optional_sql(sql).await
    }

    pub(crate) async fn fetched(conn: &Conn) -> Result<Vec<InboxId>> {
        conn.column(
            "select c.inbox_id from mail_connections c join inboxes i on i.id = c.inbox_id
              where c.imap_host is not null and i.archived_at is null order by c.inbox_id",
            params![],
        )
        .await
    }

    /// The first inbox that can send, for mail of the system.
    pub(crate) async fn first_sender(conn: &Conn) -> Result<Option<InboxId>> {
        let row: Option<(InboxId,)> = conn
            .optional(
                "select c.inbox_id from mail_connections c join inboxes i on i.id = c.inbox_id
                  where c.smtp_host is not null and i.archived_at is null
                    and i.address is not null
                  order by c.inbox_id limit 1",
                params![],
            )
            .await?;
        Ok(row.map(|(inbox,)| inbox))
    }

    pub async fn save(&self, tx: &mut Tx, inbox: InboxId, now: Timestamp) -> Result<()> {
        let (after_fetch, move_to) = match &self.after_fetch {
            AfterFetch::Leave => ("leave", None),
            AfterFetch::MarkSeen => ("seen", None),
            AfterFetch::MoveTo(folder) => ("move", Some(folder.clone())),
        };
        let imap = self.imap.as_ref();
        let smtp = self.smtp.as_ref();
        let oauth = self.oauth.as_ref();
        tx.send("delete from mail_connections where inbox_id = $1", params![inbox]).await?;
        tx.send(
            "insert into mail_connections (inbox_id, imap_host, imap_port, imap_tls, imap_user,
                imap_password, imap_folder, after_fetch, move_to, fetch_from, history_from,
                smtp_host, smtp_port, smtp_tls, smtp_user, smtp_password, auth, oauth_client_id,
                oauth_client_secret, oauth_authorize_url, oauth_token_url, oauth_scope,
                oauth_refresh_token, oauth_access_token, oauth_expires_at, oauth_refused,
                plus_addresses, dkim_selector, dkim_key, trusted_host, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)",
            params![
                inbox,
                imap.map(|one| one.host.clone()),
                imap.map(|one| i64::from(one.port)),
                imap.map(|one| one.tls.as_str()),
                imap.map(|one| one.user.clone()),
                imap.and_then(|one| one.password.clone()),
                if self.folder.is_empty() { "INBOX" } else { &self.folder },
                after_fetch,
                move_to,
                self.fetch_from,
                self.history_from,
                smtp.map(|one| one.host.clone()),
                smtp.map(|one| i64::from(one.port)),
                smtp.map(|one| one.tls.as_str()),
                smtp.map(|one| one.user.clone()),
                smtp.and_then(|one| one.password.clone()),
                if oauth.is_some() { "xoauth2" } else { "password" },
                oauth.map(|one| one.client_id.clone()),
                oauth.map(|one| one.client_secret.clone()),
                oauth.map(|one| one.authorize_url.clone()),
                oauth.map(|one| one.token_url.clone()),
                oauth.map(|one| one.scope.clone()),
                oauth.and_then(|one| one.refresh_token.clone()),
                oauth.and_then(|one| one.access_token.clone()),
                oauth.and_then(|one| one.expires_at),
                oauth.and_then(|one| one.refused.clone()),
                self.plus_addresses,
                self.dkim_selector.clone(),
                self.dkim_key.clone(),
                self.trusted_host.clone(),
                now
            ],
        )
        .await?;
        if smtp.is_some() {
            outbox::hurry(tx, now).await?;
        }
        tx.announce(Change::Settings);
        Ok(())
    }
}

/// Keeps new tokens of a provider, or what it said when it gave none.
/// The servers whose findings about a sender are believed, for each inbox that has one.
pub(crate) async fn trusted_hosts(conn: &Conn) -> Result<HashMap<InboxId, String>> {
    let rows: Vec<(InboxId, String)> = conn
        .all(
            "select inbox_id, trusted_host from mail_connections where trusted_host is not null",
            params![],
        )
        .await?;
    Ok(rows.into_iter().collect())
}

pub(crate) async fn save_tokens(tx: &mut Tx, inbox: InboxId, oauth: &Oauth) -> Result<()> {
    tx.send(
        "update mail_connections
            set oauth_refresh_token = $2, oauth_access_token = $3, oauth_expires_at = $4,
                oauth_refused = $5
          where inbox_id = $1",
        params![
            inbox,
            oauth.refresh_token.clone(),
            oauth.access_token.clone(),
            oauth.expires_at,
            oauth.refused.clone()
        ],
    )
    .await
}

/// The sealed columns of a connection, in the order of what they are sealed for.
const SEALED: [&str; 6] = ["imap", "smtp", "oauth client", "oauth refresh", "oauth access", "dkim"];

/// Seals every stored credential with the key of today, and says how many that were. One that opens
/// with no key of the file is said with its inbox: nothing is changed then.
pub async fn seal_anew(tx: &mut Tx, keys: &Keys) -> Result<u64> {
    let inboxes: Vec<InboxId> =
        tx.column("select inbox_id from mail_connections order by inbox_id", params![]).await?;
    let mut count = 0;
    for inbox in inboxes {
        let row: Sealed = tx
            .one(
                "select imap_password, smtp_password, oauth_client_secret, oauth_refresh_token,
                        oauth_access_token, dkim_key
                   from mail_connections where inbox_id = $1",
                params![inbox],
            )
            .await?;
        let mut anew = Vec::with_capacity(SEALED.len());
        for (what, sealed) in SEALED.iter().zip(row.0) {
            let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else {
                anew.push(None);
                continue;
            };
            let made = keys.seal_anew(&place(inbox, what), &sealed);
            let made = made.with_context(|| format!("{what} of inbox {inbox}"))?;
            count += u64::from(made.is_some());
            anew.push(Some(made.unwrap_or(sealed)));
        }
        let mut values = params![inbox];
        values.extend(anew.into_iter().map(Value::from));
        // An application without a secret keeps its empty text.
        tx.execute(
            "update mail_connections
                set imap_password = $2, smtp_password = $3,
                    oauth_client_secret = coalesce($4, oauth_client_secret),
                    oauth_refresh_token = $5, oauth_access_token = $6, dkim_key = $7
              where inbox_id = $1",
            values,
        )
        .await?;
    }
    tx.announce(Change::Settings);
    Ok(count)
}

struct Sealed([Option<String>; 6]);

impl FromRow for Sealed {
    fn from_row(cols: &mut Cols<'_>) -> Result<Self> {
        Ok(Self([
            cols.next()?,
            cols.next()?,
            cols.next()?,
            cols.next()?,
            cols.next()?,
            cols.next()?,
        ]))
    }
}
