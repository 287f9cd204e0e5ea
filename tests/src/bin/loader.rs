//! Loads every program of a BPF object and says, one JSON object a line, what the kernel makes of it.
//!
//! Nothing is attached and nothing stays: with this process end the programs and the maps. `cargo xtask verify` runs
//! it on this kernel and, as nearly the only program there, on an older one.

use anyhow::{Context as _, Result, bail, ensure};
use aya::EbpfLoader;
use aya::programs::{Program, ProgramError, SchedClassifier, Xdp};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // No backtrace: where the loader stood says nothing, the log of the verifier everything.
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let object = std::env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .context("which object is to be loaded?")?;
    let bytes = std::fs::read(&object).with_context(|| format!("can't read {}", object.display()))?;
    // A map that is pinned by name would be the running agent's; in a folder of its own it can't be.
    let pins = PathBuf::from(format!("/sys/fs/bpf/groundplane-loader-{}", std::process::id()));
    std::fs::create_dir(&pins).context("can't use the BPF file system")?;
    let result = load_all(&bytes, &pins);
    std::fs::remove_dir_all(&pins).with_context(|| format!("can't remove {}", pins.display()))?;
    result
}

fn load_all(object: &[u8], pins: &Path) -> Result<()> {
    let mut ebpf = EbpfLoader::new()
        .default_map_pin_directory(pins)
        .load(object)
        .context("creating the maps")?;
    let mut programs: Vec<(&str, &mut Program)> = ebpf.programs_mut().collect();
    programs.sort_by_key(|(name, _)| *name);
    ensure!(!programs.is_empty(), "the object has no programs");
    for (name, program) in programs {
        let load_ms = load(name, program)?;
        let info = program.info()?;
        let verified = info
            .verified_instruction_count()
            .context("the kernel doesn't count what it verifies")?;
        let bytes = info
            .size_translated()
            .context("the kernel doesn't say how long the program is")?;
        println!(
            "{}",
            json!({ "program": name, "verified_instructions": verified, "bytes": bytes, "load_ms": load_ms })
        );
    }
    Ok(())
}

/// Loads a program a few times and says how many milliseconds it took at best: the others tell what else the machine
/// did.
fn load(name: &str, program: &mut Program) -> Result<u64> {
    const TIMES: usize = 5;
    let mut best = u128::MAX;
    for time in 0..TIMES {
        if time > 0 {
            unload(name, program)?;
        }
        let start = Instant::now();
        load_once(name, program)?;
        best = best.min(start.elapsed().as_millis());
    }
    Ok(u64::try_from(best)?)
}

fn load_once(name: &str, program: &mut Program) -> Result<()> {
    of_type(name, program, |it| it.load(), |it| it.load()).with_context(|| format!("loading {name}"))
}

fn unload(name: &str, program: &mut Program) -> Result<()> {
    of_type(name, program, |it| it.unload(), |it| it.unload())
}

/// Does to a program what its type has a method of its own for.
fn of_type(
    name: &str,
    program: &mut Program,
    classifier: impl FnOnce(&mut SchedClassifier) -> Result<(), ProgramError>,
    xdp: impl FnOnce(&mut Xdp) -> Result<(), ProgramError>,
) -> Result<()> {
    match program {
        Program::SchedClassifier(program) => Ok(classifier(program)?),
        Program::Xdp(program) => Ok(xdp(program)?),
        _ => bail!("{name}: a type of program that the loader doesn't know"),
    }
}
