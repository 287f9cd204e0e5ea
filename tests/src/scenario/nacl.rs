//! Semantics 32.3: network ACLs.

use super::{Scene, accepted, answer_dropped_arriving, code, dropped_arriving, dropped_leaving, ping, tcp};
use crate::topology::{nacl_rule, nacl_rule6, net};
use groundplane::resources::{NetworkAclEntry, RuleAction};

/// The implicit denies, which people see as `*` (semantics 8.1).
const REST: u16 = 32767;
const REST6: u16 = 32768;

const INBOUND: bool = false;
const OUTBOUND: bool = true;

/// A rule for TCP.
fn tcp_rule(number: u16, egress: bool, ports: (u16, u16), cidr: &str, action: RuleAction) -> NetworkAclEntry {
    NetworkAclEntry {
        protocol: Some(6),
        port_range: Some(ports),
        cidr_block: net(cidr),
        ..nacl_rule(number, egress, action)
    }
}

fn allow(number: u16, egress: bool, ports: (u16, u16), cidr: &str) -> NetworkAclEntry {
    tcp_rule(number, egress, ports, cidr, RuleAction::Allow)
}

fn allow_all(egress: bool) -> NetworkAclEntry {
    nacl_rule(100, egress, RuleAction::Allow)
}

pub fn s27_a_new_nacl_denies_everything(scene: &mut Scene) {
    scene.given(|t0| {
        t0.nacl("A2", vec![]);
    });
    for (there, back) in [
        (tcp("a1", "a2", 80), tcp("a2", "a1", 80)),
        (ping("a1", "a2"), ping("a2", "a1")),
    ] {
        let denied = |expected: super::Expected, rule| expected.by_rule(rule);
        let (arriving, leaving) = (
            dropped_arriving("a2", code::SUBNET_ACL),
            dropped_leaving("a2", code::SUBNET_ACL),
        );
        scene.when(there.clone()).then(denied(arriving, REST));
        scene.when(there.ipv6()).then(denied(arriving, REST6));
        scene.when(back.clone()).then(denied(leaving, REST));
        scene.when(back.ipv6()).then(denied(leaving, REST6));
    }
}

pub fn s28_a_nacl_remembers_nothing_so_answers_need_a_rule(scene: &mut Scene) {
    let out = || allow(100, OUTBOUND, (443, 443), "0.0.0.0/0");
    scene.given(|t0| {
        t0.nacl("A1", vec![out()]);
    });
    let dropped = answer_dropped_arriving("a1", code::SUBNET_ACL).by_rule(REST);
    scene.when(tcp("a1", "a2", 443)).then(dropped);
    scene.given(|t0| {
        t0.nacl("A1", vec![out(), allow(100, INBOUND, (1024, 65535), "10.0.2.0/24")]);
    });
    scene.when(tcp("a1", "a2", 443)).then(accepted());
}

pub fn s29_the_lowest_number_that_matches_decides(scene: &mut Scene) {
    let with_deny_at = |number| {
        let deny = tcp_rule(number, INBOUND, (22, 22), "10.0.1.0/24", RuleAction::Deny);
        vec![
            allow(100, INBOUND, (0, 65535), "10.0.0.0/16"),
            deny,
            allow_all(OUTBOUND),
        ]
    };
    scene.given(|t0| {
        t0.nacl("A2", with_deny_at(110));
    });
    scene.when(tcp("a1", "a2", 22)).then(accepted());
    scene.given(|t0| {
        t0.nacl("A2", with_deny_at(90));
    });
    scene
        .when(tcp("a1", "a2", 22))
        .then(dropped_arriving("a2", code::SUBNET_ACL).by_rule(90));
    scene.when(tcp("a1", "a2", 80)).then(accepted());
}

pub fn s30_ranges_match_destination_ports(scene: &mut Scene) {
    scene.given(|t0| {
        t0.nacl(
            "A2",
            vec![allow(100, INBOUND, (22, 22), "0.0.0.0/0"), allow_all(OUTBOUND)],
        );
    });
    let dropped = answer_dropped_arriving("a2", code::SUBNET_ACL).by_rule(REST);
    scene.when(tcp("a2", "a1", 22)).then(dropped);
    scene.when(tcp("a1", "a2", 22)).then(accepted());
}

pub fn s31_rules_of_ipv4_do_not_admit_ipv6(scene: &mut Scene) {
    scene.given(|t0| {
        t0.nacl("A2", vec![allow_all(INBOUND), allow_all(OUTBOUND)]);
    });
    let dropped = dropped_arriving("a2", code::SUBNET_ACL).by_rule(REST6);
    scene.when(tcp("a1", "a2", 80)).then(accepted());
    scene.when(tcp("a1", "a2", 80).ipv6()).then(dropped);
    scene.when(ping("a1", "a2")).then(accepted());
    scene.when(ping("a1", "a2").ipv6()).then(dropped);
    scene.given(|t0| {
        let allow6 = |egress| nacl_rule6(101, egress, RuleAction::Allow);
        t0.nacl("A2", vec![allow6(INBOUND), allow6(OUTBOUND)]);
    });
    scene.when(tcp("a1", "a2", 80).ipv6()).then(accepted());
    scene
        .when(tcp("a1", "a2", 80))
        .then(dropped_arriving("a2", code::SUBNET_ACL).by_rule(REST));
}

pub fn s32_ports_of_a_rule_for_all_protocols_are_ignored(scene: &mut Scene) {
    scene.given(|t0| {
        let ported = NetworkAclEntry {
            port_range: Some((22, 22)),
            ..allow_all(INBOUND)
        };
        t0.nacl("A2", vec![ported, allow_all(OUTBOUND)]);
    });
    scene.when(tcp("a1", "a2", 80)).then(accepted());
}
