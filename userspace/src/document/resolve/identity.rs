//! What an object is known by: its id, which comes from its name unless it is given one, and what people call it.

use super::Context;
use crate::document::ids::id;
use crate::document::schema::Object;
use crate::document::tree::{Node, Value as Tree};
use crate::resources::Kind;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The id of an object: the one it is given, or else one that comes from its name.
fn id_of(object: &Object<'_>, context: &Context) -> String {
    let Object { kind, name, node, .. } = object;
    match node.field(kind.id_field).map(|given| &given.value) {
        Some(Tree::Scalar { text, .. }) => text.clone(),
        _ => own_id(kind, type_of(node), name.value, (&context.region, &context.account)),
    }
}

/// The ids of all objects. A connection has that of its endpoint, which it names, or is named like.
pub(super) fn ids(objects: &[Object<'_>], context: &Context) -> Vec<String> {
    let endpoints: HashMap<&str, String> = objects
        .iter()
        .filter(|object| object.kind.section == "vpc_endpoints")
        .map(|object| (object.name.value, id_of(object, context)))
        .collect();
    let ids = objects.iter().map(|object| match id_of(object, context) {
        id if is_connection(object) => {
            let owner = (&*context.region, &*context.account);
            let own = own_id(object.kind, None, object.name.value, owner);
            let name = if id == own { object.name.value } else { &id };
            endpoints.get(name).cloned().unwrap_or(id)
        }
        id => id,
    });
    ids.collect()
}

/// Whether an object is an endpoint as the provider of its service sees it.
pub(super) fn is_connection(object: &Object<'_>) -> bool {
    object.kind.section == "vpc_endpoint_connections"
}

/// The type that an object says it is of.
fn type_of(node: &Node) -> Option<&str> {
    match &node.field("Type")?.value {
        Tree::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// The id that comes from a name; of an object of a Region and an account.
pub(in crate::document) fn own_id(
    kind: &Kind,
    type_of: Option<&str>,
    name: &str,
    (region, account): (&str, &str),
) -> String {
    let hexadecimal = || {
        id(kind.section, &[name])
            .rsplit('-')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let arn = |rest: &str| {
        format!(
            "arn:aws:elasticloadbalancing:{region}:{account}:{rest}/{name}/{}",
            hexadecimal()
        )
    };
    match kind.section {
        "load_balancers" if type_of == Some("gateway") => arn("loadbalancer/gwy"),
        "load_balancers" => arn("loadbalancer/net"),
        "listeners" => arn("listener/net"),
        "target_groups" => arn("targetgroup"),
        // API Gateway's ids have no form that tells of what.
        "vpc_links" | "rest_vpc_links" => hexadecimal().chars().take(10).collect(),
        // An account has one of them.
        "vpc_block_public_access_options" => account.to_owned(),
        _ if kind.prefix.is_empty() => name.to_owned(),
        _ => id(kind.prefix, &[name]),
    }
}

/// What people call an object of a dump: what its own field for that says, or else the tag `Name`, which is no other
/// tag then, or else its id.
pub(super) fn take_name(kind: &Kind, id: &str, said: &mut Map<String, Value>) -> String {
    if let Some(field) = kind.name_field() {
        let own = said.get(field).and_then(Value::as_str);
        return own.filter(|name| !name.is_empty()).unwrap_or(id).to_owned();
    }
    let is_name = |tag: &Value| {
        let is_plain = tag.as_object().is_some_and(|tag| tag.len() == 2);
        is_plain && tag.get("Key").is_some_and(|key| key == "Name")
    };
    let label = said.get_mut("Tags").and_then(Value::as_array_mut).and_then(|tags| {
        let at = tags.iter().position(is_name)?;
        let label = tags.get(at)?.get("Value")?.as_str().filter(|label| !label.is_empty())?;
        let label = label.to_owned();
        tags.remove(at);
        Some((label, tags.is_empty()))
    });
    let Some((label, was_only)) = label else {
        return id.to_owned();
    };
    if was_only {
        said.remove("Tags");
    }
    label
}

/// A name that the API has a field for is what that field says; if it says nothing, the name is put there.
pub(super) fn name_in_field(kind: &Kind, name: String, said: &mut Map<String, Value>) -> String {
    let Some(field) = kind.name_field() else { return name };
    let is_id = said.get(kind.id_field).is_some_and(|id| *id == *name);
    match said.get(field).and_then(Value::as_str).filter(|own| !own.is_empty()) {
        Some(own) => own.to_owned(),
        None if is_id => name,
        None => {
            said.insert(field.to_owned(), name.clone().into());
            name
        }
    }
}
