//! Loads every program on this kernel and on the oldest supported one, and holds its cost against `ebpf/budget.toml`.

mod budget;
mod emulator;
mod kernel;
mod qemu;
mod stack;

use crate::build;
use crate::command::{program, read, root, target};
use crate::setup::{self, Purpose, need_root};
use crate::step::{Colour, note, paint, step};
use anyhow::{Context as _, Result, bail};
use budget::{Budget, Figure, Loaded};
use stack::Chain;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `cargo xtask verify`.
pub(crate) fn run_command() -> Result<()> {
    need_root("loading programs into the kernel")?;
    build::all(&setup::run_for(&[Purpose::Verify])?)?;
    let text = std::fs::read_to_string(root().join("ebpf/budget.toml")).context("can't read ebpf/budget.toml")?;
    let budget = budget::parse(&text)?;
    let stacks = stack::depths(&std::fs::read(build::object())?)?;
    for (program, limits) in &budget.program {
        // Before anything is loaded: a kernel that refuses a program for its stack doesn't say whose it is.
        if let Some(chain) = stacks.get(program).filter(|chain| chain.bytes > limits.stack) {
            note(format_args!("deepest stack: {chain}"));
        }
    }
    let here = step("load every program on this kernel", load_here)?;
    let mut problems = judge("this kernel", &here, &budget, &stacks, true)?;
    let older = step("load every program on Debian's 6.1 kernel, emulated", load_on_older)?;
    problems.extend(judge("6.1", &older, &budget, &BTreeMap::new(), false)?);
    if !problems.is_empty() {
        bail!("over budget or not covered by it:\n  {}", problems.join("\n  "));
    }
    Ok(())
}

fn loader() -> PathBuf {
    target().join("debug/loader")
}

fn load_here() -> Result<Vec<Loaded>> {
    Ok(budget::parse_loaded(&read(program(loader()).arg(build::object()))?))
}

fn load_on_older() -> Result<Vec<Loaded>> {
    let kernel = kernel::fetch()?;
    let console = emulator::run_loader(&kernel, &loader(), &build::object())?;
    Ok(budget::parse_loaded(&console))
}

/// Prints figure beside limit; what doesn't fit comes back in words.
fn judge(
    kernel: &str,
    loaded: &[Loaded],
    budget: &Budget,
    stacks: &BTreeMap<String, Chain>,
    timed: bool,
) -> Result<Vec<String>> {
    if loaded.is_empty() {
        bail!("{kernel}: the loader said nothing");
    }
    println!("\non {kernel:<32} {:<24} {:>9} {:>9}", "", "is", "budget");
    let mut problems: Vec<String> = budget::differences(budget, loaded)
        .into_iter()
        .map(|what| format!("{kernel}: {what}"))
        .collect();
    for figure in budget::figures(budget, loaded, stacks, timed) {
        let fits = figure.fits();
        let Figure {
            program,
            what,
            is,
            limit,
        } = figure;
        let mark = if fits {
            String::new()
        } else {
            paint(Colour::Red, "  over")
        };
        println!("   {program:<32} {what:<24} {is:>9} {limit:>9}{mark}");
        if !fits {
            problems.push(format!("{kernel}: {program}: {what}: {is}, and the budget is {limit}"));
        }
    }
    if !timed {
        note("an emulated kernel says nothing about time, and stack is the same on both");
    }
    Ok(problems)
}
