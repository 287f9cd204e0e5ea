//! Which rules of a list speak of an address.

use super::list::{Far, List};
use super::{set, union};
use crate::plan::Family;
use crate::plan::prefix::Nest;
use groundplane_abi::security_group::RuleBits;
use std::collections::BTreeMap;

/// A row for each block that a rule names, with the rules of all blocks that hold it.
pub(super) fn rows<I: Family>(list: &List<'_, I>) -> BTreeMap<(I, u8), RuleBits> {
    let mut rows = BTreeMap::new();
    for (rule, listed) in list.rules.iter().enumerate() {
        if let Far::Blocks(blocks) = &listed.far {
            for &block in blocks {
                set(rows.entry(block).or_default(), rule, true);
            }
        }
    }
    let mut nest = Nest::default();
    for (&block, rules) in &mut rows {
        *rules = nest.enter(block, |outer| union(*rules, outer.unwrap_or_default()));
    }
    rows
}
