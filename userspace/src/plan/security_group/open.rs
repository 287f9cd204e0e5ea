//! Which TCP ports of an ENI are open to somebody outside of the VPC.

use super::list::{Far, List};
use crate::plan::Family;
use crate::plan::lookup::Lookup;
use crate::resources::NetworkInterface;
use groundplane_abi::door::PortRange;
use groundplane_abi::wire::protocol;

/// In order, with ports between any two of them. Whom a rule lets in isn't asked, except that what comes from outside
/// is never known as a member of a group (semantics 4.1).
pub(in crate::plan) fn tcp<I: Family>(lookup: &Lookup<'_>, eni: &NetworkInterface) -> Vec<PortRange> {
    let groups = eni.groups.iter();
    let groups: Vec<_> = groups.filter_map(|id| lookup.groups.get(&**id).copied()).collect();
    let list = List::<I>::of(lookup, &groups, false);
    let rules = list.rules.iter();
    let rules = rules.filter(|rule| rule.selection.protocol.is_none_or(|own| own == protocol::TCP));
    let rules = rules.filter(|rule| matches!(rule.far, Far::Blocks(_)));
    let mut ranges: Vec<_> = rules
        .map(|rule| match (rule.selection.protocol, rule.selection.range) {
            (Some(_), (first, last)) => PortRange { first, last },
            (None, _) => PortRange::ALL,
        })
        .filter(|range| range.first <= range.last)
        .collect();
    ranges.sort_unstable();
    let mut joined: Vec<PortRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.first <= last.last.saturating_add(1) => last.last = last.last.max(range.last),
            _ => joined.push(range),
        }
    }
    joined
}
