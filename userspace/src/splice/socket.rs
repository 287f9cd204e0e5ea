//! What is listened at: made in the namespace of whoever calls, and taken along into another one.

use crate::document::Listen;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, connect, listen, socket};
use nix::sys::stat::{Mode, fchmod};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// A socket that is listened at.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of one, which is removed when this is dropped, unless it is another one by then.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Socket {
    pub(super) fn bind(listen: &Listen) -> io::Result<(Self, Option<File>)> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok((Self::Tcp(listener), None))
            }
            Listen::Unix(path) => {
                let (listener, file) = bind_file(path)?;
                Ok((Self::Unix(listener), Some(file)))
            }
        }
    }
}

/// Takes the place of a socket that nobody listens at, and of nothing else. The file is root's alone from its first
/// moment: the kernel makes it with the mode that the socket has.
fn bind_file(path: &Path) -> io::Result<(UnixListener, File)> {
    check_free(path)?;
    remove(path)?;
    let socket = unix_socket()?;
    fchmod(&socket, Mode::from_bits_truncate(0o600))?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let file = File::of(path)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok((socket.into(), file))
}

pub(super) fn unix_socket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

/// Whether nothing is there that anybody needs.
fn check_free(path: &Path) -> io::Result<()> {
    let taken = |what| io::Error::new(io::ErrorKind::AlreadyExists, what);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(taken("there is a file that is no socket")),
        Ok(_) if is_left(path)? => Ok(()),
        Ok(_) => Err(taken("somebody listens there already")),
    }
}

/// Whether whoever listened at a socket has ended. Who listens and takes nobody in, or listens for something else than
/// streams, is there too; nobody is waited for.
fn is_left(path: &Path) -> io::Result<bool> {
    let asked = connect(unix_socket()?.as_raw_fd(), &UnixAddr::new(path)?);
    Ok(matches!(asked, Err(Errno::ECONNREFUSED | Errno::ENOENT)))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl File {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn is_there(&self) -> bool {
        let found = std::fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.is_there() {
            // What is left is replaced by whoever listens there next.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
