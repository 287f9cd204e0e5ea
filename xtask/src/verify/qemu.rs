//! The emulator: this machine's, if it has one; otherwise Debian's, fetched and never installed, since it may not get
//! along with what the machine's owner has installed.

use crate::command::{find, program, read, target};
use crate::setup::apt;
use crate::step::note;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;

const COMMAND: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";
/// Where Debian's packages have libraries, and what the emulated machine boots from.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];
const FIRMWARE: [&str; 2] = ["usr/share/seabios", "usr/share/qemu"];

/// The emulator, yet without arguments.
pub(super) fn command() -> Result<Command> {
    if find(COMMAND).is_some() {
        return Ok(program(COMMAND));
    }
    let tree = target().join("kernels/qemu");
    if !tree.join("usr/bin").join(COMMAND).exists() {
        note(format_args!(
            "fetching {PACKAGE} (20 MB) into target/kernels; it is not installed"
        ));
        unpack(&tree)?;
    }
    let mut command = program(tree.join("usr/bin").join(COMMAND));
    let libraries = std::env::join_paths(LIBRARIES.map(|folder| tree.join(folder)))?;
    command.env("LD_LIBRARY_PATH", libraries);
    for folder in FIRMWARE {
        command.arg("-L").arg(tree.join(folder));
    }
    Ok(command)
}

/// As for the kernel: beside the final place first.
fn unpack(tree: &Path) -> Result<()> {
    let fresh = tree.with_extension("unpacking");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    let archives = fresh.join("archives");
    std::fs::create_dir_all(archives.join("partial"))?;
    apt::download_all(PACKAGE, &archives)?;
    for entry in std::fs::read_dir(&archives)? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|extension| extension == "deb") {
            read(program("dpkg-deb").arg("-x").arg(archive).arg(fresh.join("tree")))?;
        }
    }
    if tree.exists() {
        std::fs::remove_dir_all(tree)?;
    }
    std::fs::rename(fresh.join("tree"), tree).context("apt-get downloaded nothing")?;
    std::fs::remove_dir_all(&fresh)?;
    Ok(())
}
