//! What editors are told is what is read.

use super::*;
use crate::document::diagnostic::Problems;
use crate::document::source::{Source, SourceMap};
use crate::document::{json, parse, tree};
use crate::export;
use jsonschema::Validator;
use std::path::{Path, PathBuf};

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema()).expect("a schema")
}

/// A document as an editor sees it.
fn value(text: &str) -> Value {
    let sources = [Source::new("x", text.as_bytes())];
    let mut problems = Problems::default();
    let map = SourceMap::of(&sources, &[0], &mut problems);
    let file = map.files().next().expect("a source");
    let root = tree::read(file, &mut problems).expect("YAML");
    json::json(&root, &mut problems)
}

#[track_caller]
fn check(validator: &Validator, text: &str) {
    let errors: Vec<_> = validator
        .iter_errors(&value(text))
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_schema_in_the_documentation_is_this_one() {
    let path = root().join("docs/document.schema.json");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let now = format!("{:#}\n", json_schema());
    assert!(written == now, "run `groundplane schema > docs/document.schema.json`");
}

#[test]
fn examples_are_as_the_schema_says() {
    let validator = validator();
    for file in std::fs::read_dir(root().join("examples")).expect("examples") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            check(&validator, &std::fs::read_to_string(path).expect("text"));
        }
    }
}

#[test]
fn documents_that_are_read_are_as_the_schema_says() {
    let validator = validator();
    for seed in 0..64_u64 {
        let bits = |n: u64| (seed + n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let text = export::tests::document(&[bits(0), bits(1)], bits(2));
        check(&validator, &text);
        let resolved = parse("x", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
        check(&validator, &export::yaml(&resolved));
    }
}

const RIGHT: &str = "vpcs:
  a:
    CidrBlock: 10.0.0.0/16
    subnets: { s: { CidrBlock: 10.0.1.0/24 } }
    security_groups: { g: { ingress: [{ IpProtocol: tcp, FromPort: 1, ToPort: 2, CidrIpv4: 0.0.0.0/0 }] } }
    network_acls: { n: { ingress: [{ RuleNumber: 1, RuleAction: allow, Protocol: -1, CidrBlock: 0.0.0.0/0 }] } }
    route_tables: { r: { routes: [{ DestinationCidrBlock: 192.0.2.0/24, instance: i }] } }
    instances: { i: { subnet: s, namespace: n, SourceDestCheck: false, allowance: { connections: 5 } } }
prefix_lists: { l: { MaxEntries: 2, entries: [192.0.2.0/24] } }
internet_gateways: { door: { Attachments: [{ VpcId: a, State: available }] } }
quotas: { rules_per_security_group: 61 }
uplinks: { out: { kind: host, address: 192.0.2.1 } }
";

/// What is exchanged in it so that a field has the wrong name or is of the wrong kind.
const WRONG: &[(&str, &str)] = &[
    ("vpcs:", "vpc:"),
    ("CidrBlock: 10.0.0.0/16", "Cidr: 10.0.0.0/16"),
    ("CidrBlock: 10.0.0.0/16", "CidrBlock: [10.0.0.0/16]"),
    ("subnets: {", "subnet: {"),
    (
        "{ CidrBlock: 10.0.1.0/24 }",
        "{ CidrBlock: 10.0.1.0/24, AvailabilityZones: x }",
    ),
    ("{ CidrBlock: 10.0.1.0/24 }", "[]"),
    ("FromPort: 1", "FromPort: one"),
    ("FromPort: 1", "FromPorts: 1"),
    (", CidrIpv4: 0.0.0.0/0", ""),
    (", CidrIpv4: 0.0.0.0/0", ", CidrIpv4: 0.0.0.0/0, group: g"),
    ("IpProtocol: tcp, ", ""),
    ("RuleAction: allow", "RuleAction: permit"),
    ("RuleNumber: 1", "RuleNumber: 40000"),
    ("instance: i", "GatewayId: igw-1"),
    ("instance: i", "instance: i, nat_gateway: n"),
    ("SourceDestCheck: false", "SourceDestCheck: 0"),
    ("connections: 5", "connections: [5]"),
    (", namespace: n", ""),
    (", namespace: n", ", namespace: n, tap: t"),
    ("MaxEntries: 2, ", ""),
    ("State: available", "Stat: available"),
    ("State: available", "State: [available]"),
    (
        "Attachments: [{ VpcId: a, State: available }]",
        "Attachments: { VpcId: a }",
    ),
    ("rules_per_security_group: 61", "rules_per_group: 61"),
    ("kind: host", "kind: device"),
    ("kind: host", "device: eth0"),
    ("kind: host", "kind: host, announce: arp"),
    ("kind: host, address: 192.0.2.1", ""),
    ("kind: host, address: 192.0.2.1", "device: eth0, announce: bgp"),
    ("kind: host", "kind: host, destinations: [192.0.2.0/24]"),
    (
        "kind: host, address: 192.0.2.1",
        "device: eth0, destinations: 192.0.2.0/24",
    ),
];

#[test]
fn what_is_refused_for_a_name_or_a_kind_is_not_as_the_schema_says() {
    let validator = validator();
    check(&validator, RIGHT);
    parse("x", RIGHT.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    for (right, wrong) in WRONG {
        assert_eq!(RIGHT.matches(right).count(), 1, "{right}");
        let text = RIGHT.replace(right, wrong);
        assert!(parse("x", text.as_bytes()).is_err(), "{wrong}");
        assert!(!validator.is_valid(&value(&text)), "{wrong}");
    }
}
