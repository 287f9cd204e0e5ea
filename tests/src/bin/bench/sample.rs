//! One quantity, measured in several rounds, and how far its median is to be believed.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// How often the median may lie outside of what [`Sample::interval`] says.
const DOUBT: f64 = 0.12;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    /// In the order they were measured in.
    pub(crate) rounds: Vec<f64>,
}

impl Sample {
    pub(crate) fn of(rounds: Vec<f64>) -> Result<Self> {
        let sorted = sorted(&rounds);
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

    /// Round by round, over what another sample says. The median of that counts, and not the ratio of the medians: the
    /// two figures of one round were taken right after one another, on a machine in the same mood.
    pub(crate) fn over(&self, other: &Self) -> Result<Self> {
        Self::of(self.pairs(other).map(|(a, b)| a / b).collect())
    }

    /// What has one round only is the same in all.
    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (f64, f64)> + 'a {
        let constant = match other.rounds[..] {
            [constant] => Some(constant),
            _ => None,
        };
        let others = other
            .rounds
            .iter()
            .copied()
            .map(Some)
            .chain(std::iter::repeat(constant));
        let pairs = self.rounds.iter().copied().zip(others);
        pairs.map_while(|(own, other)| Some((own, other?)))
    }

    /// Between what the median lies in nine of ten cases, whatever the figures are distributed like: so many figures
    /// from either end that a coin which is thrown as often shows as few heads no more often than [`DOUBT`] allows.
    pub(crate) fn interval(&self) -> [f64; 2] {
        let sorted = sorted(&self.rounds);
        let place = place_from_the_end(sorted.len());
        let end = sorted.len().saturating_sub(place + 1);
        [place, end].map(|place| sorted.get(place).copied().unwrap_or(self.median))
    }
}

fn sorted(rounds: &[f64]) -> Vec<f64> {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(middle.checked_sub(1)?)? + upper) / 2.0)
}

fn place_from_the_end(rounds: usize) -> usize {
    let mut probability = 0.5_f64.powf(rounds as f64);
    let (mut outside, mut place) = (0.0, 0);
    for heads in 0..rounds / 2 {
        outside += 2.0 * probability;
        if outside > DOUBT {
            break;
        }
        place = heads;
        probability *= (rounds - heads) as f64 / (heads + 1) as f64;
    }
    place
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
        assert_eq!(ours.over(&theirs).unwrap().median, 1.0);
        assert_eq!(ours.less(&theirs).unwrap().rounds, [0.0, 0.0, 1.0]);
    }

    #[test]
    fn one_figure_is_held_against_every_round() {
        let ours = Sample::of(vec![10.0, 20.0, 30.0]).unwrap();
        let bar = Sample::of(vec![10.0]).unwrap();
        assert_eq!(ours.over(&bar).unwrap().rounds, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn the_interval_leaves_out_what_few_rounds_say() {
        let of = |rounds: u32| Sample::of((0..rounds).map(f64::from).collect()).unwrap().interval();
        assert_eq!(of(1), [0.0, 0.0]);
        assert_eq!(of(5), [0.0, 4.0]);
        assert_eq!(of(10), [2.0, 7.0]);
        assert_eq!(of(15), [4.0, 10.0]);
    }
}
