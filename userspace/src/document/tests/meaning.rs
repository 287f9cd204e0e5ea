//! Documents that are accepted, and what they mean.

use super::*;
use crate::resources::{Destination, NetworkInterface, Peer, RouteTarget};
use groundplane_abi::Mac;
use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;

fn eni<'a>(resolved: &'a Resolved, name: &str) -> &'a NetworkInterface {
    resolved
        .resources
        .network_interfaces
        .iter()
        .find(|eni| eni.name == name)
        .expect("an ENI")
}

fn address(resolved: &Resolved, name: &str) -> String {
    eni(resolved, name).private_ip_addresses[0].to_string()
}

/// The small document with these instances.
fn with_instances(instances: &str) -> String {
    small("web-1: { subnet: web, namespace: n1 }", instances)
}

#[test]
fn the_examples_mean_something_and_compile() {
    for (name, text, enis) in [
        ("two-vpcs.yaml", include_str!("../../../../examples/two-vpcs.yaml"), 5),
        (
            "inspection.yaml",
            include_str!("../../../../examples/inspection.yaml"),
            3,
        ),
        ("groups.yaml", include_str!("../../../../examples/groups.yaml"), 4),
    ] {
        let resolved = parse(name, text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(resolved.warnings.problems, []);
        assert_eq!(compile(&resolved).enis.len(), enis, "{name}");
    }
}

#[test]
fn the_documentations_examples_are_right() {
    for text in [
        include_str!("../../../../docs/document.md"),
        include_str!("../../../../README.md"),
    ] {
        let (_, example) = text.split_once("```yaml\nvpcs:").expect("an example");
        let (example, _) = example.split_once("```").expect("its end");
        let resolved = accept(&format!("vpcs:{example}"));
        assert_eq!(resolved.warnings.problems, []);
    }
}

#[test]
fn the_documentations_load_balancer_is_right() {
    let (_, after) = include_str!("../../../../docs/document.md")
        .split_once("## Load balancers and PrivateLink")
        .expect("it");
    let (_, example) = after.split_once("```yaml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    assert_eq!(accept(example).warnings.problems, []);
}

#[test]
fn a_vpc_comes_with_a_main_table_a_default_nacl_and_a_default_group() {
    let Resolved { resources, .. } = accept("vpcs: { blue: { CidrBlock: 10.0.0.0/16 } }");
    let vpc = &resources.vpcs[0];
    assert_eq!((&*vpc.name, vpc.cidr_block.to_string()), ("blue", "10.0.0.0/16".into()));
    assert_eq!(vpc.blocks().count(), 1);
    let table = &resources.route_tables[0];
    assert!(table.main);
    assert_eq!(
        (table.routes[0].destination.clone(), &table.routes[0].target),
        (Destination::Cidr(vpc.cidr_block.into()), &RouteTarget::Local)
    );
    let entries: Vec<_> = resources.network_acls[0]
        .entries
        .iter()
        .map(|e| (e.rule_number, e.egress, e.protocol))
        .collect();
    assert_eq!(entries, [(100, false, None), (100, true, None)]);
    let group = &resources.security_groups[0];
    let rules: Vec<_> = group
        .rules
        .iter()
        .map(|r| (r.is_egress, r.ip_protocol, &r.peer))
        .collect();
    let (itself, anybody) = (
        Peer::Group(group.group_id.clone()),
        Peer::Cidr(IpNet::V4(Ipv4Net::default())),
    );
    assert_eq!(rules, [(false, None, &itself), (true, None, &anybody)]);
    assert_eq!(group.group_name, "default");
}

#[test]
fn ids_come_from_names_and_so_do_not_depend_on_the_rest_of_the_document() {
    let one = accept(SMALL);
    let two = accept(&with_instances(
        "other: { subnet: db, namespace: n2 }\n      web-1: { subnet: web, namespace: n1 }",
    ));
    assert_eq!(eni(&one, "web-1"), eni(&two, "web-1"));
    let id = &eni(&one, "web-1").network_interface_id;
    assert!(id.len() == 21 && id.starts_with("eni-"), "{id}");
    assert!(id[4..].chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
}

#[test]
fn lists_are_in_order_of_id() {
    let resources = accept(include_str!("../../../../examples/two-vpcs.yaml")).resources;
    assert!(resources.vpcs.is_sorted_by_key(|vpc| &vpc.vpc_id));
    assert!(resources.subnets.is_sorted_by_key(|subnet| &subnet.subnet_id));
    assert!(resources.route_tables.is_sorted_by_key(|table| &table.route_table_id));
    assert!(resources.network_acls.is_sorted_by_key(|acl| &acl.network_acl_id));
    assert!(resources.security_groups.is_sorted_by_key(|group| &group.group_id));
    assert!(
        resources
            .network_interfaces
            .is_sorted_by_key(|eni| &eni.network_interface_id)
    );
}

#[test]
fn host_bits_are_cleared_without_a_word() {
    let resolved = accept(&small("10.0.1.0/24", "10.0.1.77/24"));
    assert_eq!(resolved.warnings.problems, []);
    assert!(
        resolved
            .resources
            .subnets
            .iter()
            .any(|subnet| subnet.cidr_block.to_string() == "10.0.1.0/24")
    );
}

#[test]
fn an_address_is_the_lowest_that_is_free_and_not_reserved() {
    let resolved = accept(&with_instances(
        "a: { subnet: web, namespace: a }
      b: { subnet: web, PrivateIpAddress: 10.0.1.5, namespace: b }
      c: { subnet: web, namespace: c }
      d: { subnet: db, namespace: d }",
    ));
    let addresses = ["a", "b", "c", "d"].map(|name| address(&resolved, name));
    assert_eq!(addresses, ["10.0.1.4", "10.0.1.5", "10.0.1.6", "10.0.2.4"]);
}

#[test]
fn every_address_but_five_can_be_had() {
    let instances: Vec<_> = (0..11)
        .map(|n| format!("i{n}: {{ subnet: s, namespace: n{n} }}"))
        .collect();
    let document = |extra: &str| {
        let instances = instances.join(", ");
        format!(
            "vpcs: {{ v: {{ CidrBlock: 10.0.0.0/28, subnets: {{ s: {{ CidrBlock: 10.0.0.0/28 }} }}, instances: {{ {instances}{extra} }} }} }}"
        )
    };
    assert_eq!(address(&accept(&document("")), "i10"), "10.0.0.14");
    let problems = parse("", document(", i11: { subnet: s, namespace: n11 }").as_bytes()).expect_err("a problem");
    assert_eq!(problems.problems[0].code, Some("InsufficientFreeAddressesInSubnet"));
}

#[test]
fn mac_addresses_are_unique_unicast_and_local() {
    let resolved = accept(include_str!("../../../../examples/two-vpcs.yaml"));
    let macs: std::collections::BTreeSet<Mac> = resolved
        .resources
        .network_interfaces
        .iter()
        .map(|eni| eni.mac_address)
        .collect();
    assert_eq!(macs.len(), 5);
    assert!(macs.iter().all(|mac| mac.0[0] == 2 && *mac != Mac::ROUTER));
}

#[test]
fn a_guest_is_in_a_namespace_or_behind_a_tap() {
    let namespace = |adopt| Attachment::Namespace {
        name: "n".into(),
        adopt,
    };
    for (fields, attachment) in [
        ("namespace: n", namespace(false)),
        ("namespace: n, adopt: false", namespace(false)),
        ("namespace: n, adopt: true", namespace(true)),
        (
            "tap: gp-tap0.1",
            Attachment::Tap {
                device: "gp-tap0.1".into(),
            },
        ),
        ("tap: t, adopt: false", Attachment::Tap { device: "t".into() }),
    ] {
        let resolved = accept(&with_instances(&format!("web-1: {{ subnet: web, {fields} }}")));
        let id = eni(&resolved, "web-1").network_interface_id.clone();
        let guest = Guest {
            name: "web-1".into(),
            network_interface_id: id,
            attachment,
        };
        assert_eq!(resolved.guests, [guest]);
    }
}

#[test]
fn guests_are_in_the_order_of_the_document() {
    let resolved = accept(include_str!("../../../../examples/inspection.yaml"));
    let names: Vec<_> = resolved.guests.iter().map(|guest| &*guest.name).collect();
    assert_eq!(names, ["web-1", "db-1", "firewall"]);
}

#[test]
fn the_source_check_is_on_unless_it_is_off() {
    for (field, on) in [
        ("", true),
        (", SourceDestCheck: true", true),
        (", SourceDestCheck: false", false),
    ] {
        let resolved = accept(&with_instances(&format!(
            "web-1: {{ subnet: web, namespace: n1{field} }}"
        )));
        assert_eq!(eni(&resolved, "web-1").source_dest_check, on);
    }
}

#[test]
fn a_subnet_has_its_own_table_or_the_main_one() {
    let Resolved { resources, .. } = accept(SMALL);
    let table = |name: &str| {
        let subnet = resources
            .subnets
            .iter()
            .find(|subnet| subnet.name == name)
            .expect("a subnet");
        let mut tables = resources.route_tables.iter();
        &*tables
            .find(|table| table.route_table_id == subnet.route_table_id)
            .expect("a table")
            .name
    };
    assert_eq!((table("web"), table("db")), ("main", "custom"));
}

#[test]
fn a_route_may_lead_outside_the_vpc() {
    let routes = "custom: { routes: [{ DestinationCidrBlock: 0.0.0.0/0, instance: web-1 }] }";
    let resolved = accept(&small("custom: { subnets: [db] }", routes));
    assert_eq!(table(&resolved, "custom").routes.len(), 2);
    compile(&resolved);
}

#[test]
fn a_route_to_an_instance_that_checks_addresses_is_worth_a_warning() {
    let routes = "custom: { routes: [{ DestinationCidrBlock: 10.0.1.0/24, instance: web-1 }] }";
    let resolved = accept(&small("custom: { subnets: [db] }", routes));
    let unused = "10:7 M26: no subnet uses route table \"custom\", and subnet \"web\" follows the main one";
    let message = "10:73 M28: instance \"web-1\" gets packets for others, which its source/destination check drops";
    assert_eq!(lines(&resolved.warnings), [unused, message]);
    assert_eq!(resolved.warnings.problems[0].severity, Severity::Warning);
}

#[test]
fn empty_collections_may_be_left_empty() {
    let resolved =
        accept("vpcs:\n  blue:\n    CidrBlock: 10.0.0.0/16\n    subnets:\n    instances: ~\n    route_tables: {}\n");
    assert_eq!(resolved.guests, []);
    assert_eq!(accept("vpcs: {}").resources, Resources::default());
}

/// Documents out of pieces that mean something to the reader, which random bytes hardly ever do.
fn pieces() -> impl Strategy<Value = String> {
    const WORDS: &str = "vpcs:;blue:;CidrBlock:;10.0.0.0/16;10.0.1.0/24;subnets:;instances:;subnet:;web;: ;routes:;- ;\
        {;};[;];,;\n;\n  ;\n    ;\n      ;&a;*a;!t;<<: *a;? ;';\";|;>;#;---;...;%YAML 1.2;\t;\u{feff};\0;namespace: n;Ipv6CidrBlock:;\
        2001:db8::/56;security_groups:;network_acls:;prefix_lists:;quotas:;ingress:;egress:;group:;IpProtocol: -1;\
        FromPort: 1;RuleNumber: 1;Ipv4Prefixes: [10.0.1.16/28];Ipv6AddressCount: 9";
    let words: Vec<_> = WORDS.split(';').collect();
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

const RICH: &str = include_str!("../../../../examples/groups.yaml");

/// Reads it, and has every problem printed.
fn survives(bytes: &[u8]) {
    match parse("fuzz.yaml", bytes) {
        Ok(resolved) => _ = compile(&resolved),
        Err(problems) => {
            assert!(!problems.problems.is_empty());
            assert!(problems.render(true).len() > problems.to_string().len());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&bytes);
    }

    #[test]
    fn no_document_makes_it_panic(document in pieces()) {
        survives(document.as_bytes());
    }

    #[test]
    fn no_change_of_a_good_document_makes_it_panic(at in 0..SMALL.len(), len in 0..30_usize, with in pieces()) {
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes.splice(at..(at + len).min(SMALL.len()), with.bytes());
        survives(&bytes);
    }

    #[test]
    fn no_change_of_a_rich_document_makes_it_panic(at in 0..RICH.len(), len in 0..30_usize, with in pieces()) {
        let mut bytes = RICH.as_bytes().to_vec();
        bytes.splice(at..(at + len).min(RICH.len()), with.bytes());
        survives(&bytes);
    }
}
