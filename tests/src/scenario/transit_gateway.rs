//! Semantics 32.10: transit gateways; and what 32.4 says of them.

use super::subnet::group;
use super::{Scene, accepted, code, dropped_arriving, dropped_leaving, only, ping, tcp, udp};
use crate::packet::Packet;
use crate::topology::{Topology, nacl_rule, net, open_nacl, tcp as tcp_to};
use groundplane::resources::{NetworkAclEntry, RuleAction};

/// The "Given" of S101.
fn attached(t0: &mut Topology) {
    t0.transit_gateway("tgw")
        .attach("tgw", "att-A", &["A1"])
        .attach("tgw", "att-B", &["B1"])
        .route_out("A1", "10.1.0.0/16", "tgw")
        .route_out("A3", "10.1.0.0/16", "tgw")
        .route_out("B1", "10.0.0.0/16", "tgw");
}

pub fn s35_a_longer_route_to_a_transit_gateway_wins_over_a_peering(scene: &mut Scene) {
    scene.given(|t0| {
        t0.transit_gateway("tgw")
            .attach("tgw", "att-A", &["A1"])
            .attach("tgw", "att-B", &["B1"])
            .peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("A1", "10.1.0.0/16", "pcx-AB")
            .route_out("A1", "10.1.1.0/24", "tgw")
            .route_out("B1", "10.0.0.0/16", "tgw");
    });
    scene.when(tcp("a1", "b1", 80)).then(accepted());
    // That it was the transit gateway shows when that one doesn't carry it.
    scene.given(|t0| {
        t0.transit_route("tgw", "10.1.1.0/24", None);
    });
    scene
        .when(tcp("a1", "b1", 80))
        .then(dropped_leaving("a1", code::TRANSIT_BLACKHOLE));
}

pub fn s101_a_transit_gateway_is_entered_in_the_senders_zone(scene: &mut Scene) {
    scene.given(attached);
    for flow in [tcp("a1", "b1", 80), udp("a1", "b1", 53), ping("b1", "a1")] {
        scene.when(flow).then(accepted());
    }
    scene
        .when(tcp("a3", "b1", 80))
        .then(dropped_leaving("a3", code::TRANSIT_ZONE));
}

pub fn s102_a_transit_gateway_needs_association_and_route(scene: &mut Scene) {
    scene.given(|t0| {
        attached(t0);
        t0.dissociate("att-A");
    });
    let lost = |scene: &mut Scene, why| scene.when(tcp("a1", "b1", 80)).then(dropped_leaving("a1", why));
    lost(scene, code::TRANSIT_NO_ASSOCIATION);
    scene.given(|t0| {
        t0.associate_attachment("tgw", "att-A").no_propagation("tgw", "att-B");
    });
    lost(scene, code::TRANSIT_NO_ROUTE);
    scene.given(|t0| {
        t0.propagate("tgw", "att-B").transit_route("tgw", "10.1.1.0/24", None);
    });
    lost(scene, code::TRANSIT_BLACKHOLE);
    scene.given(|t0| {
        t0.no_transit_routes("tgw");
    });
    scene.when(tcp("a1", "b1", 80)).then(accepted());
}

pub fn s103_an_attachments_inbound_rules_are_asked_of_what_leaves(scene: &mut Scene) {
    scene.given(|t0| {
        attached(t0);
        let deny = |rule_number, cidr| NetworkAclEntry {
            cidr_block: net(cidr),
            ..nacl_rule(rule_number, false, RuleAction::Deny)
        };
        let denied = vec![deny(50, "10.0.0.0/16"), deny(51, "10.1.0.0/16")];
        t0.nacl("A1", [open_nacl(), denied].concat());
    });
    scene
        .when(tcp("a1", "b1", 80))
        .then(dropped_arriving("a1", code::SUBNET_ACL).by_rule(50));
    let unfiltered = scene.between("b1", "a1", Packet::udp());
    scene.when(only("b1", "a1", unfiltered)).then(accepted());
}

/// An inspection VPC with an appliance in each zone; a1 in the one zone, b2 in the other.
fn inspected(t0: &mut Topology) {
    t0.within("B1")
        .subnet("B2", "10.1.2.0/24")
        .eni("b2", "10.1.2.10")
        .zone("B2", "az2")
        .within("C1")
        .subnet("C2", "10.2.2.0/24")
        .zone("C2", "az2");
    t0.subnet("F1", "10.2.11.0/24")
        .zone("F1", "az1")
        .eni("f1", "10.2.11.10")
        .source_dest_check("f1", false)
        .route_via("C1", "0.0.0.0/0", "f1");
    t0.subnet("F2", "10.2.12.0/24")
        .zone("F2", "az2")
        .eni("f2", "10.2.12.10")
        .source_dest_check("f2", false)
        .route_via("C2", "0.0.0.0/0", "f2");
    t0.transit_gateway("tgw")
        .attach("tgw", "att-A", &["A1"])
        .attach("tgw", "att-B", &["B1", "B2"])
        .attach("tgw", "att-C", &["C1", "C2"])
        .transit_table("tgw", "spokes")
        .associate_attachment("spokes", "att-A")
        .associate_attachment("spokes", "att-B")
        .transit_route("spokes", "0.0.0.0/0", Some("att-C"));
    for (subnet, beyond) in [("A1", "10.1.0.0/16"), ("B2", "10.0.0.0/16")] {
        t0.route_out(subnet, beyond, "tgw");
    }
    for subnet in ["F1", "F2"] {
        t0.route_out(subnet, "0.0.0.0/0", "tgw");
    }
    t0.within("A1");
}

pub fn s104_appliance_mode_keeps_both_directions_in_one_zone(scene: &mut Scene) {
    scene.given(inspected);
    let apart = accepted().there_through("f1").back_through("f2");
    for port in [53, 54] {
        scene.when(udp("a1", "b2", port)).then(apart);
    }
    scene.given(|t0| {
        t0.appliance_mode("att-C", true);
    });
    // Which zone it is depends on addresses and ports (semantics 18.4).
    for (port, appliance) in [(53, "f1"), (54, "f1"), (55, "f2"), (56, "f2")] {
        scene.when(udp("a1", "b2", port)).then(accepted().through(appliance));
    }
}

pub fn s105_groups_are_known_where_all_three_say_so(scene: &mut Scene) {
    scene.given(|t0| {
        attached(t0);
        group(t0, "app", vec![]);
        t0.within("B1");
        group(t0, "web", vec![tcp_to(80).from_group("app")]);
        t0.within("A1").in_groups("a1", &["app"]).in_groups("b1", &["web"]);
        t0.transit_references("tgw", true);
    });
    scene.when(tcp("a1", "b1", 80)).then(accepted());
    for attachment in ["att-A", "att-B"] {
        scene.given(|t0| {
            t0.attachment_references(attachment, false);
        });
        scene
            .when(tcp("a1", "b1", 80))
            .then(dropped_arriving("b1", code::SG_RULES));
        scene.given(|t0| {
            t0.attachment_references(attachment, true);
        });
        scene.when(tcp("a1", "b1", 80)).then(accepted());
    }
    scene.given(|t0| {
        t0.group("to-web", vec![tcp_to(80).to_group("web")])
            .in_groups("a1", &["to-web"]);
    });
    scene
        .when(tcp("a1", "b1", 80))
        .then(dropped_leaving("a1", code::SG_RULES));
}

pub fn s106_of_two_vpcs_of_one_cidr_the_first_is_reached(scene: &mut Scene) {
    scene.given(|t0| {
        attached(t0);
        t0.within("P1").eni("t1x", "10.0.1.10").within("A1");
        t0.attach("tgw", "att-P", &["P1", "P3"])
            .route_out("P1", "10.1.0.0/16", "tgw");
    });
    scene.when(tcp("b1", "a1", 80)).then(accepted());
    let also = scene.between("b1", "a1", Packet::udp());
    scene.when(only("b1", "a1", also)).then(accepted());
}
