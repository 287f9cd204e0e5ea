//! Ever larger configurations put in force over devices that are there: all of it, then one rule of it, and what
//! keeping it in hand takes.

use crate::Options;
use crate::report::{Bar, Curve, Figures, Line, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use groundplane::document::Source;
use groundplane::install::{ApplyOptions, Engine, EngineOptions, LoadOptions, Quiet};
use groundplane::object::object;
use groundplane_tests::large::{self, Size};
use groundplane_tests::netns::Lab;
use std::fmt::Write as _;
use std::time::Instant;

/// The sizes, in VPCs of as many ENIs and routes each as the largest one has.
const VPCS: [usize; 3] = [1, 10, 50];
const LARGEST: Size = Size::LARGE;

/// How often one rule is changed.
const CHANGES: u32 = 11;

/// What is to be reached with the largest one, in the units of the rows.
const INSTALL: f64 = 5_000.0;
const CHANGE: f64 = 50.0;
const MEMORY: f64 = 150.0;

pub(crate) fn measure(options: &Options) -> Result<Figures> {
    let mut measured = Vec::new();
    for vpcs in if options.quick { &VPCS[..2] } else { &VPCS[..] } {
        let size = Size { vpcs: *vpcs, ..LARGEST };
        let bed = Bed::new(size)?;
        measured.push(bed.lab.inside("host", || bed.measure())?);
    }
    let last = measured.last().context("something was measured")?;
    let rows = if last.size.vpcs == LARGEST.vpcs {
        last.rows([INSTALL, CHANGE, MEMORY].map(Some))?
    } else {
        last.rows([None; 3])?
    };
    let points = |label: &str, of: fn(&Times) -> f64| Line {
        label: label.to_owned(),
        points: measured
            .iter()
            .map(|times| (times.size.all_enis() as f64, of(times)))
            .collect(),
    };
    let lines = [
        points("all of it put in force", |times| times.install),
        points("one rule changed", |times| times.changes.median),
        points("taken down", |times| times.down),
    ];
    let curve = Curve {
        name: "apply".to_owned(),
        title: "Putting a configuration in force, of a hundred routes for each ENI".to_owned(),
        size: "ENIs".to_owned(),
        unit: "ms".to_owned(),
        lines: lines.into(),
    };
    Ok(Figures {
        rows,
        curves: vec![curve],
    })
}

/// What a configuration took, in milliseconds; and of memory, in MiB.
struct Times {
    size: Size,
    install: f64,
    changes: Sample,
    memory: f64,
    down: f64,
}

impl Times {
    /// Against what is to be reached, or against itself where nothing is.
    fn rows(&self, bars: [Option<f64>; 3]) -> Result<Vec<Row>> {
        let row = |what: &str, unit, ours: &Sample, bar: Option<f64>| {
            let (against, theirs, bar) = match bar {
                Some(bar) => ("bar", Sample::of(vec![bar])?, Bar::AtMost(1.0)),
                None => ("itself", ours.clone(), Bar::None),
            };
            Row::new(what.to_owned(), unit, ours.clone(), (against, theirs), bar)
        };
        let Size { vpcs, .. } = self.size;
        let (enis, routes) = (self.size.all_enis(), vpcs * self.size.route_tables * self.size.routes);
        let what = format!("install {enis} ENIs in {vpcs} VPCs, {routes} routes");
        let install = row(&what, "ms", &Sample::of(vec![self.install])?, bars[0])?;
        let longest = Sample::of(vec![self.changes.highest])?;
        let memory = Sample::of(vec![self.memory])?;
        Ok(vec![
            install.note(format!("taken down again in {:.0} ms", self.down)),
            row("change one rule of them", "ms", &self.changes, bars[1])?,
            row("change one rule of them, the longest", "ms", &longest, bars[1])?,
            row("memory of whoever has them in hand", "MiB", &memory, bars[2])?,
        ])
    }
}

fn put(engine: &mut Engine, sources: Vec<Source>) -> Result<()> {
    let candidate = engine.read(sources);
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
struct Bed {
    lab: Lab,
    size: Size,
}

impl Bed {
    fn new(size: Size) -> Result<Self> {
        let lab = Lab::new()?;
        let mut commands = String::new();
        for number in 0..size.all_enis() {
            let device = large::device(number);
            writeln!(commands, "link add {device} up type veth peer name guest{number}")?;
        }
        let batch = lab.dir().join("devices");
        std::fs::write(&batch, commands)?;
        lab.on_host(&["ip", "-batch", &batch.to_string_lossy()])?.success()?;
        Ok(Self { lab, size })
    }

    fn measure(&self) -> Result<Times> {
        let mut engine = self.engine()?;
        let sources = large::sources(self.size, 80);
        let install = milliseconds(|| put(&mut engine, sources))?;
        engine.catch_up()?;
        let mut changes = Vec::new();
        for round in 0..CHANGES {
            let sources = large::sources(self.size, 81 + u16::try_from(round)?);
            changes.push(milliseconds(|| put(&mut engine, sources))?);
            engine.catch_up()?;
        }
        let memory = resident()?;
        let generation = engine.applied().context("nothing is in force")?.manifest.generation;
        ensure!(generation > u64::from(CHANGES), "generation {generation}");
        let down = milliseconds(|| Ok(engine.down(&Quiet).map(drop)?))?;
        Ok(Times {
            size: self.size,
            install,
            changes: Sample::of(changes)?,
            memory,
            down,
        })
    }

    fn engine(&self) -> Result<Engine> {
        let options = EngineOptions {
            state_dir: self.lab.state_dir(),
            pins: Some(self.lab.pin_dir()),
            load: LoadOptions {
                object: object()?,
                ..LoadOptions::default()
            },
        };
        Ok(Engine::open(options, &Quiet)?.0)
    }
}
