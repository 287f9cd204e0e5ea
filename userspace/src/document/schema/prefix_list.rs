//! A managed prefix list (semantics 12).

use super::{fields, name};
use crate::document::diagnostic::{Problems, Spanned};
use crate::document::tree::Entry;
use ipnet::IpNet;

/// How many entries a list may have at most (semantics 29).
const MOST: i64 = 1000;

#[derive(Debug)]
pub(in crate::document) struct PrefixList<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    pub(in crate::document) max_entries: Option<Spanned<i64>>,
    pub(in crate::document) entries: Vec<Spanned<IpNet>>,
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> PrefixList<'a> {
    let mut list = PrefixList {
        name: name(entry),
        max_entries: None,
        entries: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "prefix list", problems) else {
        return list;
    };
    let max_entries = fields.number("MaxEntries", 1..=MOST, problems);
    let help = "say how many entries it may ever have; that is what a reference to it counts as";
    list.max_entries = fields.required("MaxEntries", help, max_entries, problems);
    list.entries = fields.values("entries", problems);
    fields.finish(problems);
    list
}
