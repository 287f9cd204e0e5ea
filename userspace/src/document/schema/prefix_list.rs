//! A managed prefix list (semantics 12).

use super::{Details, details, fields, kind, name};
use crate::document::diagnostic::{Problems, Spanned};
use crate::document::family::Family;
use crate::document::fields::{Fields, value};
use crate::document::tree::{Entry, Node, Value};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// How many entries a list may have at most (semantics 29).
const MOST: i64 = 1000;

#[derive(Debug)]
pub(in crate::document) struct PrefixList<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    /// `None` if nothing is said of it, so that it is that of the entries.
    pub(in crate::document) family: Option<Family>,
    pub(in crate::document) max_entries: Option<Spanned<i64>>,
    pub(in crate::document) entries: Vec<Spanned<IpNet>>,
    /// Of those entries that have one.
    pub(in crate::document) descriptions: BTreeMap<IpNet, String>,
    pub(in crate::document) version: u64,
    pub(in crate::document) details: Details<'a>,
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> PrefixList<'a> {
    let mut list = PrefixList {
        name: name(entry),
        family: None,
        max_entries: None,
        entries: Vec::new(),
        descriptions: BTreeMap::new(),
        version: 0,
        details: Details::default(),
    };
    let Some(mut fields) = fields(entry, "prefix list", problems) else {
        return list;
    };
    let max_entries = fields.number("MaxEntries", 1..=MOST, problems);
    let help = "say how many entries it may ever have; that is what a reference to it counts as";
    list.max_entries = fields.required("MaxEntries", help, max_entries, problems);
    list.family = family(&mut fields, problems);
    for node in fields.list("entries", problems) {
        list_entry(node, &mut list, problems);
    }
    let version = fields.number("Version", 0..=i64::MAX, problems).known();
    list.version = version.and_then(|version| version.value.try_into().ok()).unwrap_or(0);
    list.details = details::read(&mut fields, kind::PREFIX_LIST, problems);
    fields.finish(problems);
    list
}

fn family(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Family> {
    let ways = [("IPv4", Family::Ipv4), ("IPv6", Family::Ipv6)];
    fields.word("AddressFamily", &ways, problems)
}

/// An entry is a block, or a block with its description.
fn list_entry<'a>(node: &'a Node, list: &mut PrefixList<'a>, problems: &mut Problems) {
    let Value::Mapping(_) = &node.value else {
        list.entries.extend(value(node, "entries", problems));
        return;
    };
    let Some(mut fields) = Fields::of(node, "the entry".to_owned(), node.start(), problems) else {
        return;
    };
    let block = fields.value::<IpNet>("Cidr", problems);
    let block = fields.required("Cidr", "write the entry's block", block, problems);
    let description = fields.any_text("Description", problems);
    fields.finish(problems);
    if let Some(block) = block {
        list.entries.push(block);
        list.descriptions
            .extend(description.map(|text| (block.value, text.to_owned())));
    }
}
