//! Which rules of a list speak of a protocol and a port.
//!
//! A row says more than the shorter ones that hold it, never less; one that would say the same is left out.

use super::list::{List, ListedRule};
use super::set;
use crate::plan::Family;
use crate::plan::prefix::prefixes;
use groundplane_abi::security_group::{RuleBits, Selector};
use std::collections::{BTreeMap, BTreeSet};

type Rows = BTreeMap<(Selector, u8), RuleBits>;

/// The rows by selector and length of its prefix.
pub(super) fn rows<I: Family>(list: &List<'_, I>) -> Rows {
    let mut rows = Rows::new();
    let all = choose(list, |rule| rule.selection.protocol.is_none());
    insert(&mut rows, (Selector::default(), 0), all, RuleBits::default());
    let protocols: BTreeSet<u8> = list.rules.iter().filter_map(|rule| rule.selection.protocol).collect();
    for protocol in protocols {
        let is_meant = |rule: &ListedRule<'_, I>| rule.selection.protocol.is_none_or(|own| own == protocol);
        let all_ports = choose(list, |rule| is_meant(rule) && rule.selection.is_for_all_ports());
        for selector in [Selector::new(protocol, [0, 0]), Selector::absent(protocol)] {
            insert(&mut rows, (selector, Selector::PROTOCOL_BITS as u8), all_ports, all);
        }
        let some_ports = list.rules.iter().enumerate().filter_map(|(rule, listed)| {
            let is_some = is_meant(listed) && !listed.selection.is_for_all_ports();
            is_some.then_some((rule, listed.selection.range))
        });
        for (start, len, rules) in port_prefixes(all_ports, some_ports) {
            let selector = Selector::new(protocol, start.to_be_bytes());
            insert(
                &mut rows,
                (selector, Selector::PROTOCOL_BITS as u8 + len),
                rules,
                all_ports,
            );
        }
    }
    rows
}

fn choose<I: Family>(list: &List<'_, I>, is_chosen: impl Fn(&ListedRule<'_, I>) -> bool) -> RuleBits {
    let mut chosen = RuleBits::default();
    for (rule, listed) in list.rules.iter().enumerate() {
        set(&mut chosen, rule, is_chosen(listed));
    }
    chosen
}

fn insert(rows: &mut Rows, row: (Selector, u8), rules: RuleBits, outer: RuleBits) {
    if rules != outer {
        rows.insert(row, rules);
    }
}

/// Ports cut where a rule begins or ends, each piece as prefixes with the rules for it. Two pieces side by side differ.
fn port_prefixes(
    all_ports: RuleBits,
    some_ports: impl Iterator<Item = (usize, (u16, u16))>,
) -> Vec<(u16, u8, RuleBits)> {
    let mut borders: BTreeMap<u32, Vec<(usize, bool)>> = BTreeMap::new();
    for (rule, (from, to)) in some_ports.filter(|(_, (from, to))| from <= to) {
        borders.entry(u32::from(from)).or_default().push((rule, true));
        borders.entry(u32::from(to) + 1).or_default().push((rule, false));
    }
    // Behind the last border none of them is left.
    let ends = borders.keys().copied().skip(1);
    let mut rules = all_ports;
    let mut pieces = Vec::new();
    for ((&start, changes), end) in borders.iter().zip(ends) {
        for &(rule, begins) in changes {
            set(&mut rules, rule, begins);
        }
        pieces.extend(prefixes(start, end).map(|(start, len)| (start, len, rules)));
    }
    pieces
}
