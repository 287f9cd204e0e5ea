//! What stands around the VPCs of a document: gateways, public addresses, attachments, and what blocks public access.
//!
//! Each has the fields that the API prints of it, with names for ids.

use crate::topology::Topology;
use groundplane::document::IntegrationTarget;
use groundplane::resources::{Kind, Resources, kinds};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt::Write as _;

/// What follows from other objects, of which the document says it: whose network interface it is, and the blocks of
/// VPCs.
const DERIVED: [&str; 7] = [
    "AssociationId",
    "CidrBlock",
    "CidrBlockSet",
    "Ipv6CidrBlockSet",
    "NetworkInterfaceId",
    "NetworkInterfaceIds",
    "PrivateIpAddress",
];

/// The sections of the document, each with its objects.
pub(super) fn write(text: &mut String, resources: &Resources) {
    let paths = paths(resources);
    for kind in kinds().iter().filter(|kind| !kind.is_core) {
        let objects = resources.write(kind);
        if !objects.is_empty() {
            writeln!(text, "{}:", kind.section).expect("a string takes everything");
        }
        for (object, fields) in objects {
            let fields = named(fields, kind, &paths);
            writeln!(text, "  {}: {fields}", key(object.name, object.id)).expect("a string takes everything");
        }
    }
}

/// What an object of no name is called by. What an account has once has no id either.
fn key<'a>(name: &'a str, id: &'a str) -> &'a str {
    let said = [name, id].into_iter().find(|word| !word.is_empty());
    said.unwrap_or("own")
}

/// What refers to an object, by its id.
fn paths(resources: &Resources) -> HashMap<&str, String> {
    let mut paths = HashMap::new();
    for kind in kinds() {
        let objects = resources.objects(kind).into_iter();
        paths.extend(objects.map(|object| (object.id, key(object.name, object.id).to_owned())));
    }
    let subnets = resources.subnets.iter();
    let subnets = subnets.map(|subnet| (&subnet.subnet_id, &subnet.vpc_id, &subnet.name));
    let tables = resources.route_tables.iter();
    let tables = tables.map(|table| (&table.route_table_id, &table.vpc_id, &table.name));
    for (id, vpc_id, name) in subnets.chain(tables) {
        let vpc = paths.get(&**vpc_id).cloned().unwrap_or_default();
        paths.insert(id, format!("{vpc}/{name}"));
    }
    paths
}

/// An object's fields without its own id and what follows.
fn named(mut fields: Map<String, Value>, kind: &Kind, paths: &HashMap<&str, String>) -> Value {
    fields.remove(kind.id_field);
    let mut fields = Value::Object(fields);
    rename(&mut fields, paths);
    fields
}

fn rename(value: &mut Value, paths: &HashMap<&str, String>) {
    match value {
        Value::String(text) => {
            // Some ids are ARNs; of another ARN the last part is an id.
            let last = text.rsplit('/').next().filter(|_| text.starts_with("arn:"));
            let path = paths.get(&**text).or_else(|| paths.get(last?));
            if let Some(path) = path {
                *text = path.clone();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, paths)),
        Value::Object(fields) => {
            fields.retain(|field, _| !DERIVED.contains(&&**field));
            fields.values_mut().for_each(|value| rename(value, paths));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What processes of the host reach, by the names of links and listeners.
pub(super) fn write_integrations(text: &mut String, topology: &Topology) {
    let paths = paths(&topology.resources);
    let name = |id: &String| paths.get(&**id).cloned().unwrap_or_default();
    if !topology.integrations.is_empty() {
        text.push_str("integrations:\n");
    }
    for integration in &topology.integrations {
        let target = match &integration.target {
            IntegrationTarget::Listener(arn) => format!("listener: {}", name(arn)),
            IntegrationTarget::Addresses(addresses) => format!("instances: {addresses:?}"),
        };
        let (own, link, listen) = (&integration.name, name(&integration.vpc_link), &integration.listen);
        writeln!(text, "  {own}: {{ vpc_link: {link}, {target}, listen: \"{listen}\" }}")
            .expect("a string takes everything");
    }
}
