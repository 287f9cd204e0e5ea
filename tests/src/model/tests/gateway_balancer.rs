//! Semantics 16.

use super::{BEYOND, Room, X, between, dropped, reason};
use crate::model::{At, Reason, Seen, Verdict};
use crate::packet::{GeneveOptions, Packet, flag};
use crate::topology::{Topology, address, nacl_rule, net, open_nacl};
use groundplane::resources::{NetworkAclEntry, RuleAction};

const P1: &str = "10.0.10.10";
const PUBLIC: &str = "203.0.113.10";
const NODE: &str = "10.0.1.80";
/// fw-1 and fw-2.
const APPLIANCES: [&str; 2] = ["10.0.1.81", "10.0.1.82"];
const OPTIONS: GeneveOptions = *b"endpointattachedcook";
const GENEVE: u16 = 6081;
const PORT: u16 = 50_000;

fn inspected(change: impl FnOnce(&mut Topology)) -> Room {
    Room::with(|t0| {
        t0.inspected();
        change(t0);
    })
}

/// What goes from the node to an appliance.
fn wrapped(inner: &Packet, appliance: &str, options: &GeneveOptions) -> Packet {
    between(Packet::geneve(inner, options), (NODE, PORT), (appliance, GENEVE))
}

/// The same the other way.
fn returned(inner: &Packet, appliance: &str, options: &GeneveOptions) -> Packet {
    between(Packet::geneve(inner, options), (appliance, PORT), (NODE, GENEVE))
}

/// TCP from x to p1, as the outside and as p1 has it.
fn segment(flags: u8, to: &str) -> Packet {
    between(Packet::tcp().flags(flags), (&X.to_string(), 4000), (to, 80))
}

/// What p1 answers, as p1 and as the outside has it.
fn answer(flags: u8, from: &str) -> Packet {
    between(Packet::tcp().flags(flags), (from, 80), (&X.to_string(), 4000))
}

/// Something comes from the outside, and this is seen at an appliance.
fn comes(room: &mut Room, packet: Packet, seen: Option<&Packet>) -> Verdict {
    let frame = packet.from_mac(BEYOND).to_mac(BEYOND).build();
    let seen = seen.map(Packet::build);
    room.model.arrive(&frame, false, room.now, Seen::frame(seen.as_deref()))
}

/// x has a connection to p1 by fw-2, whose first packet has come out again.
fn open(room: &mut Room) {
    let syn = segment(flag::SYN, P1);
    let to_appliance = wrapped(&syn, APPLIANCES[1], &OPTIONS);
    let came = comes(room, segment(flag::SYN, PUBLIC), Some(&to_appliance));
    assert_eq!(came, room.at("fw-2", to_appliance));
    let came = room.send("fw-2", returned(&syn, APPLIANCES[1], &OPTIONS));
    assert_eq!(came, room.at("p1", syn));
}

#[test]
fn s96_both_directions_go_by_the_same_appliance() {
    let mut room = inspected(|_| {});
    open(&mut room);
    let answered = answer(flag::SYN | flag::ACK, P1);
    let to_appliance = wrapped(&answered, APPLIANCES[1], &OPTIONS);
    // It is seen at neither, so nothing but memory says at which.
    let came = room.send_seen("p1", answered.clone(), None);
    assert_eq!(came, room.at("fw-2", to_appliance));
    let left = room.send("fw-2", returned(&answered, APPLIANCES[1], &OPTIONS));
    let Verdict::Left(frame) = left else { panic!("{left:?}") };
    let expected = room.by("fw-2", answer(flag::SYN | flag::ACK, PUBLIC));
    assert_eq!(frame[14..], expected[14..]);
}

#[test]
fn s97_what_comes_back_with_other_options_or_as_another_flow_is_dropped() {
    let mut room = inspected(|_| {});
    open(&mut room);
    let syn = segment(flag::SYN, P1);
    let mut others = OPTIONS;
    others[19] += 1;
    let differs = room.leaving("g-A-GW", Reason::InspectionOptionsDiffer);
    let came = room.send("fw-2", returned(&syn, APPLIANCES[1], &others));
    assert_eq!(came, differs);
    // By somebody who never got it.
    let came = room.send("fw-1", returned(&syn, APPLIANCES[0], &OPTIONS));
    assert_eq!(came, differs);
    let another = between(Packet::tcp().flags(flag::SYN), (&X.to_string(), 4001), (P1, 80));
    let came = room.send("fw-2", returned(&another, APPLIANCES[1], &OPTIONS));
    assert_eq!(came, differs);
    let differs = room.arriving("gwlb-G1", Reason::InspectionOptionsDiffer);
    others[0] += 1;
    let came = room.send("fw-2", returned(&syn, APPLIANCES[1], &others));
    assert_eq!(came, differs);
    let plain = between(Packet::udp().payload(b"hello"), (APPLIANCES[1], PORT), (NODE, GENEVE));
    assert_eq!(room.send("fw-2", plain), differs);
    let elsewhere = between(Packet::udp().payload(b"hello"), (APPLIANCES[1], PORT), (NODE, 53));
    let alone = room.arriving("gwlb-G1", Reason::NodeTakesGeneveAlone);
    assert_eq!(room.send("fw-2", elsewhere), alone);
}

#[test]
fn s98_after_silence_a_flow_begins_with_a_syn() {
    for (idle, seconds) in [(None, 350), (Some(60), 60)] {
        let mut room = inspected(|t0| {
            if let Some(idle) = idle {
                t0.inspection_idle("gwlb", idle);
            }
        });
        open(&mut room);
        let data = || answer(flag::ACK, P1);
        room.wait(seconds);
        let to_appliance = wrapped(&data(), APPLIANCES[1], &OPTIONS);
        let came = room.send("p1", data());
        assert_eq!(came, room.at("fw-2", to_appliance));
        room.wait(seconds + 1);
        let stale = room.arriving("g-A-GW", Reason::InspectionKnowsNoFlow);
        assert_eq!(room.send("p1", data()), stale);
        open(&mut room);
    }
}

#[test]
fn a_flow_stays_with_its_appliance_unless_it_may_not() {
    let data = || answer(flag::ACK, P1);
    for (rebalances, state, stays) in [
        ("no_rebalance", "unhealthy", true),
        ("no_rebalance", "draining", true),
        ("rebalance", "draining", false),
        ("rebalance", "unhealthy", false),
    ] {
        let mut room = inspected(|_| {});
        open(&mut room);
        room.change(|t0| {
            t0.group_attribute("firewalls", "target_failover.on_unhealthy", rebalances)
                .group_attribute("firewalls", "target_failover.on_deregistration", rebalances)
                .target_health("firewalls", "fw-2", state);
        });
        let at = usize::from(stays);
        let to_appliance = wrapped(&data(), APPLIANCES[at], &OPTIONS);
        let came = room.send_seen("p1", data(), Some(to_appliance.clone()));
        assert_eq!(
            came,
            room.at(["fw-1", "fw-2"][at], to_appliance),
            "{rebalances} {state}"
        );
    }
}

#[test]
fn whoever_takes_nothing_gets_nothing_new() {
    let mut room = inspected(|t0| {
        t0.target_health("firewalls", "fw-1", "unused")
            .deregister("firewalls", "fw-2");
    });
    let came = room.come(segment(flag::SYN, PUBLIC));
    assert_eq!(came, room.arriving("g-A-GW", Reason::InspectionHasNoTarget));
}

#[test]
fn an_endpoint_takes_whole_packets_of_8500_bytes_while_it_is_available() {
    let mut room = inspected(|_| {});
    let of = |len: usize| {
        between(
            Packet::udp().payload(&vec![7; len - 28]),
            (P1, 4000),
            (&X.to_string(), 53),
        )
    };
    let came = room.send("p1", of(8501).dont_fragment());
    assert_eq!(came, room.arriving("g-A-GW", Reason::LargerThanTheEndpointTakes));
    let to_appliance = wrapped(&of(8500), APPLIANCES[0], &OPTIONS);
    let came = room.send_seen("p1", of(8500), Some(to_appliance.clone()));
    assert_eq!(came, room.at("fw-1", to_appliance));
    let came = room.send("p1", of(100).fragment(7, 0, true));
    assert_eq!(came, room.arriving("g-A-GW", Reason::InspectionTakesNoFragments));
    room.change(|t0| {
        t0.endpoint_state("g", "rejected");
    });
    let came = room.send("p1", of(100));
    assert_eq!(came, room.arriving("g-A-GW", Reason::EndpointIsNotAvailable));
}

#[test]
fn acls_are_asked_at_the_endpoint_even_inside_its_subnet() {
    let deny = |block: &str, egress| NetworkAclEntry {
        cidr_block: net(block),
        ..nacl_rule(50, egress, RuleAction::Deny)
    };
    let mut room = inspected(|t0| {
        t0.within("A-GW")
            .eni("near", "10.0.30.10")
            .public_address("near", "203.0.113.30")
            .within("APUB")
            .nacl("A-GW", [open_nacl(), vec![deny("10.0.30.0/24", false)]].concat())
            .route_inspected("A-GW", "198.51.100.0/24", "g");
    });
    let packet = between(Packet::udp(), ("10.0.30.10", 4000), (&X.to_string(), 53));
    let expected = Verdict::Dropped(crate::model::Drop {
        reason: Reason::NaclDeniesInbound,
        at: room.eni("g-A-GW"),
        egress: false,
        rule: Some(50),
    });
    assert_eq!(room.send("near", packet), expected);
}

#[test]
fn what_an_appliance_lets_through_follows_the_endpoints_table() {
    let mut room = inspected(|t0| {
        t0.no_route_to("A-GW", "0.0.0.0/0");
    });
    open(&mut room);
    let answered = answer(flag::SYN | flag::ACK, P1);
    let to_appliance = wrapped(&answered, APPLIANCES[1], &OPTIONS);
    room.send_seen("p1", answered.clone(), Some(to_appliance));
    let came = room.send("fw-2", returned(&answered, APPLIANCES[1], &OPTIONS));
    assert_eq!(came, room.leaving("g-A-GW", Reason::NoRoute));
}

#[test]
fn an_appliances_groups_are_asked_about_the_node() {
    let mut room = inspected(|t0| {
        t0.within("G1")
            .group("firewall", vec![crate::topology::udp(6081..=6081).from("10.0.1.60/32")])
            .within("APUB")
            .in_groups("fw-1", &["firewall"])
            .in_groups("fw-2", &["firewall"]);
    });
    let came = room.come(segment(flag::SYN, PUBLIC));
    assert_eq!(reason(&came), Some(Reason::NoIngressRule));
    room.change(|t0| {
        let rule = crate::topology::udp(6081..=6081).from("10.0.1.80/32");
        t0.within("G1").group("firewall", vec![rule]).within("APUB");
    });
    let syn = segment(flag::SYN, P1);
    let to_appliance = wrapped(&syn, APPLIANCES[0], &OPTIONS);
    let came = comes(&mut room, segment(flag::SYN, PUBLIC), Some(&to_appliance));
    assert_eq!(came, room.at("fw-1", to_appliance));
    // What comes back is a packet of its own, which nothing lets out.
    let came = room.send("fw-1", returned(&syn, APPLIANCES[0], &OPTIONS));
    assert_eq!(came, room.leaving("fw-1", Reason::NoEgressRule));
}

#[test]
fn a_ping_and_its_answer_are_one_flow() {
    let mut room = inspected(|_| {});
    let ping = |to: &str| Packet::ping(7).ip_from(X, 0).ip_to(address(to), 0);
    let pong = |from: &str| Packet::pong(7).ip_from(address(from), 0).ip_to(X, 0);
    let to_appliance = wrapped(&ping(P1), APPLIANCES[1], &OPTIONS);
    let came = comes(&mut room, ping(PUBLIC), Some(&to_appliance));
    assert_eq!(came, room.at("fw-2", to_appliance));
    let came = room.send("fw-2", returned(&ping(P1), APPLIANCES[1], &OPTIONS));
    assert_eq!(came, room.at("p1", ping(P1)));
    let came = room.send("p1", pong(P1));
    assert_eq!(came, room.at("fw-2", wrapped(&pong(P1), APPLIANCES[1], &OPTIONS)));
}

#[test]
fn without_an_endpoint_the_gateways_table_leads_nowhere() {
    let mut room = inspected(|t0| {
        t0.resources.vpc_endpoints.retain(|endpoint| endpoint.name != "g");
    });
    let came = room.come(segment(flag::SYN, PUBLIC));
    assert_eq!(came, dropped(At::Internet, false, Reason::EdgeTableLeadsElsewhere));
    let left = room.send("p1", answer(flag::SYN, P1));
    assert_eq!(left, room.leaving("p1", Reason::RouteIsBlackhole));
}
