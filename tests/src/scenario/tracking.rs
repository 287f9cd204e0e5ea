//! Semantics 32.2: connection tracking, with AWS's own times.

use super::subnet::{default_egress, group};
use super::{Flow, Scene, accepted, code, dropped_arriving, only, protocol, tcp, udp};
use crate::packet::{Packet, flag};
use crate::topology::{Topology, all, icmp, nacl_rule, protocol as ip_protocol, tcp as tcp_to, udp as udp_to};
use groundplane::resources::{ConnectionTracking, RuleAction};

/// `a2`'s only group admits tcp 22 from these, or nothing any more.
fn ssh_from(t0: &mut Topology, source: Option<&str>) {
    let ingress = source.map(|source| tcp_to(22).from(source));
    group(t0, "ssh", ingress.into_iter().collect());
    t0.in_groups("a2", &["ssh"]);
}

/// `a1` may open this and nothing comes in.
fn client_of(t0: &mut Topology, rule: crate::topology::Rule) {
    t0.group("client", vec![rule.to("10.0.0.0/16")])
        .in_groups("a1", &["client"]);
}

fn continues(scene: &mut Scene, session: &Flow) {
    scene.when(session.client_speaks()).then(accepted());
    scene.when(session.server_speaks()).then(accepted());
}

pub fn s18_a_tracked_session_survives_its_rule(scene: &mut Scene) {
    scene.given(|t0| ssh_from(t0, Some("10.0.1.0/24")));
    let session = scene.session(tcp("a1", "a2", 22));
    scene.given(|t0| ssh_from(t0, None));
    continues(scene, &session);
    scene
        .when(tcp("a1", "a2", 22))
        .then(dropped_arriving("a2", code::SG_RULES));
}

pub fn s19_an_untracked_session_ends_with_its_rule(scene: &mut Scene) {
    scene.given(|t0| ssh_from(t0, Some("0.0.0.0/0")));
    let session = scene.session(tcp("a1", "a2", 22));
    continues(scene, &session);
    scene.given(|t0| ssh_from(t0, None));
    scene
        .when(session.client_speaks())
        .then(dropped_arriving("a2", code::SG_RULES));
}

pub fn s20_without_open_egress_the_same_session_is_tracked(scene: &mut Scene) {
    let egress = || tcp_to(443).to("0.0.0.0/0");
    scene.given(|t0| {
        let rules = vec![tcp_to(22).from("0.0.0.0/0"), egress()];
        t0.group("ssh", rules).in_groups("a2", &["ssh"]);
    });
    let session = scene.session(tcp("a1", "a2", 22));
    continues(scene, &session);
    scene.given(|t0| {
        t0.group("ssh", vec![egress()]);
    });
    continues(scene, &session);
}

pub fn s22_an_idle_connection_is_forgotten_after_its_timeout(scene: &mut Scene) {
    scene.given(|t0| {
        client_of(t0, tcp_to(443));
        let a_minute = ConnectionTracking {
            tcp_established_timeout: 60,
            ..ConnectionTracking::default()
        };
        t0.tracking("a1", a_minute);
    });
    let (early, late) = (scene.session(tcp("a1", "a2", 443)), scene.session(tcp("a1", "a2", 443)));
    scene.wait(59);
    scene.when(early.server_speaks()).then(accepted());
    scene.wait(2);
    scene
        .when(late.server_speaks())
        .then(dropped_arriving("a1", code::SG_RULES));
    scene.when(early.server_speaks()).then(accepted());
}

pub fn s23_udp_is_remembered_for_30_seconds_and_a_stream_for_180(scene: &mut Scene) {
    scene.given(|t0| client_of(t0, udp_to(53)));
    let (early, late) = (scene.flow(udp("a1", "a2", 53)), scene.flow(udp("a1", "a2", 53)));
    scene.when(early.client_speaks()).then(accepted());
    scene.when(late.client_speaks()).then(accepted());
    scene.wait(29);
    scene.when(early.server_speaks()).then(accepted());
    scene.wait(2);
    scene
        .when(late.server_speaks())
        .then(dropped_arriving("a1", code::SG_RULES));
    let (early, late) = (scene.session(udp("a1", "a2", 53)), scene.session(udp("a1", "a2", 53)));
    continues(scene, &early);
    continues(scene, &late);
    scene.wait(179);
    scene.when(early.server_speaks()).then(accepted());
    scene.wait(2);
    scene
        .when(late.server_speaks())
        .then(dropped_arriving("a1", code::SG_RULES));
}

/// An ICMP error from `a2` to `a1` about a packet of `a1`'s connection: fragmentation needed.
fn error_about(scene: &Scene, session: &Flow) -> Packet {
    let quoted = session.from_client(scene.topology(), flag::ACK).dont_fragment();
    scene.between("a2", "a1", Packet::icmp_error(3, 4, &quoted).mtu(1400))
}

pub fn s24_an_icmp_error_about_a_tracked_connection_needs_a_rule(scene: &mut Scene) {
    scene.given(|t0| client_of(t0, tcp_to(443)));
    let session = scene.session(tcp("a1", "a2", 443));
    let error = error_about(scene, &session);
    scene
        .when(only("a2", "a1", error.clone()))
        .then(dropped_arriving("a1", code::SG_RULES));
    scene.given(|t0| {
        let rules = vec![tcp_to(443).to("10.0.0.0/16"), icmp(Some(3), Some(4)).from("0.0.0.0/0")];
        t0.group("client", rules);
    });
    scene.when(only("a2", "a1", error)).then(accepted());
    scene.given(|t0| {
        t0.in_groups("a1", &["VPC-A-open"]);
    });
    let untracked = scene.session(tcp("a1", "a2", 443));
    let error = error_about(scene, &untracked);
    scene.when(only("a2", "a1", error)).then(accepted());
}

pub fn s25_a_nacl_cuts_a_live_session_at_once(scene: &mut Scene) {
    scene.given(|t0| ssh_from(t0, Some("10.0.1.0/24")));
    let session = scene.session(tcp("a1", "a2", 22));
    scene.given(|t0| {
        let deny = groundplane::resources::NetworkAclEntry {
            protocol: Some(6),
            port_range: Some((22, 22)),
            cidr_block: crate::topology::net("10.0.1.0/24"),
            ..nacl_rule(50, false, RuleAction::Deny)
        };
        t0.nacl("A2", [crate::topology::open_nacl(), vec![deny]].concat());
    });
    scene
        .when(session.client_speaks())
        .then(dropped_arriving("a2", code::SUBNET_ACL).by_rule(50));
}

pub fn s26_other_protocols_are_remembered_for_600_seconds(scene: &mut Scene) {
    scene.given(|t0| {
        let rules = vec![ip_protocol(47).from("10.0.1.0/24"), all().to("0.0.0.0/0")];
        t0.group("gre", rules).in_groups("a2", &["gre"]);
        t0.group("out", default_egress()).in_groups("a1", &["out"]);
    });
    let tunnel = scene.flow(protocol(47, "a1", "a2"));
    scene.when(tunnel.client_speaks()).then(accepted());
    scene.wait(599);
    scene.when(tunnel.server_speaks()).then(accepted());
    scene.wait(601);
    scene
        .when(tunnel.server_speaks())
        .then(dropped_arriving("a1", code::SG_RULES));
}
