//! Whether a folder lies on another machine. SQLite shares memory between its connections and
//! relies on locks and syncing, and no file system over a network keeps all three promises.

use std::path::Path;

use anyhow::{Result, bail};

/// What file systems over a network, or between a machine and its host, are called. FUSE says
/// behind a full stop what it speaks; without that it is a disk like others.
const OVER_A_NETWORK: [&str; 28] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse.blobfuse2",
    "fuse.ceph-fuse",
    "fuse.curlftpfs",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.goofys",
    "fuse.juicefs",
    "fuse.mfs",
    "fuse.mount-s3",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.seaweedfs",
    "fuse.sshfs",
    "fuse.vmhgfs-fuse",
    "glusterfs",
    "lustre",
    "ncpfs",
    "smb3",
    "smbfs",
    "vboxsf",
];

/// Refuses a database file that lies on another machine. Where nothing can be known, as on systems
/// without `/proc`, none does.
pub(crate) fn assert_local(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(folder) = folder.unwrap_or(Path::new(".")).canonicalize() else { return Ok(()) };
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    assert_local_by(&mounts, &folder)
}

fn assert_local_by(mounts: &str, folder: &Path) -> Result<()> {
    match kind_of(mounts, folder) {
        Some(kind) if is_over_network(&kind) => bail!(
            "the data folder {} lies on a network file system ({kind}), where what is said to be \
             stored may be lost; keep it on a disk of this machine (--data), or use PostgreSQL \
             (--database-url)",
            folder.display()
        ),
        _ => Ok(()),
    }
}

fn is_over_network(kind: &str) -> bool {
    // There is a version behind the name of this one.
    kind.starts_with("nfs") || OVER_A_NETWORK.contains(&kind)
}

/// The kind of file system that a folder lies on, by the lines of `/proc/self/mountinfo`: of the
/// mounts above it the nearest, and of those at the same place the last.
fn kind_of(mounts: &str, folder: &Path) -> Option<String> {
    let mut nearest: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(at) = before.split(' ').nth(4).map(unescaped) else { continue };
        let depth = Path::new(&at).components().count();
        let is_nearer = nearest.is_none_or(|(nearest, _)| depth >= nearest);
        if is_nearer && folder.starts_with(&at) {
            nearest = after.split(' ').next().map(|kind| (depth, kind));
        }
    }
    nearest.map(|(_, kind)| kind.to_owned())
}

/// The kernel writes spaces, tabs, line ends and backslashes of a path as three octal digits.
fn unescaped(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(field.to_owned(), |field, (escaped, plain)| field.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
24 22 0:30 / /srv rw,relatime shared:9 master:2 - nfs4 files:/srv rw,vers=4.2
25 24 254:1 / /srv/local rw,relatime - xfs /dev/vdb rw
26 22 0:31 / /mnt/office rw - cifs //office/share rw
27 22 0:32 / /mnt/old rw - nfs files:/old rw,vers=3
28 22 0:33 / /mnt/host rw - 9p host rw,trans=virtio
29 22 0:34 / /mnt/afs rw - afs #cell rw
30 22 0:35 / /mnt/ssh rw - fuse.sshfs me@there: rw
31 22 0:36 / /mnt/bucket rw - fuse.s3fs s3fs rw
32 22 0:37 / /mnt/fuse rw - fuse disk rw
33 22 0:38 / /mnt/usb rw - fuseblk /dev/sdb1 rw
34 22 0:39 / /mnt/crypt rw - fuse.gocryptfs /crypt rw
35 22 0:40 / /mnt/with\\040space rw - nfs4 files:/a rw
36 22 0:41 / /mnt/twice rw - nfs4 files:/b rw
37 36 254:2 / /mnt/twice rw - btrfs /dev/vdc rw
38 22 0:42 / /mnt/memory rw - tmpfs tmpfs rw
a line that the kernel would not write
";

    #[test]
    fn what_lies_on_another_machine_is_known() {
        for (folder, expected) in [
            ("/var/lib/recourse", None),
            ("/", None),
            ("/srv", Some("nfs4")),
            ("/srv/recourse", Some("nfs4")),
            ("/srv/local/recourse", None),
            ("/srvant", None),
            ("/mnt/office/data", Some("cifs")),
            ("/mnt/old", Some("nfs")),
            ("/mnt/host/data", Some("9p")),
            ("/mnt/afs/data", Some("afs")),
            ("/mnt/ssh/data", Some("fuse.sshfs")),
            ("/mnt/bucket/data", Some("fuse.s3fs")),
            ("/mnt/fuse/data", None),
            ("/mnt/usb/data", None),
            ("/mnt/crypt/data", None),
            ("/mnt/with space/data", Some("nfs4")),
            ("/mnt/twice/data", None),
            ("/mnt/memory/data", None),
        ] {
            let said = assert_local_by(MOUNTS, Path::new(folder)).err().map(|no| no.to_string());
            let expected = expected.map(|kind| {
                format!(
                    "the data folder {folder} lies on a network file system ({kind}), where what \
                     is said to be stored may be lost; keep it on a disk of this machine (--data), \
                     or use PostgreSQL (--database-url)"
                )
            });
            assert_eq!(said, expected, "{folder}");
        }
    }

    #[test]
    fn what_the_kernel_writes_is_understood() {
        assert_eq!(kind_of("", Path::new("/data")), None);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert_eq!(kind_of(&mounts, Path::new("/proc")).as_deref(), Some("proc"));
        assert!(assert_local(Path::new("/proc/recourse.db")).is_ok());
    }
}
