//! The oldest supported kernel, fetched from Debian and never installed.

use crate::command::{program, read, target};
use crate::setup::apt;
use crate::step::note;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};

const PREFIX: &str = "linux-image-6.1.0-";
const SUFFIX: &str = "-cloud-amd64";

/// The kernel's image, from an earlier run if there was one.
pub(super) fn fetch() -> Result<PathBuf> {
    if !cfg!(target_arch = "x86_64") {
        bail!("the emulated kernel is an x86_64 one, and so has to be this machine");
    }
    let kernels = target().join("kernels");
    let tree = kernels.join("6.1");
    if let Some(image) = image(&tree) {
        return Ok(image);
    }
    std::fs::create_dir_all(&kernels)?;
    let package = apt::newest(PREFIX, SUFFIX)?;
    note(format_args!(
        "fetching {package} (27 MB) into target/kernels; it is not installed"
    ));
    unpack(&package, &kernels, &tree)?;
    image(&tree).with_context(|| format!("{package} has no kernel inside"))
}

/// Unpacks beside the final place and moves it there, so that a run that was killed leaves no half of a kernel.
fn unpack(package: &str, kernels: &Path, tree: &Path) -> Result<()> {
    let fresh = kernels.join("unpacking");
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)?;
    }
    std::fs::create_dir(&fresh)?;
    apt::download(package, &fresh)?;
    let archive = find(&fresh, |name| name.ends_with(".deb")).context("apt-get downloaded nothing")?;
    read(program("dpkg-deb").arg("-x").arg(archive).arg(fresh.join("tree")))?;
    if tree.exists() {
        std::fs::remove_dir_all(tree)?;
    }
    std::fs::rename(fresh.join("tree"), tree)?;
    std::fs::remove_dir_all(&fresh)?;
    Ok(())
}

fn image(tree: &Path) -> Option<PathBuf> {
    find(&tree.join("boot"), |name| name.starts_with("vmlinuz-"))
}

fn find(folder: &Path, matches: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries
        .flatten()
        .find(|entry| matches(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
}
