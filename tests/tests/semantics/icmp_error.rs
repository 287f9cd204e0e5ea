//! Semantics 7.6: an ICMP error is no part of the flow it speaks of, at either gate.

use super::{VERSIONS, World};
use groundplane::resources::{InterfaceType, RuleAction};
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Packet, flag};
use groundplane_tests::topology::{Groups, Topology, nacl_rule, nacl_rule6, open_nacl, tcp};
use groundplane_tests::twin::Path;

/// TCP alone, but that from and to everybody: such flows aren't tracked.
fn tcp_everywhere(topology: &mut Topology, guest: &str) {
    let rules = ["0.0.0.0/0", "::/0"]
        .iter()
        .flat_map(|everybody| [tcp(0..=65_535).from(everybody), tcp(0..=65_535).to(everybody)]);
    topology
        .within("front")
        .group("tcp", rules.collect())
        .in_groups(guest, &["tcp"]);
}

/// What `db` sends on hearing what it can't use.
fn error(world: &World, about: &Packet) -> Packet {
    let error = match world.version {
        4 => Packet::icmp_error(3, 4, about),
        _ => Packet::icmp6_error(2, 0, about),
    };
    world.back("db", "web", error)
}

fn about(world: &World) -> Packet {
    world.there("web", "db", Packet::tcp())
}

#[test]
fn error_about_a_tracked_flow_needs_a_rule_at_both_gates() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
        })
        .speaking(version);
        world.connect("web", "db");
        let error = error(&world, &about(&world));
        world.is_dropped("db", &error, DropReason::GROUP_EGRESS);
        world.change(|topology| {
            topology.groups("db", Groups::OPEN);
        });
        world.is_dropped("db", &error, DropReason::GROUP_INGRESS);
        world.change(|topology| {
            topology.groups("web", Groups::OPEN);
        });
        world.arrives("db", &error, "web");
    }
}

#[test]
fn error_about_an_untracked_flow_passes_both_gates_without_a_rule() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            tcp_everywhere(topology, "web");
            tcp_everywhere(topology, "db");
        })
        .speaking(version);
        world.connect("web", "db");
        let packet = error(&world, &about(&world));
        assert_eq!(world.send("db", &packet).1, Some(Path::Alone));
        world.arrives("db", &packet, "web");
        let udp = world.there("web", "db", Packet::udp());
        let packet = error(&world, &udp);
        world.is_dropped("db", &packet, DropReason::GROUP_EGRESS);
    }
}

#[test]
fn error_about_an_automatically_tracked_flow_passes_without_a_rule() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology
                .groups("web", Groups::OUTBOUND)
                .interface_type("web", InterfaceType::Lambda);
        })
        .speaking(version);
        let packet = error(&world, &about(&world));
        world.is_dropped("db", &packet, DropReason::GROUP_INGRESS);
        world.connect("web", "db");
        world.arrives("db", &packet, "web");
        let stranger = world.there("web", "db", Packet::tcp()).ip_from(world.ip("web"), 9);
        let packet = error(&world, &stranger);
        world.is_dropped("db", &packet, DropReason::GROUP_INGRESS);
    }
}

#[test]
fn automatic_tracking_tracks_what_is_open_to_everybody() {
    for version in VERSIONS {
        for (interface_type, lives_on) in [(InterfaceType::Lambda, true), (InterfaceType::Interface, false)] {
            let mut world = World::with(|topology| {
                topology.interface_type("db", interface_type);
            })
            .speaking(version);
            world.connect("web", "db");
            world.change(|topology| {
                topology.groups("db", Groups::CLOSED);
            });
            let more = world.there("web", "db", Packet::tcp());
            if lives_on {
                world.arrives("web", &more, "db");
                let answer = world.back("db", "web", Packet::tcp());
                world.arrives("db", &answer, "web");
            } else {
                world.is_dropped("web", &more, DropReason::GROUP_INGRESS);
            }
            let other = world.there("web", "db", Packet::tcp().flags(flag::SYN));
            let other = other.ip_from(world.ip("web"), 9);
            world.is_dropped("web", &other, DropReason::GROUP_INGRESS);
        }
    }
}

#[test]
fn nacl_is_asked_about_errors_like_about_anything() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            let mut entries = open_nacl();
            for (rule, protocol, what) in [
                (nacl_rule(10, false, RuleAction::Deny), 1, (Some(3), Some(4))),
                (nacl_rule6(11, false, RuleAction::Deny), 58, (Some(2), Some(0))),
            ] {
                entries.push(groundplane::resources::NetworkAclEntry {
                    protocol: Some(protocol),
                    icmp_type_code: Some(what),
                    ..rule
                });
            }
            topology.nacl("front", entries);
        })
        .speaking(version);
        world.connect("web", "db");
        let packet = error(&world, &about(&world));
        world.is_dropped("db", &packet, DropReason::NACL_INGRESS);
        assert_eq!(world.last_drop().rule, if version == 4 { 10 } else { 11 });
    }
}

#[test]
fn error_about_somebody_elses_packet_needs_a_rule() {
    for version in VERSIONS {
        let mut world = World::with(|topology| tcp_everywhere(topology, "web")).speaking(version);
        let others = world.there("web2", "db", Packet::tcp());
        let packet = error(&world, &others);
        world.is_dropped("db", &packet, DropReason::GROUP_INGRESS);
        let packet = error(&world, &about(&world));
        world.arrives("db", &packet, "web");
    }
}

/// What a later fragment begins with is anything, and so are the ports an error would find there.
#[test]
fn error_about_a_later_fragment_speaks_of_no_connection() {
    let mut world = World::with(|topology| {
        tcp_everywhere(topology, "web");
        tcp_everywhere(topology, "db");
    });
    world.connect("web", "db");
    let ports = [40_000_u16.to_be_bytes(), 80_u16.to_be_bytes()].concat();
    let segment = [&ports[..], &[0; 16]].concat();
    let whole = error(&world, &about(&world));
    world.arrives("db", &whole, "web");
    let later = about(&world).payload(&segment).fragment(1, 3, false);
    let later = error(&world, &later);
    world.is_dropped("db", &later, DropReason::GROUP_EGRESS);
}
