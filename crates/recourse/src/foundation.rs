//! What every command stands on: the database, the key, the people.

use std::path::Path;
use std::sync::Arc;

use accounts::Accounts;
use anyhow::{Context, Result, bail};
use database::{Db, Location};
use egress::{Guard, Http};
use email::Dns;
use files::Files;
use kernel::SharedClock;
use keys::Keys;
use live::Hub;
use mailroom::{Intake, Lent, Mailroom, Permissions};
use portal::Portal;
use tickets::actions::Office;
use tokio::task::JoinHandle;
use ui::{Catalog, Site};

use crate::config::{DataFolder, Settings};
use crate::soundness::Soundness;

/// Everything that is opened once. Cheap to clone.
#[derive(Clone)]
pub struct Foundation {
    pub db: Db,
    pub clock: SharedClock,
    pub keys: Keys,
    pub files: Files,
    pub site: Site,
    pub hub: Hub,
    pub accounts: Accounts,
    pub guard: Guard,
    pub http: Http,
    pub intake: Intake,
    pub permissions: Permissions,
    pub portal: Portal,
    pub dns: Dns,
    /// Whether the database file is whole.
    pub soundness: Soundness,
    /// The name by which this program greets mail servers.
    pub hello_name: String,
}

/// What has to be there before the database is touched. A key is made only where nothing can be
/// sealed with another one.
async fn prepare(settings: &Settings) -> Result<Keys> {
    egress::install_tls();
    DataFolder::open(&settings.data)?;
    match own_keys(settings).await? {
        Some(keys) => Ok(keys),
        None => Ok(Keys::load_or_make(&settings.key_file)?),
    }
}

/// The keys that the database was begun with; none where there is neither a database nor a key yet.
/// A key file that is missing or belongs to another database is refused, and none is made: what is
/// sealed would not open any more.
pub(crate) async fn own_keys(settings: &Settings) -> Result<Option<Keys>> {
    let (known, key_file) = (begun_with(&settings.database).await?, &settings.key_file);
    let keys = match (Keys::load(key_file), &known) {
        (Err(fault), Some(_)) if fault.is_missing() => bail!(missing_key(key_file)),
        (Err(fault), None) if fault.is_missing() => return Ok(None),
        (loaded, _) => loaded?,
    };
    let is_own = |known: &String| *known == keys.fingerprint() || keys.is_older(known);
    if !known.as_ref().is_none_or(is_own) {
        bail!(another_key(key_file));
    }
    Ok(Some(keys))
}

/// Which key a database says it is sealed with, whatever its version; none where there is no
/// database yet.
async fn begun_with(location: &Location) -> Result<Option<String>> {
    if let Location::File(path) = location
        && !path.exists()
    {
        return Ok(None);
    }
    let db = Db::connect(location).await?;
    let conn = db.read().await?;
    let is_begun = database::is_begun(&conn).await?;
    let known =
        if is_begun { accounts::settings::read(&conn, KEY_FINGERPRINT).await? } else { None };
    drop(conn);
    db.close().await;
    Ok(known)
}

impl Foundation {
    /// Opens the database, bringing its schema up to date, and all that goes with it. The task
    /// stores mail until the foundation is gone.
    pub async fn open(settings: &Settings, clock: SharedClock) -> Result<(Self, JoinHandle<()>)> {
        let keys = prepare(settings).await?;
        let db = Db::open(&settings.database, &*clock).await?;
        Self::on(db, keys, settings, clock).await
    }

    /// The same, for a command that fills the database and does nothing else.
    pub(crate) async fn open_to_fill(
        settings: &Settings,
        clock: SharedClock,
    ) -> Result<(Self, JoinHandle<()>)> {
        let keys = prepare(settings).await?;
        let db = Db::open_to_fill(&settings.database, &*clock).await?;
        Self::on(db, keys, settings, clock).await
    }

    async fn on(
        db: Db,
        keys: Keys,
        settings: &Settings,
        clock: SharedClock,
    ) -> Result<(Self, JoinHandle<()>)> {
        check_key(&db, &keys, settings, &clock).await?;
        let site = Site {
            catalog: Arc::new(catalog()?),
            clock: clock.clone(),
            base_url: settings.base_url.as_str().into(),
            is_https: settings.is_https(),
        };
        let hub = Hub::new(db.clone(), clock.clone());
        let guard = Guard::new(settings.allow_internal.clone());
        let http = Http::new(guard.clone()).context("no HTTP client can be made")?;
        let (intake, storing) = Intake::new(db.clone(), clock.clone());
        let accounts = Accounts::new(db.clone(), site.clone(), hub.clone(), keys.clone());
        accounts.lend_way_out(http.clone());
        {
            // Nothing is to be kept open while the bucket is asked.
            let mut tx = db.begin().await?;
            if accounts.trail().begin(&mut tx, clock.now()).await? {
                tx.commit().await?;
            }
        }
        let files = Files::open(&settings.storage, &settings.bucket_access)?;
        files.probe().await?;
        let foundation = Self {
            portal: Portal::new(&accounts, &keys, &files),
            accounts,
            files,
            permissions: Permissions {
                db: db.clone(),
                clock: clock.clone(),
                keys: keys.clone(),
                http: http.clone(),
                turn: Arc::default(),
            },
            dns: Dns::system()?,
            soundness: Soundness::default(),
            hello_name: settings.host().to_owned(),
            db,
            clock,
            keys,
            site,
            hub,
            guard,
            http,
            intake,
        };
        #[expect(clippy::disallowed_methods, reason = "the program's own task, joined at its end")]
        let storing = tokio::spawn(storing);
        Ok((foundation, storing))
    }

    /// What the pages of the mailroom stand on.
    pub(crate) fn mailroom(&self) -> Mailroom {
        Mailroom::new(Lent {
            accounts: self.accounts.clone(),
            keys: self.keys.clone(),
            files: self.files.clone(),
            permissions: self.permissions.clone(),
            guard: self.guard.clone(),
            dns: self.dns.clone(),
            hello_name: self.hello_name.clone(),
        })
    }

    pub async fn office(&self) -> Result<Office> {
        Office::open(&self.accounts, &self.keys).await
    }
}

/// Everything that is said to people.
pub(crate) fn catalog() -> Result<Catalog> {
    let english = [
        ui::MESSAGES_EN,
        accounts::MESSAGES_EN,
        tickets::MESSAGES_EN,
        mailroom::MESSAGES_EN,
        portal::MESSAGES_EN,
        api::MESSAGES_EN,
    ];
    Catalog::new(&[("en", &english)])
}

/// Refuses a key that is not the one this database was begun with: stored passwords would not
/// open, and links in old mails would be dead.
async fn check_key(db: &Db, keys: &Keys, settings: &Settings, clock: &SharedClock) -> Result<()> {
    let known = accounts::settings::read(&db.read().await?, KEY_FINGERPRINT).await?;
    match known {
        Some(known) if known == keys.fingerprint() => Ok(()),
        Some(known) if keys.is_older(&known) => {
            tracing::warn!(
                "stored passwords are sealed with an older key of the key file; stop the server \
                 and run: recourse keys rotate"
            );
            Ok(())
        }
        Some(_) => bail!(another_key(&settings.key_file)),
        None => {
            let mut tx = db.begin().await?;
            let fingerprint = keys.fingerprint();
            accounts::settings::write(&mut tx, KEY_FINGERPRINT, &fingerprint, clock.now()).await?;
            tx.commit().await
        }
    }
}

/// What is said of a key file that is not there.
pub(crate) fn missing_key(key_file: &Path) -> String {
    format!(
        "the key file {} is not there; put back the one of this installation, or say with \
         --key-file where it is",
        key_file.display()
    )
}

/// What is said of a key file that belongs to another database.
pub(crate) fn another_key(key_file: &Path) -> String {
    format!(
        "the key in {} is not the one that this database was begun with; put the right key file \
         back, or name it with --key-file",
        key_file.display()
    )
}

/// Under which the database says which key it is sealed with.
pub(crate) const KEY_FINGERPRINT: &str = "key_fingerprint";
