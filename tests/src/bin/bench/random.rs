//! What the program takes for a packet of any one of a million established connections, against the floor program over
//! the very same table: both wait for memory. TCP, whose entries don't expire meanwhile.

use crate::Options;
use crate::bed::{Bed, SMALL};
use crate::flow::{BenchFamily, Flow, PORT, key};
use crate::program::{Next, PASSED, Ports, REDIRECTED, Run, Vary, floor, loaded};
use crate::report::{Bar, Curve, Figures, Line, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, ensure};
use aya::Ebpf;
use aya::maps::{HashMap, MapData};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip4, Ip6};

const BAR: Bar = Bar::AtMost(1.2);
const FLOWS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Of the table: the next power of two, and room for what measuring itself opens.
const CAPACITY: u32 = 1 << 20;

pub(crate) fn measure(options: &Options) -> Result<Figures> {
    let bed = Bed::new("random", CAPACITY, &[SMALL])?;
    let mut figures = Figures::default();
    let mut lines = Vec::new();
    for version in [4, 6] {
        let flow = bed.flow(SMALL, version, protocol::TCP)?;
        let (rows, own) = if version == 6 {
            measure_family::<Ip6>(&bed, &flow, options)?
        } else {
            measure_family::<Ip4>(&bed, &flow, options)?
        };
        figures.rows.extend(rows);
        lines.extend(own);
    }
    figures.curves.push(Curve {
        name: "flows".to_owned(),
        title: "Cost of an established packet of any connection against their number".to_owned(),
        size: "connections".to_owned(),
        unit: "ns, less an empty program".to_owned(),
        lines,
    });
    Ok(figures)
}

/// What ours takes, the floor and an empty program, round by round.
type Rounds = [Vec<f64>; 3];

fn measure_family<I: BenchFamily>(bed: &Bed, flow: &Flow, options: &Options) -> Result<(Vec<Row>, [Line; 2])>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let floor = floor(&options.programs, &bed.kernel)?;
    let mut vary = Vary::new(&options.programs)?;
    flow.establish(bed.kernel.program(), 0)?;
    let mut table: HashMap<MapData, FlowKey<I>, FlowEntry<I>> = bed.kernel.map(I::FLOWS)?.try_into()?;
    let mut lines = ["", ", floor program in C"].map(|whose| Line {
        label: format!("{}{whose}", flow.name()),
        points: Vec::new(),
    });
    let (mut filled, mut rows) = (1, Vec::new());
    // The decades before the last one are for the plot; few rounds tell as much as its lines are thick.
    for (decade, flows) in (1..).zip(FLOWS) {
        fill::<I>(&mut table, flow, filled..flows)?;
        filled = flows;
        let rounds = if decade == FLOWS.len() { options.rounds() } else { 5 };
        // Whether all packets are of connections: then entries count them. To ask a million takes longer than
        // measuring.
        let is_asked = flows <= 10_000;
        let before = if is_asked { packets(&table)? } else { 0 };
        let samples = measure_among(bed, flow, (&floor, &mut vary), flows, rounds, options)?;
        if is_asked {
            let (counted, sent) = (packets(&table)? - before, 2 * u64::from(rounds * repeat(options)));
            ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
        }
        let [ours, theirs, empty] = samples.clone().map(Sample::of);
        let empty = empty?;
        for (line, sample) in lines.iter_mut().zip([ours?, theirs?]) {
            line.points.push((f64::from(flows), sample.less(&empty)?.median));
        }
        if decade == FLOWS.len() {
            let what = format!("any of a million, {}", flow.name());
            rows.extend(Row::with_and_without_empty(&what, samples, BAR)?);
        }
    }
    Ok((rows, lines))
}

fn repeat(options: &Options) -> u32 {
    if options.quick { 50_000 } else { 500_000 }
}

/// In turn, over so many connections at random.
fn measure_among(
    bed: &Bed,
    flow: &Flow,
    (floor, vary): (&Ebpf, &mut Vary),
    flows: u32,
    rounds: u32,
    options: &Options,
) -> Result<Rounds> {
    let frame = flow.there(0, 0);
    let ports = Ports {
        number: flows,
        base: PORT,
        answers: 0,
    };
    let mut run = |program, verdict| {
        let run = Run {
            frame: &frame,
            device: flow.from.device,
            repeat: repeat(options),
            verdict,
        };
        vary.time(program, Next::AtRandom, ports, run)
    };
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        samples[0].push(run(bed.kernel.program(), REDIRECTED)?);
        samples[1].push(run(loaded(floor, "established")?, REDIRECTED)?);
        samples[2].push(run(loaded(floor, "empty")?, PASSED)?);
    }
    Ok(samples)
}

/// Fills the table with connections like the one that has been opened.
fn fill<I: BenchFamily>(
    table: &mut HashMap<MapData, FlowKey<I>, FlowEntry<I>>,
    flow: &Flow,
    numbers: std::ops::Range<u32>,
) -> Result<()>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let opened = table.get(&key::<I>(flow, 0), 0);
    let opened = opened.context("the connection is not established")?;
    for number in numbers {
        let key = key::<I>(flow, number);
        let mut entry = FlowEntry { key, ..opened };
        entry.action.delivery.src_port = key.src_port();
        entry.action.delivery.dst_port = key.dst_port();
        table.insert(key, entry, 0)?;
    }
    Ok(())
}

/// What all entries have counted.
fn packets<I: BenchFamily>(table: &HashMap<MapData, FlowKey<I>, FlowEntry<I>>) -> Result<u64>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let mut sum = 0;
    for row in table.iter() {
        sum += row?.1.packets;
    }
    Ok(sum)
}
