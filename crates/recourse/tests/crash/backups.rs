//! Backups of a server at work: each comes back, agrees, and holds everything that was acknowledged
//! before it began. And how long it takes until a large one is back.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use database::{Db, Location};
use files::{FileHash, Files, Place};
use futures_util::{StreamExt, stream};
use kernel::SystemClock;
use mailroom::Piped;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use recourse::Foundation;
use recourse::config::Settings;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::order::{Order, say};
use crate::server::{Server, command};
use crate::world::dovecot::offer;
use crate::world::{World, scratch};

const SENDERS: usize = 4;
/// Mail goes on coming, and a hundred backups do not become a hundred times as large.
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_hours(1);
const RESTORED_WITHIN: Duration = Duration::from_mins(10);
const MIB: usize = 1024 * 1024;
/// A mail of about this size, and the file in it.
const FILE: usize = MIB;
const SIZE_PROMISED_MIB: usize = 10 * 1024;

/// A place into which a backup is restored, gone at the end.
struct Copy {
    settings: Settings,
    folder: PathBuf,
}

impl Copy {
    fn of(world: &World) -> Self {
        let folder = scratch("restored");
        let key = folder.join("recourse.key");
        std::fs::copy(&world.settings.key_file, &key).expect("the key can be copied");
        let settings = Settings {
            data: folder.clone(),
            database: Location::File(folder.join("recourse.db")),
            storage: Place::Folder(folder.join("files")),
            key_file: key,
            ..world.settings.clone()
        };
        Self { settings, folder }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Backups one after the other while mail comes in.
pub(crate) async fn of_a_busy_server(name: &str, mut world: World) {
    let order = Order::given();
    world.opens_shop().await;
    world.stop().await;
    let mut server = Server::start(&order.program, &world.settings);
    server.is_ready().await;
    let taken = Mutex::new(HashSet::new());
    let (over, ending) = watch::channel(false);
    let sending = stream::iter(0..SENDERS)
        .for_each_concurrent(SENDERS, |sender| sends(&world, sender, &taken, ending.clone()));
    let saving = async {
        let (mut slowest, mut files) = (Duration::ZERO, 0);
        for number in 0..order.backups {
            // A backup of nothing proves nothing.
            let least = (number + 1) * SENDERS;
            while taken.lock().expect("nobody broke it").len() < least {
                sleep(PAUSE).await;
            }
            let before = taken.lock().expect("nobody broke it").clone();
            let begun = Instant::now();
            let file = saves(&order, &world, number).await;
            slowest = slowest.max(begun.elapsed());
            files += comes_back(&order, &world, &file, &before).await;
            std::fs::remove_file(file).expect("it can be removed");
        }
        over.send_replace(true);
        (slowest, files)
    };
    let ((), (slowest, files)) = tokio::join!(sending, saving);
    server.stop().await;
    say(&format!(
        "{name}: {} backups while {} mails came, each restored and checked clean, 0 acknowledged \
         missing, {files} files compared, slowest backup {} ms",
        order.backups,
        taken.lock().expect("nobody broke it").len(),
        slowest.as_millis(),
    ));
    assert!(files > 0, "no backup held a file");
}

/// Hands mails over, one after the other, until there are enough backups.
async fn sends(
    world: &World,
    sender: usize,
    taken: &Mutex<HashSet<String>>,
    ending: watch::Receiver<bool>,
) {
    let door = world.settings.lmtp.expect("it takes mail");
    for number in 0.. {
        if *ending.borrow() {
            return;
        }
        let id = format!("b{sender}-{number}@{}.customers.example", world.name);
        let stream = TcpStream::connect(door).await.expect("the server runs");
        let mail = with_file(&id, &world.support(), &file_of(&id)).replace("\r\n", "\n");
        let answer = offer(stream, &id, &world.support(), &mail).await.expect("it answers");
        assert!(answer.starts_with("250"), "{answer}");
        taken.lock().expect("nobody broke it").insert(id);
        sleep(PAUSE).await;
    }
}

async fn saves(order: &Order, world: &World, number: usize) -> PathBuf {
    let file = scratch("backups").join(format!("{number}.backup"));
    let name = file.to_str().expect("a plain path");
    runs(order, &world.settings, &["backup", name, "--no-verify"]).await;
    file
}

/// How many files of mails came back with it.
async fn comes_back(order: &Order, world: &World, file: &Path, before: &HashSet<String>) -> usize {
    let copy = Copy::of(world);
    let name = file.to_str().expect("a plain path");
    runs(order, &copy.settings, &["restore", name]).await;
    runs(order, &copy.settings, &["check"]).await;
    let db = Db::open_unchanged(&copy.settings.database).await.expect("it opens");
    let conn = db.read().await.expect("it can be read");
    let ids: Vec<String> = conn.column(MAIL_IDS, vec![]).await.expect("they are there");
    let there: HashSet<String> = ids.into_iter().collect();
    let missing: Vec<&String> = before.difference(&there).collect();
    assert!(missing.is_empty(), "acknowledged before {name} began, and not in it: {missing:?}");
    let read: Vec<String> = conn.column(READ_IDS, vec![]).await.expect("they are there");
    let attached: Vec<(String, String)> = conn.all(FILES, vec![]).await.expect("they are there");
    drop(conn);
    db.close().await;
    let storage = Files::open(&copy.settings.storage, &copy.settings.bucket_access);
    let storage = storage.expect("it opens");
    for id in &read {
        let hash = FileHash::of(&file_of(id));
        let found = attached.iter().find(|(mail, _)| mail == id);
        assert_eq!(found.map(|(_, hash)| hash.as_str()), Some(hash.as_str()), "{id} in {name}");
        let bytes = storage.get(&hash).await.expect("its file came back");
        assert_eq!(bytes, file_of(id), "{id} in {name}");
    }
    read.len()
}

const MAIL_IDS: &str = "select mail_id from mail_ledger";
const READ_IDS: &str = "select mail_id from mail_ledger where state = 'ticketed'";
const FILES: &str = "select l.mail_id, a.file_hash from mail_ledger l
       join attachments a on a.message_id = l.message_id";

/// The file that goes with a mail: another one with each, in which nothing repeats.
fn file_of(id: &str) -> Vec<u8> {
    let seed =
        id.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut file = vec![0; 20_000];
    StdRng::seed_from_u64(seed).fill_bytes(&mut file);
    file
}

/// Runs the program to a good end, and says how long it took.
async fn runs(order: &Order, settings: &Settings, words: &[&str]) -> Duration {
    let begun = Instant::now();
    let output = command(&order.program, settings, words).output().await;
    let output = output.expect("the program can be started");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said));
    begun.elapsed()
}

/// A large installation is saved and comes back.
pub(crate) async fn of_a_large_one(name: &str, mut world: World) {
    let order = Order::given();
    world.opens_shop().await;
    world.stop().await;
    fills(&world, order.restore_mib * MIB).await;
    let mut server = Server::start(&order.program, &world.settings);
    server.is_ready().await;
    reads_all(&world).await;
    server.stop().await;
    let size = size_of(&world.folder);
    let file = scratch("backups").join("large.backup");
    let path = file.to_str().expect("a plain path");
    let saved = runs(&order, &world.settings, &["backup", path, "--no-verify"]).await;
    let copy = Copy::of(&world);
    let restored = runs(&order, &copy.settings, &["restore", path]).await;
    let checked = runs(&order, &copy.settings, &["check"]).await;
    let there = size_of(&copy.folder);
    std::fs::remove_file(&file).expect("it can be removed");
    say(&format!(
        "{name}: {} MiB of database and files, saved in {} s, restored in {} s, checked clean in \
         {} s, {} MiB there",
        size / MIB,
        saved.as_secs(),
        restored.as_secs(),
        checked.as_secs(),
        there / MIB,
    ));
    assert!(there * 10 > size * 8, "{there} of {size} bytes came back");
    // How quick a small machine is with other work beside it, a small one does not ask.
    assert!(order.restore_mib < SIZE_PROMISED_MIB || restored <= RESTORED_WITHIN, "too slow");
}

/// Mails with files in which nothing repeats. Each is there twice: as it came, and as its file.
async fn fills(world: &World, bytes: usize) {
    let (foundation, storing) =
        Foundation::open(&world.settings, Arc::new(SystemClock)).await.expect("it opens");
    let (accounts, intake) = (foundation.accounts.clone(), foundation.intake.clone());
    let to = world.support().parse().expect("an address");
    let each = FILE + FILE * 4 / 3;
    for number in 0..bytes.div_ceil(each) {
        let mut file = vec![0; FILE];
        StdRng::seed_from_u64(u64::try_from(number).expect("it fits")).fill_bytes(&mut file);
        let from = format!("f{number}@{}.customers.example", world.name);
        let mail = with_file(&from, &world.support(), &file);
        let piped = mailroom::pipe(&accounts, &intake, &to, &from, mail.into_bytes()).await;
        assert!(matches!(piped, Piped::Stored), "it is stored");
    }
    let db = foundation.db.clone();
    drop((foundation, intake, accounts));
    storing.await.expect("all mails are stored");
    db.close().await;
}

pub(crate) fn with_file(from: &str, to: &str, file: &[u8]) -> String {
    let mut mail = format!(
        "From: Dana <{from}>\r\nTo: {to}\r\nSubject: A file\r\nMessage-ID: <{from}>\r\nDate: Sun, \
         22 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
         boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n\
         --part\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; \
         filename=\"scan.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    for line in STANDARD.encode(file).as_bytes().chunks(76) {
        let _ = write!(mail, "{}\r\n", std::str::from_utf8(line).expect("it is ASCII"));
    }
    mail.push_str("--part--\r\n");
    mail
}

async fn reads_all(world: &World) {
    let db = Db::open_unchanged(&world.settings.database).await.expect("it opens");
    let begun = Instant::now();
    loop {
        let conn = db.read().await.expect("it can be read");
        let waiting: i64 = conn.scalar(UNREAD, vec![]).await.expect("the table is there");
        if waiting == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{waiting} mails are not read");
        drop(conn);
        sleep(PAUSE).await;
    }
    db.close().await;
}

const UNREAD: &str = "select count(*) from mail_ledger where state = 'received'";

/// Of all files in a folder.
fn size_of(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("it is there").flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size_of(&entry.path()),
        Ok(about) => usize::try_from(about.len()).expect("it fits"),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
