//! Which resolver the tools in a guest ask: `ip netns exec` puts `/etc/netns/NAME/resolv.conf` in the place of the
//! host's.

use crate::install::error::{Doing as _, Result};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

const DIRECTORY: &str = "/etc/netns";

/// Writes the file of a namespace. One that is there is its user's, and stays.
pub(super) fn write(namespace: &str, resolver: Ipv4Addr) -> Result<()> {
    let path = path(namespace);
    let write = || -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&path, text(resolver))
    };
    write().doing(|| format!("write {}", path.display()))
}

/// Removes the file of a namespace, if it is still as it was written, and the directories that were made for it.
pub(super) fn remove(namespace: &str, resolver: Ipv4Addr) -> Result<()> {
    let path = path(namespace);
    if fs::read_to_string(&path).is_ok_and(|found| found == text(resolver)) {
        fs::remove_file(&path).doing(|| format!("remove {}", path.display()))?;
    }
    for directory in path.ancestors().skip(1).take(2) {
        // Whatever else is in it keeps it, and that it isn't there is as good.
        let _ = fs::remove_dir(directory);
    }
    Ok(())
}

fn path(namespace: &str) -> PathBuf {
    Path::new(DIRECTORY).join(namespace).join("resolv.conf")
}

fn text(resolver: Ipv4Addr) -> String {
    format!("# The resolver of this guest's VPC, written by groundplane.\nnameserver {resolver}\n")
}
