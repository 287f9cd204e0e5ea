//! ENIs (semantics 3). A dump doesn't say where a guest is; without a binding there is none.

use super::answer::{Object, list_in};
use super::build::{Builder, field, get, list, mapping, scalar, text, text_of};
use crate::document::tree::{Entry, Node, Value};
use crate::resources::InterfaceType;

pub(super) fn entry(eni: &Object) -> Entry {
    let mut builder = Builder::new(eni);
    builder
        .take_as("SubnetId", "subnet")
        .take("MacAddress")
        .take("SourceDestCheck")
        .take("Description");
    builder.put("PrivateIpAddresses", addresses(eni));
    builder.each("Ipv6Addresses", "Ipv6Addresses", |it| get(it, "Ipv6Address").cloned());
    builder.each("Ipv4Prefixes", "Ipv4Prefixes", |it| get(it, "Ipv4Prefix").cloned());
    builder.each("Ipv6Prefixes", "Ipv6Prefixes", |it| get(it, "Ipv6Prefix").cloned());
    builder.each("Groups", "groups", |it| get(it, "GroupId").cloned());
    builder.put("InterfaceType", interface_type(eni));
    builder.take_as("ConnectionTrackingConfiguration", "ConnectionTracking");
    builder.take_as("Allowance", "allowance").take("Attachment");
    builder.put("associations", associations(eni));
    builder
        .take("DenyAllIgwTraffic")
        .take("RequesterManaged")
        .take("RequesterId");
    builder.entry(&eni.id)
}

/// The primary address first, wherever it stands.
fn addresses(eni: &Object) -> Option<Node> {
    let given = eni.get("PrivateIpAddresses")?;
    let Value::List(items) = &given.value else {
        return Some(given.clone());
    };
    let mut items: Vec<_> = items.iter().collect();
    items.sort_by_key(|it| text_of(it, "Primary") != Some("true"));
    let address = |it: &Node| get(it, "PrivateIpAddress").unwrap_or(it).clone();
    Some(list(items.into_iter().map(address).collect(), given.span))
}

/// A type that means nothing here is another one; its name is kept.
fn interface_type(eni: &Object) -> Option<Node> {
    let given = eni.get("InterfaceType")?;
    let name = scalar(given)?;
    let known = InterfaceType::of(name).unwrap_or(InterfaceType::Other);
    Some(text(known.name(), given.span))
}

/// The public addresses of those private ones that have one.
fn associations(eni: &Object) -> Option<Node> {
    let addresses = list_in(eni, "PrivateIpAddresses").iter();
    let all: Vec<_> = addresses.filter_map(association).collect();
    (!all.is_empty()).then(|| list(all, eni.span))
}

fn association(address: &Node) -> Option<Node> {
    let association = get(address, "Association")?;
    get(association, "PublicIp")?;
    let mut entries: Vec<_> = [("PrivateIpAddress", get(address, "PrivateIpAddress"))]
        .into_iter()
        .chain(["PublicIp", "AllocationId", "AssociationId", "IpOwnerId"].map(|key| (key, get(association, key))))
        .filter_map(|(key, value)| Some(field(key, value?.clone())))
        .collect();
    entries.sort_by_key(|entry| entry.key_span);
    Some(mapping(entries, association.span))
}
