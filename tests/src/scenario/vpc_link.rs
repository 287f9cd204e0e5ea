//! Semantics 32.10, S99 and S100: VPC links.

use super::subnet::group;
use super::{Expected, Flow, Scene, accepted, code, dropped_arriving, dropped_leaving, tcp};
use crate::topology::{Rule, tcp as tcp_to};

/// The node that the link of REST APIs leads to, and the HTTP link's ENI.
const NODE: &str = "10.0.1.51";
const OWN: &str = "10.0.1.80";

/// From whoever calls the API to the target behind the load balancer.
fn by_rest_link() -> Flow {
    tcp("legacy", "t1", 443).at_port(8443)
}

fn link_rest(scene: &mut Scene) {
    scene.given(|t0| {
        t0.load_balancer("nlb-R", &[("P1", NODE)])
            .target_group("targets-R", "ip", "TCP", 8443)
            .target("targets-R", "t1")
            .listener("nlb-R", "TCP", 443, "targets-R")
            .rest_vpc_link("rest", "nlb-R")
            .rest_integration("legacy", "rest", "nlb-R-443-tcp");
    });
}

fn behind(address: &'static str) -> Expected {
    accepted().seen_behind(address)
}

pub fn s99_a_target_behind_a_rest_link_sees_the_node_and_no_caller(scene: &mut Scene) {
    let admitting = |scene: &mut Scene, cidr: &'static str| {
        scene.given(|t0| {
            t0.within("P1");
            group(t0, "target", vec![tcp_to(8443).from(cidr)]);
            t0.within("APUB");
        });
    };
    link_rest(scene);
    let session = scene.flow(by_rest_link());
    scene.when(session.clone()).then(behind(NODE));
    scene.when(session.server_speaks()).then(accepted());
    scene.when(session.client_speaks()).then(behind(NODE));
    admitting(scene, "10.0.1.0/24");
    scene.given(|t0| {
        t0.in_groups("t1", &["target"]);
    });
    scene.when(by_rest_link()).then(behind(NODE));
    admitting(scene, "203.0.113.0/24");
    scene.when(by_rest_link()).then(dropped_arriving("t1", code::SG_RULES));
}

pub fn s99_a_load_balancers_groups_are_asked_about_callers_if_enforced(scene: &mut Scene) {
    let provide = |scene: &mut Scene, rules: Vec<Rule>, enforced: bool| {
        scene.given(|t0| {
            t0.within("P1");
            group(t0, "nlb", rules);
            t0.balancer_groups("nlb-R", &["nlb"]).enforced("nlb-R", enforced);
            t0.within("APUB");
        });
    };
    link_rest(scene);
    provide(scene, vec![tcp_to(443).from("10.0.0.0/8")], true);
    scene
        .when(by_rest_link())
        .then(dropped_arriving("nlb-R-P1", code::SG_RULES));
    provide(scene, vec![tcp_to(443).from("10.0.0.0/8")], false);
    scene.when(by_rest_link()).then(behind(NODE));
}

pub fn s100_an_http_link_is_an_eni_that_the_service_sends_by_and_nobody_reaches(scene: &mut Scene) {
    scene.given(|t0| {
        t0.group("caller", vec![tcp_to(8080).to("10.0.2.0/24")])
            .vpc_link("link", &["caller"], &[("A1", OWN)])
            .integration("orders", "link", "10.0.2.10", 8080)
            .integration("other", "link", "10.0.2.10", 80)
            .within("APUB");
    });
    let session = scene.flow(tcp("orders", "a2", 8080));
    scene.when(session.clone()).then(behind(OWN));
    scene.when(session.server_speaks()).then(accepted());
    scene.when(session.client_speaks()).then(behind(OWN));
    scene
        .when(tcp("other", "a2", 80))
        .then(dropped_leaving("link-A1", code::SG_RULES));
    scene
        .when(tcp("a2", "a1", 8080).to(OWN))
        .then(dropped_arriving("link-A1", code::NONE));
    // "Destination SG may reference the link's SG."
    scene.given(|t0| {
        group(t0, "orders", vec![tcp_to(8080).from_group("caller")]);
        t0.in_groups("a2", &["orders"]);
    });
    scene.when(tcp("orders", "a2", 8080)).then(behind(OWN));
    scene.given(|t0| {
        group(t0, "orders", vec![tcp_to(8080).from("203.0.113.0/24")]);
    });
    scene
        .when(tcp("orders", "a2", 8080))
        .then(dropped_arriving("a2", code::SG_RULES));
}
