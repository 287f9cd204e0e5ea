//! Semantics 13.

mod going;

use super::{Room, between, dropped, reason};
use crate::model::{Reason, Seen, Verdict};
use crate::packet::{Packet, flag};
use crate::topology::{Groups, Topology, tcp};

const P1: &str = "10.0.10.10";
const A2: &str = "10.0.2.10";
const A3: &str = "10.0.3.10";
const NODE: &str = "10.0.1.50";
const OTHER_NODE: &str = "10.0.3.51";

/// T0 with a load balancer in VPC-A, in both zones: port 80 goes to a2 and a3 as instances, port 53 by UDP to a2, and
/// port 81 to their addresses.
fn balance(t0: &mut Topology) {
    t0.load_balancer("nlb", &[("A1", NODE), ("A3", OTHER_NODE)])
        .target_group("web", "instance", "TCP", 8080)
        .target_group("dns", "ip", "UDP", 5353)
        .target_group("plain", "ip", "TCP", 8080)
        .listener("nlb", "TCP", 80, "web")
        .listener("nlb", "UDP", 53, "dns")
        .listener("nlb", "TCP", 81, "plain")
        .target("dns", "a2");
    for group in ["web", "plain"] {
        t0.target(group, "a2").target(group, "a3");
    }
}

fn balanced() -> Room {
    Room::with(balance)
}

fn segment(flags: u8) -> Packet {
    Packet::tcp().flags(flags)
}

fn syn(from: (&str, u16), to: (&str, u16)) -> Packet {
    between(segment(flag::SYN), from, to)
}

/// p1 has a connection from its port 4000 to port 80 of the node, and a2 sees p1.
fn connected(room: &mut Room) {
    let came = room.send("p1", syn((P1, 4000), (NODE, 80)));
    assert_eq!(came, room.at("a2", syn((P1, 4000), (A2, 8080))));
    let answer = |from, to| between(segment(flag::SYN | flag::ACK), from, to);
    let came = room.send("a2", answer((A2, 8080), (P1, 4000)));
    assert_eq!(came, room.at("p1", answer((NODE, 80), (P1, 4000))));
}

fn data() -> Packet {
    between(segment(flag::ACK).payload(b"data"), (P1, 4000), (NODE, 80))
}

/// The same to port 81, where a2 sees the node and its port 2000.
fn connected_behind(room: &mut Room) {
    let seen = syn((NODE, 2000), (A2, 8080));
    let came = room.send_seen("p1", syn((P1, 4000), (NODE, 81)), Some(seen.clone()));
    assert_eq!(came, room.at("a2", seen));
    let answer = |from, to| between(segment(flag::SYN | flag::ACK), from, to);
    let came = room.send("a2", answer((A2, 8080), (NODE, 2000)));
    assert_eq!(came, room.at("p1", answer((NODE, 81), (P1, 4000))));
}

fn arrives_at(room: &Room, verdict: &Verdict, guest: &str) -> bool {
    let id = &room.topology.interface(guest).network_interface_id;
    matches!(verdict, Verdict::Delivered { eni, .. } if eni == id)
}

#[test]
fn an_instance_sees_its_client_and_the_client_sees_the_node() {
    let mut room = balanced();
    connected(&mut room);
    let more = room.send("p1", data());
    let expected = between(segment(flag::ACK).payload(b"data"), (P1, 4000), (A2, 8080));
    assert_eq!(more, room.at("a2", expected));
    // Between the same ends, but nobody's answer.
    let other = room.send("a2", syn((A2, 8081), (P1, 4000)));
    assert_eq!(other, room.at("p1", syn((A2, 8081), (P1, 4000))));
}

#[test]
fn an_address_sees_the_node_and_a_port_of_it() {
    let mut room = balanced();
    connected_behind(&mut room);
    // A port that is somebody else's isn't believed.
    for wrong in [2000, 1023] {
        let seen = syn((NODE, wrong), (A2, 8080));
        let came = room.send_seen("p1", syn((P1, 4001), (NODE, 81)), Some(seen.clone()));
        assert_ne!(came, room.at("a2", seen), "{wrong}");
        assert!(arrives_at(&room, &came, "a2"));
    }
}

#[test]
fn only_targets_of_the_nodes_zone_are_chosen_unless_it_crosses_zones() {
    let mut room = balanced();
    let to_a3 = syn((P1, 4000), (A3, 8080));
    let came = room.send_seen("p1", syn((P1, 4000), (NODE, 80)), Some(to_a3.clone()));
    assert!(arrives_at(&room, &came, "a2"));
    let came = room.send("p1", syn((P1, 4001), (OTHER_NODE, 80)));
    assert!(arrives_at(&room, &came, "a3"));
    room.change(|t0| {
        t0.balancer_attribute("nlb", "load_balancing.cross_zone.enabled", "true");
    });
    let to_a3 = syn((P1, 4002), (A3, 8080));
    let came = room.send_seen("p1", syn((P1, 4002), (NODE, 80)), Some(to_a3.clone()));
    assert_eq!(came, room.at("a3", to_a3));
    room.change(|t0| {
        t0.group_attribute("web", "load_balancing.cross_zone.enabled", "false");
    });
    let to_a3 = syn((P1, 4003), (A3, 8080));
    let came = room.send_seen("p1", syn((P1, 4003), (NODE, 80)), Some(to_a3));
    assert!(arrives_at(&room, &came, "a2"));
}

#[test]
fn all_flows_of_a_source_go_to_one_target_if_the_group_is_sticky() {
    let mut room = balanced();
    room.change(|t0| {
        t0.group_attribute("web", "load_balancing.cross_zone.enabled", "true")
            .group_attribute("web", "stickiness.enabled", "true");
    });
    let to = |target, port| syn((P1, port), (target, 8080));
    let came = room.send_seen("p1", syn((P1, 4000), (NODE, 80)), Some(to(A3, 4000)));
    assert!(arrives_at(&room, &came, "a3"));
    let came = room.send_seen("p1", syn((P1, 4001), (NODE, 80)), Some(to(A2, 4001)));
    assert!(arrives_at(&room, &came, "a3"));
    room.change(|t0| {
        t0.deregister("web", "a3");
    });
    let came = room.send_seen("p1", syn((P1, 4002), (NODE, 80)), Some(to(A2, 4002)));
    assert!(arrives_at(&room, &came, "a2"));
}

#[test]
fn who_was_chosen_is_learned_from_where_it_was_dropped() {
    let mut room = balanced();
    room.change(|t0| {
        t0.group_attribute("web", "load_balancing.cross_zone.enabled", "true");
        t0.groups("a3", Groups::OUTBOUND);
    });
    let at_a3 = dropped(room.eni("a3"), false, Reason::NoIngressRule);
    let (id, frame) = (
        room.topology.interface("p1").network_interface_id.clone(),
        room.by("p1", syn((P1, 4000), (NODE, 80))),
    );
    let seen = Seen {
        frame: None,
        is_told: &|drop| Verdict::Dropped(drop.clone()) == at_a3,
    };
    assert_eq!(room.model.leave(&id, &frame, false, room.now, seen), at_a3);
}

#[test]
fn s84_what_belongs_to_no_connection_is_reset_and_what_nobody_listens_to_is_dropped() {
    let mut room = balanced();
    let refused = room.send("p1", between(segment(flag::ACK), (P1, 4000), (NODE, 80)));
    let Verdict::Refused { drop, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (drop.reason, drop.at),
        (Reason::BalancerKnowsNoConnection, room.eni("nlb-A1"))
    );
    let silent = room.send("p1", between(segment(flag::RST), (P1, 4000), (NODE, 80)));
    assert_eq!(silent, room.arriving("nlb-A1", Reason::BalancerKnowsNoConnection));
    for packet in [
        between(segment(flag::ACK), (P1, 4000), (NODE, 8080)),
        between(Packet::udp(), (P1, 4000), (NODE, 80)),
    ] {
        let refused = room.send("p1", packet);
        assert_eq!(refused, room.arriving("nlb-A1", Reason::NobodyListens));
    }
    for packet in [Packet::ping(1), Packet::protocol(47)] {
        let refused = room.send("p1", between(packet, (P1, 0), (NODE, 0)));
        assert_eq!(refused, room.arriving("nlb-A1", Reason::BalancerDoesNotCarryIt));
    }
}

#[test]
fn s85_a_target_admits_the_load_balancers_groups_whoever_it_sees() {
    let mut room = balanced();
    room.change(|t0| {
        t0.group("sg-nlb", vec![tcp(80).from("10.0.10.0/24"), tcp(8080).to("0.0.0.0/0")])
            .group("sg-target", vec![tcp(8080).from_group("sg-nlb")])
            .in_groups("a2", &["sg-target"])
            .balancer_groups("nlb", &["sg-nlb"]);
    });
    connected(&mut room);
    let closed = room.send("p1", syn((P1, 4001), (NODE, 81)));
    assert_eq!(closed, room.arriving("nlb-A1", Reason::NoIngressRule));
    // What is known is asked for nothing.
    room.change(|t0| {
        t0.group("sg-nlb", vec![]);
    });
    let more = room.send("p1", data());
    assert!(arrives_at(&room, &more, "a2"));
    room.change(|t0| {
        t0.group("sg-nlb", vec![tcp(80).from("10.0.10.0/24")]);
    });
    let stays = room.send("p1", syn((P1, 4002), (NODE, 80)));
    assert_eq!(stays, room.leaving("nlb-A1", Reason::NoEgressRule));
    room.change(|t0| {
        t0.balancer_groups("nlb", &[]);
    });
    let stranger = room.send("p1", syn((P1, 4003), (NODE, 80)));
    assert_eq!(stranger, room.arriving("a2", Reason::NoIngressRule));
}

#[test]
fn s86_a_target_that_is_chosen_for_itself_meets_itself_unless_the_node_is_seen() {
    let mut room = balanced();
    let own = room.send("a2", syn((A2, 4000), (NODE, 80)));
    assert_eq!(own, room.arriving("nlb-A1", Reason::TargetMeetsItself));
    let seen = syn((NODE, 2000), (A2, 8080));
    let own = room.send_seen("a2", syn((A2, 4000), (NODE, 81)), Some(seen.clone()));
    assert_eq!(own, room.at("a2", seen));
    let answer = |from, to| between(segment(flag::SYN | flag::ACK), from, to);
    let back = room.send("a2", answer((A2, 8080), (NODE, 2000)));
    assert_eq!(back, room.at("a2", answer((NODE, 81), (A2, 4000))));
}

#[test]
fn a_target_has_55000_ports_of_a_node() {
    let mut room = balanced();
    for number in 0..55_000 {
        let seen = syn((NODE, 1024 + number), (A2, 8080));
        let came = room.send_seen("p1", syn((P1, 1024 + number), (NODE, 81)), Some(seen));
        assert!(arrives_at(&room, &came, "a2"));
    }
    let one_more = room.send("p1", syn((P1, 60_000), (NODE, 81)));
    assert_eq!(one_more, room.arriving("nlb-A1", Reason::BalancerHasNoPortLeft));
    let seen = room.send("p1", syn((P1, 60_000), (NODE, 80)));
    assert!(arrives_at(&room, &seen, "a2"));
    room.wait(61);
    let later = room.send("p1", syn((P1, 60_001), (NODE, 81)));
    assert!(arrives_at(&room, &later, "a2"));
}

#[test]
fn a_later_fragment_goes_where_the_first_one_went_and_no_other_passes() {
    let mut room = balanced();
    let first = |to| between(Packet::udp().payload(&[7; 32]), (P1, 4000), to).fragment(5, 0, true);
    let last = |to, id| between(Packet::udp().payload(&[8; 16]), (P1, 0), (to, 0)).fragment(id, 5, false);
    let came = room.send("p1", first((NODE, 53)));
    assert_eq!(came, room.at("a2", first((A2, 5353))));
    assert_eq!(room.send("p1", last(NODE, 5)), room.at("a2", last(A2, 5)));
    let orphan = room.send("p1", last(NODE, 6));
    assert_eq!(orphan, room.arriving("nlb-A1", Reason::BalancerDropsFragments));
}

#[test]
fn an_error_about_a_connection_says_what_its_receiver_knows() {
    let mut room = balanced();
    connected(&mut room);
    connected_behind(&mut room);
    let error = |about: Packet, from, to| between(Packet::icmp_error(3, 4, &about).mtu(1400), (from, 0), (to, 0));
    let about = |from, to| between(segment(flag::ACK), from, to);
    // From the target, which sees the client or the node.
    for (seen, port) in [((P1, 4000), 80), ((NODE, 2000), 81)] {
        let objects = error(about(seen, (A2, 8080)), A2, seen.0);
        let came = room.send("a2", objects);
        let expected = error(about((P1, 4000), (NODE, port)), NODE, P1);
        assert_eq!(quoted(&came), quoted(&room.at("p1", expected)));
    }
    // From the client.
    for (seen, port) in [((P1, 4000), 80), ((NODE, 2000), 81)] {
        let came = room.send("p1", error(about((NODE, port), (P1, 4000)), P1, NODE));
        let expected = error(about((A2, 8080), seen), seen.0, A2);
        assert_eq!(quoted(&came), quoted(&room.at("a2", expected)));
    }
    let other = between(
        Packet::icmp_error(11, 0, &about((NODE, 80), (P1, 4000))),
        (P1, 0),
        (NODE, 0),
    );
    assert_eq!(reason(&room.send("p1", other)), Some(Reason::BalancerDoesNotCarryIt));
}

/// Where a packet arrives, its addresses, and those and the ports that it quotes.
fn quoted(verdict: &Verdict) -> (&str, &[u8], &[u8]) {
    let Verdict::Delivered { eni, frame } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(crate::model::bytes::checksum(&frame[34..]), 0);
    assert_eq!(crate::model::bytes::checksum(&frame[42..62]), 0);
    (eni, &frame[26..34], &frame[54..66])
}

#[test]
fn s21_a_connection_by_a_load_balancer_is_tracked_whatever_the_rules_say() {
    let mut room = balanced();
    connected(&mut room);
    room.change(|t0| {
        t0.groups("a2", Groups::OUTBOUND);
    });
    let more = room.send("p1", data());
    assert!(arrives_at(&room, &more, "a2"));
    let new = room.send("p1", syn((P1, 4001), (NODE, 80)));
    assert_eq!(new, room.arriving("a2", Reason::NoIngressRule));
}

#[test]
fn nacls_are_asked_at_the_node_of_what_comes_from_elsewhere() {
    let mut room = balanced();
    let deny = |cidr, egress| groundplane::resources::NetworkAclEntry {
        cidr_block: crate::topology::net(cidr),
        ..crate::topology::nacl_rule(10, egress, groundplane::resources::RuleAction::Deny)
    };
    let with = |rule| [crate::topology::open_nacl(), vec![rule]].concat();
    connected(&mut room);
    let answer = || between(segment(flag::ACK), (A2, 8080), (P1, 4000));
    // The target's own address comes in at the node, and the node's address goes out there.
    for (subnet, rule, at, egress) in [
        ("A1", deny("10.0.2.10/32", false), "nlb-A1", false),
        ("A1", deny("10.0.10.10/32", true), "nlb-A1", true),
        ("A2", deny("10.0.10.10/32", true), "a2", true),
    ] {
        room.change(|t0| {
            t0.nacl(subnet, with(rule));
        });
        let refused = room.send("a2", answer());
        let Verdict::Dropped(drop) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((drop.at, drop.egress, drop.rule), (room.eni(at), egress, Some(10)));
        room.change(|t0| {
            t0.nacl(subnet, crate::topology::open_nacl());
        });
    }
}
