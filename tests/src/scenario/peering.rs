//! Semantics 32.7: peering connections.

use super::subnet::group;
use super::{Scene, accepted, answer_dropped_leaving, code, dropped_arriving, dropped_leaving, ping, tcp, udp};
use crate::topology::{Topology, tcp as tcp_to};

/// The "Given" of 32.7.
fn peered(t0: &mut Topology) {
    t0.peering("pcx-AB", "VPC-A", "VPC-B")
        .route_out("A1", "10.1.0.0/16", "pcx-AB")
        .route_out("B1", "10.0.0.0/16", "pcx-AB");
}

pub fn s66_a_peering_needs_a_route_on_both_sides(scene: &mut Scene) {
    scene.given(peered);
    for flow in [tcp("a1", "b1", 80), udp("a1", "b1", 53), ping("b1", "a1")] {
        scene.when(flow).then(accepted());
    }
    scene.given(|t0| {
        t0.only_local_route("B1");
    });
    scene
        .when(tcp("a1", "b1", 80))
        .then(answer_dropped_leaving("b1", code::NO_ROUTE));
}

pub fn s67_a_peering_leads_to_the_peer_and_no_further(scene: &mut Scene) {
    scene.given(|t0| {
        peered(t0);
        t0.peering("pcx-BC", "VPC-B", "VPC-C")
            .route_out("A1", "10.2.0.0/16", "pcx-AB")
            .route_out("B1", "10.2.0.0/16", "pcx-BC")
            .route_out("C1", "10.0.0.0/8", "pcx-BC");
    });
    scene
        .when(tcp("a1", "c1", 80))
        .then(dropped_leaving("a1", code::NOT_THE_PEERS));
    scene.when(tcp("b1", "c1", 80)).then(accepted());
}

pub fn s69_vpcs_of_one_cidr_are_never_peers(scene: &mut Scene) {
    scene.given(|t0| {
        // So that there is a block that a route of VPC-A can be for.
        t0.within("P1")
            .block("10.9.0.0/16")
            .subnet("P9", "10.9.1.0/24")
            .eni("t9", "10.9.1.10")
            .within("A1")
            .peering("pcx-AP", "VPC-A", "VPC-P")
            .peering_status("pcx-AP", "failed")
            .route_out("A1", "10.9.0.0/16", "pcx-AP");
    });
    scene
        .when(tcp("a1", "t9", 80))
        .then(dropped_leaving("a1", code::BLACKHOLE));
}

pub fn s70_a_reference_reaches_over_an_active_peering(scene: &mut Scene) {
    scene.given(|t0| {
        peered(t0);
        group(t0, "app", vec![]);
        t0.within("B1");
        group(t0, "db", vec![tcp_to(5432).from_group("app")]);
        t0.within("A1").in_groups("a1", &["app"]).in_groups("b1", &["db"]);
    });
    scene.when(tcp("a1", "b1", 5432)).then(accepted());
    scene
        .when(tcp("a1x", "b1", 5432))
        .then(dropped_arriving("b1", code::SG_RULES));
    scene.given(|t0| {
        t0.peering_status("pcx-AB", "deleted");
    });
    scene
        .when(tcp("a1", "b1", 5432))
        .then(dropped_leaving("a1", code::BLACKHOLE));
}

pub fn s71_a_peering_that_is_not_accepted_is_a_blackhole(scene: &mut Scene) {
    scene.given(|t0| {
        peered(t0);
        t0.peering_status("pcx-AB", "pending-acceptance");
    });
    scene
        .when(tcp("a1", "b1", 80))
        .then(dropped_leaving("a1", code::BLACKHOLE));
    scene
        .when(tcp("b1", "a1", 80))
        .then(dropped_leaving("b1", code::BLACKHOLE));
}

pub fn s73_the_answer_follows_the_route_and_not_the_request(scene: &mut Scene) {
    scene.given(|t0| {
        peered(t0);
        t0.vpc("VPC-D", "10.1.0.0/16")
            .subnet("D9", "10.1.9.0/24")
            .eni("d9", "10.1.9.9")
            .peering("pcx-AD", "VPC-A", "VPC-D")
            .route_out("D9", "10.0.0.0/16", "pcx-AD")
            .within("A1");
    });
    // It goes to VPC-B, where nobody has the address.
    scene
        .when(tcp("d9", "a1", 80))
        .then(answer_dropped_leaving("a1", code::NO_OWNER));
}
