//! Semantics 7.2 and 5.1: what a change does to live flows, and what it costs the others.

use super::World;
use groundplane_abi::DropReason;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{Groups, Topology};
use groundplane_tests::twin::Path;

#[test]
fn nacl_acts_on_the_next_packet_of_a_live_connection() {
    let mut world = World::open();
    world.connect("web", "db");
    world.change(|topology| {
        topology.nacl("back", Vec::new());
    });
    let more = world.there("web", "db", Packet::tcp());
    world.is_dropped("web", &more, DropReason::NACL_INGRESS);
    let answer = world.back("db", "web", Packet::tcp());
    world.is_dropped("db", &answer, DropReason::NACL_EGRESS);
}

#[test]
fn route_acts_on_the_next_packet_of_a_live_connection() {
    let mut world = World::open();
    world.connect("web", "db");
    world.change(|topology| {
        topology
            .route_via("front", "10.0.2.0/24", "box")
            .route_via("back", "10.0.1.0/24", "box");
    });
    let more = world.there("web", "db", Packet::tcp());
    world.arrives("web", &more, "box");
}

/// Found by the generated conversations: a pair that was replaced took with it what the ENI at its other end
/// remembered, so that an answer on the new way was refused until that ENI spoke again.
#[test]
fn eni_remembers_its_connection_when_a_route_leads_the_answer_another_way() {
    let mut world = World::with(|topology| {
        topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
    });
    world.connect("web", "db");
    world.change(|topology| {
        topology
            .route_via("front", "10.0.2.0/24", "box")
            .route_via("back", "10.0.1.0/24", "box");
    });
    let answer = world.back("db", "web", Packet::tcp());
    world.arrives("db", &answer, "box");
    let middlebox = world.topology.guest("box");
    let passed_on = world.back("db", "web", Packet::tcp()).from_mac(middlebox.mac);
    world.arrives("box", &passed_on, "web");
}

#[test]
fn dropped_packet_passes_as_soon_as_a_rule_admits_it() {
    let mut world = World::with(|topology| {
        topology.blackhole("front", "10.0.2.0/24");
    });
    let packet = world.there("web", "db", Packet::tcp());
    world.is_dropped("web", &packet, DropReason::BLACKHOLE_ROUTE);
    world.change(|topology| {
        topology.only_local_route("front");
    });
    world.arrives("web", &packet, "db");
}

#[test]
fn change_in_one_vpc_costs_the_flows_of_another_a_restamp() {
    let mut topology = Topology::three_subnets();
    topology
        .vpc("blue", "10.0.0.0/16")
        .subnet("blue-a", "10.0.1.0/24")
        .eni("stranger", "10.0.1.10");
    let mut world = World::new(topology);
    world.connect("web", "db");
    world.change(|topology| {
        topology.nacl("blue-a", Vec::new());
    });
    let more = world.there("web", "db", Packet::tcp());
    assert_eq!(world.send("web", &more).1, Some(Path::Restamped));
    assert_eq!(world.send("web", &more).1, Some(Path::Fast));
    world.change(|topology| {
        topology.nacl("middle", Vec::new());
    });
    assert_eq!(world.send("web", &more).1, Some(Path::Replaced));
}

#[test]
fn frame_to_another_mac_is_never_taken_for_one_to_the_router() {
    let mut world = World::open();
    world.connect("web", "web2");
    let (web, web2) = (world.topology.guest("web"), world.topology.guest("web2"));
    let routed = world.there("web", "web2", Packet::tcp());
    assert_eq!(
        world.arrives("web", &routed, "web2").source_mac,
        groundplane_tests::packet::ROUTER
    );
    let switched = routed.clone().to_mac(web2.mac);
    assert_eq!(world.arrives("web", &switched, "web2").source_mac, web.mac);
    let stray = routed.to_mac([2, 9, 9, 9, 9, 9]);
    world.is_dropped("web", &stray, DropReason::UNKNOWN_MAC);
}
