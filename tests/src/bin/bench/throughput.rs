//! What TCP reaches between two guests in different subnets, with groups and NACLs on the way, and by PrivateLink
//! between two VPCs: against a bare `bpf_redirect_peer`, against the kernel's forwarding, and against that with rules
//! that do the same. Segments by PrivateLink are smaller, so there the bare redirect has its MTU.

use crate::Options;
use crate::probe::probe;
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::sides::{DB, DOCUMENT, ENDPOINT, Side};
use crate::stream::{Direction, Stream};
use anyhow::Result;
use groundplane::install::link;

const REDIRECT_BAR: Bar = Bar::AtLeast(0.97);
const RULES_BAR: Bar = Bar::AtLeast(1.1);
const PRIVATE_LINK_BAR: Bar = Bar::AtLeast(0.95);

/// Semantics 23.
const PRIVATE_LINK_MTU: u32 = 8500;

/// How many streams at once, and what they are called.
const WIDTHS: [(u32, &str); 2] = [(1, "TCP, one stream"), (4, "TCP, four streams")];

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let ours = Side::ours(DOCUMENT)?;
    let bare = Side::bare(&options.programs, link::MTU)?;
    let narrow = Side::bare(&options.programs, PRIVATE_LINK_MTU)?;
    let (kernel, rules) = (Side::kernel()?, Side::nftables()?);
    probe(&[&ours, &rules])?;
    let sides = [&ours, &bare, &kernel, &rules, &narrow];
    let names = sides.map(|side| side.name);
    let mut streams = Vec::new();
    for side in sides {
        streams.push(Stream::new(&side.lab, "web", ("db", DB))?);
    }
    let [ours, bare, kernel, rules, narrow] = &streams[..] else {
        anyhow::bail!("there are five sides");
    };
    let mut rows = Vec::new();
    for (width, what) in if options.quick { &WIDTHS[..1] } else { &WIDTHS[..] } {
        let figures = measure_in_turns(options, *width, [ours, bare, kernel, rules])?;
        let what = format!("{what}, across subnets");
        let bars = [(names[1], REDIRECT_BAR), (names[2], Bar::None), (names[3], RULES_BAR)];
        rows.extend(compare(
            &what,
            figures,
            if *width == 1 { bars } else { bars.map(without_bar) },
        )?);
    }
    let [linked, translated] = [ours, rules].map(|stream| stream.from("buyer", ENDPOINT));
    let figures = measure_in_turns(options, 1, [&linked, narrow, &translated])?;
    let bars = [("the same, MTU 8500", PRIVATE_LINK_BAR), (names[3], Bar::None)];
    rows.extend(compare("TCP, one stream, by PrivateLink", figures, bars)?);
    Ok(rows)
}

fn without_bar((against, _): (&'static str, Bar)) -> (&'static str, Bar) {
    (against, Bar::None)
}

fn measure_in_turns<const N: usize>(options: &Options, width: u32, streams: [&Stream<'_>; N]) -> Result<[Vec<f64>; N]> {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..options.rounds() {
        for (stream, figures) in streams.iter().zip(&mut figures) {
            figures.push(stream.gbit_per_second(Direction::FromClient, width, options)?);
        }
    }
    Ok(figures)
}

/// The first of some figures against each of the others.
fn compare<const N: usize>(
    what: &str,
    figures: [Vec<f64>; N],
    against: impl IntoIterator<Item = (&'static str, Bar)>,
) -> Result<Vec<Row>> {
    let mut samples = figures.into_iter().map(Sample::of);
    let ours = samples.next().transpose()?;
    let mut rows = Vec::new();
    for (theirs, (against, bar)) in samples.zip(against) {
        let Some(ours) = ours.clone() else { break };
        rows.push(Row::new(what.to_owned(), "Gbit/s", ours, (against, theirs?), bar)?);
    }
    Ok(rows)
}
