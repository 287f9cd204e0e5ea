//! Semantics 32.4: routing.

use super::{Scene, accepted, code, dropped_leaving, only, refusals, tcp};
use crate::packet::Packet;
use crate::topology::Topology;

pub fn s38_a_route_to_a_subnet_is_longer_than_the_local_one(scene: &mut Scene) {
    scene.given(|t0| {
        t0.firewall().route_via("A1", "10.0.2.0/24", "fw");
    });
    let session = scene.flow(tcp("a1", "a2", 80));
    scene.when(session.clone()).then(accepted().there_through("fw"));
    scene.when(session.client_speaks()).then(accepted().there_through("fw"));
    scene.when(session.server_speaks()).then(accepted());
    let mut half = Topology::t0();
    half.firewall().route_via("A1", "10.0.2.0/25", "fw");
    assert!(!refusals(&half).is_empty(), "half a subnet is no destination");
}

pub fn s40_a_new_main_table_is_followed_at_once_by_whoever_has_no_other(scene: &mut Scene) {
    scene.given(|t0| {
        t0.firewall().main_table("A2");
    });
    let session = scene.session(tcp("a1", "a2", 80));
    scene.when(session.server_speaks()).then(accepted());
    scene.given(|t0| {
        t0.table("other").main_table("other");
        t0.route_via("A2", "10.0.1.0/24", "fw")
            .route_via("A2", "10.0.2.0/24", "fw");
    });
    scene.when(session.server_speaks()).then(accepted().there_through("fw"));
    scene.when(session.client_speaks()).then(accepted());
    scene.given(|t0| {
        t0.main_table("A2");
    });
    scene.when(session.server_speaks()).then(accepted());
}

pub fn s41_traffic_inside_a_subnet_follows_no_route(scene: &mut Scene) {
    scene.given(|t0| {
        t0.firewall().route_via("A1", "10.0.1.0/24", "fw");
    });
    let session = scene.session(tcp("a1", "a1x", 80));
    scene.when(session.client_speaks()).then(accepted());
    scene.when(session.server_speaks()).then(accepted());
}

pub fn s43_link_local_services_are_led_nowhere_else(scene: &mut Scene) {
    let mut services = Topology::t0();
    services.firewall().route_via("A1", "169.254.169.0/24", "fw");
    assert!(
        !refusals(&services).is_empty(),
        "a route to the services themselves is refused"
    );
    scene.given(|t0| {
        t0.firewall().route_via("A1", "169.254.0.0/16", "fw");
    });
    assert_eq!(refusals(scene.topology()), [""; 0]);
    let metadata = scene.between("a1", "fw", Packet::tcp()).ip_to([169, 254, 169, 254], 80);
    scene
        .when(only("a1", "fw", metadata))
        .then(dropped_leaving("a1", code::NONE));
}

pub fn s44_a_destination_has_one_static_route(scene: &mut Scene) {
    scene.given(|t0| {
        t0.firewall().route_via("A1", "10.1.0.0/16", "fw");
    });
    assert_eq!(refusals(scene.topology()), [""; 0]);
    let mut twice = scene.topology().clone();
    let mut tables = twice.resources.route_tables.iter_mut();
    let table = tables.find(|table| table.name == "A1").expect("A1 has a table");
    let second = table.routes.last().expect("it has routes").clone();
    table.routes.make_mut().push(second);
    assert_eq!(refusals(&twice), ["RouteAlreadyExists"]);
    // ReplaceRoute: the same destination, another target.
    scene.given(|t0| {
        t0.within("A-FW")
            .eni("fw2", "10.0.20.11")
            .source_dest_check("fw2", false);
        t0.route_via("A1", "10.1.0.0/16", "fw2");
    });
    assert_eq!(refusals(scene.topology()), [""; 0]);
}
