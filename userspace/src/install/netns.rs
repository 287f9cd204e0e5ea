//! Named network namespaces, made the way `ip netns` makes them, so that its commands work on them.

use crate::install::error::{Doing as _, Error, Result};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

/// Where `ip netns` looks.
pub const DIRECTORY: &str = "/run/netns";

/// By which a namespace is known from a later one of the same name. The kernel gives the inode of one that is gone to
/// the next one, so the time from which it has it is part of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub inode: u64,
    /// In nanoseconds since 1970. It stays as long as a name is bound to the namespace, but not where the name is a
    /// link to a process's namespace, as others make them.
    pub since: i64,
}

/// The file that stands for a namespace.
pub fn path(name: &str) -> Result<PathBuf> {
    let usable = !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\0']) && name != "." && name != "..";
    if usable {
        Ok(Path::new(DIRECTORY).join(name))
    } else {
        Err(Error::NamespaceName(name.to_owned()))
    }
}

/// Makes a namespace.
pub fn create(name: &str) -> Result<Identity> {
    let path = path(name)?;
    share_directory().doing(|| format!("prepare {DIRECTORY}"))?;
    match OpenOptions::new().write(true).create_new(true).mode(0o000).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // A mere file is what is left of a creation or a removal that was killed.
            if is_namespace(name)? {
                return Err(Error::NamespaceTaken(name.to_owned()));
            }
            return bind_to(name, &path);
        }
        other => other.doing(|| format!("make {}", path.display()))?,
    };
    bind_to(name, &path)
}

/// Makes a namespace that a file stands for.
fn bind_to(name: &str, path: &Path) -> Result<Identity> {
    if let Err(error) = on_thread(|| bind_new_namespace(path)) {
        // The file alone stands for nothing, and the error to report is the one above.
        let _ = std::fs::remove_file(path);
        return Err(error).doing(|| format!("make network namespace {name}"));
    }
    identity(name)?.ok_or_else(|| Error::NamespaceMissing(name.to_owned()))
}

/// Removes a namespace's name. The namespace itself goes with the last process in it. A name that is not there is no
/// error.
pub fn remove(name: &str) -> Result<()> {
    let path = path(name)?;
    match umount2(&path, MntFlags::MNT_DETACH) {
        // Not a mount: a creation that was killed halfway.
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(error) => return Err(error).doing(|| format!("unmount network namespace {name}")),
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.doing(|| format!("remove {}", path.display())),
    }
}

/// Gives a namespace another name; whoever is in it notices nothing. Does the rest of it if it was killed halfway.
pub fn rename(from: &str, to: &str) -> Result<()> {
    let what = || format!("call network namespace {from} {to}");
    let (old, new) = (path(from)?, path(to)?);
    if inode(from)?.is_none() {
        return Ok(());
    }
    if inode(from)? != inode(to)? {
        if is_namespace(to)? {
            return Err(Error::NamespaceTaken(to.to_owned()));
        }
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o000)
            .open(&new)
            .doing(what)?;
        mount(Some(&old), &new, None::<&str>, MsFlags::MS_BIND, None::<&str>).doing(what)?;
    }
    remove(from)
}

/// Whether a name stands for a namespace, and not for a file only, which who is killed while naming one leaves.
pub fn is_namespace(name: &str) -> Result<bool> {
    let path = path(name)?;
    match statfs(&path) {
        Err(Errno::ENOENT) => Ok(false),
        other => other
            .map(|found| found.filesystem_type() == NSFS_MAGIC)
            .doing(|| format!("look at {}", path.display())),
    }
}

/// The names there are.
pub fn list() -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing(|| format!("read {DIRECTORY}"))?,
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// The inode of the namespace with this name, if there is one.
pub fn inode(name: &str) -> Result<Option<u64>> {
    Ok(identity(name)?.map(|identity| identity.inode))
}

/// The namespace with this name, if there is one.
pub fn identity(name: &str) -> Result<Option<Identity>> {
    let path = path(name)?;
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other
            .map(|metadata| {
                Some(Identity {
                    inode: metadata.ino(),
                    // It is the year 2262 before this doesn't fit.
                    since: metadata
                        .ctime()
                        .saturating_mul(1_000_000_000)
                        .saturating_add(metadata.ctime_nsec()),
                })
            })
            .doing(|| format!("look at {}", path.display())),
    }
}

pub fn open(name: &str) -> Result<File> {
    let path = path(name)?;
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NamespaceMissing(name.to_owned())),
        other => other.doing(|| format!("open {}", path.display())),
    }
}

/// Runs something inside a namespace, on a thread of its own, so that no other code ever finds itself there. What it
/// opens (sockets, files under /proc/sys/net) is the namespace's; so is what [`crate::install::netlink::Netlink`]
/// talks to.
pub fn run<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let namespace = open(name)?;
    on_thread(|| {
        setns(&namespace, CloneFlags::CLONE_NEWNET).doing(|| format!("enter network namespace {name}"))?;
        work()
    })
}

/// A thread that is given up afterwards, since it is in another namespace than the rest of the process.
fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn bind_new_namespace(path: &Path) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    mount(
        Some("/proc/thread-self/ns/net"),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
}

/// Makes the directory a shared mount, as iproute2 does: only then is a namespace removed here also gone from the
/// mount namespaces of other processes, which would keep it alive.
fn share_directory() -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(DIRECTORY)?;
    let share = || {
        mount(
            None::<&str>,
            DIRECTORY,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    match share() {
        Err(Errno::EINVAL) => {
            let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(DIRECTORY), DIRECTORY, None::<&str>, bind, None::<&str>)?;
            share()?;
        }
        other => other?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_directory() {
        for name in ["", ".", "..", "../etc", "a/b", "a\0b"] {
            assert!(matches!(path(name), Err(Error::NamespaceName(_))), "{name:?}");
        }
        assert_eq!(path("web-1").unwrap(), Path::new("/run/netns/web-1"));
    }
}
