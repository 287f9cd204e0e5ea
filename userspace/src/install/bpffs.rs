//! The BPF file system, where maps, programs and links are pinned so that they outlive this process.

use crate::install::error::{Doing as _, Error, Result};
use crate::install::files::ignore_missing;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Where everybody mounts it.
pub const MOUNT_POINT: &str = "/sys/fs/bpf";

/// Whether the file system is where it belongs.
pub fn is_mounted() -> Result<bool> {
    let found = statfs(MOUNT_POINT).map_err(|error| Error::NoBpf(error.into()))?;
    Ok(found.filesystem_type() == BPF_FS_MAGIC)
}

/// Mounts the file system where it belongs, if it isn't.
pub fn ensure_mounted() -> Result<()> {
    if is_mounted()? {
        return Ok(());
    }
    match mount(
        Some("bpf"),
        MOUNT_POINT,
        Some("bpf"),
        MsFlags::empty(),
        Some("mode=0700"),
    ) {
        Err(Errno::ENODEV) => Err(Error::NoBpf(Errno::ENODEV.into())),
        other => other.doing(|| format!("mount the BPF file system at {MOUNT_POINT}")),
    }
}

/// Unmounts it if nobody has put anything there. Whoever uses it meanwhile keeps it.
pub fn unmount_if_empty() -> Result<()> {
    /// What the kernel itself puts into a new one.
    const BUILT_IN: [&str; 2] = ["maps.debug", "progs.debug"];
    let entries = std::fs::read_dir(MOUNT_POINT).doing(|| format!("read {MOUNT_POINT}"))?;
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    if names.any(|name| !BUILT_IN.iter().any(|built_in| name == *built_in)) {
        return Ok(());
    }
    drop(names);
    match umount2(MOUNT_POINT, MntFlags::empty()) {
        Ok(()) | Err(Errno::EBUSY | Errno::EINVAL) => Ok(()),
        Err(error) => Err(error).doing(|| format!("unmount {MOUNT_POINT}")),
    }
}

/// Makes a directory for pins, readable by root alone.
pub fn create_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .doing(|| format!("make {}", path.display()))?;
    let found = statfs(path).doing(|| format!("look at {}", path.display()))?;
    if found.filesystem_type() == BPF_FS_MAGIC {
        Ok(())
    } else {
        Err(Error::NotBpffs(path.to_owned()))
    }
}

/// Removes a pin; one that isn't there is no error.
pub fn unpin(path: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_file(path)).doing(|| format!("unpin {}", path.display()))
}

/// Removes a directory of pins with everything in it; one that isn't there is no error. Attempts all and reports what
/// failed.
pub fn remove_all(path: &Path) -> Result<()> {
    let what = || format!("read {}", path.display());
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.doing(what)?,
    };
    let mut errors = Vec::new();
    for entry in entries {
        let entry = entry.doing(what)?;
        let result = match entry.file_type().doing(what)?.is_dir() {
            true => remove_all(&entry.path()),
            false => unpin(&entry.path()),
        };
        errors.extend(result.err());
    }
    errors.extend(remove_directory(path).err());
    Error::collect(errors)
}

/// Removes an empty directory; one that isn't there is no error.
pub fn remove_directory(path: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_dir(path)).doing(|| format!("remove {}", path.display()))
}
