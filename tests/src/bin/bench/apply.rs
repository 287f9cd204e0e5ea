//! A large configuration put in force over devices that are there: all of it, then one rule of it, and what keeping it
//! in hand takes.

use crate::Options;
use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use groundplane::document::Source;
use groundplane::install::{ApplyOptions, Engine, EngineOptions, LoadOptions, Quiet};
use groundplane::object::object;
use groundplane_tests::large::{self, Size};
use groundplane_tests::netns::Lab;
use std::fmt::Write as _;
use std::time::Instant;

const SIZE: Size = Size::LARGE;

/// What is to be reached, in the units of the rows.
const INSTALL: f64 = 5_000.0;
const CHANGE: f64 = 50.0;
const MEMORY: f64 = 150.0;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let bed = Bed::new()?;
    bed.0.inside("host", || measure_in(&bed, options))
}

fn measure_in(bed: &Bed, options: &Options) -> Result<Vec<Row>> {
    let mut engine = bed.engine()?;
    let install = milliseconds(|| put(&mut engine, &large::sources(SIZE, 80)))?;
    engine.catch_up()?;
    let mut changes = Vec::new();
    for round in 0..options.rounds() * 4 {
        let sources = large::sources(SIZE, 81 + u16::try_from(round)?);
        changes.push(milliseconds(|| put(&mut engine, &sources))?);
        engine.catch_up()?;
    }
    let memory = resident()?;
    let generation = engine.applied().context("nothing is in force")?.manifest.generation;
    ensure!(generation > u64::from(options.rounds()), "generation {generation}");
    let down = milliseconds(|| Ok(engine.down(&Quiet).map(drop)?))?;
    let row = |what: &str, unit, ours, bar: f64| {
        let bar = ("bar", Sample::of(vec![bar])?);
        Row::new(what.to_owned(), unit, Sample::of(ours)?, bar, Bar::AtMost(1.0))
    };
    let longest = changes.iter().copied().fold(0.0, f64::max);
    let install = row(
        "install 1000 ENIs in 50 VPCs, 100,000 routes",
        "ms",
        vec![install],
        INSTALL,
    )?;
    Ok(vec![
        install.note(format!("taken down again in {down:.0} ms")),
        row("change one rule of them", "ms", changes, CHANGE)?,
        row("change one rule of them, the longest", "ms", vec![longest], CHANGE)?,
        row("memory of whoever has them in hand", "MiB", vec![memory], MEMORY)?,
    ])
}

fn put(engine: &mut Engine, sources: &[Source]) -> Result<()> {
    let candidate = engine.read(sources.to_vec());
    let candidate = candidate.map_err(|problems| anyhow::anyhow!("{problems}"))?;
    engine.apply(candidate, ApplyOptions::default(), &Quiet)?;
    Ok(())
}

fn milliseconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// What this process has in memory, in MiB.
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse::<f64>()? / 1024.0)
}

/// A host with the host sides of all ENIs.
struct Bed(Lab);

impl Bed {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut commands = String::new();
        for number in 0..SIZE.all_enis() {
            let device = large::device(number);
            writeln!(commands, "link add {device} up type veth peer name guest{number}")?;
        }
        let batch = lab.dir().join("devices");
        std::fs::write(&batch, commands)?;
        lab.on_host(&["ip", "-batch", &batch.to_string_lossy()])?.success()?;
        Ok(Self(lab))
    }

    fn engine(&self) -> Result<Engine> {
        let options = EngineOptions {
            state_dir: self.0.state_dir(),
            pins: Some(self.0.pin_dir()),
            load: LoadOptions {
                object: object()?,
                ..LoadOptions::default()
            },
        };
        Ok(Engine::open(options, &Quiet)?.0)
    }
}
