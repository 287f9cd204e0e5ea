//! How many rows the tables take of a plan whose size nothing else bounds: what groups are compiled to.

use super::Plan;
use super::problem::{PlanProblem, Problems};

/// A table holds the rows of two banks, so that the next plan has room beside the one in force.
const BANKS: usize = 2;
const SELECTORS: usize = 262_144 / BANKS;
/// Of each family.
const PEERS: usize = 262_144 / BANKS;
const REFERENCES: usize = 65_536 / BANKS;

pub(super) fn check<'a>(parts: impl Iterator<Item = &'a Plan>, problems: &mut Problems) {
    let mut rows = [0; 4];
    for part in parts {
        let of_part = [
            part.selectors.len(),
            part.references.len(),
            part.ip4.peers.len(),
            part.ip6.peers.len(),
        ];
        rows.iter_mut().zip(of_part).for_each(|(all, one)| *all += one);
    }
    let [selectors, references, peers4, peers6] = rows;
    let mut check = |table, rows, capacity| {
        if rows > capacity {
            problems.report(PlanProblem::TooManyRows { table, rows, capacity });
        }
    };
    check("protocols and ports", selectors, SELECTORS);
    check("group references", references, REFERENCES);
    check("IPv4 peers", peers4, PEERS);
    check("IPv6 peers", peers6, PEERS);
}
