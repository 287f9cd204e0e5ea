//! What the program takes for a packet of an established connection through a gateway, by test runs: against floor
//! programs in C that call the same helpers, and against another gateway that rewrites as much.
//!
//! A translated frame is no packet of its connection any more, so its headers are put back before each run; what that
//! takes is in all figures, and in none of those that are less what an empty program takes.

use crate::Options;
use crate::program::{PASSED, REDIRECTED, Restore, Run, floor, loaded, output};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::ways::{Way, ways};
use anyhow::{Context as _, Result, ensure};
use aya::Ebpf;
use aya::maps::{HashMap, MapData};
use aya::programs::SchedClassifier;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, Ip4, map};
use groundplane_tests::kernel::LoadedKernel;

const FLOOR_BAR: Bar = Bar::AtMost(1.3);
const LIKE_BAR: Bar = Bar::Within(0.1);
const FLOWS: u32 = 4_096;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut kernel = LoadedKernel::load("gateways", FLOWS)?;
    let ways = ways(&mut kernel)?;
    let mut bench = Bench {
        floor: floor(&options.programs, &kernel)?,
        restore: Restore::new(&options.programs)?,
        kernel,
        repeat: if options.quick { 50_000 } else { 400_000 },
    };
    for way in &ways {
        bench.is_the_same(way)?;
    }
    let before = bench.packets(&ways)?;
    let mut empty = Vec::new();
    let mut figures: Vec<_> = ways.iter().map(|_| Figures::default()).collect();
    for _ in 0..options.rounds() {
        empty.push(bench.empty(ways.first().context("there is a way")?)?);
        for (way, figures) in ways.iter().zip(&mut figures) {
            figures.ours.push(bench.ours(way)?);
            figures.floor.push(bench.floor(way)?);
        }
    }
    let sent = 2 * u64::from(options.rounds()) * u64::from(bench.repeat);
    for (before, after) in before.iter().zip(bench.packets(&ways)?) {
        let counted = after - before;
        ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
    }
    rows(&ways, &figures, &empty)
}

/// What one packet of a way took, round by round.
#[derive(Default)]
struct Figures {
    ours: Vec<f64>,
    floor: Vec<f64>,
}

/// Each way against its floor, then against the one that is like it.
fn rows(ways: &[Way], figures: &[Figures], empty: &[f64]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (way, Figures { ours, floor }) in ways.iter().zip(figures) {
        let what = format!("established, {}", way.what);
        let samples = [ours.clone(), floor.clone(), empty.to_vec()];
        rows.extend(Row::with_and_without_empty(&what, samples, FLOOR_BAR)?);
    }
    let empty = Sample::of(empty.to_vec())?;
    let net = |figures: &Figures| Sample::of(figures.ours.clone())?.less(&empty);
    for (way, own) in ways.iter().zip(figures) {
        let Some(like) = way.like else { continue };
        let at = ways.iter().position(|other| other.what == like);
        let other = at.and_then(|at| figures.get(at));
        let other = other.with_context(|| format!("{like} isn't measured"))?;
        let what = format!("established, {}, net", way.what);
        rows.push(Row::new(what, "ns", net(own)?, (like, net(other)?), LIKE_BAR)?);
    }
    Ok(rows)
}

struct Bench {
    kernel: LoadedKernel,
    floor: Ebpf,
    restore: Restore,
    repeat: u32,
}

impl Bench {
    /// Looks whether both programs make the same frame of a way's packets, or their times would say nothing.
    fn is_the_same(&self, way: &Way) -> Result<()> {
        let device = test_device(way);
        let ours = output(our_program(&self.kernel, way), &way.frame, device)?;
        let floor = output(loaded(&self.floor, way.floor)?, &way.frame, device)?;
        ensure!(
            ours == floor,
            "{}: ours makes\n{ours:02x?}, and the floor program\n{floor:02x?}",
            way.what
        );
        Ok(())
    }

    fn ours(&mut self, way: &Way) -> Result<f64> {
        let run = self.run(way, REDIRECTED);
        self.restore.time(our_program(&self.kernel, way), run)
    }

    fn floor(&mut self, way: &Way) -> Result<f64> {
        let run = self.run(way, REDIRECTED);
        self.restore.time(loaded(&self.floor, way.floor)?, run)
    }

    fn empty(&mut self, way: &Way) -> Result<f64> {
        let run = self.run(way, PASSED);
        self.restore.time(loaded(&self.floor, "empty")?, run)
    }

    fn run<'a>(&self, way: &'a Way, verdict: u32) -> Run<'a> {
        Run {
            frame: &way.frame,
            device: test_device(way),
            repeat: self.repeat,
            verdict,
        }
    }

    /// What the entry of each way has counted.
    fn packets(&self, ways: &[Way]) -> Result<Vec<u64>> {
        let table: HashMap<MapData, FlowKey<Ip4>, FlowEntry<Ip4>> = self.kernel.map(map::ip4::FLOWS)?.try_into()?;
        let packets = |way: &Way| {
            let entry = table.get(&way.key, 0);
            Ok(entry
                .with_context(|| format!("{} is not established", way.what))?
                .packets)
        };
        ways.iter().map(packets).collect()
    }
}

fn our_program<'a>(kernel: &'a LoadedKernel, way: &Way) -> &'a SchedClassifier {
    if way.device == Device::INTERNET {
        kernel.uplink_program()
    } else {
        kernel.program()
    }
}

/// The device that a test run is told: that of the outside is none that exists.
fn test_device(way: &Way) -> Device {
    const LOOPBACK: Device = Device(1);
    if way.device == Device::INTERNET {
        LOOPBACK
    } else {
        way.device
    }
}
