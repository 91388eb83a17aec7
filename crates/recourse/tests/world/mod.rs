//! What the tests stand on: the whole program with a database of its own, and real mail servers
//! around it.

mod client;
mod clock;
pub(crate) mod dovecot;
mod mails;
pub(crate) mod peers;
pub(crate) mod place;
mod sink;
mod tokens;

pub(crate) use client::{Page, Web};
pub(crate) use clock::Shifted;
pub(crate) use dovecot::{Dovecot, MAIL_PASSWORD};
pub(crate) use mails::{Letter, mail};
pub(crate) use peers::{Peer, eventually, free_port, part, scratch};
pub(crate) use place::{OWNER, World};
pub(crate) use sink::{Got, Sink};

/// Writes a story once and runs it on both databases: `name::sqlite` and `name::postgres`. When it
/// is over, everything that is stored agrees.
macro_rules! on_both {
    ($($(#[$attr:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, clippy::wildcard_imports)]
            use super::*;

            $(#[$attr])*
            async fn story($world: &mut World) $body

            async fn told(mut world: World) {
                story(&mut world).await;
                world.agrees().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                told(World::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                told(World::on_postgres().await).await;
            }
        }
    )*};
}

pub(crate) use on_both;
