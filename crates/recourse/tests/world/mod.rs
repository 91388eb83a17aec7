//! What the tests stand on: the whole program with a database of its own, and real mail servers
//! around it.

mod client;
mod dovecot;
mod mails;
mod peers;
mod place;
mod sink;
mod tokens;

pub use client::{Page, Web};
pub use dovecot::{Dovecot, MAIL_PASSWORD, speak};
pub use mails::{Letter, mail};
pub use peers::{Peer, eventually, free_port, part, scratch, wait_for_port};
pub use place::{OWNER, PASSWORD, World, inbox_fields};
pub use sink::{Got, Sink};

/// Writes a story once and runs it on both databases: `name::sqlite` and `name::postgres`.
macro_rules! on_both {
    ($($(#[$attr:meta])* async fn $name:ident($world:ident: World) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, clippy::allow_attributes, clippy::wildcard_imports)]
            use super::*;

            $(#[$attr])*
            async fn story(mut $world: World) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                story(World::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                story(World::on_postgres().await).await;
            }
        }
    )*};
}

pub(crate) use on_both;
