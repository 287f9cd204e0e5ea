//! What targets are told, and of whom.

use super::header::header;
use super::*;
use crate::document;
use crate::plan;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

const EXAMPLE: &str = include_str!("../../../examples/privatelink.yaml");
const LINKS: &str = include_str!("../../../examples/vpc-link.yaml");
const TOLD: &str = "    Port: 80\n    Attributes: [{ Key: proxy_protocol_v2.enabled, Value: \"true\" }]\n";

fn address(text: &str) -> SocketAddrV4 {
    text.parse().expect("an address and a port")
}

#[test]
fn a_header_names_client_node_and_endpoint() {
    let told = header(address("10.0.1.10:40000"), address("10.0.1.50:80"), Some("vpce-1"));
    let expected = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x16"[..],
        &[10, 0, 1, 10, 10, 0, 1, 50, 0x9c, 0x40, 0, 80],
        b"\xea\0\x07\x01vpce-1",
    ];
    assert_eq!(told, expected.concat());
    let plain = header(address("10.0.1.10:40000"), address("10.0.1.50:80"), None);
    assert_eq!(plain.len(), 28);
    assert_eq!(plain[14..16], [0, 12]);
    assert_eq!(LOCAL, *b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
}

#[test]
fn every_node_and_endpoint_in_front_of_a_group_that_is_told_is_a_door() {
    let example = EXAMPLE.replacen("    Port: 80\n", TOLD, 1);
    let resolved =
        document::parse("privatelink.yaml", example.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let devices = plan::devices(&resolved.resources, &plan::Bindings::default());
    let orders = Orders::of(&resolved.resources, &devices);
    assert_eq!(orders.ports.iter().copied().collect::<Vec<_>>(), [80]);
    let mut doors: Vec<_> = orders
        .doors
        .values()
        .map(|door| (door.address, door.endpoint.is_some()))
        .collect();
    doors.sort();
    let node = |last| Ipv4Addr::new(10, 0, last, 50);
    assert_eq!(doors, [(node(1), false), (node(1), true), (node(2), false)]);
    let mut pairs: Vec<_> = pairs(&resolved.resources).map(|(_, target)| target).collect();
    pairs.sort();
    let target = |last| Ipv4Addr::new(10, 0, last, 10);
    assert_eq!(pairs, [target(1), target(1), target(2), target(2)]);
    let resolved = document::parse("privatelink.yaml", EXAMPLE.as_bytes()).expect("it is right");
    let orders = Orders::of(&resolved.resources, &devices);
    assert!(orders.ports.is_empty() && orders.doors.is_empty());
}

#[test]
fn a_hidden_endpoint_behind_a_vpc_link_of_a_rest_api_is_a_door() {
    let example = LINKS.replacen("    Port: 80\n", TOLD, 1);
    let resolved = document::parse("vpc-link.yaml", example.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(resolved.resources.vpc_endpoints.is_empty());
    let devices = plan::devices(&resolved.resources, &plan::Bindings::default());
    let orders = Orders::of(&resolved.resources, &devices);
    let doors = orders
        .doors
        .values()
        .map(|door| (door.address, door.endpoint.is_some()));
    let node = Ipv4Addr::new(10, 0, 1, 50);
    assert_eq!(
        doors.collect::<BTreeSet<_>>(),
        BTreeSet::from([(node, false), (node, true)])
    );
}
