//! The socket: one agent has it, root and perhaps a group may ask, and what a killed agent has left is replaced.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Group, Uid, User, chown, getgrouplist};
use std::ffi::CString;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;
use tokio::net::unix::UCred;

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("another agent has {}; there is one to a socket", .0.display())]
    Taken(PathBuf),
    #[error("there is no group {0}")]
    NoGroup(String),
    #[error("{} is no place for a socket", .0.display())]
    NoPlace(PathBuf),
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
}

type Result<T> = std::result::Result<T, SocketError>;

/// A socket that is listened to. It is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    pub(super) listener: UnixListener,
    pub(super) guard: Guard,
    /// Held as long as the agent lives, however it dies.
    _lock: Flock<File>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guard {
    /// Who the agent runs as, which is root.
    owner: Uid,
    group: Option<Gid>,
}

impl Socket {
    /// Listens at a path. The group's members may ask as well.
    pub(super) fn bind(path: &Path, group: Option<&str>) -> Result<Self> {
        let group = group.map(find_group).transpose()?;
        let directory = path.parent().ok_or_else(|| SocketError::NoPlace(path.to_owned()))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(directory)
            .map_err(failed(|| format!("make {}", directory.display())))?;
        let lock = lock(path)?;
        let listener = listen(path, group).map_err(failed(|| format!("listen at {}", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            guard: Guard {
                owner: Uid::effective(),
                group,
            },
            _lock: lock,
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What is left is replaced by the next agent.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The path with something at its end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A socket tells nobody whether who made it lives; a lock on a file beside it does.
fn lock(path: &Path) -> Result<Flock<File>> {
    let beside = beside(path, ".lock");
    let what = || format!("lock {}", beside.display());
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&beside).map_err(failed(what))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, Errno::EWOULDBLOCK)) => Err(SocketError::Taken(path.to_owned())),
        Err((_, error)) => Err(failed(what)(error.into())),
    }
}

/// Takes the place of whatever socket is there. Nobody can connect before it is known who may.
fn listen(path: &Path, group: Option<Gid>) -> io::Result<UnixListener> {
    let new = beside(path, ".new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    chown(&new, None, group)?;
    std::fs::set_permissions(&new, Permissions::from_mode(mode))?;
    std::fs::rename(&new, path)?;
    Ok(listener)
}

fn find_group(name: &str) -> Result<Gid> {
    let found = Group::from_name(name).map_err(|error| failed(|| format!("look for group {name}"))(error.into()))?;
    found
        .map(|group| group.gid)
        .ok_or_else(|| SocketError::NoGroup(name.to_owned()))
}

fn failed(what: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> SocketError {
    |error| SocketError::Io { what: what(), error }
}

impl Guard {
    /// Whether who is at the other end may ask. The socket's mode says the same; this holds also if somebody has
    /// changed that.
    pub(super) fn admits(self, peer: &UCred) -> bool {
        let group = self.group.map(Gid::as_raw);
        peer.uid() == self.owner.as_raw()
            || group.is_some_and(|group| peer.gid() == group || is_member(peer.uid(), group))
    }
}

/// Whether a user is in a group, as the host's own lists have it.
fn is_member(uid: u32, group: u32) -> bool {
    let member = || {
        let user = User::from_uid(Uid::from_raw(uid)).ok()??;
        let groups = getgrouplist(&CString::new(user.name).ok()?, user.gid).ok()?;
        Some(groups.contains(&Gid::from_raw(group)))
    };
    member().unwrap_or(false)
}
