//! Everything that judges the source without running it.

use crate::build::for_bpf;
use crate::command::{cargo, run, target};
use crate::setup::{self, Purpose, Toolchain};
use crate::step::{Colour, note, paint, step};
use crate::tidy;
use anyhow::{Result, bail};
use std::process::{Command, ExitCode};

/// `cargo xtask check`. Every part runs, also after one that failed, so that one run says everything.
pub(crate) fn run_command() -> Result<ExitCode> {
    let toolchain = setup::run_for(&[Purpose::Check])?;
    let parts: [(&str, &dyn Fn() -> Result<()>); 6] = [
        ("format", &|| run(cargo().args(["fmt", "--all", "--check"]))),
        ("clippy for the host", &clippy_host),
        ("clippy for BPF", &|| clippy_bpf(&toolchain)),
        ("tidy", &tidy::run),
        ("documentation", &documentation),
        ("dependencies", &deny),
    ];
    let mut failed = Vec::new();
    for (name, part) in parts {
        if let Err(error) = step(name, part) {
            note(format_args!("{} {error:#}", paint(Colour::Red, "error:")));
            failed.push(name);
        }
    }
    println!("\n{} passed, {} failed", parts.len() - failed.len(), failed.len());
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("these checks failed: {}", failed.join(", "))
}

/// Adds every package but the one that compiles for BPF only.
fn host(command: &mut Command) -> &mut Command {
    command.args([
        "--quiet",
        "--workspace",
        "--exclude",
        "groundplane-ebpf",
        "--all-features",
    ])
}

fn clippy_host() -> Result<()> {
    run(host(cargo().arg("clippy")).args(["--all-targets", "--", "--deny", "warnings"]))
}

fn clippy_bpf(toolchain: &Toolchain) -> Result<()> {
    let mut command = toolchain.clippy();
    command.args(["--quiet", "--package", "groundplane-ebpf", "--profile", "bpf"]);
    for_bpf(&mut command, toolchain, &["-Dwarnings"]);
    // A folder of its own: clippy and the build would otherwise undo each other's work.
    run(command.env("CARGO_TARGET_DIR", target().join("bpf-clippy")))
}

fn documentation() -> Result<()> {
    run(host(
        cargo()
            .arg("doc")
            .env("RUSTDOCFLAGS", "-Dwarnings -Arustdoc::private_intra_doc_links"),
    )
    .args(["--no-deps", "--document-private-items"]))
}

fn deny() -> Result<()> {
    setup::need_cargo_tool("cargo-deny", "licences and advisories of dependencies")?;
    run(cargo().args([
        "deny",
        "--locked",
        "--log-level",
        "error",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))?;
    // The database of advisories lies elsewhere than the crates, and not every machine may go there.
    let fetched = cargo().args(["deny", "--log-level", "error", "fetch", "db"]).output()?;
    if !fetched.status.success() {
        note(paint(
            Colour::Yellow,
            "the advisory database can't be fetched here, so advisories were not checked",
        ));
        return Ok(());
    }
    run(cargo().args(["deny", "--locked", "--log-level", "error", "check", "advisories"]))
}
