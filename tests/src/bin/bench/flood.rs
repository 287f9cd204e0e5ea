//! A flood from outside, with ever other senders, to a port that answers: what it costs others.

use crate::Options;
use crate::report::{Bar, Row};
use crate::sample::Sample;
use anyhow::Result;
use groundplane_tests::flood;

const PACKETS: u64 = 10_000_000;
const QUICK: u64 = 400_000;

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let packets = if options.quick { QUICK } else { PACKETS };
    let outcome = flood::from_outside("bench-flood", packets)?;
    let row = |what: &str, ours: u64, against, all: u64, bar| {
        let [ours, all] = [ours, all].map(|number| Sample::of(vec![number as f64]));
        Row::new(what.to_owned(), "", ours?, (against, all?), bar)
    };
    let intact = row(
        "others' connections that a flood leaves intact",
        outcome.intact,
        "before",
        outcome.established,
        Bar::AtLeast(1.0),
    )?;
    let succeeded = row(
        "connections that others open meanwhile",
        outcome.succeeded,
        "tried",
        outcome.opened,
        Bar::AtLeast(0.99),
    )?;
    let note = format!(
        "{} packets in {:.0} s, of which {} were delivered and {} answered",
        outcome.sent,
        outcome.took.as_secs_f64(),
        outcome.delivered,
        outcome.answered
    );
    Ok(vec![intact.note(note), succeeded])
}
