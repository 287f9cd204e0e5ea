//! What the program takes for the first packet of a connection and the first one the other way together: walks, both
//! half-open entries, both established ones, the ring.
//!
//! Against a floor program in C that asks the same tables each question once and writes as many entries of the same
//! size, and with 1000 group rules against ten. Measured in two ways: each packet by a run of its own, where the code
//! comes out of colder caches and the median tells; and in a row by repeated runs, which the mean is of, with what
//! comes up only now and then.

use crate::Options;
use crate::bed::{Bed, MANY_GROUP_RULES, TEN_GROUP_RULES};
use crate::flow::{Flow, PORT};
use crate::program::{Next, PASSED, Ports, REDIRECTED, Run, Vary, floor, loaded, time};
use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use aya::Ebpf;
use aya::maps::HashMap;
use aya::programs::SchedClassifier;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip4, Ip6, map};
use groundplane_tests::packet::flag;

const FLOOR_BAR: Bar = Bar::AtMost(1.5);
const RULES_BAR: Bar = Bar::AtMost(1.3);
/// Room for all connections of all rounds.
const FLOWS: u32 = 1 << 18;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for one_by_one in [true, false] {
        for version in [4, 6] {
            // Apart, so that the tables are as empty for the one as for the other.
            let mut bench = Bench::new(options)?;
            rows.extend(bench.compare(version, one_by_one)?);
        }
    }
    Ok(rows)
}

/// What the first packet takes, and what the first one the other way.
type Halves = [f64; 2];

/// Whose program answers which packets.
#[derive(Clone, Copy)]
enum Side {
    Ours,
    Floor,
    Empty,
}

struct Bench {
    bed: Bed,
    floor: Ebpf,
    vary: Vary,
    rounds: u32,
    /// How many connections are opened in one round.
    connections: u32,
}

impl Bench {
    fn new(options: &Options) -> Result<Self> {
        let bed = Bed::new("first", FLOWS, &[TEN_GROUP_RULES, MANY_GROUP_RULES])?;
        Ok(Self {
            floor: floor(&options.programs, &bed.kernel)?,
            vary: Vary::new(&options.programs)?,
            bed,
            rounds: options.rounds(),
            connections: if options.quick { 250 } else { 800 },
        })
    }

    /// Each packet by a run of its own, or in a row by one repeated run.
    fn compare(&mut self, version: u8, one_by_one: bool) -> Result<Vec<Row>> {
        let ten = self.bed.flow(TEN_GROUP_RULES, version, protocol::TCP)?;
        let many = self.bed.flow(MANY_GROUP_RULES, version, protocol::TCP)?;
        let mut samples = [const { Vec::new() }; 5];
        for round in 0..self.rounds {
            let sides = [
                (&ten, Side::Ours),
                (&ten, Side::Floor),
                (&ten, Side::Empty),
                (&many, Side::Ours),
                // Not shown, but it has to have opened as many by then: a table that evicts is slower once it is full.
                (&many, Side::Floor),
            ];
            for ((flow, side), sample) in sides.into_iter().zip(&mut samples) {
                sample.push(if one_by_one {
                    self.one_by_one(flow, side, round)?
                } else {
                    self.in_a_row(flow, side, round)?
                });
            }
        }
        self.check(version)?;
        let how = if one_by_one { "one by one" } else { "in a row" };
        let [ten_rules, floor, empty, many_rules, _] = samples;
        let what = format!("first packet and reply, {how}, {}", ten.name());
        rows(&what, &[ten_rules, floor, empty, many_rules])
    }

    /// The medians over connections of what their two packets take.
    fn one_by_one(&self, flow: &Flow, side: Side, round: u32) -> Result<Halves> {
        let (programs, verdict) = programs(self.bed.kernel.program(), &self.floor, side)?;
        let mut halves = [Vec::new(), Vec::new()];
        let first = round * self.connections;
        for number in first..first + self.connections {
            let there = flow.there(number, flag::SYN);
            let back = flow.back(number, flag::SYN | flag::ACK);
            halves[0].push(time(programs[0], &there, flow.from.device, 1, verdict)?);
            halves[1].push(time(programs[1], &back, flow.to.device, 1, verdict)?);
        }
        let [first, reply] = halves.map(Sample::of);
        Ok([first?.median, reply?.median])
    }

    /// The means: first all the first packets, then all that answer.
    fn in_a_row(&mut self, flow: &Flow, side: Side, round: u32) -> Result<Halves> {
        let frames = [
            (flow.there(0, flag::SYN), flow.from.device),
            (flow.back(0, flag::SYN | flag::ACK), flow.to.device),
        ];
        let (programs, verdict) = programs(self.bed.kernel.program(), &self.floor, side)?;
        let mut halves = [0.0; 2];
        for (answers, (frame, device)) in (0..).zip(&frames) {
            let ports = Ports {
                number: round * self.connections,
                base: PORT,
                answers,
            };
            let run = Run {
                frame,
                device: *device,
                repeat: self.connections,
                verdict,
            };
            let half = usize::from(answers);
            halves[half] = self.vary.time(programs[half], Next::InTurn, ports, run)?;
        }
        Ok(halves)
    }

    /// Looks whether all connections are established, ours and the floor's.
    fn check(&self, version: u8) -> Result<()> {
        let opened = (self.rounds * self.connections) as usize;
        let established = if version == 6 {
            self.bed.kernel.entries::<Ip6>(map::ip6::FLOWS)?.len()
        } else {
            self.bed.kernel.entries::<Ip4>(map::ip4::FLOWS)?.len()
        };
        // Two scales, two entries each.
        ensure!(
            established == 4 * opened,
            "{opened} connections were opened twice, and there are {established} entries"
        );
        let name = format!("FLOOR_FLOWS{version}");
        let entries = if version == 6 {
            floor_entries::<FlowKey<Ip6>, FlowEntry<Ip6>>(&self.floor, &name)?
        } else {
            floor_entries::<FlowKey<Ip4>, FlowEntry<Ip4>>(&self.floor, &name)?
        };
        ensure!(
            entries == 4 * opened,
            "{opened} connections were opened twice, and the floor has {entries} entries"
        );
        Ok(())
    }
}

/// The rows of what ours took with ten group rules, the floor, an empty program, and ours with many.
fn rows(what: &str, samples: &[Vec<Halves>; 4]) -> Result<Vec<Row>> {
    let sums = |sample: &[Halves]| sample.iter().map(|halves| halves[0] + halves[1]).collect::<Vec<_>>();
    let [ten, floor, empty, many] = samples;
    let [whole, net] = Row::with_and_without_empty(what, [sums(ten), sums(floor), sums(empty)], FLOOR_BAR)?;
    let whole = whole.note(format!(
        "ours {}; floor {}; empty {}",
        halves(ten)?,
        halves(floor)?,
        halves(empty)?
    ));
    let empty = Sample::of(sums(empty))?;
    let less_empty = |sample: &[Halves]| Sample::of(sums(sample))?.less(&empty);
    let what = format!("{what}, 1000 group rules");
    let against = ("10 group rules", less_empty(ten)?);
    Ok(vec![
        whole,
        net,
        Row::new(what, "ns", less_empty(many)?, against, RULES_BAR)?,
    ])
}

/// Which part of the whole is whose.
fn halves(sample: &[Halves]) -> Result<String> {
    let median = |half: usize| Ok::<_, anyhow::Error>(Sample::of(sample.iter().map(|it| it[half]).collect())?.median);
    Ok(format!("{:.0} and {:.0}", median(0)?, median(1)?))
}

fn floor_entries<K: aya::Pod, V: aya::Pod>(floor: &Ebpf, name: &str) -> Result<usize> {
    let table = floor.map(name).with_context(|| format!("no map {name}"))?;
    let table: HashMap<_, K, V> = table.try_into()?;
    Ok(table.keys().count())
}

/// The programs for the first packet and for the one that answers it.
fn programs<'a>(ours: &'a SchedClassifier, floor: &'a Ebpf, side: Side) -> Result<([&'a SchedClassifier; 2], u32)> {
    Ok(match side {
        Side::Ours => ([ours, ours], REDIRECTED),
        Side::Floor => ([loaded(floor, "first")?, loaded(floor, "reply")?], REDIRECTED),
        Side::Empty => ([loaded(floor, "empty")?; 2], PASSED),
    })
}
