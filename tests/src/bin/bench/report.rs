//! Figures, and how they are shown.

use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fmt;

/// One quantity, measured several times.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// In the order they were measured in.
    pub(crate) rounds: Vec<f64>,
}

impl Sample {
    pub(crate) fn of(rounds: Vec<f64>) -> Result<Self> {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let (lowest, highest) = (sorted.first().copied(), sorted.last().copied());
        Ok(Self {
            median: median(&sorted).context("nothing was measured")?,
            lowest: lowest.context("nothing was measured")?,
            highest: highest.context("nothing was measured")?,
            rounds,
        })
    }

    /// Round by round, less what another sample says.
    pub(crate) fn less(&self, other: &Self) -> Result<Self> {
        Self::of(self.pairs(other).map(|(a, b)| a - b).collect())
    }

    /// The median of the rounds' ratios, and not the ratio of the medians: the two figures of one round were taken right
    /// after one another, on a machine in the same mood.
    pub(crate) fn ratio_to(&self, other: &Self) -> Result<f64> {
        Ok(Self::of(self.pairs(other).map(|(a, b)| a / b).collect())?.median)
    }

    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.rounds.iter().copied().zip(other.rounds.iter().copied())
    }
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(middle.checked_sub(1)?)? + upper) / 2.0)
}

/// What the ratio of ours to theirs ought to be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bar {
    AtLeast(f64),
    AtMost(f64),
    /// As much more or less than one.
    Within(f64),
    /// None: the figure is for whoever wants to know.
    None,
}

impl Bar {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bar) => ratio >= bar,
            Self::AtMost(bar) => ratio <= bar,
            Self::Within(bar) => (ratio - 1.0).abs() <= bar,
            Self::None => true,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, "at least {bar:.2}"),
            Self::AtMost(bar) => write!(f, "at most {bar:.2}"),
            Self::Within(bar) => write!(f, "1 ± {bar:.2}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// One line of the table.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Sample,
    /// What ours is held against.
    pub(crate) against: &'static str,
    pub(crate) theirs: Sample,
    pub(crate) ratio: f64,
    pub(crate) bar: Bar,
    pub(crate) met: bool,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn new(
        what: String,
        unit: &'static str,
        ours: Sample,
        (against, theirs): (&'static str, Sample),
        bar: Bar,
    ) -> Result<Self> {
        let ratio = ours.ratio_to(&theirs)?;
        Ok(Self {
            what,
            unit,
            ours,
            against,
            theirs,
            ratio,
            bar,
            met: bar.is_met(ratio),
            note: None,
        })
    }

    /// What ours takes and what the floor program takes, as it is and less what an empty program takes: the second ratio
    /// is that of the programs themselves, which what a test run adds to any program brings closer to one.
    pub(crate) fn with_and_without_empty(what: &str, samples: [Vec<f64>; 3], bar: Bar) -> Result<[Self; 2]> {
        let [ours, floor, empty] = samples.map(Sample::of);
        let (ours, floor, empty) = (ours?, floor?, empty?);
        let net = (ours.less(&empty)?, floor.less(&empty)?);
        Ok([
            Self::new(what.to_owned(), "ns", ours, ("floor program in C", floor), bar)?,
            Self::new(format!("{what}, net"), "ns", net.0, ("floor program in C", net.1), bar)?
                .note(format!("less {:.1} ns of an empty program", empty.median)),
        ])
    }

    pub(crate) fn note(self, note: String) -> Self {
        Self {
            note: Some(note),
            ..self
        }
    }
}

/// What one measurement has given, and how to measure it again.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) command: String,
    pub(crate) rows: Vec<Row>,
}

/// Everything that was measured, and on what.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) kernel: String,
    pub(crate) cpus: usize,
    pub(crate) quick: bool,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    pub(crate) fn of_this_machine(quick: bool) -> Result<Self> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("which kernel is this?")?;
        Ok(Self {
            kernel: release.trim().to_owned(),
            cpus: std::thread::available_parallelism()?.get(),
            quick,
            sections: Vec::new(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quick = if self.quick { ", quick" } else { "" };
        writeln!(f, "Linux {}, {} CPUs{quick}", self.kernel, self.cpus)?;
        self.sections.iter().try_for_each(|section| write!(f, "{section}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<72} {:<8} {:>24}   {:<18} {:>24} {:>7}  bar",
            self.command, "", "ours (spread)", "against", "theirs (spread)", "ratio"
        )?;
        self.rows.iter().try_for_each(|row| write!(f, "{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<70} {:<8} {:>24}   {:<18} {:>24} {:>7.3}  {:<13} {}",
            self.what,
            self.unit,
            spread(&self.ours),
            self.against,
            spread(&self.theirs),
            self.ratio,
            self.bar.to_string(),
            match self.bar {
                Bar::None => "",
                _ if self.met => "met",
                _ => "missed",
            },
        )?;
        match &self.note {
            Some(note) => writeln!(f, "    {note}"),
            None => Ok(()),
        }
    }
}

/// The median, and between what the rounds lay.
fn spread(sample: &Sample) -> String {
    format!("{:.1} ({:.1}-{:.1})", sample.median, sample.lowest, sample.highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(Sample::of(vec![3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(Sample::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap().median, 2.5);
        assert!(Sample::of(Vec::new()).is_err());
    }

    #[test]
    fn a_slow_moment_of_the_machine_is_in_both_figures_of_a_round() {
        let ours = Sample::of(vec![10.0, 20.0, 11.0]).unwrap();
        let theirs = Sample::of(vec![10.0, 20.0, 10.0]).unwrap();
        assert_eq!(ours.ratio_to(&theirs).unwrap(), 1.0);
        assert_eq!(ours.less(&theirs).unwrap().rounds, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_bar_is_met_at_the_bar_itself() {
        assert!(Bar::AtLeast(0.95).is_met(0.95) && !Bar::AtLeast(0.95).is_met(0.94));
        assert!(Bar::AtMost(1.3).is_met(1.3) && !Bar::AtMost(1.3).is_met(1.31));
        assert!(Bar::Within(0.25).is_met(0.75) && !Bar::Within(0.25).is_met(1.26));
    }
}
