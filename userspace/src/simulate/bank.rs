//! One bank: a plan, and which prefix lengths its rows have, since most of those that could be looked for aren't there.

use crate::plan::{FamilyRows, Plan};
use groundplane_abi::Ip;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Bank {
    pub(super) plan: Plan,
    pub(super) ip4: Lengths,
    pub(super) ip6: Lengths,
    pub(super) selectors: Vec<u8>,
    pub(super) doors6: Vec<u8>,
}

/// The lengths in the tables of one family, the longest first.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    pub(super) addresses: Vec<u8>,
    pub(super) routes: Vec<u8>,
    pub(super) publics: Vec<u8>,
    pub(super) peers: Vec<u8>,
}

impl Bank {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            ip4: Lengths::of(&plan.ip4),
            ip6: Lengths::of(&plan.ip6),
            selectors: lengths(&plan.selectors),
            doors6: lengths(&plan.doors6),
            plan: plan.clone(),
        }
    }
}

impl Lengths {
    fn of<I: Ip>(rows: &FamilyRows<I>) -> Self {
        Self {
            addresses: lengths(&rows.addresses),
            routes: lengths(&rows.routes),
            publics: lengths(&rows.publics),
            peers: lengths(&rows.peers),
        }
    }
}

fn lengths<K, V>(rows: &BTreeMap<(K, u8), V>) -> Vec<u8> {
    let lengths: BTreeSet<u8> = rows.keys().map(|(_, prefix_len)| *prefix_len).collect();
    lengths.into_iter().rev().collect()
}

/// The row with the longest prefix. `key` makes the key of a prefix of some length, its further bits zero.
pub(super) fn longest<K: Ord, V: Copy>(
    rows: &BTreeMap<(K, u8), V>,
    lengths: &[u8],
    key: impl Fn(u8) -> K,
) -> Option<V> {
    let mut lengths = lengths.iter();
    lengths.find_map(|&prefix_len| rows.get(&(key(prefix_len), prefix_len)).copied())
}
