//! What the program takes for a packet of an established connection, by test runs: against a floor program in C that
//! looks the same entry up.

use crate::Options;
use crate::bed::{Bed, SMALL};
use crate::flow::{Flow, ONE};
use crate::program::{PASSED, REDIRECTED, floor, loaded, time};
use crate::report::{Bar, Row};
use anyhow::{Result, ensure};
use aya::Ebpf;
use groundplane_abi::wire::protocol;

const FLOOR_BAR: Bar = Bar::AtMost(1.3);
const FLOWS: u32 = 131_072;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let bench = Bench::new(options)?;
    for version in [4, 6] {
        for protocol in [protocol::UDP, protocol::TCP] {
            rows.extend(bench.against_floor(&bench.bed.flow(SMALL, version, protocol)?)?);
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
    fn new(options: &Options) -> Result<Self> {
        let bed = Bed::new("established", FLOWS, &[SMALL])?;
        Ok(Self {
            floor: floor(&options.programs, &bed.kernel)?,
            bed,
            rounds: options.rounds(),
            // Some hundredths of a second each.
            repeat: if options.quick { 100_000 } else { 700_000 },
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

    /// Looks whether all packets were of the connection: then its entry has counted them.
    fn check(&self, flow: &Flow, before: u64, programs: u64) -> Result<()> {
        let counted = flow.packets(&self.bed.kernel, ONE)? - before;
        let sent = programs * u64::from(self.rounds) * u64::from(self.repeat);
        ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
        Ok(())
    }
}
