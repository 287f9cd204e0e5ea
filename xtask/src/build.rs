//! Builds the BPF object and the binary that embeds it.

use crate::command::{cargo, root, run, target};
use crate::setup::{self, Toolchain};
use crate::step::{note, step};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const BPF_TARGET: &str = "bpfel-unknown-none";

/// Where the object lies for `build.rs` of the userspace crate, for tests and for `verify`.
pub(crate) fn object() -> PathBuf {
    target().join("groundplane.bpf.o")
}

/// `cargo xtask build`.
pub(crate) fn run_command() -> Result<()> {
    all(&setup::run_for(&[])?)
}

/// Builds the object, then the binary.
pub(crate) fn all(toolchain: &Toolchain) -> Result<()> {
    bpf(toolchain)?;
    step("build groundplane", || {
        // All binaries at once and in the tests' own profile, so that everything is compiled once: the work that has to
        // be fast is done in the kernel.
        run(cargo().args(["build", "--quiet", "--bins"]))
    })
}

/// Builds the object, and what measures, optimized.
pub(crate) fn for_bench(toolchain: &Toolchain) -> Result<()> {
    bpf(toolchain)?;
    step("build groundplane and the bench, optimized", || {
        let binaries = ["--bin", "groundplane", "--bin", "bench"];
        run(cargo().args(["build", "--quiet", "--release"]).args(binaries))
    })
}

fn bpf(toolchain: &Toolchain) -> Result<()> {
    step(&format!("build the BPF object with {toolchain}"), || {
        let mut command = toolchain.cargo();
        command.args(["build", "--quiet", "--package", "groundplane-ebpf", "--profile", "bpf"]);
        // The compiler calls the target's own features unstable each time it is asked anything. `check` shows the
        // warnings that are worth reading.
        run(for_bpf(&mut command, toolchain, &["-Awarnings"]))?;
        publish().context("can't put the BPF object in its place")
    })
}

/// Adds what every compilation for BPF has in common. Flags from outside are replaced, not added to: they are meant
/// for the machine's own processor.
pub(crate) fn for_bpf<'a>(command: &'a mut Command, toolchain: &Toolchain, more_flags: &[&str]) -> &'a mut Command {
    let linker = format!("-Clinker={}", toolchain.linker.display());
    // BTF is made from debug info. v3 has 32-bit registers and jumps, which every supported kernel has. Packet fields
    // lie at odd offsets; without the feature each is loaded byte by byte.
    let features = "-Ctarget-feature=+alu32,+allows-misaligned-mem-access";
    let mut flags = vec![
        &*linker,
        "-Clink-arg=--btf",
        "-Cdebuginfo=2",
        "-Ctarget-cpu=v3",
        features,
    ];
    flags.extend(more_flags);
    command.args(["--target", BPF_TARGET]).args(toolchain.arguments());
    command
        .env("CARGO_TARGET_DIR", target().join("bpf"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
}

/// Copies the object to where everybody looks for it: whole or not at all, and only if it changed, so that nothing is
/// rebuilt in vain.
fn publish() -> Result<()> {
    let built = target().join("bpf").join(BPF_TARGET).join("bpf/groundplane-ebpf");
    let bytes = fs::read(&built).with_context(|| format!("can't read {}", built.display()))?;
    let place = object();
    let shown = place.strip_prefix(root()).unwrap_or(&place).display().to_string();
    if fs::read(&place).is_ok_and(|old| old == bytes) {
        note(format_args!("{shown} is unchanged ({} bytes)", bytes.len()));
        return Ok(());
    }
    let new = place.with_extension("new");
    fs::write(&new, &bytes)?;
    fs::rename(&new, &place)?;
    note(format_args!("{shown} is new ({} bytes)", bytes.len()));
    Ok(())
}
