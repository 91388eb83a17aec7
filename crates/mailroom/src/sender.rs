//! Sending what the outbox holds.

mod stopping;
mod underway;
mod unsent;
mod ways;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use accounts::{Accounts, SystemMail};
use anyhow::{Context, Result};
use database::{Db, Engine};
use egress::Guard;
use email::smtp::{SendFault, Standing};
use email::{Attached, AutomaticKind, Composed, Credentials, Draft, Party, Server, Signing};
use files::{FileHash, Files};
use kernel::{DeliveryId, EmailAddress, InboxId, SharedClock, Span, Timestamp};
use keys::Keys;
use outbox::{Kind, Letter, SYSTEM, Sending};
use queue::backoff;
use tickets::actions::Office;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::connection::{Connection, Endpoint, Tls, place};
use crate::oauth::Permissions;
use crate::undelivered::{self, Undelivered};
use underway::{Place, Underway};
use unsent::Unsent;
use ways::Ways;

/// Sends mail. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    pub db: Db,
    pub clock: SharedClock,
    pub accounts: Accounts,
    pub keys: Keys,
    pub files: Files,
    pub permissions: Permissions,
    pub guard: Guard,
    pub hello_name: String,
    /// Servers that did not answer, and until when they are left alone.
    pub resting: Arc<Mutex<HashMap<InboxId, Timestamp>>>,
}

/// Renewed while a server thinks about a letter, so that a dead sender's letters are free soon.
const LEASE: Span = Span::seconds(50);
const RENEW_EVERY: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A server that is away is left alone for so long, with all that would leave by it.
const REST: Span = Span::seconds(30);
/// What no server is set up for waits for so long, or until one is.
const UNTIL_SET_UP: Span = Span::minutes(5);

impl Sender {
    /// Sends whatever is due until `stop`. Then what no server can have yet is handed back at once,
    /// and the others have `finish_within` to say that they have it.
    pub async fn run(self, stop: CancellationToken, finish_within: Duration) {
        if self.db.engine() == Engine::Sqlite
            && let Err(fault) = outbox::free_all(&self.db).await
        {
            tracing::error!("letters of the last run cannot be freed: {fault:#}");
        }
        let mut underway = Underway::default();
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut renewal = tokio::time::interval(RENEW_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_time = true;
        while !stop.is_cancelled() {
            match self.take_up(&mut underway, is_time, &stop).await {
                Ok(0) => is_time = false,
                Ok(_) => continue,
                Err(fault) => {
                    is_time = false;
                    tracing::error!("letters cannot be sent: {fault:#}");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = underway.done(), if !underway.is_empty() => {}
                _ = renewal.tick() => self.renew(&underway).await,
                _ = look.tick() => is_time = true,
            }
        }
        self.finish(underway, finish_within).await;
    }

    /// Sends what is due now, to the end. Says how many letters were tried.
    pub async fn send_due(&self) -> Result<usize> {
        let mut underway = Underway::default();
        let stop = CancellationToken::new();
        while self.take_up(&mut underway, false, &stop).await? > 0 {}
        let count = underway.ids().len();
        self.finish(underway, Duration::MAX).await;
        Ok(count)
    }

    /// Begins to send what is due, as far as there is room. Says how many letters that were.
    async fn take_up(
        &self,
        underway: &mut Underway,
        at_least_one: bool,
        stop: &CancellationToken,
    ) -> Result<usize> {
        if underway.is_full() {
            return Ok(0);
        }
        let now = self.clock.now();
        let resting: Vec<InboxId> = {
            let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            resting.retain(|_, until| *until > now);
            resting.keys().copied().collect()
        };
        let conn = self.db.read().await?;
        let ways = Ways::of(&conn, &self.accounts).await?;
        let served = ways.inboxes().filter(|inbox| underway.has_its_share(&ways.by(*inbox)));
        let left_out: Vec<InboxId> = resting.into_iter().chain(served).collect();
        let due = outbox::inboxes_due(&conn, now, &left_out).await?;
        drop(conn);
        let due: Vec<Place> = due.into_iter().map(|inbox| (inbox, ways.by(inbox))).collect();
        let shares = underway.shares(&due, at_least_one);
        if shares.is_empty() {
            return Ok(0);
        }
        let letters = outbox::claim(&self.db, now, LEASE, &shares).await?;
        let count = letters.len();
        for letter in letters {
            let (sender, id) = (self.clone(), letter.id);
            let inbox = letter.letter.inbox.unwrap_or(SYSTEM);
            let stop = stop.clone();
            underway.add(id, (inbox, ways.by(inbox)), async move {
                if let Err(fault) = sender.handle(letter, &stop).await {
                    tracing::error!(delivery = %id, "the outcome of delivery {id} cannot be stored: {fault:#}");
                }
            });
        }
        Ok(count)
    }

    /// Keeps other nodes from sending the same, for as long as it takes.
    async fn renew(&self, underway: &Underway) {
        let renewed = outbox::renew(&self.db, &underway.ids(), self.clock.now() + LEASE).await;
        if let Err(fault) = renewed {
            tracing::error!("letters cannot be kept while they are sent: {fault:#}");
        }
    }

    async fn handle(&self, sending: Sending, stop: &CancellationToken) -> Result<()> {
        if sending.is_stale(self.clock.now()) {
            return self.leave(sending.id).await;
        }
        let outcome = self.send(&sending, stop).await;
        let (id, now) = (sending.id, self.clock.now());
        let unsent = match outcome {
            Ok(said) => {
                metrics::counter!("recourse_mails_sent_total").increment(1);
                tracing::debug!(delivery = %id, "delivery {id} was taken: {said}");
                let mut tx = self.db.begin().await?;
                outbox::sent(&mut tx, id, now).await?;
                return tx.commit().await;
            }
            Err(unsent) if unsent.is_untried => return self.hand_back(id).await,
            Err(unsent) => unsent,
        };
        if !unsent.is_final && now < sending.give_up_at {
            return self.try_later(&sending, &unsent, now).await;
        }
        let spent = if unsent.is_final { "" } else { "; tried for five days" };
        self.give_up(&sending, &Unsent { why: format!("{}{spent}", unsent.why), ..unsent }).await
    }

    /// Whom a link reaches after it has run out, it only confuses. Nothing went wrong.
    async fn leave(&self, id: DeliveryId) -> Result<()> {
        tracing::info!(delivery = %id, "delivery {id} waited until it was of no use any more");
        let mut tx = self.db.begin().await?;
        outbox::set_failed(&mut tx, id, "it waited until it was of no use any more").await?;
        outbox::discard(&mut tx, id).await?;
        tx.commit().await
    }

    async fn try_later(&self, sending: &Sending, unsent: &Unsent, now: Timestamp) -> Result<()> {
        let (id, why) = (sending.id, &unsent.why);
        metrics::counter!("recourse_mails_retried_total").increment(1);
        tracing::info!(delivery = %id, "delivery {id} waits for another try: {why}");
        let mut at = now + backoff(sending.attempts, rand::random());
        let mut tx = self.db.begin().await?;
        outbox::accepted(&mut tx, id, &unsent.accepted).await?;
        if let Some(span) = unsent.holds_all_for {
            at = at.max(now + span);
            outbox::hold_back(&mut tx, sending.letter.inbox, now, now + span, why).await?;
        }
        outbox::put_back(&mut tx, id, at, why).await?;
        tx.commit().await
    }

    /// It will not arrive: the same is done as when a report says so.
    async fn give_up(&self, sending: &Sending, unsent: &Unsent) -> Result<()> {
        let (id, why) = (sending.id, &unsent.why);
        metrics::counter!("recourse_mails_failed_total").increment(1);
        tracing::warn!(delivery = %id, "delivery {id} failed: {why}");
        let office = Office::open(&self.accounts, &self.keys).await?;
        let letter = &sending.letter;
        let missed = letter.recipients.everyone().map(|party| &party.address);
        let mut missed = missed.filter(|address| !unsent.accepted.contains(address));
        let first = missed.next().filter(|_| missed.next().is_none());
        let mail = Undelivered {
            kind: letter.kind,
            ticket: letter.ticket,
            address: first,
            reason: why,
            is_over: true,
        };
        let mut tx = self.db.begin().await?;
        outbox::accepted(&mut tx, id, &unsent.accepted).await?;
        outbox::set_failed(&mut tx, id, why).await?;
        undelivered::suppress_dead(&mut tx, &office, &unsent.refused).await?;
        undelivered::tell(&mut tx, &office, &mail).await?;
        tx.commit().await
    }

    /// Sends a letter to those who do not have it yet, unless `stop` comes before a server could
    /// have it.
    async fn send(&self, sending: &Sending, stop: &CancellationToken) -> Result<String, Unsent> {
        let (letter, had_it) = (&sending.letter, &sending.accepted);
        let told = |unsent: Unsent| Unsent { accepted: had_it.clone(), ..unsent };
        let ready = async {
            let way = self.way(letter).await?;
            let draft = self.draft(letter, &way).await.map_err(|fault| {
                // Files that cannot be read now may be there later; a mail without them must not go.
                Unsent::later(format!("the mail could not be put together: {fault:#}"))
            })?;
            Ok((way, draft))
        };
        let Some(ready) = stop.run_until_cancelled(ready).await else {
            return Err(Unsent::untried());
        };
        let (way, draft) = ready.map_err(told)?;
        let mut composed: Composed = email::compose(&draft, self.clock.now())
            .map_err(|fault| told(Unsent::never(fault.to_string())))?;
        composed.recipients.retain(|address| !had_it.contains(address));
        if composed.recipients.is_empty() {
            return Ok("everybody has it".to_owned());
        }
        let (server, credentials) = (&way.server, &way.credentials);
        let sent = email::smtp::send(server, credentials, &composed, &self.guard, stop.cancelled());
        match sent.await {
            Ok(taken) if taken.refused.is_empty() => Ok(taken.reply),
            Ok(taken) => {
                let missed = |address: &EmailAddress| {
                    taken.refused.iter().any(|refused| refused.address == *address)
                };
                composed.recipients.retain(|address| !missed(address));
                composed.recipients.extend(had_it.iter().cloned());
                Err(Unsent::partly(taken.refused, composed.recipients))
            }
            Err(SendFault::Stopped) => Err(Unsent::untried()),
            Err(fault) => Err(told(self.unsent(fault, way.inbox))),
        }
    }

    fn unsent(&self, fault: SendFault, inbox: Option<InboxId>) -> Unsent {
        let is_about_server = matches!(
            fault,
            SendFault::Link(_)
                | SendFault::SignIn { .. }
                | SendFault::NoEncryption(_)
                | SendFault::NoSignIn(_)
                | SendFault::NotSmtp(_)
        );
        if let (true, Some(inbox)) = (is_about_server, inbox) {
            let until = self.clock.now() + REST;
            self.resting.lock().unwrap_or_else(PoisonError::into_inner).insert(inbox, until);
        }
        // A wrong setting is put right by the owner, and then the mail goes: it is not lost.
        let is_final = fault.standing() == Standing::Permanent && !is_about_server;
        let why = fault.to_string();
        let refused = match fault {
            SendFault::Recipients(refused) => refused,
            _ => Vec::new(),
        };
        let holds_all_for = is_about_server.then_some(REST);
        Unsent { is_final, holds_all_for, refused, ..Unsent::later(why) }
    }

    /// By which server and under which address a letter leaves.
    async fn way(&self, letter: &Letter) -> Result<Way, Unsent> {
        let found = match letter.inbox {
            Some(inbox) => self.way_of_inbox(inbox).await,
            None => self.way_of_system().await,
        };
        found.map_err(|none| match none {
            NoWay::NotSetUp(why) => {
                Unsent { holds_all_for: Some(UNTIL_SET_UP), ..Unsent::later(why.to_owned()) }
            }
            NoWay::Unclear(fault) => Unsent::later(format!("{fault:#}")),
        })
    }

    async fn way_of_inbox(&self, inbox: InboxId) -> Result<Way, NoWay> {
        let conn = self.db.read().await?;
        let directory = self.accounts.directory().await?;
        let own = Connection::find(&conn, inbox).await?;
        let has_address = directory.inbox(inbox).is_some_and(|inbox| inbox.address.is_some());
        let (inbox, connection) = match own {
            Some(connection) if connection.smtp.is_some() => (inbox, connection),
            // Under the address of another inbox, the customer would answer to the wrong team.
            Some(_) | None if has_address => return Err(NoWay::NotSetUp(SENDS_NOT)),
            // A form has no address of its own: its answers leave through an inbox that does.
            Some(_) | None => {
                let Some(other) = Connection::first_sender(&conn).await? else {
                    return Err(NoWay::NotSetUp(NONE_SENDS));
                };
                let connection = Connection::find(&conn, other).await?;
                (other, connection.context("a connection that was just there")?)
            }
        };
        drop(conn);
        let address = directory.inbox(inbox).and_then(|inbox| inbox.address.clone());
        let (Some(endpoint), Some(address)) = (&connection.smtp, address) else {
            return Err(NoWay::NotSetUp(NONE_SENDS));
        };
        let credentials = self.permissions.smtp(inbox, &connection).await?;
        let signing = self.signing(inbox, &connection, &address)?;
        Ok(Way {
            inbox: Some(inbox),
            server: endpoint.server(&self.hello_name),
            credentials,
            address,
            plus_addresses: connection.plus_addresses,
            signing,
        })
    }

    async fn way_of_system(&self) -> Result<Way, NoWay> {
        let company = self.accounts.company().await?;
        match &company.system_mail {
            SystemMail::Inbox { inbox } => self.way_of_inbox(InboxId(*inbox)).await,
            SystemMail::AnyInbox => {
                let first = Connection::first_sender(&self.db.read().await?).await?;
                match first {
                    Some(inbox) => self.way_of_inbox(inbox).await,
                    None => Err(NoWay::NotSetUp(NONE_SENDS)),
                }
            }
            SystemMail::Server { from, host, port, tls, user, password } => {
                let endpoint = Endpoint {
                    host: host.clone(),
                    port: *port,
                    tls: Tls::named(tls)?,
                    user: user.clone(),
                    password: (!password.is_empty()).then(|| password.clone()),
                };
                Ok(Way {
                    inbox: None,
                    server: endpoint.server(&self.hello_name),
                    credentials: endpoint.credentials(&self.keys, "system mail")?,
                    address: from.clone(),
                    plus_addresses: false,
                    signing: None,
                })
            }
        }
    }

    fn signing(
        &self,
        inbox: InboxId,
        connection: &Connection,
        address: &EmailAddress,
    ) -> Result<Option<Signing>> {
        let (Some(selector), Some(sealed)) = (&connection.dkim_selector, &connection.dkim_key)
        else {
            return Ok(None);
        };
        Ok(Some(Signing {
            domain: address.domain().to_owned(),
            selector: selector.clone(),
            private_key: self.keys.open(&place(inbox, "dkim"), sealed)?,
        }))
    }

    async fn draft(&self, letter: &Letter, way: &Way) -> Result<Draft> {
        let party = |one: &outbox::Party| Party {
            name: (!one.name.is_empty()).then(|| one.name.clone()),
            address: one.address.clone(),
        };
        let all = |parties: &[outbox::Party]| parties.iter().map(party).collect::<Vec<_>>();
        let reply_to = self.reply_to(letter, way).await?;
        let automatic = match letter.kind {
            Kind::Reply | Kind::Forward => None,
            Kind::Acknowledgement => Some(AutomaticKind::Reply),
            Kind::Automatic | Kind::System => Some(AutomaticKind::Notice),
        };
        Ok(Draft {
            from: Party {
                name: (!letter.from_name.is_empty()).then(|| letter.from_name.clone()),
                address: way.address.clone(),
            },
            reply_to: reply_to.map(|address| Party { name: None, address }),
            to: all(&letter.recipients.to),
            cc: all(&letter.recipients.cc),
            bcc: letter.recipients.bcc.iter().map(|one| one.address.clone()).collect(),
            subject: letter.subject.clone(),
            mail_id: letter.mail_id.clone(),
            in_reply_to: letter.in_reply_to.clone(),
            references: letter.references.clone(),
            text: letter.text.clone(),
            html: letter.html.clone().filter(|html| !html.is_empty()),
            attachments: self.attachments(letter).await?,
            automatic,
            signing: way.signing.clone(),
        })
    }

    /// The signed address to answer to, where the server delivers such addresses.
    async fn reply_to(&self, letter: &Letter, way: &Way) -> Result<Option<EmailAddress>> {
        if let Some(address) = &letter.reply_to {
            return Ok(Some(address.clone()));
        }
        let (true, Some(ticket)) = (way.plus_addresses, letter.ticket) else { return Ok(None) };
        let customer = tickets::customer_of(&self.db.read().await?, ticket).await?;
        Ok(customer
            .map(|customer| tickets::reply_address(&self.keys, &way.address, ticket, customer)))
    }

    async fn attachments(&self, letter: &Letter) -> Result<Vec<Attached>> {
        let Some(message) = letter.message else { return Ok(Vec::new()) };
        let rows = tickets::attachments_of(&self.db.read().await?, message).await?;
        let mut attached = Vec::with_capacity(rows.len());
        for row in rows {
            let hash = FileHash::read(&row.file_hash).context("the hash of an attachment")?;
            attached.push(Attached {
                name: row.name,
                content_type: row.media_type.as_str().to_owned(),
                bytes: self.files.get(&hash).await?,
                content_id: None,
            });
        }
        Ok(attached)
    }
}

/// Said at the message while it waits.
const SENDS_NOT: &str = "this inbox cannot send yet: enter its SMTP server";
const NONE_SENDS: &str = "no inbox can send yet; enter an SMTP server in its settings";

/// How a letter leaves.
struct Way {
    inbox: Option<InboxId>,
    server: Server,
    credentials: Credentials,
    address: EmailAddress,
    plus_addresses: bool,
    signing: Option<Signing>,
}

/// Why there is no way out.
enum NoWay {
    /// Nobody entered a server yet.
    NotSetUp(&'static str),
    Unclear(anyhow::Error),
}

impl From<anyhow::Error> for NoWay {
    fn from(fault: anyhow::Error) -> Self {
        Self::Unclear(fault)
    }
}
