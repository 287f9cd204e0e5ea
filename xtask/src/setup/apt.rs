//! Debian packages.

use super::need_root;
use crate::command::{describe, find, program, read};
use crate::step::{note, paint};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
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
    fn a_package_is_known_if_it_has_a_candidate() {
        assert!(has_candidate(POLICY, "clang"));
        assert!(!has_candidate(POLICY, "old"));
        assert!(!has_candidate(POLICY, "never-heard-of"));
        assert!(!has_candidate("", "clang"));
    }
}
