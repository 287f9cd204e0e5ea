//! What is listened at: made in the namespace of whoever calls, and taken along into another one.

use crate::document::Listen;
use std::fs::Permissions;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that is listened at.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of one, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct File(PathBuf);

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
                listener.set_nonblocking(true)?;
                Ok((Self::Unix(listener), Some(file)))
            }
        }
    }
}

/// Takes the place of a socket that nobody listens at, and of nothing else. Nobody can connect before the file is root's alone.
fn bind_file(path: &Path) -> io::Result<(UnixListener, File)> {
    check_free(path)?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    check_free(&new)?;
    remove(&new)?;
    let listener = UnixListener::bind(&new)?;
    let made = File(new.clone());
    std::fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    std::fs::rename(&new, path)?;
    std::mem::forget(made);
    Ok((listener, File(path.to_owned())))
}

/// Whether nothing is there that anybody needs.
fn check_free(path: &Path) -> io::Result<()> {
    let taken = |what| io::Error::new(io::ErrorKind::AlreadyExists, what);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(taken("there is a file that is no socket")),
        Ok(_) if UnixStream::connect(path).is_ok() => Err(taken("somebody listens there already")),
        Ok(_) => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What is left is replaced by whoever listens there next.
        let _ = std::fs::remove_file(&self.0);
    }
}
