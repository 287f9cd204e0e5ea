//! Semantics 32.10: gateway endpoints.

use super::nat_gateway::behind_nat;
use super::{Flow, Scene, X, accepted, code, dropped_leaving, ping, tcp, udp};
use crate::topology::{S3, S3_ADDRESS, Topology, tcp as tcp_to};

const NAT_PUBLIC: &str = "203.0.113.200";

/// A gateway endpoint on RT-A, which A1 uses.
fn endpoint(t0: &mut Topology) {
    t0.gateway_endpoint("vpce-s3", S3, &["A1"]);
}

/// To the service, whose server is where the outside is.
fn to_s3(flow: Flow) -> Flow {
    flow.to(S3_ADDRESS)
}

pub fn s91_a_gateway_endpoint_needs_no_gateway_and_no_public_address(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        endpoint(t0);
    });
    // Accepted means that the server sees a1 itself.
    let session = scene.flow(to_s3(tcp("a1", X, 443)));
    scene.when(session.clone()).then(accepted());
    scene.when(session.server_speaks()).then(accepted());
    scene.when(session.client_speaks()).then(accepted());
    scene.when(tcp("a1", X, 443)).then(accepted().seen_behind(NAT_PUBLIC));
}

pub fn s92_a_gateway_endpoint_carries_tcp_and_pings(scene: &mut Scene) {
    scene.given(endpoint);
    scene
        .when(to_s3(udp("a1", X, 53)))
        .then(dropped_leaving("a1", code::GATEWAY_ENDPOINT_PROTOCOL));
    scene.when(to_s3(ping("a1", X))).then(accepted());
}

pub fn s93_a_peer_does_not_use_a_gateway_endpoint(scene: &mut Scene) {
    scene.given(|t0| {
        endpoint(t0);
        t0.peering("pcx-AB", "VPC-A", "VPC-B")
            .route_out("B1", "192.0.2.0/24", "pcx-AB");
    });
    scene
        .when(to_s3(tcp("b1", X, 443)))
        .then(dropped_leaving("b1", code::NOT_THE_PEERS));
}

pub fn s94_a_group_names_the_services_list(scene: &mut Scene) {
    scene.given(|t0| {
        behind_nat(t0);
        endpoint(t0);
        t0.group("to-s3", vec![tcp_to(443).to_list(S3)])
            .in_groups("a1", &["to-s3"]);
    });
    scene.when(to_s3(tcp("a1", X, 443))).then(accepted());
    scene
        .when(tcp("a1", X, 443))
        .then(dropped_leaving("a1", code::SG_RULES));
}

pub fn s95_a_static_route_to_the_same_block_wins_over_the_endpoints(scene: &mut Scene) {
    scene.given(|t0| {
        endpoint(t0);
        t0.route_out("A1", "192.0.2.0/24", "nat-A");
    });
    scene
        .when(to_s3(tcp("a1", X, 443)))
        .then(accepted().seen_behind(NAT_PUBLIC));
    scene.given(|t0| {
        t0.no_route_to("A1", "192.0.2.0/24");
    });
    scene.when(to_s3(tcp("a1", X, 443))).then(accepted());
}
