//! Files of the state directory: replaced as a whole, and on the disk before anything relies on them.

use crate::install::error::{Doing as _, Result};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Makes a directory that root alone can look into.
pub(super) fn make_directory(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.doing(|| format!("make {}", path.display()))
}

/// Puts a file in the place of the one of its name. Its new name is on the disk only once its directory is.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let new = unfinished(path);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().doing(|| format!("write {}", path.display()))
}

/// A file that is being written.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Waits until the names in a directory are on the disk.
pub(super) fn sync(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|file| file.sync_all());
    synced.doing(|| format!("write {}", directory.display()))
}

/// Removes a file; one that isn't there is no error.
pub(super) fn remove(path: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_file(path)).doing(|| format!("remove {}", path.display()))
}

/// Removes a directory with everything in it; one that isn't there is no error.
pub(super) fn remove_all(directory: &Path) -> Result<()> {
    ignore_missing(std::fs::remove_dir_all(directory)).doing(|| format!("remove {}", directory.display()))
}

/// What is in a directory, in order of name; one that isn't there has nothing in it.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut paths: Vec<_> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    };
    read().doing(|| format!("read {}", directory.display()))
}

/// That there is nothing to be removed is no error.
pub(super) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
