//! What the program takes for a packet of any one of a million established connections, against the floor program over
//! the very same table: both wait for memory.

use crate::Options;
use crate::bed::{Bed, SMALL};
use crate::flow::{BenchFamily, Flow, PORT, key};
use crate::program::{Next, PASSED, Ports, REDIRECTED, Run, Vary, floor, loaded};
use crate::report::{Bar, Row};
use anyhow::{Context as _, Result, ensure};
use aya::maps::{HashMap, MapData};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip4, Ip6};

const BAR: Bar = Bar::AtMost(1.2);
const FLOWS: u32 = 1_000_000;
/// Of the table: the next power of two, and room for what measuring itself opens.
const CAPACITY: u32 = 1 << 20;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let bed = Bed::new("random", CAPACITY, &[SMALL])?;
    let mut rows = measure_family::<Ip4>(&bed, &bed.flow(SMALL, 4, protocol::UDP)?, options)?;
    rows.extend(measure_family::<Ip6>(
        &bed,
        &bed.flow(SMALL, 6, protocol::UDP)?,
        options,
    )?);
    Ok(rows)
}

fn measure_family<I: BenchFamily>(bed: &Bed, flow: &Flow, options: &Options) -> Result<Vec<Row>>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let floor = floor(&options.programs, &bed.kernel)?;
    let mut vary = Vary::new(&options.programs)?;
    let table = fill::<I>(bed, flow)?;
    let before = packets(&table)?;
    let frame = flow.there(0, 0);
    let (rounds, repeat) = (options.rounds(), if options.quick { 500_000 } else { 1_000_000 });
    let ports = Ports {
        number: FLOWS,
        base: PORT,
        answers: 0,
    };
    let mut run = |program, verdict| {
        let run = Run {
            frame: &frame,
            device: flow.from.device,
            repeat,
            verdict,
        };
        vary.time(program, Next::AtRandom, ports, run)
    };
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        samples[0].push(run(bed.kernel.program(), REDIRECTED)?);
        samples[1].push(run(loaded(&floor, "established")?, REDIRECTED)?);
        samples[2].push(run(loaded(&floor, "empty")?, PASSED)?);
    }
    let (counted, sent) = (packets(&table)? - before, 2 * u64::from(rounds) * u64::from(repeat));
    ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
    let what = format!("any of a million, {}", flow.name());
    Ok(Row::with_and_without_empty(&what, samples, BAR)?.into())
}

/// Fills the table with connections like one that has been opened.
fn fill<I: BenchFamily>(bed: &Bed, flow: &Flow) -> Result<HashMap<MapData, FlowKey<I>, FlowEntry<I>>>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    flow.establish(bed.kernel.program(), 0)?;
    let mut table: HashMap<MapData, FlowKey<I>, FlowEntry<I>> = bed.kernel.map(I::FLOWS)?.try_into()?;
    let opened = table
        .get(&key::<I>(flow, 0), 0)
        .context("the connection is not established")?;
    for number in 1..FLOWS {
        let key = key::<I>(flow, number);
        let mut entry = FlowEntry { key, ..opened };
        entry.action.delivery.src_port = key.src_port();
        entry.action.delivery.dst_port = key.dst_port();
        table.insert(key, entry, 0)?;
    }
    Ok(table)
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
