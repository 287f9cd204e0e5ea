//! `groundplane get KIND`: objects as AWS's command line prints them.

use super::Outcome;
use super::exit::Ended;
use super::output::Output;
use super::resources::{From, kind, vpc_name};
use anyhow::anyhow;
use groundplane::export;
use groundplane::resources::{Kind, Resources};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What: subnets, route-tables, enis, nat-gateways …; `groundplane show` lists all kinds
    kind: String,
    /// One of them: its name, VPC/NAME, or its id
    name: Option<String>,
    #[command(flatten)]
    from: From,
}

pub(super) fn run(arguments: &Arguments, state_dir: &Path, output: &Output) -> Ended {
    let kind = kind(&arguments.kind)?;
    let resources = arguments.from.read(state_dir)?.resources;
    let answer = answer(&resources, kind, arguments.name.as_deref())?;
    output.json(&answer)?;
    Ok(Outcome::Done)
}

/// What AWS's command line answers for a kind.
pub(super) fn answer(resources: &Resources, kind: &'static Kind, name: Option<&str>) -> anyhow::Result<Value> {
    let mut all = export::aws(resources);
    let objects = match all.remove(kind.key) {
        Some(Value::Array(objects)) => objects,
        // There is one of it in an account.
        Some(one) => return Ok(json!({ kind.key: one })),
        None => Vec::new(),
    };
    let Some(name) = name else {
        return Ok(json!({ kind.key: objects }));
    };
    let ids = ids(resources, kind, name);
    let is_it = |object: &Value| {
        object
            .get(kind.id_field)
            .and_then(Value::as_str)
            .is_some_and(|id| ids.contains(&id))
    };
    let found: Vec<_> = objects.into_iter().filter(is_it).collect();
    match found.is_empty() {
        true => Err(anyhow!("no {} is called {name:?}", kind.name)),
        false => Ok(json!({ kind.key: found })),
    }
}

/// The name of the VPC that an object is in.
fn vpc_of<'a>(resources: &'a Resources, kind: &Kind, id: &str) -> Option<&'a str> {
    macro_rules! owner {
        ($list:ident, $id:ident) => {
            resources
                .$list
                .iter()
                .find(|it| it.$id == id)
                .map(|it| &*it.vpc_id)
        };
    }
    let vpc_id = match kind.section {
        "subnets" => owner!(subnets, subnet_id),
        "route_tables" => owner!(route_tables, route_table_id),
        "network_acls" => owner!(network_acls, network_acl_id),
        "security_groups" => owner!(security_groups, group_id),
        "network_interfaces" => owner!(network_interfaces, network_interface_id),
        _ => None,
    };
    vpc_id.map(|id| vpc_name(resources, id))
}

/// The ids of the objects that somebody means; a name may be in several VPCs.
pub(super) fn ids<'a>(resources: &'a Resources, kind: &'static Kind, name: &str) -> Vec<&'a str> {
    let (vpc, bare) = match name.split_once('/') {
        Some((vpc, bare)) => (Some(vpc), bare),
        None => (None, name),
    };
    let owner = |id: &str| vpc_of(resources, kind, id);
    let objects = resources.objects(kind).into_iter();
    objects
        .filter(|object| {
            let is_named = object.name == bare && vpc.is_none_or(|vpc| owner(object.id) == Some(vpc));
            object.id == name || object.name == name || is_named
        })
        .map(|object| object.id)
        .collect()
}
