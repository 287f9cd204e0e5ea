//! Managed prefix lists (semantics 12).

use super::answer::{Object, list_in};
use super::build::{Builder, text, word};
use crate::document::tree::{Entry, Node, Value};

pub(super) fn entry(list: &Object) -> Entry {
    let mut builder = Builder::new(list);
    builder.put("Name", Some(name(list)));
    builder.take("AddressFamily").take("Version");
    builder.put("MaxEntries", Some(max_entries(list)));
    builder.each("Entries", "entries", |it| {
        matches!(it.value, Value::Mapping(_)).then(|| it.clone())
    });
    builder.entry(&list.id)
}

fn name(list: &Object) -> Node {
    let name = list.get("PrefixListName").cloned();
    name.unwrap_or_else(|| text(list.id.clone(), list.span))
}

/// AWS's own lists don't say it. They count as what they have, since what AWS counts for them is nowhere in the dump.
fn max_entries(list: &Object) -> Node {
    let given = list.get("MaxEntries").cloned();
    given.unwrap_or_else(|| word(list_in(list, "Entries").len().max(1).to_string(), list.span))
}
