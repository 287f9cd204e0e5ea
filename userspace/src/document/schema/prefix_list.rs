//! A managed prefix list (semantics 12).

use super::{fields, name};
use crate::document::diagnostic::{Problem, Problems, Spanned, quote};
use crate::document::family::Family;
use crate::document::fields::Fields;
use crate::document::tree::Entry;
use ipnet::IpNet;

/// How many entries a list may have at most (semantics 29).
const MOST: i64 = 1000;

#[derive(Debug)]
pub(in crate::document) struct PrefixList<'a> {
    pub(in crate::document) name: Spanned<&'a str>,
    /// `None` if nothing is said of it, so that it is that of the entries.
    pub(in crate::document) family: Option<Family>,
    pub(in crate::document) max_entries: Option<Spanned<i64>>,
    pub(in crate::document) entries: Vec<Spanned<IpNet>>,
}

pub(super) fn read<'a>(entry: &'a Entry, problems: &mut Problems) -> PrefixList<'a> {
    let mut list = PrefixList {
        name: name(entry),
        family: None,
        max_entries: None,
        entries: Vec::new(),
    };
    let Some(mut fields) = fields(entry, "prefix list", problems) else {
        return list;
    };
    let max_entries = fields.number("MaxEntries", 1..=MOST, problems);
    let help = "say how many entries it may ever have; that is what a reference to it counts as";
    list.max_entries = fields.required("MaxEntries", help, max_entries, problems);
    list.family = family(&mut fields, problems);
    list.entries = fields.values("entries", problems);
    fields.finish(problems);
    list
}

fn family(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<Family> {
    let Spanned { value, span } = fields.text("AddressFamily", problems).known()?;
    match value {
        "IPv4" => Some(Family::Ipv4),
        "IPv6" => Some(Family::Ipv6),
        _ => {
            let message = format!("AddressFamily must be IPv4 or IPv6, this is {}", quote(value));
            problems.report(Problem::error(span, message).code("InvalidParameterValue"));
            None
        }
    }
}
