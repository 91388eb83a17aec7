//! Files that nothing refers to are removed, and no other, whatever happens meanwhile.

use std::collections::BTreeSet;

use database::{Db, on_both, params};
use files::{BucketAccess, FileHash, Files, MediaType, Place};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use kernel::{Clock, MessageId, PublicId, Span, SystemClock, TicketId};

use super::chance::{Dice, cases};
use super::stage::Stage;
use crate::FILE_REFERENCES;
use crate::actions::{Reply, merge, redact, reply, sweep};
use crate::message::StoredFile;
use crate::store::entries;

/// Few, so that one is often stored while it leaves.
const CONTENTS: usize = 5;

struct Shop {
    stage: Stage,
    files: Files,
}

impl Shop {
    async fn new(db: Db) -> Self {
        let stage = Stage::new(db).await;
        // Files lie in the real time.
        stage.cast.clock.set(SystemClock.now());
        let unique = PublicId::new(stage.now()).to_string();
        let root = std::env::temp_dir().join(format!("recourse-collecting-{unique}"));
        let files = Files::open(&Place::Folder(root), &BucketAccess::default()).unwrap();
        Self { stage, files }
    }

    async fn store(&self, dice: &mut Dice) -> StoredFile {
        let bytes = format!("content {}", dice.roll(CONTENTS)).into_bytes();
        let hash = self.files.put(bytes.clone()).await.unwrap();
        for _ in 0..dice.roll(4) {
            tokio::task::yield_now().await;
        }
        StoredFile {
            name: "a.txt".to_owned(),
            media_type: MediaType::of(&bytes),
            size_bytes: kernel::count(bytes.len()),
            content_id: None,
            hash,
        }
    }

    /// A mail brings a file.
    async fn comes(&self, dice: &mut Dice) {
        let mut mail = self.stage.mail("A picture", "See there.");
        mail.files = vec![self.store(dice).await];
        self.stage.comes(&mail).await;
    }

    /// Priya uploads a file; she sends it, drops it, loses it, or forgets it in her draft.
    async fn uploads(&self, dice: &mut Dice) {
        let file = self.store(dice).await;
        let (now, priya) = (self.stage.now(), self.stage.cast.priya);
        let mut tx = self.stage.db.begin().await.unwrap();
        let id = entries::upload(&mut tx, priya, None, &file, now).await.unwrap();
        if dice.roll(4) == 0 {
            return;
        }
        tx.commit().await.unwrap();
        match dice.roll(3) {
            0 => {
                let mut tx = self.stage.db.begin().await.unwrap();
                entries::drop_upload(&mut tx, priya, id).await.unwrap();
                tx.commit().await.unwrap();
            }
            1 => {
                let Some(ticket) = self.any_ticket(dice).await else { return };
                let (office, actor) = (self.stage.office().await, self.stage.priya().await);
                let answer = Reply { text: "Here.".into(), uploads: vec![id], ..Reply::default() };
                let mut tx = self.stage.db.begin().await.unwrap();
                // A ticket that was merged meanwhile is answered where it went.
                if reply(&mut tx, &office, &actor, ticket, &answer).await.is_ok() {
                    tx.commit().await.unwrap();
                }
            }
            _ => {}
        }
    }

    /// A message is redacted, and its files are dropped.
    async fn redacts(&self, dice: &mut Dice) {
        let conn = self.stage.db.read().await.unwrap();
        let sql = "select m.public_id from messages m where m.redacted_at is null and exists (
                select 1 from attachments a where a.message_id = m.id) order by m.id limit 50";
        let ids: Vec<PublicId> = conn.column(sql, params![]).await.unwrap();
        drop(conn);
        if ids.is_empty() {
            return;
        }
        let (office, actor) = (self.stage.office().await, self.stage.priya().await);
        let mut tx = self.stage.db.begin().await.unwrap();
        if redact(&mut tx, &office, &actor, dice.pick(&ids)).await.is_ok() {
            tx.commit().await.unwrap();
        }
    }

    async fn merges(&self, dice: &mut Dice) {
        let (from, into) = (self.any_ticket(dice).await, self.any_ticket(dice).await);
        let (Some(from), Some(into)) = (from, into) else { return };
        // In one order, as pages that merge several do.
        let (from, into) = (from.max(into), from.min(into));
        let (office, actor) = (self.stage.office().await, self.stage.priya().await);
        let mut tx = self.stage.db.begin().await.unwrap();
        if merge(&mut tx, &office, &actor, from, into).await.is_ok() {
            tx.commit().await.unwrap();
        }
    }

    async fn any_ticket(&self, dice: &mut Dice) -> Option<TicketId> {
        let conn = self.stage.db.read().await.unwrap();
        let sql = "select id from tickets where merged_into is null order by id limit 50";
        let ids: Vec<TicketId> = conn.column(sql, params![]).await.unwrap();
        (!ids.is_empty()).then(|| dice.pick(&ids))
    }

    async fn collects(&self) {
        let now = self.stage.now();
        files::collect(&self.stage.db, &self.files, FILE_REFERENCES, now).await.unwrap();
    }

    async fn acts(&self, mut dice: Dice) {
        for _ in 0..4 {
            match dice.roll(9) {
                0 | 1 => self.comes(&mut dice).await,
                2..=4 => self.uploads(&mut dice).await,
                5 => self.redacts(&mut dice).await,
                6 => self.merges(&mut dice).await,
                // Whoever stored it does not come to the rest.
                7 => drop(self.store(&mut dice).await),
                _ => self.collects().await,
            }
        }
    }

    async fn referred_to(&self) -> BTreeSet<String> {
        let conn = self.stage.db.read().await.unwrap();
        let sql = "select distinct file_hash from attachments";
        conn.column::<String>(sql, params![]).await.unwrap().into_iter().collect()
    }

    /// Everything that is referred to can be read.
    async fn has_all(&self, seed: usize) {
        for hash in self.referred_to().await {
            let known = FileHash::read(&hash).unwrap();
            let bytes = self.files.get(&known).await;
            let bytes = bytes.unwrap_or_else(|fault| panic!("round {seed}: {fault:#}"));
            assert_eq!(FileHash::of(&bytes), known, "round {seed}");
        }
    }

    async fn stored(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for content in 0..CONTENTS {
            let hash = FileHash::of(format!("content {content}").as_bytes());
            if self.files.get(&hash).await.is_ok() {
                found.insert(hash.as_str().to_owned());
            }
        }
        found
    }
}

on_both! {
    async fn no_file_is_removed_that_something_refers_to(db: Db) {
        let shop = Shop::new(db).await;
        for round in 0..cases(4) {
            let all: Vec<BoxFuture<'_, ()>> = (0..6)
                .map(|who| shop.acts(Dice::new(u64::try_from(round * 6 + who).unwrap())).boxed())
                .chain([shop.collects().boxed(), shop.collects().boxed()])
                .collect();
            join_all(all).await;
            shop.has_all(round).await;
            shop.stage.later(Span::hours(25));
        }
        // Uploads that nobody sends are given up, and in the end nothing is there but what counts.
        shop.stage.later(Span::days(15));
        sweep(&shop.stage.db, shop.stage.now()).await.unwrap();
        for _ in 0..3 {
            shop.collects().await;
            shop.stage.later(Span::hours(25));
        }
        shop.has_all(usize::MAX).await;
        assert_eq!(shop.stored().await, shop.referred_to().await);
        let conn = shop.stage.db.read().await.unwrap();
        let waiting = "select id from attachments where message_id is null and note_id is null";
        assert_eq!(conn.column::<MessageId>(waiting, params![]).await.unwrap(), []);
    }
}
