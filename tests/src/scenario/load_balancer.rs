//! Semantics 32.8: load balancers by themselves; and what 32.2 says of them.

use super::subnet::{default_egress, group};
use super::{Flow, Scene, Told, accepted, code, dropped_arriving, only, tcp};
use crate::packet::{Packet, flag};
use crate::topology::{Topology, address, tcp as tcp_to};

/// The node of VPC-A's load balancer, in A1.
const NODE: &str = "10.0.1.51";
/// That of T0's in P1.
const T0_NODE: &str = "10.0.1.50";

/// A load balancer inside of VPC-A, with targets as instances or by their addresses.
fn balance(t0: &mut Topology, target_type: &str, targets: &[&str]) {
    t0.load_balancer("nlb-A", &[("A1", NODE)])
        .target_group("targets-A", target_type, "TCP", 8080)
        .listener("nlb-A", "TCP", 80, "targets-A")
        .within("APUB");
    for target in targets {
        t0.target("targets-A", target);
    }
}

fn by_node(client: &str, target: &str) -> Flow {
    tcp(client, target, 80).to(NODE).at_port(8080)
}

pub fn s21_a_session_by_a_load_balancer_is_tracked_whatever_the_rules(scene: &mut Scene) {
    scene.given(|t0| {
        balance(t0, "instance", &["a2"]);
        let rules = [vec![tcp_to(8080).from("0.0.0.0/0")], default_egress()];
        t0.group("open-both-ways", rules.concat())
            .in_groups("a2", &["open-both-ways"]);
    });
    let session = scene.session(by_node("p1", "a2"));
    scene.given(|t0| {
        t0.group("open-both-ways", default_egress());
    });
    scene.when(session.client_speaks()).then(accepted());
    scene.when(session.server_speaks()).then(accepted());
    scene
        .when(by_node("p1", "a2"))
        .then(dropped_arriving("a2", code::SG_RULES));
}

pub fn s84_what_is_no_connection_is_reset_and_what_nobody_listens_to_is_not(scene: &mut Scene) {
    let segment = |port| {
        let packet = Packet::tcp().flags(flag::ACK);
        packet.ip_from(address("10.0.3.60"), 4000).ip_to(address(T0_NODE), port)
    };
    scene
        .when(only("t3", "t1", segment(443)))
        .then(dropped_arriving("nlb-P-P1", code::UNKNOWN_FLOW).telling(Told::Reset));
    scene
        .when(only("t3", "t1", segment(444)))
        .then(dropped_arriving("nlb-P-P1", code::NO_LISTENER));
}

pub fn s85_a_target_admits_a_load_balancer_by_its_group(scene: &mut Scene) {
    scene.given(|t0| {
        balance(t0, "instance", &["a2"]);
        group(t0, "nlb", vec![tcp_to(80).from("0.0.0.0/0")]);
        group(t0, "target", vec![tcp_to(8080).from_group("nlb")]);
        t0.balancer_groups("nlb-A", &["nlb"]).in_groups("a2", &["target"]);
    });
    scene.when(by_node("p1", "a2")).then(accepted().seen_as("10.0.10.10"));
    scene.given(|t0| {
        t0.balancer_groups("nlb-A", &[]);
    });
    scene
        .when(by_node("p1", "a2"))
        .then(dropped_arriving("a2", code::SG_RULES));
}

pub fn s86_a_target_reaches_itself_only_as_somebody_else(scene: &mut Scene) {
    scene.given(|t0| balance(t0, "instance", &["a2"]));
    scene
        .when(by_node("a2", "a2"))
        .then(dropped_arriving("nlb-A-A1", code::HAIRPIN));
    scene.given(|t0| {
        t0.target_group("hidden", "ip", "TCP", 8080)
            .target("hidden", "a2")
            .no_listener("nlb-A", 80)
            .listener("nlb-A", "TCP", 80, "hidden");
    });
    scene.when(by_node("a2", "a2")).then(accepted().seen_behind(NODE));
}

pub fn s89_a_target_that_goes_keeps_its_connections_and_gets_no_new_ones(scene: &mut Scene) {
    scene.given(|t0| {
        balance(t0, "ip", &["a2"]);
    });
    let behind = || accepted().seen_behind(NODE);
    let session = scene.flow(by_node("p1", "a2"));
    scene.when(session.clone()).then(behind());
    scene.given(|t0| {
        // Another one takes its place.
        t0.target_health("targets-A", "a2", "draining")
            .target("targets-A", "a1x");
    });
    scene.when(by_node("p1", "a1x")).then(behind());
    scene.wait(299);
    scene.when(session.client_speaks()).then(behind());
    scene.when(session.server_speaks()).then(accepted());
    scene.given(|t0| {
        t0.deregister("targets-A", "a2");
    });
    scene
        .when(session.client_speaks())
        .then(dropped_arriving("nlb-A-A1", code::UNKNOWN_FLOW).telling(Told::Reset));
}
