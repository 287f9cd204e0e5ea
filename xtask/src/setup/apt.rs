//! Debian packages.

use super::need_root;
use crate::command::{describe, find, program, read};
use crate::step::{note, paint};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

pub(crate) fn is_here() -> bool {
    find("apt-get").is_some()
}

/// Installs packages. Brings the lists of packages up to date only if these don't know one of them, or know a version
/// that the mirror no longer has.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    need_root(&format!("installing {}", packages.join(" ")))?;
    if !unknown(packages)?.is_empty() {
        update()?;
        let unknown = unknown(packages)?;
        if !unknown.is_empty() {
            bail!("this system's package sources don't have {}", unknown.join(" "));
        }
    }
    note(format_args!("installing packages: {}", packages.join(" ")));
    if let Err(first) = install_known(packages) {
        note(format_args!("{first:#}"));
        note("trying again with up-to-date package lists");
        update()?;
        install_known(packages)?;
    }
    Ok(())
}

/// Whether all of the packages can be had, after an update of the lists if they have to be asked again.
pub(crate) fn can_install(packages: &[&str]) -> Result<bool> {
    if unknown(packages)?.is_empty() {
        return Ok(true);
    }
    if !crate::command::is_root() {
        return Ok(false);
    }
    update()?;
    Ok(unknown(packages)?.is_empty())
}

/// The packages that have no version to install.
fn unknown<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    let policy = read(program("apt-cache").env("LC_ALL", "C").arg("policy").args(packages))?;
    Ok(packages
        .iter()
        .copied()
        .filter(|package| !has_candidate(&policy, package))
        .collect())
}

fn has_candidate(policy: &str, package: &str) -> bool {
    let mut lines = policy
        .lines()
        .skip_while(|line| line.strip_suffix(':') != Some(package))
        .skip(1);
    let candidate = lines.find_map(|line| line.trim().strip_prefix("Candidate: "));
    candidate.is_some_and(|version| version != "(none)")
}

/// The newest package among those whose names are a prefix, a number and a suffix.
pub(crate) fn newest(prefix: &str, suffix: &str) -> Result<String> {
    let list = || read(program("apt-cache").arg("pkgnames").arg(prefix));
    if pick_newest(&list()?, prefix, suffix).is_none() {
        need_root("fetching lists of packages")?;
        update()?;
    }
    let newest = pick_newest(&list()?, prefix, suffix);
    newest.with_context(|| format!("this system's package sources have no {prefix}*{suffix}"))
}

fn pick_newest(names: &str, prefix: &str, suffix: &str) -> Option<String> {
    let number = |name: &str| name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse::<u32>().ok();
    names
        .lines()
        .filter(|name| number(name).is_some())
        .max_by_key(|name| number(name))
        .map(str::to_owned)
}

/// Fetches a package without installing it.
pub(crate) fn download(package: &str, folder: &Path) -> Result<()> {
    let fetch = || read(program("apt-get").args(["download", "-q", package]).current_dir(folder));
    if fetch().is_err() {
        note("the mirror has moved on");
        update()?;
        fetch()?;
    }
    Ok(())
}

/// Fetches a package and whatever else it would take to install it here.
pub(crate) fn download_all(package: &str, archives: &Path) -> Result<()> {
    let mut place = std::ffi::OsString::from("Dir::Cache::archives=");
    place.push(archives);
    let fetch = || {
        let mut command = program("apt-get");
        command.args([
            "install",
            "-q",
            "-y",
            "--download-only",
            "--no-install-recommends",
            "-o",
        ]);
        read(
            command
                .arg(&place)
                .arg(package)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    if fetch().is_err() {
        note("the mirror has moved on");
        update()?;
        fetch()?;
    }
    Ok(())
}

fn update() -> Result<()> {
    note("updating the lists of packages (apt-get update)");
    stream(&["update", "-q"])
}

fn install_known(packages: &[&str]) -> Result<()> {
    // `--no-remove`: rather stop than take away something the machine's owner has installed.
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages);
    stream(&arguments)
}

/// Runs apt-get, shows what gets set up, and everything if it fails.
fn stream(arguments: &[&str]) -> Result<()> {
    let mut command = program("apt-get");
    // Another package manager may be at work, such as a freshly booted machine's own upgrades.
    command.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut child = command.spawn().context("can't start apt-get")?;
    let output = child.stdout.take().context("apt-get has no output")?;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line.starts_with("Setting up ") {
            note(format_args!("  {}", line.trim_end_matches(" ...")));
        }
        lines.push(line);
    }
    let status = child.wait()?;
    if !status.success() {
        for line in &lines {
            note(paint(crate::step::Colour::Yellow, line));
        }
        bail!("{} ended with {status}", describe(&command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "clang:\n  Installed: (none)\n  Candidate: 1:14.0-55.7\n  Version table:\n\
                          old:\n  Installed: 1\n  Candidate: (none)\n";

    #[test]
    fn the_newest_package_has_the_highest_number() {
        let names = "linux-9-cloud\nlinux-56-cloud\nlinux-56-cloud-dbg\nlinux-56-rt\nlinux-100\n";
        assert_eq!(
            pick_newest(names, "linux-", "-cloud").as_deref(),
            Some("linux-56-cloud")
        );
        assert_eq!(pick_newest(names, "linux-", "-arm"), None);
    }

    #[test]
    fn a_package_is_known_if_it_has_a_candidate() {
        assert!(has_candidate(POLICY, "clang"));
        assert!(!has_candidate(POLICY, "old"));
        assert!(!has_candidate(POLICY, "never-heard-of"));
        assert!(!has_candidate("", "clang"));
    }
}
