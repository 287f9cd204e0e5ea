//! Semantics 32.8: interface endpoints; and what 32.5 and 32.7 say of them.

use super::subnet::group;
use super::{
    Expected, Flow, INTERNET, Owner, Scene, Told, X, accepted, code, dropped_arriving, dropped_leaving, only, ping,
    refusals, tcp,
};
use crate::packet::Packet;
use crate::topology::{OUTSIDE, Rule, Topology, address, tcp as tcp_to};

/// T0's endpoint and its nodes, by their zones.
const ENDPOINT: [&str; 2] = ["10.0.1.70", "10.0.3.70"];
const NODE: [&str; 2] = ["10.0.1.50", "10.0.3.50"];
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

/// By the endpoint in a1's zone to the target there.
fn by_endpoint(client: &str) -> Flow {
    tcp(client, "t1", 443).to(ENDPOINT[0]).at_port(8443)
}

/// What the target sees.
fn behind_node() -> Expected {
    accepted().seen_behind(NODE[0])
}

/// A group in VPC-P, with the egress of a new one.
fn provide(t0: &mut Topology, name: &str, rules: Vec<Rule>) {
    t0.within("P1");
    group(t0, name, rules);
    t0.within("APUB");
}

pub fn s53_nothing_from_the_internet_reaches_an_endpoint(scene: &mut Scene) {
    const OWN: &str = "2001:db8:a:1::70";
    scene.given(|t0| {
        t0.endpoint6("vpce-1-A1", OWN).route_out("A1", "::/0", "igw-A");
    });
    let packet = Packet::udp()
        .ip_from(address(OUTSIDE[1]), 4000)
        .ip_to(address(OWN), 443);
    scene
        .when(only(X, "a1", packet))
        .then(dropped_arriving(INTERNET, code::NONE));
}

pub fn s72_an_endpoint_is_reached_over_a_peering(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "endpoint", vec![tcp_to(443).from("10.1.0.0/16")]);
        t0.endpoint_groups("vpce-1", &["endpoint"])
            .peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("A1", "10.1.0.0/16", "pcx-AB")
            .route_out("B1", "10.0.0.0/16", "pcx-AB");
    });
    scene.when(by_endpoint("b1")).then(behind_node());
    scene
        .when(by_endpoint("a1"))
        .then(dropped_arriving("vpce-1-A1", code::SG_RULES));
}

pub fn s74_the_target_sees_the_node_and_the_client_sees_the_endpoint(scene: &mut Scene) {
    let session = scene.flow(by_endpoint("a1"));
    scene.when(session.clone()).then(behind_node());
    scene.when(session.server_speaks()).then(accepted());
    scene.when(session.client_speaks()).then(behind_node());
    let other = tcp("a3", "t3", 443).to(ENDPOINT[1]).at_port(8443);
    scene.when(other).then(accepted().seen_behind(NODE[1]));
}

pub fn s75_nothing_of_the_provider_reaches_the_consumer(scene: &mut Scene) {
    scene.ask("t1", "10.0.1.10", Owner::Nobody);
    scene
        .when(tcp("t3", "a1", 80))
        .then(dropped_leaving("t3", code::NO_OWNER));
    for node in NODE {
        let packet = Packet::udp()
            .ip_from(address("10.0.1.60"), 8443)
            .ip_to(address(node), 4000);
        let at = if node == NODE[0] { "nlb-P-P1" } else { "nlb-P-P3" };
        scene
            .when(only("t1", "a1", packet))
            .then(dropped_arriving(at, code::NO_LISTENER));
    }
}

pub fn s76_an_endpoints_groups_admit_requests_and_let_out_nothing(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "endpoint", vec![tcp_to(443).from("10.0.2.0/24")]);
        t0.endpoint_groups("vpce-1", &["endpoint"]);
    });
    scene
        .when(by_endpoint("a1"))
        .then(dropped_arriving("vpce-1-A1", code::SG_RULES));
    scene.given(|t0| {
        t0.group("endpoint", vec![tcp_to(443).from("10.0.1.0/24")]);
    });
    scene.when(by_endpoint("a1")).then(behind_node());
}

pub fn s77_an_endpoint_that_is_not_available_carries_nothing(scene: &mut Scene) {
    let session = scene.flow(by_endpoint("a1"));
    scene.when(session.clone()).then(behind_node());
    for state in ["pendingAcceptance", "rejected"] {
        scene.given(|t0| {
            t0.endpoint_state("vpce-1", state);
        });
        let unavailable = dropped_arriving("vpce-1-A1", code::ENDPOINT_STATE);
        scene.when(by_endpoint("a1")).then(unavailable);
        scene.when(session.client_speaks()).then(unavailable);
    }
}

pub fn s78_an_endpoint_has_the_ports_of_listeners_and_answers_no_ping(scene: &mut Scene) {
    for port in [8443, 80] {
        scene
            .when(tcp("a1", "t1", port).to(ENDPOINT[0]))
            .then(dropped_arriving("nlb-P-P1", code::NO_LISTENER));
    }
    scene
        .when(ping("a1", "t1").to(ENDPOINT[0]))
        .then(dropped_arriving("vpce-1-A1", code::ENDPOINT_PROTOCOL));
}

pub fn s79_a_zone_without_targets_needs_those_of_others(scene: &mut Scene) {
    let here = || tcp("a1", "t3", 443).to(ENDPOINT[0]).at_port(8443);
    let there = || tcp("a1", "t3", 443).to(ENDPOINT[1]).at_port(8443);
    scene.given(|t0| {
        t0.deregister("targets-P", "t1");
    });
    scene.when(here()).then(dropped_arriving("nlb-P-P1", code::NO_TARGET));
    scene.when(there()).then(accepted().seen_behind(NODE[1]));
    scene.given(|t0| {
        t0.balancer_attribute("nlb-P", CROSS_ZONE, "true");
    });
    scene.when(here()).then(accepted().seen_behind(NODE[0]));
    scene.when(there()).then(accepted().seen_behind(NODE[1]));
}

pub fn s80_a_target_admits_the_node_and_never_sees_the_client(scene: &mut Scene) {
    scene.given(|t0| {
        provide(t0, "target", vec![tcp_to(8443).from("10.0.1.10/32")]);
        t0.in_groups("t1", &["target"]);
    });
    scene
        .when(by_endpoint("a1"))
        .then(dropped_arriving("t1", code::SG_RULES));
    for cidr in ["10.0.1.0/24", "10.0.1.50/32"] {
        scene.given(|t0| {
            t0.group("target", vec![tcp_to(8443).from(cidr)]);
        });
        scene.when(by_endpoint("a1")).then(behind_node());
    }
}

pub fn s82_a_load_balancers_groups_see_the_client_where_they_are_asked(scene: &mut Scene) {
    scene.given(|t0| {
        provide(t0, "nlb", vec![tcp_to(443).from("10.0.1.50/32")]);
        t0.balancer_groups("nlb-P", &["nlb"]).enforced("nlb-P", true);
    });
    scene
        .when(by_endpoint("a1"))
        .then(dropped_arriving("nlb-P-P1", code::SG_RULES));
    scene.given(|t0| {
        t0.enforced("nlb-P", false);
    });
    scene.when(by_endpoint("a1")).then(behind_node());
}

pub fn s83_an_idle_connection_by_an_endpoint_is_reset(scene: &mut Scene) {
    let session = scene.flow(by_endpoint("a1"));
    scene.when(session.clone()).then(behind_node());
    scene.wait(351);
    scene
        .when(session.client_speaks())
        .then(dropped_arriving("nlb-P-P1", code::UNKNOWN_FLOW).telling(Told::Reset));
}

pub fn s87_an_endpoint_needs_a_principal_and_a_zone_that_are_allowed(scene: &mut Scene) {
    const CONSUMER: &str = "111122223333";
    let of = |change: &dyn Fn(&mut Topology)| {
        let mut topology = scene.topology().clone();
        topology.account("VPC-A", CONSUMER).allow("svc-P", CONSUMER);
        change(&mut topology);
        topology
    };
    assert_eq!(refusals(&of(&|_| {})), [""; 0]);
    let stranger = of(&|t0| {
        t0.allow("svc-P", "999999999999");
    });
    let elsewhere = of(&|t0| {
        t0.zone("A3", "az3");
    });
    assert_eq!(refusals(&stranger), ["InvalidServiceName"]);
    assert_eq!(refusals(&elsewhere), ["InvalidParameter"]);
    let twice = of(&|t0| {
        t0.endpoint("vpce-2", "svc-P", &[("A1", "10.0.1.71"), ("A2", "10.0.2.71")]);
    });
    assert_eq!(refusals(&twice), ["DuplicateSubnetsInSameZone"]);
}

pub fn s88_an_endpoint_takes_8500_bytes_and_tells_nobody(scene: &mut Scene) {
    let packet = |len: usize| {
        let packet = Packet::udp().payload(&vec![7; len - 28]).dont_fragment();
        packet
            .ip_from(address("10.0.1.10"), 4000)
            .ip_to(address(ENDPOINT[0]), 443)
    };
    scene
        .when(only("a1", "t1", packet(8600)))
        .then(dropped_arriving("vpce-1-A1", code::TOO_LARGE));
    // Which is no matter of size.
    scene
        .when(only("a1", "t1", packet(8500)))
        .then(dropped_arriving("nlb-P-P1", code::NO_LISTENER));
    scene.when(by_endpoint("a1")).then(behind_node());
}
