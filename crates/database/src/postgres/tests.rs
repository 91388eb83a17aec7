//! What a transaction keeps back, what becomes of one that nobody ends, and who the server is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::testing::{postgres, postgres_url, scratch_file};
use crate::{Db, Location, Tx, params};

const SET: &str = "insert into settings (name, value, updated_at) values ($1, '', 1)";

async fn names(db: &Db) -> Vec<String> {
    let conn = db.read().await.unwrap();
    conn.column("select name from settings order by name", params![]).await.unwrap()
}

async fn begun(db: &Db, name: &str) -> Tx {
    let mut tx = db.begin().await.unwrap();
    tx.execute(SET, params![name]).await.unwrap();
    tx
}

#[tokio::test]
async fn what_is_kept_back_arrives_in_its_order_with_the_next_question_or_the_commit() {
    let Some(db) = postgres().await else { return };
    let mut tx = db.begin().await.unwrap();
    for number in 0..200 {
        tx.send(SET, params![format!("{number:03}")]).await.unwrap();
    }
    tx.send("delete from settings where name = $1", params!["007"]).await.unwrap();
    let count: i64 = tx.scalar("select count(*) from settings", params![]).await.unwrap();
    assert_eq!(count, 199);
    tx.send(SET, params!["007"]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(names(&db).await.len(), 200);
}

#[tokio::test]
async fn what_goes_wrong_with_it_is_said_and_nothing_is_kept() {
    let Some(db) = postgres().await else { return };
    let twice = async |tx: &mut Tx| {
        tx.send(SET, params!["one"]).await.unwrap();
        tx.send(SET, params!["one"]).await.unwrap();
        tx.send(SET, params!["two"]).await.unwrap();
    };
    let mut tx = db.begin().await.unwrap();
    twice(&mut tx).await;
    let fault = format!("{:#}", tx.commit().await.unwrap_err());
    assert!(fault.contains("duplicate key"), "{fault}");
    let mut tx = db.begin().await.unwrap();
    twice(&mut tx).await;
    let asked = tx.scalar::<i64>("select count(*) from settings", params![]).await;
    let fault = format!("{:#}", asked.unwrap_err());
    assert!(fault.contains("duplicate key"), "{fault}");
    assert!(names(&db).await.is_empty());
}

#[tokio::test]
async fn a_transaction_with_a_fault_that_nobody_minded_cannot_be_kept() {
    let Some(db) = postgres().await else { return };
    let mut tx = begun(&db, "lost").await;
    assert!(tx.execute("select nothing from nowhere", params![]).await.is_err());
    let fault = format!("{:#}", tx.commit().await.unwrap_err());
    assert!(fault.contains("nothing of it was kept"), "{fault}");
    assert!(names(&db).await.is_empty());

    let mut tx = begun(&db, "kept").await;
    tx.mark().await.unwrap();
    assert!(tx.execute("select nothing from nowhere", params![]).await.is_err());
    tx.undo_to_mark().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(names(&db).await, ["kept"]);
}

#[tokio::test]
async fn questions_asked_at_once_see_what_was_kept_back_whichever_goes_first() {
    let Some(db) = postgres().await else { return };
    for round in 0..4 {
        let mut tx = db.begin().await.unwrap();
        tx.send(SET, params![format!("{round}")]).await.unwrap();
        // The first one is new to the connection and has to wait until it is prepared.
        let fresh = format!("select count(*) + {round} - {round} from settings");
        let conn: &crate::Conn = &tx;
        let (first, second): (Vec<i64>, i64) = tokio::try_join!(
            async {
                let sql = fresh.clone();
                conn.fetch(sql.into(), params![], |row| crate::Column::read(row, 0)).await
            },
            conn.scalar("select count(*) from settings", params![]),
        )
        .unwrap();
        assert_eq!((first, second), (vec![round + 1], round + 1));
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_transaction_goes_on_after_a_question_that_was_given_up() {
    let Some(db) = postgres().await else { return };
    let mut tx = db.begin().await.unwrap();
    let asked = tx.scalar::<i64>("select 41 + count(*) from settings", params![]);
    assert!(tokio::time::timeout(Duration::ZERO, asked).await.is_err());
    tx.execute(SET, params!["dropped"]).await.unwrap();
    drop(tx);
    assert!(names(&db).await.is_empty());
}

#[tokio::test]
async fn who_goes_away_in_the_middle_of_a_question_leaves_nothing_behind() {
    let Some(db) = postgres().await else { return };
    for round in 0..40 {
        let mut tx = begun(&db, "half").await;
        let slow = tx.execute("select pg_sleep(0.05)", params![]);
        let patience = Duration::from_millis(round % 4);
        assert!(tokio::time::timeout(patience, slow).await.is_err());
        drop(tx);
        // The next one gets its own answer, not the one that nobody waited for.
        let conn = db.read().await.unwrap();
        let said: i64 =
            conn.scalar("select $1", params![i64::try_from(round).unwrap()]).await.unwrap();
        assert_eq!(said, i64::try_from(round).unwrap());
    }
    assert!(names(&db).await.is_empty());
    // Every connection is given back, and none holds the row.
    let mut all = Vec::new();
    for _ in 0..16 {
        all.push(db.read().await.unwrap());
    }
    drop(all);
    begun(&db, "half").await.commit().await.unwrap();
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_ended_and_holds_up_nobody() {
    let Some(db) = postgres().await else { return };
    for _ in 0..3 {
        let conn = db.read().await.unwrap();
        let slow = conn.scalar::<i64>("select 1::bigint from pg_sleep(600)", params![]);
        assert!(tokio::time::timeout(Duration::from_millis(30), slow).await.is_err());
        drop(conn);
        // Where it is not ended, this waits for ten minutes.
        let next = tokio::time::timeout(Duration::from_mins(1), names(&db)).await;
        assert!(next.unwrap().is_empty());
    }
    // Whoever has all connections knows that none is at anything.
    let mut all = Vec::new();
    for _ in 0..16 {
        all.push(db.read().await.unwrap());
    }
    let still: i64 = all[0]
        .scalar(
            "select count(*) from pg_stat_activity where datname = current_database()
                and state = 'active' and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()",
            params![],
        )
        .await
        .unwrap();
    assert_eq!(still, 0);
}

#[tokio::test]
async fn what_people_wrote_is_not_in_the_fault() {
    let Some(db) = postgres().await else { return };
    begun(&db, "dana@buyer.example").await.commit().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let fault = tx.execute(SET, params!["dana@buyer.example"]).await.unwrap_err();
    let said = format!("{fault:#} {fault:?}");
    assert!(said.contains("duplicate key") && said.contains("23505"), "{said}");
    assert!(!said.contains("dana"), "{said}");
}

#[tokio::test]
async fn connections_that_the_server_ended_are_replaced() {
    let Some(db) = postgres().await else { return };
    let mut several = Vec::new();
    for _ in 0..4 {
        several.push(db.read().await.unwrap());
    }
    let killer = several.pop().unwrap();
    drop(several);
    let ended: i64 = killer
        .scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
              where datname = current_database() and pid <> pg_backend_pid()",
            params![],
        )
        .await
        .unwrap();
    drop(killer);
    assert!(ended >= 3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..6 {
        assert!(names(&db).await.is_empty());
    }
    begun(&db, "after").await.commit().await.unwrap();
    db.close().await;
    assert!(db.read().await.is_err());
}

/// Who vouches for whom: an authority, and a server that proves by it to be `localhost`.
struct Authority {
    root_pem: String,
    server: Arc<ServerConfig>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &root).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    Authority { root_pem: root.pem(), server: Arc::new(server) }
}

/// Speaks TLS in front of the server of the tests.
async fn tls_before(server: String, config: Arc<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (server, acceptor) = (server.clone(), TlsAcceptor::from(Arc::clone(&config)));
            let one = async move {
                let mut wish = [0_u8; 8];
                stream.read_exact(&mut wish).await?;
                stream.write_all(b"S").await?;
                let mut inner = acceptor.accept(stream).await?;
                copy_bidirectional(&mut inner, &mut TcpStream::connect(server).await?).await
            };
            #[expect(clippy::disallowed_methods, reason = "ends with the test")]
            tokio::spawn(one);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test")]
    tokio::spawn(serve);
    at
}

#[tokio::test]
async fn the_server_proves_what_the_url_wants_proved() {
    let Some(url) = postgres_url().await else { return };
    let (user, rest) = url.trim_start_matches("postgres://").split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let authority = authority();
    let port = tls_before(server.to_owned(), authority.server).await.port();
    let root = scratch_file().with_extension("pem");
    std::fs::write(&root, authority.root_pem).unwrap();
    let root = root.display().to_string().replace('/', "%2F");
    let other = scratch_file().with_extension("pem");
    std::fs::write(&other, self::authority().root_pem).unwrap();
    let other = other.display().to_string().replace('/', "%2F");
    for (host, query, works) in [
        ("localhost", "sslmode=require".to_owned(), true),
        ("localhost", format!("sslmode=verify-full&sslrootcert={root}"), true),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={root}"), false),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={root}"), true),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), false),
        ("localhost", format!("sslmode=require&sslrootcert={other}"), false),
        // Nobody in the world vouches for it.
        ("localhost", "sslmode=verify-full".to_owned(), false),
    ] {
        let url = format!("postgres://{user}@{host}:{port}/{name}?{query}");
        match Db::connect(&Location::Postgres(url)).await {
            Ok(db) => {
                assert!(works, "{host} {query}");
                let conn = db.read().await.unwrap();
                let one: i64 = conn.scalar("select 1::bigint", params![]).await.unwrap();
                assert_eq!(one, 1);
            }
            Err(fault) => {
                assert!(!works, "{host} {query}: {fault:#}");
                assert!(format!("{fault:#}").contains("is not who it has to be"), "{fault:#}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let Some(url) = postgres_url().await else { return };
    let wrong = url.replace("/t_", "/not_there_t_");
    let fault = Db::connect(&Location::Postgres(wrong)).await.err().unwrap();
    let fault = format!("{fault:#}");
    assert!(fault.contains("does not let us in") && fault.contains("does not exist"), "{fault}");
}

#[tokio::test]
async fn what_is_committed_is_on_the_disk_whatever_the_server_is_set_to() {
    let Some(url) = postgres_url().await else { return };
    let location = Location::Postgres(url);
    for (set_to, expected) in
        [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
    {
        let db = Db::connect(&location).await.unwrap();
        let name: String =
            db.read().await.unwrap().scalar("select current_database()", params![]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let sql = format!("alter database \"{name}\" set synchronous_commit = {set_to}");
        tx.script(sql).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;

        let db = Db::connect(&location).await.unwrap();
        let ask = "select current_setting('synchronous_commit')";
        let tx = db.begin().await.unwrap();
        assert_eq!(tx.scalar::<String>(ask, params![]).await.unwrap(), expected, "{set_to}");
        drop(tx);
        let all = [db.read().await.unwrap(), db.read_for_all().await.unwrap()];
        for conn in &all {
            assert_eq!(conn.scalar::<String>(ask, params![]).await.unwrap(), expected, "{set_to}");
        }
        drop(all);
        db.close().await;
    }
}

#[tokio::test]
async fn settings_that_may_damage_the_database_are_known() {
    let Some(db) = postgres().await else { return };
    let conn = db.read().await.unwrap();
    let is_off = async |name: &'static str| {
        let off = "select count(*) from pg_settings where name = $1 and setting = 'off'";
        conn.scalar::<i64>(off, params![name]).await.unwrap() == 1
    };
    let careless = crate::careless_settings(&conn).await.unwrap();
    for name in ["fsync", "full_page_writes"] {
        assert_eq!(careless.contains(&name.to_owned()), is_off(name).await, "{name}");
    }
}
