//! How many rows the tables take of a plan whose size nothing else bounds: what groups are compiled to.

use super::Plan;
use super::problem::{PlanProblem, Problems};

/// A table holds the rows of two banks, so that the next plan has room beside the one in force.
const BANKS: usize = 2;
const SELECTORS: usize = 262_144 / BANKS;
/// Of each family.
const PEERS: usize = 262_144 / BANKS;
const REFERENCES: usize = 65_536 / BANKS;

pub(super) fn check(plan: &Plan, problems: &mut Problems) {
    let mut check = |table, rows, capacity| {
        if rows > capacity {
            problems.report(PlanProblem::TooManyRows { table, rows, capacity });
        }
    };
    check("protocols and ports", plan.selectors.len(), SELECTORS);
    check("group references", plan.references.len(), REFERENCES);
    check("IPv4 peers", plan.ip4.peers.len(), PEERS);
    check("IPv6 peers", plan.ip6.peers.len(), PEERS);
}
