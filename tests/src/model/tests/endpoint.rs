//! Semantics 14.

use super::{Room, between, reason};
use crate::model::{Reason, Verdict};
use crate::packet::{Packet, flag};
use crate::topology::{Groups, Topology, tcp};

const A1: &str = "10.0.1.10";
const ENDPOINT: &str = "10.0.1.70";
const NODE: &str = "10.0.1.50";
const T1: &str = "10.0.1.60";

fn t0() -> Room {
    Room::with(|_| {})
}

fn segment(flags: u8) -> Packet {
    Packet::tcp().flags(flags)
}

fn syn(from: (&str, u16), to: (&str, u16)) -> Packet {
    between(segment(flag::SYN), from, to)
}

fn answer(from: (&str, u16), to: (&str, u16)) -> Packet {
    between(segment(flag::SYN | flag::ACK), from, to)
}

fn data() -> Packet {
    between(segment(flag::ACK).payload(b"data"), (A1, 4000), (ENDPOINT, 443))
}

/// a1 has a connection from its port 4000 to the endpoint, and t1 sees the node and its port 2000.
fn connected(room: &mut Room) {
    let seen = syn((NODE, 2000), (T1, 8443));
    let came = room.send_seen("a1", syn((A1, 4000), (ENDPOINT, 443)), Some(seen.clone()));
    assert_eq!(came, room.at("t1", seen));
    let came = room.send("t1", answer((T1, 8443), (NODE, 2000)));
    assert_eq!(came, room.at("a1", answer((ENDPOINT, 443), (A1, 4000))));
}

/// What a1 is refused, and where.
fn refused(change: impl FnOnce(&mut Topology), eni: &str, expected: Reason) {
    let mut room = Room::with(change);
    let refused = room.send("a1", syn((A1, 4000), (ENDPOINT, 443)));
    assert_eq!(refused, room.arriving(eni, expected));
}

#[test]
fn s74_the_target_sees_the_node_and_the_client_the_endpoint() {
    let mut room = t0();
    connected(&mut room);
    let came = room.send("a1", data());
    let expected = between(segment(flag::ACK).payload(b"data"), (NODE, 2000), (T1, 8443));
    assert_eq!(came, room.at("t1", expected));
}

#[test]
fn s75_nothing_in_the_providers_vpc_reaches_the_consumer() {
    let mut room = t0();
    connected(&mut room);
    let own = room.send("t1", syn((T1, 4000), (A1, 80)));
    assert_eq!(own, room.leaving("t1", Reason::NobodyHasTheAddress));
    let unasked = room.send("t1", answer((T1, 8443), (NODE, 2001)));
    assert_eq!(unasked, room.arriving("nlb-P-P1", Reason::NobodyListens));
}

#[test]
fn s76_the_endpoints_groups_are_asked_about_the_client_and_not_about_answers() {
    refused(
        |t0| {
            t0.group("sg", vec![tcp(443).from("10.0.2.0/24")])
                .endpoint_groups("vpce-1", &["sg"]);
        },
        "vpce-1-A1",
        Reason::NoIngressRule,
    );
    let mut room = Room::with(|t0| {
        t0.group("sg", vec![tcp(443).from("10.0.1.0/24")])
            .endpoint_groups("vpce-1", &["sg"]);
    });
    connected(&mut room);
    room.change(|t0| {
        t0.group("sg", vec![]);
    });
    assert!(matches!(room.send("a1", data()), Verdict::Delivered { .. }));
}

#[test]
fn s77_packets_pass_an_endpoint_that_is_available_and_no_other() {
    for state in ["pendingAcceptance", "rejected"] {
        refused(
            |t0| {
                t0.endpoint_state("vpce-1", state);
            },
            "vpce-1-A1",
            Reason::EndpointIsNotAvailable,
        );
    }
    let mut room = t0();
    connected(&mut room);
    room.change(|t0| {
        t0.endpoint_state("vpce-1", "Rejected");
    });
    let unavailable = |room: &Room, at| room.arriving(at, Reason::EndpointIsNotAvailable);
    assert_eq!(room.send("a1", data()), unavailable(&room, "vpce-1-A1"));
    let back = room.send("t1", answer((T1, 8443), (NODE, 2000)));
    assert_eq!(back, unavailable(&room, "nlb-P-P1"));
}

#[test]
fn s78_an_endpoint_has_the_listeners_ports_and_answers_no_ping() {
    let mut room = t0();
    for port in [8443, 80] {
        let refused = room.send("a1", syn((A1, 4000), (ENDPOINT, port)));
        assert_eq!(refused, room.arriving("nlb-P-P1", Reason::NobodyListens));
    }
    let ping = room.send("a1", between(Packet::ping(1), (A1, 0), (ENDPOINT, 0)));
    assert_eq!(ping, room.arriving("vpce-1-A1", Reason::EndpointDoesNotCarryIt));
}

#[test]
fn s79_a_node_without_targets_in_its_zone_needs_to_cross_zones() {
    refused(
        |t0| {
            t0.deregister("targets-P", "t1");
        },
        "nlb-P-P1",
        Reason::NoTargetIsThere,
    );
    refused(
        |t0| {
            t0.zone("A1", "az3");
        },
        "vpce-1-A1",
        Reason::EndpointHasNoNode,
    );
    let mut room = Room::with(|t0| {
        t0.deregister("targets-P", "t1")
            .balancer_attribute("nlb-P", "load_balancing.cross_zone.enabled", "true");
    });
    let came = room.send("a1", syn((A1, 4000), (ENDPOINT, 443)));
    assert!(matches!(came, Verdict::Delivered { .. }));
}

#[test]
fn s80_the_target_admits_the_node_and_not_the_client() {
    let admit = |t0: &mut Topology, cidr: &str| {
        t0.within("P1")
            .group("sg-t1", vec![tcp(8443).from(cidr)])
            .in_groups("t1", &["sg-t1"])
            .within("APUB");
    };
    refused(|t0| admit(t0, "10.0.1.10/32"), "t1", Reason::NoIngressRule);
    for cidr in ["10.0.1.50/32", "10.0.1.0/24"] {
        connected(&mut Room::with(|t0| admit(t0, cidr)));
    }
}

#[test]
fn s82_the_load_balancers_groups_are_asked_about_the_client_where_that_is_enforced() {
    let enforce = |t0: &mut Topology, on: bool| {
        t0.within("P1")
            .group("sg-nlb", vec![tcp(443).from("10.0.1.50/32"), tcp(8443).to("0.0.0.0/0")])
            .balancer_groups("nlb-P", &["sg-nlb"])
            .enforced("nlb-P", on)
            .within("APUB");
    };
    refused(|t0| enforce(t0, true), "nlb-P-P1", Reason::NoIngressRule);
    connected(&mut Room::with(|t0| enforce(t0, false)));
}

#[test]
fn s83_an_idle_connection_is_reset() {
    let mut room = t0();
    connected(&mut room);
    room.wait(351);
    let late = room.send("a1", data());
    let Verdict::Refused { drop, .. } = late else {
        panic!("{late:?}");
    };
    assert_eq!(drop.reason, Reason::BalancerKnowsNoConnection);
}

#[test]
fn s88_what_is_too_large_is_dropped_in_silence_and_the_mss_is_clamped() {
    let mut room = t0();
    for packet in [Packet::udp(), Packet::udp().dont_fragment(), segment(flag::SYN)] {
        let packet = between(packet.payload(&[7; 8600]), (A1, 4000), (ENDPOINT, 443));
        let refused = room.send("a1", packet);
        assert_eq!(refused, room.arriving("vpce-1-A1", Reason::LargerThanTheEndpointTakes));
    }
    let clamped = syn((NODE, 2000), (T1, 8443)).mss(8460);
    let asked = syn((A1, 4000), (ENDPOINT, 443)).mss(8961);
    let came = room.send_seen("a1", asked, Some(clamped.clone()));
    assert_eq!(came, room.at("t1", clamped));
    let came = room.send("t1", answer((T1, 8443), (NODE, 2000)).mss(8961));
    assert_eq!(came, room.at("a1", answer((ENDPOINT, 443), (A1, 4000)).mss(8460)));
}

#[test]
fn s72_an_endpoint_is_reached_over_a_peering() {
    let mut room = Room::with(|t0| {
        t0.peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("B1", "10.0.0.0/16", "pcx-AB")
            .route_out("A1", "10.1.0.0/16", "pcx-AB");
    });
    let b1 = "10.1.1.10";
    let seen = syn((NODE, 2000), (T1, 8443));
    let came = room.send_seen("b1", syn((b1, 4000), (ENDPOINT, 443)), Some(seen.clone()));
    assert_eq!(came, room.at("t1", seen));
    let came = room.send("t1", answer((T1, 8443), (NODE, 2000)));
    assert_eq!(came, room.at("b1", answer((ENDPOINT, 443), (b1, 4000))));
}

#[test]
fn a_target_knows_nothing_of_the_clients_groups() {
    let mut room = Room::with(|t0| {
        t0.within("P1")
            .group("sg-t1", vec![tcp(8443).from_group("VPC-P-open")])
            .in_groups("t1", &["sg-t1"])
            .groups("t3", Groups::OPEN);
    });
    let refused = room.send("a1", syn((A1, 4000), (ENDPOINT, 443)));
    assert_eq!(reason(&refused), Some(Reason::NoIngressRule));
}
