//! What the table of kinds and the rest of an object promise.

use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// JSON objects with few different fields, so that two of them have many in common.
fn objects() -> impl Strategy<Value = Map<String, Value>> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..3_u8).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[ABC]", inner, 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[ABC]", value, 0..4).prop_map(|fields| fields.into_iter().collect())
}

proptest! {
    #[test]
    fn a_rest_makes_of_what_a_struct_writes_what_the_json_said(written in objects(), said in objects()) {
        let rest = difference(&written, &said);
        let mut laid_over = written;
        lay_over(&mut laid_over, &rest);
        prop_assert_eq!(laid_over, said);
    }

    #[test]
    fn nothing_is_the_rest_of_what_is_the_same(said in objects()) {
        prop_assert!(difference(&said, &said).is_empty());
    }
}

#[test]
fn kinds_have_sections_and_calls_of_their_own() {
    let sections: HashSet<_> = kinds().iter().map(|kind| kind.section).collect();
    let keys: HashSet<_> = kinds().iter().map(|kind| kind.key).collect();
    assert_eq!([sections.len(), keys.len()], [kinds().len(); 2]);
}

#[test]
fn an_id_tells_its_kind_by_its_longest_prefix() {
    for (id, section) in [
        ("vpc-0a1", "vpcs"),
        ("vpce-0a1", "vpc_endpoints"),
        ("vpce-svc-0a1", "vpc_endpoint_services"),
        ("tgw-0a1", "transit_gateways"),
        ("tgw-rtb-0a1", "transit_gateway_route_tables"),
        ("tgw-attach-0a1", "transit_gateway_attachments"),
        ("ipam-pool-0a1", "ipam_pools"),
        ("r-0a1", "reservations"),
    ] {
        assert_eq!(kind_of_id(id).map(|kind| kind.section), Some(section), "{id}");
    }
    assert_eq!(kind_of_id("web"), None);
    assert_eq!(kind_of_id("vpcs-1"), None);
}

#[test]
fn an_object_in_the_apis_shape_is_written_as_it_was_read() {
    let said = object(json!({
        "NatGatewayId": "nat-1",
        "State": "available",
        "NatGatewayAddresses": [{"PrivateIp": "10.0.0.5", "IsPrimary": true, "Luck": 7}],
        "Future": {"Deep": [1, 2]},
        "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}],
    }));
    let mut all = Resources::default();
    let nat = kind("nat_gateways").unwrap();
    all.read(nat, "out".to_owned(), Value::Object(said.clone()), &said)
        .unwrap();
    assert_eq!(all.nat_gateways[0].state.as_deref(), Some("available"));
    assert_eq!(all.nat_gateways[0].tags["b"], "2");
    let written = all.write(nat);
    let (of, written) = &written[0];
    assert_eq!((of.id, of.name), ("nat-1", "out"));
    assert_eq!(written["NatGatewayAddresses"], said["NatGatewayAddresses"]);
    assert_eq!(written["Future"], said["Future"]);
}

#[test]
fn every_kind_in_the_apis_shape_has_its_id_where_the_table_says() {
    for kind in kinds().iter().filter(|kind| !kind.is_core) {
        let said = object(json!({kind.id_field: "it-1"}));
        let mut all = Resources::default();
        all.read(kind, String::new(), Value::Object(said.clone()), &said)
            .unwrap();
        let ids: Vec<_> = all.objects(kind).iter().map(|object| object.id).collect();
        assert_eq!(ids, ["it-1"], "{}", kind.section);
        assert_eq!(all.write(kind)[0].1, said, "{}", kind.section);
    }
}

#[test]
fn tags_are_read_as_every_service_writes_them() {
    let link = kind("vpc_links").unwrap();
    let virtual_interface = kind("virtual_interfaces").unwrap();
    for (kind, said) in [
        (link, json!({"VpcLinkId": "x", "Tags": {"team": "net"}})),
        (
            virtual_interface,
            json!({"virtualInterfaceId": "x", "tags": [{"key": "team", "value": "net"}]}),
        ),
    ] {
        let said = object(said);
        let mut all = Resources::default();
        all.read(kind, String::new(), Value::Object(said.clone()), &said)
            .unwrap();
        assert_eq!(all.write(kind)[0].1, said);
    }
}
