//! How the cost of a packet grows with how much is configured: group rules, NACL rules, routes, ENIs. An established
//! one ought not to notice; opening a connection asks the tables once.
//!
//! Few and much take turns, beside one another in one configuration; numbers of ENIs are configurations of their own,
//! and there the floor program tells what the machine was like.

use crate::Options;
use crate::bed::{Bed, SMALL, Scale};
use crate::flow::{Flow, ONE};
use crate::program::{PASSED, REDIRECTED, floor, loaded, time};
use crate::report::{Bar, Curve, Figures, Line, Row};
use crate::sample::Sample;
use anyhow::{Context as _, Result, bail, ensure};
use aya::Ebpf;
use groundplane_abi::wire::protocol;
use groundplane_tests::packet::flag;

const ESTABLISHED_BAR: Bar = Bar::AtMost(1.1);
const FIRST_BAR: Bar = Bar::AtMost(1.3);
/// Room for all connections of all rounds.
const FLOWS: u32 = 1 << 18;

const RULES: [u16; 4] = [1, 10, 100, 1000];
const NACL_RULES: [u16; 2] = [1, 40];
const ROUTES: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];
const ENIS: [usize; 4] = [2, 10, 100, 1000];

/// What grows, what it is called, and the scales with ever more of it.
struct Axis {
    name: &'static str,
    size: &'static str,
    scales: Vec<(f64, Scale)>,
}

pub(crate) fn measure(options: &Options) -> Result<Figures> {
    let mut figures = measure_configured(options)?;
    let enis = measure_enis(options)?;
    figures.rows.extend(enis.rows);
    figures.curves.extend(enis.curves);
    Ok(figures)
}

fn axes() -> [Axis; 3] {
    let rules = RULES.map(|group_rules| (f64::from(group_rules), Scale { group_rules, ..SMALL }));
    let nacl_rules = NACL_RULES.map(|nacl_rules| (f64::from(nacl_rules), Scale { nacl_rules, ..SMALL }));
    let routes = ROUTES.map(|routes| (f64::from(routes), Scale { routes, ..SMALL }));
    [
        ("rules", "group rules", rules.to_vec()),
        ("nacl-rules", "NACL rules", nacl_rules.to_vec()),
        ("routes", "routes", routes.to_vec()),
    ]
    .map(|(name, size, scales)| Axis { name, size, scales })
}

fn measure_configured(options: &Options) -> Result<Figures> {
    let axes = axes();
    let mut scales: Vec<Scale> = Vec::new();
    for (_, scale) in axes.iter().flat_map(|axis| &axis.scales) {
        if !scales.contains(scale) {
            scales.push(*scale);
        }
    }
    let bench = Bench::new(options, Bed::new("scales", FLOWS, &scales)?)?;
    let mut figures = Figures::default();
    for version in [4, 6] {
        let measured = bench.measure(&scales, version)?;
        for axis in &axes {
            let of = |scale: &Scale| {
                let place = scales.iter().position(|own| own == scale);
                place.and_then(|place| measured.get(place)).context("it was measured")
            };
            figures.rows.extend(rows(axis, version, of)?);
            if version == 4 {
                let points: Result<Vec<_>> = axis
                    .scales
                    .iter()
                    .map(|(size, scale)| Ok((*size, of(scale)?)))
                    .collect();
                figures.curves.extend(curves(axis.name, axis.size, &points?));
            }
        }
    }
    Ok(figures)
}

/// The most of it against the least.
fn rows<'a>(axis: &Axis, version: u8, of: impl Fn(&Scale) -> Result<&'a Costs>) -> Result<[Row; 2]> {
    let [(fewest, few), .., (most, many)] = &axis.scales[..] else {
        bail!("there are two sizes at least");
    };
    let (many, few) = (of(many)?, of(few)?);
    let against = format!("{fewest} of them");
    let row = |what: &str, ours: &Sample, theirs: &Sample, bar| {
        let what = format!("{what}, TCP over IPv{version}, {most} {}, net", axis.size);
        Row::new(what, "ns", ours.clone(), (&against, theirs.clone()), bar)
    };
    Ok([
        row("established", &many.established, &few.established, ESTABLISHED_BAR)?,
        row("first packet and reply", &many.first, &few.first, FIRST_BAR)?,
    ])
}

/// The costs of ever more of something, as plots: of an established packet beside its floor, and of a first one.
fn curves(name: &str, size: &str, points: &[(f64, &Costs)]) -> [Curve; 2] {
    let line = |label: &str, of: fn(&Costs) -> &Sample| Line {
        label: label.to_owned(),
        points: points.iter().map(|(size, costs)| (*size, of(costs).median)).collect(),
    };
    let curve = |suffix: &str, what: &str, lines| Curve {
        name: format!("{name}{suffix}"),
        title: format!("{what} against {size}"),
        size: size.to_owned(),
        unit: "ns, less an empty program".to_owned(),
        lines,
    };
    let established = [
        line("ours", |costs| &costs.established),
        line("floor program in C", |costs| &costs.floor),
    ];
    let first = [line("ours", |costs| &costs.first)];
    [
        curve("", "An established packet", established.into()),
        curve("-first", "A first packet and its reply", first.into()),
    ]
}

fn measure_enis(options: &Options) -> Result<Figures> {
    let sizes = if options.quick { &ENIS[..3] } else { &ENIS[..] };
    let mut all = Vec::new();
    for size in sizes {
        let bench = Bench::new(options, Bed::among("enis", FLOWS, &[SMALL], size - 2)?)?;
        let costs = bench.measure(&[SMALL], 4)?.into_iter().next();
        all.push((*size as f64, costs.context("it was measured")?));
    }
    let [(few, least), .., (many, most)] = &all[..] else {
        bail!("there are two sizes at least");
    };
    let row = Row::new(
        format!("established over its floor, TCP over IPv4, {many} ENIs, net"),
        "",
        most.established.over(&most.floor)?,
        (&format!("{few} of them"), least.established.over(&least.floor)?),
        ESTABLISHED_BAR,
    )?;
    let points: Vec<_> = all.iter().map(|(size, costs)| (*size, costs)).collect();
    Ok(Figures {
        rows: vec![row],
        curves: curves("enis", "ENIs", &points).into(),
    })
}

/// What a packet costs on a scale, less what an empty program does.
struct Costs {
    established: Sample,
    floor: Sample,
    /// Of the packet that opens a connection and the one that answers it, each by a run of its own.
    first: Sample,
}

struct Bench {
    bed: Bed,
    floor: Ebpf,
    rounds: u32,
    repeat: u32,
    /// How many connections are opened in one round.
    connections: u32,
}

impl Bench {
    fn new(options: &Options, bed: Bed) -> Result<Self> {
        Ok(Self {
            floor: floor(&options.programs, &bed.kernel)?,
            bed,
            rounds: options.rounds(),
            repeat: if options.quick { 50_000 } else { 400_000 },
            connections: if options.quick { 100 } else { 400 },
        })
    }

    /// All scales in turn.
    fn measure(&self, scales: &[Scale], version: u8) -> Result<Vec<Costs>> {
        let mut flows = Vec::new();
        for scale in scales {
            let flow = self.bed.flow(*scale, version, protocol::TCP)?;
            flow.establish(self.bed.kernel.program(), ONE)?;
            flows.push((flow, flow.packets(&self.bed.kernel, ONE)?));
        }
        let mut rounds = vec![[const { Vec::new() }; 5]; scales.len()];
        for round in 0..self.rounds {
            for ((flow, _), rounds) in flows.iter().zip(&mut rounds) {
                for (figure, rounds) in self.figures(flow, round)?.into_iter().zip(rounds) {
                    rounds.push(figure);
                }
            }
        }
        for (flow, before) in &flows {
            let counted = flow.packets(&self.bed.kernel, ONE)? - before;
            let sent = 2 * u64::from(self.rounds) * u64::from(self.repeat);
            ensure!(counted == sent, "{sent} packets were sent and {counted} counted");
        }
        let costs = rounds.into_iter().map(|rounds| {
            let [established, floor, empty, first, twice_empty] = rounds.map(Sample::of);
            let empty = empty?;
            Ok(Costs {
                established: established?.less(&empty)?,
                floor: floor?.less(&empty)?,
                first: first?.less(&twice_empty?)?,
            })
        });
        costs.collect()
    }

    /// Of one round: an established packet, the floor, an empty program; a first packet and its reply, empty programs.
    fn figures(&self, flow: &Flow, round: u32) -> Result<[f64; 5]> {
        let (ours, empty) = (self.bed.kernel.program(), loaded(&self.floor, "empty")?);
        let frame = flow.there(ONE, 0);
        let run = |program, verdict| time(program, &frame, flow.from.device, self.repeat, verdict);
        let mut halves = [Vec::new(), Vec::new(), Vec::new()];
        for number in round * self.connections..(round + 1) * self.connections {
            let (there, back) = (flow.there(number, flag::SYN), flow.back(number, flag::SYN | flag::ACK));
            halves[0].push(time(ours, &there, flow.from.device, 1, REDIRECTED)?);
            halves[1].push(time(ours, &back, flow.to.device, 1, REDIRECTED)?);
            halves[2].push(time(empty, &there, flow.from.device, 1, PASSED)?);
        }
        let [first, reply, nothing] = halves.map(Sample::of);
        Ok([
            run(ours, REDIRECTED)?,
            run(loaded(&self.floor, "established")?, REDIRECTED)?,
            run(empty, PASSED)?,
            first?.median + reply?.median,
            2.0 * nothing?.median,
        ])
    }
}
