//! Network ACLs (semantics 8).

use super::answer::Object;
use super::build::{Builder, get, list, mapping, text_of};
use crate::document::tree::{Entry, Node, Value};

/// The ACL that every VPC comes with has a name of its own in the document.
const DEFAULT: &str = "default";

/// The numbers from here on are the implicit denies' (semantics 8.1).
const IMPLICIT: u32 = 32_767;

pub(super) fn entry(acl: &Object) -> Entry {
    let mut builder = Builder::new(acl);
    builder.each("Associations", "subnets", |it| get(it, "SubnetId").cloned());
    for (own, egress) in [("ingress", "false"), ("egress", "true")] {
        let entries = acl.get("Entries").map(|entries| match &entries.value {
            Value::List(items) => {
                let own = items.iter().filter(|it| is_of(it, egress) && !is_implicit(it));
                list(own.map(rule).collect(), entries.span)
            }
            _ => entries.clone(),
        });
        builder.put(own, entries);
    }
    let is_default = acl.text("IsDefault") == Some("true");
    builder.entry(if is_default { DEFAULT } else { &acl.id })
}

/// Whether an entry is of a direction. One that says none is ingress, where it will be missed.
fn is_of(entry: &Node, egress: &str) -> bool {
    text_of(entry, "Egress").unwrap_or("false") == egress
}

fn is_implicit(entry: &Node) -> bool {
    let number = text_of(entry, "RuleNumber").and_then(|number| number.parse().ok());
    number.is_some_and(|number: u32| number >= IMPLICIT)
}

/// An entry without its direction, which the list says in the document.
fn rule(entry: &Node) -> Node {
    const FIELDS: [&str; 7] = [
        "RuleNumber",
        "RuleAction",
        "Protocol",
        "PortRange",
        "IcmpTypeCode",
        "CidrBlock",
        "Ipv6CidrBlock",
    ];
    match &entry.value {
        Value::Mapping(entries) => {
            let fields = entries
                .iter()
                .filter(|it| FIELDS.contains(&&*it.key) && !it.value.is_empty());
            mapping(fields.cloned().collect(), entry.span)
        }
        _ => entry.clone(),
    }
}
