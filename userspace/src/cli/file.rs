//! Documents from files.

use anyhow::Context;
use groundplane::document;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A file that can't be read: the command line names the wrong one.
#[derive(Debug)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't read {}", self.0)
    }
}

/// Reads a file and makes of its name and its bytes what `parse` does.
pub(super) fn read<T>(path: &Path, parse: impl FnOnce(&str, &[u8]) -> T) -> anyhow::Result<T> {
    let name = path.display().to_string();
    let bytes = bytes(path).with_context(|| Unreadable(name.clone()))?;
    Ok(parse(&name, &bytes))
}

/// One byte more than a document may have is enough to see that it is too long, and bounds what a pipe can send.
fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(document::MAX_LEN as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
