//! A disk that can lose power. What was written is there for whoever reads it, as on every disk;
//! what was not synced when the power goes is lost, wholly or in part, sector by sector.
//!
//! It is a file system in memory, mounted through FUSE, so that the program, its database and the
//! kernel in between are what they always are. A name is durable when its folder was synced.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, FileAttr, FileType, Filesystem, MountOption, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow,
};
use rand::RngExt;
use rand::rngs::StdRng;

const TTL: Duration = Duration::from_secs(1);
const SECTOR: usize = 512;
const ROOT: u64 = 1;
const EIO: i32 = 5;
const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENOSPC: i32 = 28;
const ENOTEMPTY: i32 = 39;

/// What is wrong with the disk at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Syncing fails, and what should have been synced never reaches the disk.
    SyncFails,
    /// The same with folders alone: what is in a file is kept, and its name is not.
    FolderSyncFails,
    /// Nothing more fits on it.
    Full,
}

/// A mounted disk.
pub(crate) struct Disk {
    at: PathBuf,
    state: Arc<Mutex<State>>,
    session: Option<BackgroundSession>,
}

struct State {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    fault: Fault,
    /// What fits on it while it is full.
    capacity: usize,
    /// Programs that outlived a cut talk to a disk that is no longer there.
    generation: u64,
    syncs: u64,
}

struct Node {
    kind: FileType,
    mode: u32,
    data: Vec<u8>,
    saved: Vec<u8>,
    /// What was written since the last sync.
    pending: Vec<(usize, usize)>,
    names: BTreeMap<OsString, u64>,
    saved_names: BTreeMap<OsString, u64>,
}

/// The file system of one mount.
struct Mounted {
    state: Arc<Mutex<State>>,
    generation: u64,
}

impl Disk {
    /// Whether disks can be mounted here: that takes Linux and root.
    pub(crate) fn can_be_mounted() -> bool {
        let opened = std::fs::File::options().read(true).write(true).open("/dev/fuse");
        let is_root = std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        opened.is_ok() && is_root
    }

    pub(crate) fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a folder to mount it at");
        let root = Node::new(FileType::Directory, 0o755);
        let state = State {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            fault: Fault::None,
            capacity: 0,
            generation: 0,
            syncs: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let mut disk = Self { at: at.to_owned(), state, session: None };
        disk.plug_in();
        disk
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.at
    }

    fn plug_in(&mut self) {
        let generation = self.state().generation;
        let mounted = Mounted { state: Arc::clone(&self.state), generation };
        let options =
            [MountOption::FSName("test disk".to_owned()), MountOption::DefaultPermissions];
        self.session = Some(fuser::spawn_mount2(mounted, &self.at, &options).expect("it mounts"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was written reaches the disk.
    pub(crate) fn settles(&self) {
        self.state().nodes.values_mut().for_each(Node::sync);
    }

    pub(crate) fn has(&self, fault: Fault) {
        let mut state = self.state();
        // From now on as much fits on it as is there.
        state.capacity = state.used();
        state.fault = fault;
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// The power goes, and comes back: of what was not synced chance keeps some.
    pub(crate) fn loses_power(&mut self, chance: &mut StdRng) {
        // Whatever was on its way to the disk does not arrive.
        self.state().generation += 1;
        // A pipe that outlives the server still holds the disk, and would keep it where it is.
        let away = Command::new("umount").arg("--lazy").arg(&self.at).status();
        assert!(away.is_ok_and(|status| status.success()), "the disk cannot be taken away");
        drop(self.session.take());
        {
            let mut state = self.state();
            let kept = [0.0, 0.5, 0.9][chance.random_range(0..3)];
            state.nodes.values_mut().for_each(|node| node.cut(kept, chance));
            state.fault = Fault::None;
        }
        self.plug_in();
    }
}

impl Node {
    fn new(kind: FileType, mode: u32) -> Self {
        Self {
            kind,
            mode,
            data: Vec::new(),
            saved: Vec::new(),
            pending: Vec::new(),
            names: BTreeMap::new(),
            saved_names: BTreeMap::new(),
        }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.data.len() < end {
            self.pending.push((self.data.len(), offset.max(self.data.len())));
            self.data.resize(end, 0);
        }
        self.data[offset..end].copy_from_slice(bytes);
        self.pending.push((offset, end));
    }

    fn set_size(&mut self, size: usize) {
        let before = self.data.len();
        self.data.resize(size, 0);
        self.pending.push((before.min(size), before.max(size)));
    }

    fn sync(&mut self) {
        self.saved.resize(self.data.len(), 0);
        for (from, to) in std::mem::take(&mut self.pending) {
            let (from, to) = (from.min(self.data.len()), to.min(self.data.len()));
            self.saved[from..to].copy_from_slice(&self.data[from..to]);
        }
        self.saved_names.clone_from(&self.names);
    }

    fn cut(&mut self, kept: f64, chance: &mut StdRng) {
        for (from, to) in std::mem::take(&mut self.pending) {
            let to = to.min(self.data.len());
            let mut at = from;
            while at < to {
                let end = ((at / SECTOR + 1) * SECTOR).min(to);
                if chance.random_bool(kept) {
                    if self.saved.len() < end {
                        self.saved.resize(end, 0);
                    }
                    self.saved[at..end].copy_from_slice(&self.data[at..end]);
                }
                at = end;
            }
        }
        if self.saved.len() > self.data.len() && chance.random_bool(kept) {
            self.saved.truncate(self.data.len());
        }
        let names: Vec<&OsString> = self.names.keys().chain(self.saved_names.keys()).collect();
        let changed = names.into_iter().filter(|name| {
            self.names.get(*name) != self.saved_names.get(*name) && chance.random_bool(kept)
        });
        for name in changed.cloned().collect::<Vec<_>>() {
            match self.names.get(&name) {
                Some(node) => self.saved_names.insert(name, *node),
                None => self.saved_names.remove(&name),
            };
        }
        self.data.clone_from(&self.saved);
        self.names.clone_from(&self.saved_names);
    }

    fn attributes(&self, number: u64) -> FileAttr {
        let size = u64::try_from(self.data.len()).expect("it fits");
        FileAttr {
            ino: number,
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: self.kind,
            perm: u16::try_from(self.mode & 0o7777).expect("it fits"),
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4_096,
            flags: 0,
        }
    }
}

impl State {
    fn add(&mut self, parent: u64, name: &OsStr, kind: FileType, mode: u32) -> Result<u64, i32> {
        let number = self.next;
        let folder = self.nodes.get_mut(&parent).ok_or(ENOENT)?;
        if folder.names.contains_key(name) {
            return Err(EEXIST);
        }
        folder.names.insert(name.to_owned(), number);
        self.nodes.insert(number, Node::new(kind, mode));
        self.next += 1;
        Ok(number)
    }

    /// How much is on it, under whatever name.
    fn used(&self) -> usize {
        let named = self.nodes.values().flat_map(|folder| folder.names.values());
        named.filter_map(|number| self.nodes.get(number)).map(|node| node.data.len()).sum()
    }

    /// Whether so much more fits on it.
    fn has_room_for(&self, more: usize) -> bool {
        self.fault != Fault::Full || more == 0 || self.used() + more <= self.capacity
    }

    fn remove(&mut self, parent: u64, name: &OsStr) -> Result<(), i32> {
        let folder = self.nodes.get(&parent).ok_or(ENOENT)?;
        let number = *folder.names.get(name).ok_or(ENOENT)?;
        if self.nodes.get(&number).is_some_and(|node| !node.names.is_empty()) {
            return Err(ENOTEMPTY);
        }
        let folder = self.nodes.get_mut(&parent).ok_or(ENOENT)?;
        folder.names.remove(name);
        Ok(())
    }

    fn sync(&mut self, number: u64) -> Result<(), i32> {
        self.syncs += 1;
        let fault = self.fault;
        let node = self.nodes.get_mut(&number).ok_or(ENOENT)?;
        let is_broken = match fault {
            Fault::SyncFails => true,
            Fault::FolderSyncFails => node.kind == FileType::Directory,
            Fault::None | Fault::Full => false,
        };
        if is_broken {
            // As on Linux: it is told once, and the pages count as written from then on.
            node.pending.clear();
            return Err(EIO);
        }
        node.sync();
        Ok(())
    }
}

impl Mounted {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, i32>) -> Result<T, i32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.generation == self.generation { work(&mut state) } else { Err(EIO) }
    }

    fn of(&self, number: u64) -> Result<FileAttr, i32> {
        self.with(|state| {
            state.nodes.get(&number).map(|node| node.attributes(number)).ok_or(ENOENT)
        })
    }

    fn made(&self, parent: u64, name: &OsStr, kind: FileType, mode: u32) -> Result<FileAttr, i32> {
        let number = self.with(|state| {
            if !state.has_room_for(SECTOR) {
                return Err(ENOSPC);
            }
            state.add(parent, name, kind, mode)
        })?;
        self.of(number)
    }
}

fn offset(at: i64) -> usize {
    usize::try_from(at).unwrap_or_default()
}

fn done(result: Result<(), i32>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(code) => reply.error(code),
    }
}

fn entry(result: Result<FileAttr, i32>, reply: ReplyEntry) {
    match result {
        Ok(attributes) => reply.entry(&TTL, &attributes, 0),
        Err(code) => reply.error(code),
    }
}

fn attributes(result: Result<FileAttr, i32>, reply: ReplyAttr) {
    match result {
        Ok(attributes) => reply.attr(&TTL, &attributes),
        Err(code) => reply.error(code),
    }
}

impl Filesystem for Mounted {
    fn lookup(&mut self, _: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEntry) {
        let number = self.with(|state| {
            let folder = state.nodes.get(&parent).ok_or(ENOENT)?;
            folder.names.get(name).copied().ok_or(ENOENT)
        });
        entry(number.and_then(|number| self.of(number)), reply);
    }

    fn getattr(&mut self, _: &Request<'_>, number: u64, _: Option<u64>, reply: ReplyAttr) {
        attributes(self.of(number), reply);
    }

    fn setattr(
        &mut self,
        _: &Request<'_>,
        number: u64,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<std::time::SystemTime>,
        _: Option<u64>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<u32>,
        reply: ReplyAttr,
    ) {
        let changed = self.with(|state| {
            let before = state.nodes.get(&number).ok_or(ENOENT)?.data.len();
            let size = size.map(|size| usize::try_from(size).ok().ok_or(ENOSPC)).transpose()?;
            if !state.has_room_for(size.unwrap_or(before).saturating_sub(before)) {
                return Err(ENOSPC);
            }
            let node = state.nodes.get_mut(&number).ok_or(ENOENT)?;
            if let Some(size) = size {
                node.set_size(size);
            }
            node.mode = mode.unwrap_or(node.mode);
            Ok(())
        });
        attributes(changed.and_then(|()| self.of(number)), reply);
    }

    fn mknod(
        &mut self,
        _: &Request<'_>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        const TYPE: u32 = 0o170_000;
        const SOCKET: u32 = 0o140_000;
        let is_socket = mode & TYPE == SOCKET;
        let kind = if is_socket { FileType::Socket } else { FileType::RegularFile };
        entry(self.made(parent, name, kind, mode), reply);
    }

    fn mkdir(
        &mut self,
        _: &Request<'_>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        entry(self.made(parent, name, FileType::Directory, mode), reply);
    }

    fn create(
        &mut self,
        _: &Request<'_>,
        parent: u64,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.made(parent, name, FileType::RegularFile, mode) {
            Ok(made) => reply.created(&TTL, &made, 0, 0, 0),
            Err(code) => reply.error(code),
        }
    }

    fn unlink(&mut self, _: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEmpty) {
        done(self.with(|state| state.remove(parent, name)), reply);
    }

    fn rmdir(&mut self, _: &Request<'_>, parent: u64, name: &OsStr, reply: ReplyEmpty) {
        done(self.with(|state| state.remove(parent, name)), reply);
    }

    fn rename(
        &mut self,
        _: &Request<'_>,
        parent: u64,
        name: &OsStr,
        new_parent: u64,
        new_name: &OsStr,
        _: u32,
        reply: ReplyEmpty,
    ) {
        let renamed = self.with(|state| {
            let from = state.nodes.get_mut(&parent).ok_or(ENOENT)?;
            let number = from.names.remove(name).ok_or(ENOENT)?;
            let to = state.nodes.get_mut(&new_parent).ok_or(ENOENT)?;
            to.names.insert(new_name.to_owned(), number);
            Ok(())
        });
        done(renamed, reply);
    }

    fn open(&mut self, _: &Request<'_>, number: u64, _: i32, reply: ReplyOpen) {
        match self.of(number) {
            Ok(_) => reply.opened(0, 0),
            Err(code) => reply.error(code),
        }
    }

    fn read(
        &mut self,
        _: &Request<'_>,
        number: u64,
        _: u64,
        at: i64,
        size: u32,
        _: i32,
        _: Option<u64>,
        reply: ReplyData,
    ) {
        let read = self.with(|state| {
            let data = &state.nodes.get(&number).ok_or(ENOENT)?.data;
            let from = offset(at).min(data.len());
            let to = (from + usize::try_from(size).unwrap_or_default()).min(data.len());
            Ok(data[from..to].to_vec())
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(code) => reply.error(code),
        }
    }

    fn write(
        &mut self,
        _: &Request<'_>,
        number: u64,
        _: u64,
        at: i64,
        bytes: &[u8],
        _: u32,
        _: i32,
        _: Option<u64>,
        reply: ReplyWrite,
    ) {
        let written = self.with(|state| {
            let before = state.nodes.get(&number).ok_or(ENOENT)?.data.len();
            if !state.has_room_for((offset(at) + bytes.len()).saturating_sub(before)) {
                return Err(ENOSPC);
            }
            let node = state.nodes.get_mut(&number).ok_or(ENOENT)?;
            node.write(offset(at), bytes);
            Ok(())
        });
        match written {
            Ok(()) => reply.written(u32::try_from(bytes.len()).expect("it fits")),
            Err(code) => reply.error(code),
        }
    }

    fn flush(&mut self, _: &Request<'_>, _: u64, _: u64, _: u64, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&mut self, _: &Request<'_>, number: u64, _: u64, _: bool, reply: ReplyEmpty) {
        done(self.with(|state| state.sync(number)), reply);
    }

    fn fsyncdir(&mut self, _: &Request<'_>, number: u64, _: u64, _: bool, reply: ReplyEmpty) {
        done(self.with(|state| state.sync(number)), reply);
    }

    fn readdir(
        &mut self,
        _: &Request<'_>,
        number: u64,
        _: u64,
        at: i64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.with(|state| {
            let folder = state.nodes.get(&number).ok_or(ENOENT)?;
            let own = [OsString::from("."), OsString::from("..")].map(|name| (name, number));
            let names = folder.names.iter().map(|(name, number)| (name.clone(), *number));
            let listed = own.into_iter().chain(names).map(|(name, number)| {
                let kind = state.nodes.get(&number).map_or(FileType::RegularFile, |node| node.kind);
                (name, number, kind)
            });
            Ok(listed.collect::<Vec<_>>())
        });
        match listed {
            Ok(listed) => {
                for (next, (name, number, kind)) in (1_i64..).zip(listed).skip(offset(at)) {
                    if reply.add(number, next, kind, name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(code) => reply.error(code),
        }
    }

    fn statfs(&mut self, _: &Request<'_>, _: u64, reply: ReplyStatfs) {
        reply.statfs(1 << 24, 1 << 23, 1 << 23, 1 << 20, 1 << 19, 4_096, 255, 4_096);
    }
}
