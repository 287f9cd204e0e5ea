//! Figures, and how they are shown.

use crate::sample::Sample;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a ratio's interval may be as wide as, as a part of the ratio. A ratio that may as well be a tenth more or less
/// says nothing.
const WIDEST: f64 = 0.2;

/// What the ratio of ours to theirs ought to be.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
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
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) ours: Sample,
    /// What ours is held against.
    pub(crate) against: String,
    pub(crate) theirs: Sample,
    /// None where the rounds lie too far apart to say.
    pub(crate) ratio: Option<f64>,
    /// Between what the ratio lies in nine of ten cases.
    pub(crate) interval: [f64; 2],
    pub(crate) bar: Bar,
    pub(crate) met: Option<bool>,
    /// What else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn new(
        what: String,
        unit: &str,
        ours: Sample,
        (against, theirs): (&str, Sample),
        bar: Bar,
    ) -> Result<Self> {
        let ratios = ours.over(&theirs)?;
        let interval = ratios.interval();
        let is_narrow = interval[1] - interval[0] <= WIDEST * ratios.median.abs();
        let ratio = is_narrow.then_some(ratios.median);
        Ok(Self {
            what,
            unit: unit.to_owned(),
            ours,
            against: against.to_owned(),
            theirs,
            ratio,
            interval,
            bar,
            met: ratio.map(|ratio| bar.is_met(ratio)),
            note: None,
        })
    }

    /// What ours takes and what the floor program takes, as it is and less what an empty program takes: the second
    /// ratio is that of the programs themselves, which what a test run adds to any program brings closer to one.
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

    /// What the table says of the ratio and its bar.
    fn verdict(&self) -> String {
        let word = match (self.bar, self.met) {
            (Bar::None, Some(_)) => "",
            (_, Some(true)) => "met",
            (_, Some(false)) => "missed",
            (_, None) => "too noisy to say",
        };
        let ratio = self.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
        let [from, to] = self.interval;
        format!(
            "{ratio:>7} {:<15} {:<13} {word}",
            format!("({from:.3}-{to:.3})"),
            self.bar.to_string()
        )
    }
}

/// What a quantity is for each of some sizes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// The name of the plot's file.
    pub(crate) name: String,
    pub(crate) title: String,
    /// What there is more and more of.
    pub(crate) size: String,
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line>,
}

/// One line of a plot: sizes, and what was measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What one measurement gives.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) rows: Vec<Row>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) curves: Vec<Curve>,
}

impl From<Vec<Row>> for Figures {
    fn from(rows: Vec<Row>) -> Self {
        Self {
            rows,
            curves: Vec::new(),
        }
    }
}

/// What one measurement has given, and how to measure it again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) command: String,
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Why there are no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// Everything that was measured, and on what.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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

    /// Where and how long.
    pub(crate) fn circumstances(&self) -> String {
        let quick = if self.quick { ", quick" } else { "" };
        let seconds: f64 = self.sections.iter().map(|section| section.seconds).sum();
        let (kernel, cpus, minutes) = (&self.kernel, self.cpus, seconds / 60.0);
        format!("Linux {kernel}, {cpus} CPUs{quick}, {minutes:.1} minutes")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.circumstances())?;
        self.sections.iter().try_for_each(|section| write!(f, "{section}"))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = format!("{} ({:.0} s)", self.command, self.seconds);
        writeln!(
            f,
            "\n{command:<72} {:<8} {:>24}   {:<22} {:>24} {:>7} {:<15} bar",
            "", "ours (spread)", "against", "theirs (spread)", "ratio", "(it lies in)"
        )?;
        if let Some(failure) = &self.failure {
            writeln!(f, "  failed: {failure}")?;
        }
        self.figures.rows.iter().try_for_each(|row| write!(f, "{row}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {:<70} {:<8} {:>24}   {:<22} {:>24} {}",
            self.what,
            self.unit,
            spread(&self.ours),
            self.against,
            spread(&self.theirs),
            self.verdict(),
        )?;
        match &self.note {
            Some(note) => writeln!(f, "    {note}"),
            None => Ok(()),
        }
    }
}

/// The median, and between what the rounds lay.
fn spread(sample: &Sample) -> String {
    let digits = if sample.median.abs() < 10.0 { 2 } else { 1 };
    format!(
        "{:.digits$} ({:.digits$}-{:.digits$})",
        sample.median, sample.lowest, sample.highest
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_at_the_bar_itself() {
        assert!(Bar::AtLeast(0.95).is_met(0.95) && !Bar::AtLeast(0.95).is_met(0.94));
        assert!(Bar::AtMost(1.3).is_met(1.3) && !Bar::AtMost(1.3).is_met(1.31));
        assert!(Bar::Within(0.25).is_met(0.75) && !Bar::Within(0.25).is_met(1.26));
    }

    #[test]
    fn a_ratio_that_may_be_anything_is_not_reported() {
        let one = || Sample::of(vec![1.0; 5]).unwrap();
        let of = |ours: [f64; 5]| {
            let ours = Sample::of(ours.to_vec()).unwrap();
            Row::new(String::new(), "", ours, ("", one()), Bar::AtLeast(1.0)).unwrap()
        };
        let narrow = of([1.0, 1.05, 1.1, 1.05, 1.0]);
        assert_eq!((narrow.ratio, narrow.met), (Some(1.05), Some(true)));
        let wide = of([0.8, 1.0, 1.2, 1.0, 1.0]);
        assert_eq!((wide.ratio, wide.met), (None, None));
        assert_eq!(wide.interval, [0.8, 1.2]);
        assert!(wide.to_string().contains("too noisy to say"));
    }
}
