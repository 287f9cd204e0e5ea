//! What the program takes for a packet of an established connection, by test runs: against a floor program in C that
//! looks the same entry up, and with much configured against little.

use crate::Options;
use crate::bed::{Bed, MANY_GROUP_RULES, MANY_NACL_RULES, MANY_ROUTES, SMALL, Scale};
use crate::flow::{Flow, ONE};
use crate::program::{PASSED, REDIRECTED, floor, loaded, time};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::{Result, ensure};
use aya::Ebpf;
use groundplane_abi::wire::protocol;

const FLOOR_BAR: Bar = Bar::AtMost(1.3);
const SCALE_BAR: Bar = Bar::Within(0.1);
const FLOWS: u32 = 131_072;

/// What is many in which scale, and what it is compared with.
const SCALES: [(Scale, &str, &str); 3] = [
    (MANY_GROUP_RULES, "1000 group rules", "1 group rule"),
    (MANY_NACL_RULES, "40 NACL rules", "1 NACL rule"),
    (MANY_ROUTES, "100,000 routes", "10 routes"),
];

/// Against the floor.
pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let bench = Bench::new(options, &[SMALL])?;
    for version in [4, 6] {
        for protocol in [protocol::UDP, protocol::TCP] {
            rows.extend(bench.against_floor(&bench.bed.flow(SMALL, version, protocol)?)?);
        }
    }
    Ok(rows)
}

/// Against the same with less configured.
pub(crate) fn measure_scales(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let bench = Bench::new(options, &[SMALL, MANY_GROUP_RULES, MANY_NACL_RULES, MANY_ROUTES])?;
    for version in [4, 6] {
        let small = bench.bed.flow(SMALL, version, protocol::TCP)?;
        for (scale, many, few) in SCALES {
            let large = bench.bed.flow(scale, version, protocol::TCP)?;
            rows.push(bench.against_less(&large, &small, (many, few))?);
        }
    }
    Ok(rows)
}

struct Bench {
    bed: Bed,
    floor: Ebpf,
    rounds: u32,
    repeat: u32,
}

impl Bench {
    fn new(options: &Options, scales: &[Scale]) -> Result<Self> {
        let bed = Bed::new("established", FLOWS, scales)?;
        Ok(Self {
            floor: floor(&options.programs, &bed.kernel)?,
            bed,
            rounds: options.rounds(),
            // A tenth of a second each.
            repeat: if options.quick { 500_000 } else { 1_500_000 },
        })
    }

    fn against_floor(&self, flow: &Flow) -> Result<[Row; 2]> {
        let ours = self.bed.kernel.program();
        flow.establish(ours, ONE)?;
        let before = flow.packets(&self.bed.kernel, ONE)?;
        let frame = flow.there(ONE, 0);
        let run = |program, verdict| time(program, &frame, flow.from.device, self.repeat, verdict);
        let mut samples = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            samples[0].push(run(ours, REDIRECTED)?);
            samples[1].push(run(loaded(&self.floor, "established")?, REDIRECTED)?);
            samples[2].push(run(loaded(&self.floor, "empty")?, PASSED)?);
        }
        self.check(flow, before, 2)?;
        let what = format!("established, {}", flow.name());
        Row::with_and_without_empty(&what, samples, FLOOR_BAR)
    }

    fn against_less(&self, large: &Flow, small: &Flow, (many, few): (&str, &'static str)) -> Result<Row> {
        let ours = self.bed.kernel.program();
        let mut samples = [Vec::new(), Vec::new(), Vec::new()];
        let mut before = [0; 2];
        let flows = [large, small];
        for (flow, before) in flows.iter().zip(&mut before) {
            flow.establish(ours, ONE)?;
            *before = flow.packets(&self.bed.kernel, ONE)?;
        }
        for _ in 0..self.rounds {
            for (flow, sample) in flows.iter().zip(&mut samples) {
                let frame = flow.there(ONE, 0);
                sample.push(time(ours, &frame, flow.from.device, self.repeat, REDIRECTED)?);
            }
            let empty = loaded(&self.floor, "empty")?;
            samples[2].push(time(
                empty,
                &small.there(ONE, 0),
                small.from.device,
                self.repeat,
                PASSED,
            )?);
        }
        for (flow, before) in flows.iter().zip(before) {
            self.check(flow, before, 1)?;
        }
        let [large_sample, small_sample, empty] = samples;
        let empty = Sample::of(empty)?;
        let net = |sample| Sample::of(sample)?.less(&empty);
        let what = format!("established, {}, {many}", large.name());
        Row::new(what, "ns", net(large_sample)?, (few, net(small_sample)?), SCALE_BAR)
    }

    /// Looks whether all packets were of the connection: then its entry has counted them.
    fn check(&self, flow: &Flow, before: u64, programs: u64) -> Result<()> {
        let counted = flow.packets(&self.bed.kernel, ONE)? - before;
        let sent = programs * u64::from(self.rounds) * u64::from(self.repeat);
        ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
        Ok(())
    }
}
