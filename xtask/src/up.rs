//! `cargo xtask up` and `down`: the binary's own verbs, on a machine that was made ready for them.

use crate::build;
use crate::command::{program, root, target};
use crate::setup::{self, Purpose, need_root};
use crate::step::note;
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::{Command, ExitCode};

pub(crate) const EXAMPLE: &str = "examples/two-vpcs.yaml";

pub(crate) fn up(file: &Path) -> Result<ExitCode> {
    need_root("bringing a VPC up")?;
    // The default is meant from the workspace's root, a file given by hand from wherever we are.
    let file = if file == Path::new(EXAMPLE) {
        root().join(file)
    } else {
        file.to_path_buf()
    };
    let file = file
        .canonicalize()
        .with_context(|| format!("can't find {}", file.display()))?;
    build::all(&setup::run_for(&[Purpose::Up])?)?;
    hand_over(groundplane().args(["up", "--probe"]).arg(file))
}

pub(crate) fn down() -> Result<ExitCode> {
    need_root("taking a VPC down")?;
    if !binary().is_file() {
        note("groundplane isn't built yet, which `down` needs all the same: something may be left from another build");
        build::all(&setup::run_for(&[Purpose::Up])?)?;
    }
    hand_over(groundplane().arg("down"))
}

fn binary() -> std::path::PathBuf {
    target().join("debug/groundplane")
}

fn groundplane() -> Command {
    program(binary())
}

/// Runs the binary; its exit code is ours.
fn hand_over(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().context("can't start groundplane")?;
    let Some(code) = status.code() else {
        bail!("groundplane was ended: {status}")
    };
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
