//! Semantics 11.

use super::{Room, between};
use crate::model::{Reason, Verdict};
use crate::packet::{Packet, flag};
use crate::topology::{Topology, tcp};

const A1: &str = "10.0.1.10";
const B1: &str = "10.1.1.10";

fn peered(t0: &mut Topology) {
    t0.peering("pcx-AB", "VPC-A", "VPC-B")
        .route_out("A1", "10.1.0.0/16", "pcx-AB")
        .route_out("B1", "10.0.0.0/16", "pcx-AB");
}

fn syn(from: &str, to: &str) -> Packet {
    between(Packet::tcp().flags(flag::SYN), (from, 4000), (to, 5432))
}

#[test]
fn s66_both_sides_need_a_route() {
    let mut room = Room::with(peered);
    assert_eq!(room.send("a1", syn(A1, B1)), room.at("b1", syn(A1, B1)));
    assert_eq!(room.send("b1", syn(B1, A1)), room.at("a1", syn(B1, A1)));
    room.change(|t0| {
        t0.only_local_route("B1");
    });
    assert_eq!(room.send("a1", syn(A1, B1)), room.at("b1", syn(A1, B1)));
    assert_eq!(room.send("b1", syn(B1, A1)), room.leaving("b1", Reason::NoRoute));
}

#[test]
fn s67_a_peering_leads_to_the_peer_and_no_further() {
    let mut room = Room::with(|t0| {
        peered(t0);
        t0.peering("pcx-BC", "VPC-B", "VPC-C")
            .route_out("A1", "10.2.0.0/16", "pcx-AB")
            .route_out("B1", "10.2.0.0/16", "pcx-BC");
    });
    let c1 = "10.2.1.10";
    assert_eq!(
        room.send("a1", syn(A1, c1)),
        room.leaving("a1", Reason::AddressIsNotThePeers)
    );
    assert!(matches!(room.send("b1", syn(B1, c1)), Verdict::Delivered { .. }));
}

#[test]
fn s70_and_s71_only_an_active_peering_carries_traffic_and_groups() {
    let mut room = Room::with(|t0| {
        peered(t0);
        t0.group("app", vec![tcp(0..=65535).to("0.0.0.0/0")])
            .in_groups("a1", &["app"]);
        t0.within("B1").group("db", vec![tcp(5432).from_group("app")]);
        t0.in_groups("b1", &["db"]);
    });
    assert_eq!(room.send("a1", syn(A1, B1)), room.at("b1", syn(A1, B1)));
    room.change(|t0| {
        t0.in_groups("a1", &["VPC-A-open"]);
    });
    let other = between(Packet::tcp().flags(flag::SYN), (A1, 4001), (B1, 5432));
    assert_eq!(room.send("a1", other), room.arriving("b1", Reason::NoIngressRule));
    room.change(|t0| {
        t0.peering_status("pcx-AB", "pending-acceptance");
    });
    assert_eq!(
        room.send("a1", syn(A1, B1)),
        room.leaving("a1", Reason::RouteIsBlackhole)
    );
}

#[test]
fn egress_rules_may_name_a_peers_groups_in_one_region() {
    let mut room = Room::with(|t0| {
        peered(t0);
        t0.within("B1").group("db", vec![tcp(0..=65535).from("0.0.0.0/0")]);
        t0.in_groups("b1", &["db"]);
        t0.within("A1").group("to-db", vec![tcp(5432).to_group("db")]);
        t0.in_groups("a1", &["to-db"]);
    });
    assert_eq!(room.send("a1", syn(A1, B1)), room.at("b1", syn(A1, B1)));
    room.change(|t0| {
        t0.region("VPC-B", "eu-west-1");
    });
    let again = between(Packet::tcp().flags(flag::SYN), (A1, 4001), (B1, 5432));
    assert_eq!(room.send("a1", again), room.leaving("a1", Reason::NoEgressRule));
}
