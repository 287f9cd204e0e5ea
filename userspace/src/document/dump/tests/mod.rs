//! What the reader of dumps promises.

use crate::document::{Attachment, Resolved, Source, load, read};
use crate::export::{aws, aws_answers, yaml};
use crate::plan::{self, Bindings};
use groundplane_abi::Device;
use serde_json::Value;
use std::path::Path;

mod changed;
mod refused;

/// The dumps, without the document beside them.
fn examples() -> Vec<Source> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws");
    let mut sources = load(&[directory]).expect("the examples");
    sources.retain(|source| source.name.ends_with(".json"));
    sources
}

fn resolved(sources: &[Source]) -> Resolved {
    match read(sources, None) {
        Ok(resolved) => resolved,
        Err(problems) => panic!("{problems}"),
    }
}

fn exported(resolved: &Resolved) -> Value {
    Value::Object(aws(&resolved.resources))
}

/// The answers of several sources in one, without what is no resource, and with what has no order in some order.
fn together(sources: &[Source]) -> Value {
    let mut all = serde_json::Map::new();
    for source in sources {
        let Value::Object(answer) = serde_json::from_slice(&source.bytes).expect("JSON") else {
            panic!("{} is no answer", source.name);
        };
        all.extend(answer);
    }
    ordered(Value::Object(all))
}

/// Objects in order of id, tags in order of key.
fn ordered(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, ordered(value))).collect(),
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(ordered).collect();
            let key = |item: &Value| {
                let ids = item
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| key.ends_with("Id") || *key == "Key");
                ids.map(|(_, id)| id.to_string()).collect::<Vec<_>>()
            };
            items.sort_by_key(key);
            Value::Array(items)
        }
        other => other,
    }
}

/// A dump with objects of every kind.
const EVERY_KIND: &str = include_str!("every_kind.json");

fn every_kind() -> Vec<Source> {
    vec![Source::new("every-kind.json", EVERY_KIND.as_bytes())]
}

/// What the API answers without saying whose it is, or in a call for each object, stands in its owner.
const BESIDE: [&str; 12] = [
    "AllowedPrincipals",
    "AuthorizationRules",
    "ClientVpnTargetNetworks",
    "EnableDnsHostnames",
    "EnableDnsSupport",
    "Entries",
    "Routes",
    "SecurityGroupRules",
    "SecurityGroupVpcAssociations",
    "TransitGatewayPrefixListReferences",
    "VpcId",
    "Region",
];

/// Checks that an export says the same as the dumps.
fn check_export(sources: &[Source]) {
    let said = together(sources);
    let exported = ordered(exported(&resolved(sources)));
    let is_kind = |key: &str| crate::resources::kinds().iter().any(|kind| kind.key == key);
    for (key, said) in said
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(key, _)| is_kind(key))
    {
        let list = |value: &Value| match value {
            Value::Array(items) => items.clone(),
            other => vec![other.clone()],
        };
        let (said, exported) = (list(said), list(&exported[key]));
        assert_eq!(said.len(), exported.len(), "{key}");
        for (said, mut exported) in said.into_iter().zip(exported) {
            let said_fields = said.as_object().expect("an object");
            let is_moved = |field: &str| BESIDE.contains(&field) && !said_fields.contains_key(field);
            exported
                .as_object_mut()
                .expect("an object")
                .retain(|field, _| !is_moved(field));
            assert_eq!(exported, said, "{key}");
        }
    }
}

/// Checks that the resources are the same after an export in one piece, and in one for each call.
fn check_return(first: &Resolved) {
    let merged = Source::new("all.json", serde_json::to_vec(&exported(first)).expect("JSON"));
    check_same(&resolved(&[merged]), first);
    let answers = aws_answers(&first.resources).into_iter();
    let answers = answers.map(|answer| Source::new(answer.call, serde_json::to_vec(&answer.json).expect("JSON")));
    check_same(&resolved(&answers.collect::<Vec<_>>()), first);
}

/// Both have the same resources; if not, the first line that differs is told, for all of them would tell nothing.
fn check_same(a: &Resolved, b: &Resolved) {
    if a.resources != b.resources {
        let (a, b) = (format!("{:#?}", a.resources), format!("{:#?}", b.resources));
        let before: Vec<_> = a
            .lines()
            .zip(b.lines())
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a)
            .collect();
        let differs: Vec<_> = [&a, &b].map(|it| it.lines().nth(before.len())).into_iter().collect();
        let ids: Vec<_> = before
            .iter()
            .rev()
            .filter(|line| line.contains("id: \""))
            .take(2)
            .collect();
        panic!("{differs:?} after {ids:?} and {:?}", before.last());
    }
}

#[test]
fn what_the_command_line_prints_comes_back_as_it_was() {
    check_export(&examples());
    check_export(&every_kind());
}

#[test]
fn resources_are_the_same_after_an_export() {
    check_return(&resolved(&examples()));
    check_return(&resolved(&every_kind()));
}

#[test]
fn every_kind_is_among_the_dumps() {
    let it = resolved(&every_kind());
    for kind in crate::resources::kinds() {
        assert!(!it.resources.objects(kind).is_empty(), "{}", kind.section);
    }
}

#[test]
fn what_nobody_is_bound_to_compiles_to_a_plan() {
    for sources in [examples(), every_kind()] {
        let plan = plan::compile(&resolved(&sources).resources, &Bindings::new()).expect("a plan");
        assert!(!plan.subnets.is_empty());
        // NAT gateways need no guest.
        assert!(plan.enis.keys().all(|key| key.device >= Device::FIRST_COMPONENT));
    }
}

#[test]
fn nodes_and_endpoints_are_the_network_interfaces_of_the_dumps() {
    let sources = every_kind();
    let all = resolved(&sources).resources;
    let said = together(&sources)["NetworkInterfaces"].as_array().map(Vec::len);
    assert_eq!(said, Some(all.network_interfaces.len()));
    let front = all.load_balancers.iter().find(|one| one.is_network()).expect("one");
    let ids = |enis: Vec<&crate::resources::NetworkInterface>| -> Vec<_> {
        enis.iter().map(|eni| eni.network_interface_id.clone()).collect()
    };
    let nodes = ids(all.nodes(front).collect());
    assert_eq!(nodes, ["eni-000000b0000000004", "eni-000000b0000000005"]);
    let endpoint = &all.vpc_endpoints[0];
    let own: Vec<_> = all.interfaces_of(endpoint).collect();
    let behind = all.node_behind(endpoint, own[0]).map(|(_, node)| node);
    assert_eq!(ids(own), ["eni-000000b0000000006"]);
    assert_eq!(ids(behind.into_iter().collect()), ["eni-000000b0000000004"]);
    let endpoint = all.vpc_endpoints.iter().find(|one| one.is_gateway_load_balancer());
    let endpoint = endpoint.expect("one");
    let own: Vec<_> = all.interfaces_of(endpoint).collect();
    let behind = all.node_behind(endpoint, own[0]).map(|(_, node)| node);
    assert_eq!(ids(own), ["eni-000000b0000000007"]);
    assert_eq!(ids(behind.into_iter().collect()), ["eni-000000b0000000015"]);
    let link = ids(all.interfaces_of_link(&all.vpc_links[0]).collect());
    assert_eq!(link, ["eni-000000b0000000011", "eni-000000b0000000012"]);
}

#[test]
fn an_ordinary_network_has_no_warnings() {
    assert_eq!(resolved(&examples()).warnings.to_string(), "");
}

#[test]
fn dumps_become_a_document_of_the_same_resources() {
    for sources in [examples(), every_kind()] {
        let first = resolved(&sources);
        let text = yaml(&first);
        let again = resolved(&[Source::new("dumped.yaml", text.as_bytes())]);
        check_same(&again, &first);
    }
}

#[test]
fn a_document_beside_the_dumps_says_where_guests_are() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws");
    let it = resolved(&load(&[directory]).expect("the examples"));
    let places: Vec<_> = it.guests.iter().map(|guest| &guest.attachment).collect();
    let namespace = |name: &str| Attachment::Namespace {
        name: name.to_owned(),
        adopt: false,
    };
    for name in ["aws-web-1", "aws-blue-app-1", "aws-green-app-1"] {
        assert!(places.contains(&&namespace(name)), "{name}");
    }
    assert_eq!(places.len(), 3);
}
