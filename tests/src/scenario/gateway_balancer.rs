//! Semantics 32.9: Gateway Load Balancers.

use super::{Scene, X, accepted, code, dropped_arriving, dropped_leaving, kept_by, ping, tcp, udp};
use crate::appliance::Manner;
use crate::topology::Topology;

const PUBLIC: &str = "203.0.113.10";
const APPLIANCE: &str = "fw-1";
const ENDPOINT: &str = "g-A-GW";

/// What S96 is given, with one appliance.
fn inspect(t0: &mut Topology) {
    t0.inspected().deregister("firewalls", "fw-2");
}

pub fn s96_what_comes_and_goes_passes_an_appliance(scene: &mut Scene) {
    scene.given(inspect);
    for flow in [tcp(X, "p1", 80), udp(X, "p1", 53), ping(X, "p1")] {
        scene.when(flow.to(PUBLIC)).then(accepted().through(APPLIANCE));
    }
    for flow in [tcp("p1", X, 80), udp("p1", X, 53), ping("p1", X)] {
        scene.when(flow).then(accepted().seen_as(PUBLIC).through(APPLIANCE));
    }
    let session = scene.flow(tcp(X, "p1", 81).to(PUBLIC));
    scene.when(session.clone()).then(accepted().through(APPLIANCE));
    scene.when(session.client_speaks()).then(accepted().through(APPLIANCE));
    scene.when(session.server_speaks()).then(accepted().through(APPLIANCE));
    // No table leads what stays in the VPC there.
    scene.when(tcp("a1", "p1", 80)).then(accepted());
}

pub fn s97_an_appliance_returns_a_packet_as_it_was_or_it_is_gone(scene: &mut Scene) {
    scene.given(inspect);
    scene.appliances(Manner::ChangeCookie);
    let differs = dropped_leaving(ENDPOINT, code::INSPECTION_OPTIONS);
    scene.when(tcp(X, "p1", 80).to(PUBLIC)).then(differs);
    scene.when(udp("p1", X, 53)).then(differs);
    scene.appliances(Manner::Drop);
    scene.when(tcp(X, "p1", 80).to(PUBLIC)).then(kept_by(APPLIANCE));
    scene.when(udp("p1", X, 53)).then(kept_by(APPLIANCE));
    scene.appliances(Manner::Return);
    scene
        .when(tcp(X, "p1", 80).to(PUBLIC))
        .then(accepted().through(APPLIANCE));
}

pub fn s98_an_idle_connection_by_an_appliance_begins_anew(scene: &mut Scene) {
    scene.given(inspect);
    let session = scene.flow(tcp(X, "p1", 80).to(PUBLIC));
    scene.when(session.clone()).then(accepted().through(APPLIANCE));
    scene.wait(351);
    let stale = dropped_arriving(ENDPOINT, code::INSPECTION_STALE);
    scene.when(session.client_speaks()).then(stale);
    scene.when(session.server_speaks()).then(stale);
    scene
        .when(tcp(X, "p1", 80).to(PUBLIC))
        .then(accepted().through(APPLIANCE));
}
