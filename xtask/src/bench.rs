//! Builds what measures and what is measured against, and runs it.
//!
//! What is measured, and how, is in tests/src/bin/bench; here are only the compilers.

use crate::build;
use crate::command::{describe, program, root, run, target};
use crate::setup::{self, Purpose, need_root};
use crate::step::step;
use anyhow::{Context as _, Result};
use clap::Args;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

/// What the measuring binary is told; it knows what the words mean.
#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds, by a development build
    #[arg(long)]
    quick: bool,
    /// This measurement alone: throughput, nat, requests, packets, bridge, established, gateways, scales, random,
    /// first, drop, flood, memory, apply
    #[arg(long, value_name = "MEASUREMENT")]
    only: Option<String>,
    /// text, json or markdown
    #[arg(long, value_name = "FORMAT")]
    output: Option<String>,
    /// Put the figures and plots of this run into docs/performance.md
    #[arg(long)]
    record: bool,
}

/// `cargo xtask bench`.
pub(crate) fn run_command(options: &Options) -> Result<()> {
    need_root("measuring, which loads programs into the kernel,")?;
    let toolchain = setup::run_for(&[Purpose::Bench])?;
    // What is in the kernel is the same in either. How long a configuration takes the binary to put in force is not, and
    // isn't worth to whoever is in a hurry what an optimized one takes to build.
    let built = if options.quick {
        build::all(&toolchain)?;
        target().join("debug")
    } else {
        build::for_bench(&toolchain)?;
        target().join("release")
    };
    let programs = target().join("bench");
    step("build the programs in C", || compile_all(&programs))?;
    // No step: on a terminal its output is what people are here for, and elsewhere it may be JSON.
    let results = programs.join("results");
    let mut command = program(built.join("bench"));
    command
        .arg("--programs")
        .arg(programs)
        .arg("--results")
        .arg(results)
        .env("GROUNDPLANE_BIN", built.join("groundplane"));
    if options.quick {
        command.arg("--quick");
    }
    for (name, value) in [("--only", &options.only), ("--output", &options.output)] {
        if let Some(value) = value {
            command.arg(name).arg(value);
        }
    }
    if options.record {
        command.arg("--record").arg(root().join("docs/performance.md"));
    }
    // In our place: whoever interrupts us means the one that has something to remove.
    Err(command.exec()).with_context(|| format!("can't start {}", describe(&command)))
}

/// Compiles every program of tests/bench.
fn compile_all(programs: &Path) -> Result<()> {
    std::fs::create_dir_all(programs)?;
    let sources = root().join("tests/bench");
    for entry in std::fs::read_dir(&sources).context("can't read tests/bench")? {
        let source = entry?.path();
        if source.extension().is_some_and(|extension| extension == "c") {
            compile(&source, programs)?;
        }
    }
    Ok(())
}

fn compile(source: &Path, programs: &Path) -> Result<()> {
    let name = source.file_stem().context("a source has a name")?;
    let object = programs.join(name).with_extension("bpf.o");
    let mut command = program("clang");
    // The same instruction set as our own object's; aya reads the types of maps from BTF, which comes with -g.
    command.args(["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"]);
    // The compiler for BPF doesn't know where Debian has what of the kernel's headers differs between machines.
    let headers = PathBuf::from(format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH));
    if headers.is_dir() {
        command.arg("-I").arg(headers);
    }
    run(command.arg("-c").arg(source).arg("-o").arg(object))
}
