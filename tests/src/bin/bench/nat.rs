//! What one TCP stream reaches through a NAT gateway, from a guest to a network behind the host's uplink and back:
//! against bare redirects in the same places, which translate nothing, and against the kernel's own forwarding and
//! translation.

use crate::Options;
use crate::probe::probe;
use crate::report::{Bar, Row};
use crate::sample::Sample;
use crate::sides::{DOCUMENT, OUTSIDE, Side};
use crate::stream::{Direction, Stream};
use anyhow::Result;

const REDIRECT_BAR: Bar = Bar::AtLeast(0.95);
const TRANSLATION_BAR: Bar = Bar::AtLeast(1.0);

/// What the device to the outside takes.
const MTU: u32 = 1500;

const DIRECTIONS: [(Direction, &str); 2] = [
    (Direction::FromClient, "TCP through a NAT gateway, out"),
    (Direction::FromServer, "TCP through a NAT gateway, in"),
];

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let sides = [
        Side::ours(DOCUMENT)?,
        Side::bare(&options.programs, MTU)?,
        Side::nftables()?,
    ];
    let [ours, _, rules] = &sides;
    probe(&[ours, rules])?;
    let names = [0, 1, 2].map(|side| sides[side].name);
    let mut streams = Vec::new();
    for side in &sides {
        streams.push(Stream::new(&side.lab, "app", ("outside", OUTSIDE))?);
    }
    let mut figures = [const { [const { Vec::new() }; 3] }; 2];
    for _ in 0..options.rounds() {
        for ((direction, _), figures) in DIRECTIONS.iter().zip(&mut figures) {
            for (stream, figures) in streams.iter().zip(figures) {
                figures.push(stream.gbit_per_second(*direction, 1, options)?);
            }
        }
    }
    let mut rows = Vec::new();
    for ((_, what), figures) in DIRECTIONS.into_iter().zip(figures) {
        rows.extend(compare(what, names, figures)?);
    }
    Ok(rows)
}

fn compare(what: &str, names: [&'static str; 3], figures: [Vec<f64>; 3]) -> Result<[Row; 2]> {
    let [ours, bare, rules] = figures.map(Sample::of);
    let (ours, bare, rules) = (ours?, (names[1], bare?), (names[2], rules?));
    let row = |ours, against, bar| Row::new(what.to_owned(), "Gbit/s", ours, against, bar);
    Ok([
        row(ours.clone(), bare, REDIRECT_BAR)?,
        row(ours, rules, TRANSLATION_BAR)?,
    ])
}
