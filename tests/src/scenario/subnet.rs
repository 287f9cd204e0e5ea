//! Semantics 32.1: subnet, ENI, security group.

use super::{
    Owner, Scene, accepted, code, dropped_arriving, dropped_leaving, only, ping, protocol, refusals, tcp, udp,
};
use crate::packet::Packet;
use crate::topology::{Rule, Topology, all, icmp, nacl_rule, nacl_rule6, tcp as tcp_to};
use groundplane::resources::RuleAction;

/// What a new group lets out: everything (semantics 1.2).
pub(super) fn default_egress() -> Vec<Rule> {
    vec![all().to("0.0.0.0/0"), all().to("::/0")]
}

/// A group with these rules and the egress rules of a new one.
pub(super) fn group(t0: &mut Topology, name: &str, rules: Vec<Rule>) {
    t0.group(name, [rules, default_egress()].concat());
}

pub fn s01_a_nacl_is_not_consulted_inside_a_subnet(scene: &mut Scene) {
    scene.given(|t0| {
        let deny = |egress| {
            [
                nacl_rule(1, egress, RuleAction::Deny),
                nacl_rule6(2, egress, RuleAction::Deny),
            ]
        };
        t0.nacl("A1", [deny(false), deny(true)].concat());
    });
    scene.when(tcp("a1", "a1x", 80)).then(accepted());
    scene.when(tcp("a1", "a1x", 80).ipv6()).then(accepted());
    scene
        .when(tcp("a1", "a2", 80))
        .then(dropped_leaving("a1", code::SUBNET_ACL).by_rule(1));
}

pub fn s02_without_an_ingress_rule_nothing_new_comes_in(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "no-ingress", vec![]);
        t0.in_groups("a1x", &["no-ingress"]);
    });
    scene
        .when(tcp("a1", "a1x", 80))
        .then(dropped_arriving("a1x", code::SG_RULES));
    scene
        .when(tcp("a1", "a1x", 80).ipv6())
        .then(dropped_arriving("a1x", code::SG_RULES));
}

pub fn s03_members_of_the_default_group_reach_each_other(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "default", vec![all().from_group("default")]);
        t0.in_groups("a1", &["default"]).in_groups("a2", &["default"]);
    });
    for flow in [
        tcp("a1", "a2", 80),
        udp("a1", "a2", 53),
        ping("a1", "a2"),
        protocol(47, "a1", "a2"),
    ] {
        scene.when(flow).then(accepted());
    }
    scene.when(tcp("a1", "a2", 80).ipv6()).then(accepted());
    for flow in [
        tcp("p1", "a2", 80),
        udp("p1", "a2", 53),
        ping("p1", "a2"),
        tcp("p1", "a2", 80).ipv6(),
    ] {
        scene.when(flow).then(dropped_arriving("a2", code::SG_RULES));
    }
}

pub fn s04_sharing_a_group_grants_nothing_by_itself(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "web", vec![tcp_to(80).from("0.0.0.0/0")]);
        t0.in_groups("a1", &["web"]).in_groups("a1x", &["web"]);
    });
    scene
        .when(tcp("a1", "a1x", 22))
        .then(dropped_arriving("a1x", code::SG_RULES));
    scene.when(tcp("a1", "a1x", 80)).then(accepted());
}

pub fn s05_a_new_group_lets_everything_out_and_nothing_in(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "new", vec![]);
        t0.in_groups("a1", &["new"]);
    });
    scene.when(tcp("a1", "a2", 80)).then(accepted());
    scene.when(tcp("a1", "a2", 80).ipv6()).then(accepted());
    scene
        .when(tcp("a2", "a1", 80))
        .then(dropped_arriving("a1", code::SG_RULES));
    scene
        .when(tcp("a2", "a1", 80).ipv6())
        .then(dropped_arriving("a1", code::SG_RULES));
}

pub fn s06_an_enis_rules_are_the_union_of_its_groups(scene: &mut Scene) {
    scene.given(|t0| {
        group(t0, "ssh-inside", vec![tcp_to(22).from("10.0.1.0/24")]);
        group(t0, "https", vec![tcp_to(443).from("0.0.0.0/0")]);
        t0.in_groups("a2", &["ssh-inside", "https"]);
    });
    scene.when(tcp("a1", "a2", 22)).then(accepted());
    scene
        .when(tcp("p1", "a2", 22))
        .then(dropped_arriving("a2", code::SG_RULES));
    scene.when(tcp("p1", "a2", 443)).then(accepted());
}

pub fn s07_egress_rules_do_not_apply_to_replies(scene: &mut Scene) {
    scene.given(|t0| {
        let rules = vec![all().from("0.0.0.0/0"), tcp_to(443).to("0.0.0.0/0")];
        t0.group("https-out", rules).in_groups("a1", &["https-out"]);
    });
    scene
        .when(tcp("a1", "a2", 80))
        .then(dropped_leaving("a1", code::SG_RULES));
    scene.when(tcp("a2", "a1", 80)).then(accepted());
}

pub fn s08_an_icmp_rule_admits_its_type_and_the_answer(scene: &mut Scene) {
    scene.given(|t0| {
        let rules = vec![icmp(Some(8), None).from("0.0.0.0/0")];
        t0.group("pingable", rules).in_groups("a2", &["pingable"]);
    });
    scene.when(ping("a1", "a2")).then(accepted());
    let timestamp = scene.between("a1", "a2", Packet::icmp(13, 0, 7).payload(&[0; 12]));
    scene
        .when(only("a1", "a2", timestamp))
        .then(dropped_arriving("a2", code::SG_RULES));
}

/// `a2` admits tcp 5432 from the members of `app`.
fn database(t0: &mut Topology) {
    group(t0, "app", vec![]);
    group(t0, "db", vec![tcp_to(5432).from_group("app")]);
    t0.in_groups("a2", &["db"]);
}

pub fn s09_a_reference_follows_membership(scene: &mut Scene) {
    scene.given(|t0| {
        database(t0);
        t0.in_groups("a1", &["app"]);
    });
    scene.when(tcp("a1", "a2", 5432)).then(accepted());
    scene.when(tcp("a1", "a2", 5432).ipv6()).then(accepted());
    scene
        .when(tcp("a1x", "a2", 5432))
        .then(dropped_arriving("a2", code::SG_RULES));
    scene.given(|t0| {
        t0.in_groups("a1", &["VPC-A-open"]).in_groups("a1x", &["app"]);
    });
    scene
        .when(tcp("a1", "a2", 5432))
        .then(dropped_arriving("a2", code::SG_RULES));
    scene.when(tcp("a1x", "a2", 5432)).then(accepted());
}

pub fn s10_a_middlebox_loses_the_senders_groups(scene: &mut Scene) {
    let inspected = |t0: &mut Topology| {
        t0.firewall()
            .route_via("A1", "10.0.2.0/24", "fw")
            .route_via("A2", "10.0.1.0/24", "fw");
    };
    scene.given(|t0| {
        database(t0);
        t0.in_groups("a1", &["app"]);
        inspected(t0);
    });
    scene
        .when(tcp("a1", "a2", 5432))
        .then(dropped_arriving("a2", code::SG_REFERENCES));
    scene.given(|t0| group(t0, "db", vec![tcp_to(5432).from("10.0.1.0/24")]));
    scene.when(tcp("a1", "a2", 5432)).then(accepted().through("fw"));
}

pub fn s12_a_rule_follows_its_prefix_list(scene: &mut Scene) {
    scene.given(|t0| {
        t0.prefix_list("pl-1", &["10.0.1.0/24"]);
        group(t0, "listed", vec![tcp_to(443).from_list("pl-1")]);
        t0.in_groups("a2", &["listed"]);
    });
    scene.when(tcp("a1", "a2", 443)).then(accepted());
    scene
        .when(tcp("p1", "a2", 443))
        .then(dropped_arriving("a2", code::SG_RULES));
    scene.given(|t0| {
        t0.prefix_list("pl-1", &[]);
    });
    scene
        .when(tcp("a1", "a2", 443))
        .then(dropped_arriving("a2", code::SG_RULES));
}

pub fn s13_a_reference_admits_every_address_of_a_member(scene: &mut Scene) {
    scene.given(|t0| {
        database(t0);
        t0.secondary_address("a1x", "10.0.1.99").in_groups("a1x", &["app"]);
    });
    scene.when(tcp("a1x", "a2", 5432).source("10.0.1.99")).then(accepted());
    scene.when(tcp("a1x", "a2", 5432)).then(accepted());
}

pub fn s14_a_packet_leaves_by_its_own_eni_only(scene: &mut Scene) {
    let spoofed = scene.between("a1", "a2", Packet::udp()).ip_from([10, 0, 1, 77], 4000);
    scene
        .when(only("a1", "a2", spoofed.clone()))
        .then(dropped_leaving("a1", code::SOURCE_DEST_CHECK));
    scene.given(|t0| {
        t0.source_dest_check("a1", false);
    });
    scene.when(only("a1", "a2", spoofed)).then(accepted());
}

pub fn s15_reserved_addresses_are_nobodys_and_others_have_one_owner(scene: &mut Scene) {
    let requested = |address: &str| {
        let mut topology = Topology::t0();
        topology.within("A1").eni("requested", address);
        refusals(&topology)
    };
    for reserved in ["10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"] {
        assert_eq!(requested(reserved), ["InvalidParameterValue"], "{reserved}");
    }
    assert_eq!(requested("10.0.1.4"), [""; 0]);
    assert_eq!(requested("10.0.1.10"), ["InvalidIPAddress.InUse"]);
    scene.given(|t0| {
        t0.within("A1").eni("first", "10.0.1.4");
    });
    scene.when(ping("a1", "first")).then(accepted());
}

pub fn s16_the_platform_answers_for_everybody_and_floods_nothing(scene: &mut Scene) {
    scene.ask("a1", "10.0.1.11", Owner::Eni("a1x"));
    scene.ask("a1", "10.0.1.1", Owner::Router);
    scene.ask("a1", "10.0.1.200", Owner::Nobody);
    scene.ask("a1", "2001:db8:a:1::11", Owner::Eni("a1x"));
    scene.ask("a1", "2001:db8:a:1::200", Owner::Nobody);
    let broadcast = scene.between("a1", "a1x", Packet::udp()).ip_to([10, 0, 1, 255], 9);
    scene
        .when(only("a1", "a1x", broadcast))
        .then(dropped_leaving("a1", code::L2_INVALID));
}

pub fn s17_the_router_is_not_a_hop(scene: &mut Scene) {
    // Every stage compares what arrives with what was sent, TTL and all.
    let short_lived = scene.between("a1", "a2", Packet::udp()).ttl(1);
    scene.when(only("a1", "a2", short_lived)).then(accepted());
    let neighbour = scene.between("a1", "a1x", Packet::udp()).ttl(1);
    scene.when(only("a1", "a1x", neighbour)).then(accepted());
}
