//! Semantics 7.7: fragments share the fate of the first one of their packet, for 30 seconds.

use super::{VERSIONS, World};
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_abi::DropReason;
use groundplane_datapath::FlowTable;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{Groups, Topology, nacl_rule, nacl_rule6, open_nacl, udp};
use groundplane_tests::twin::Path;
use std::time::Duration;

const ID: u32 = 0x1234;

fn first() -> Packet {
    Packet::udp().payload(&[0; 24]).fragment(ID, 0, true)
}

fn later() -> Packet {
    Packet::udp().payload(&[0; 16]).fragment(ID, 4, false)
}

/// `db` is asked on a single port, of either family.
fn on_port(topology: &mut Topology, port: u16) {
    let rules = vec![udp(port).from("0.0.0.0/0"), udp(port).from("::/0")];
    topology
        .within("back")
        .group("one port", rules)
        .in_groups("db", &["one port"]);
}

/// A rule for some of UDP's ports, of either family, in front of the open ones.
fn about_udp(rule_number: u16, rule_action: RuleAction, ports: (u16, u16)) -> Vec<NetworkAclEntry> {
    let mut entries = open_nacl();
    for rule in [
        nacl_rule(rule_number, false, rule_action),
        nacl_rule6(rule_number + 1, false, rule_action),
    ] {
        entries.push(NetworkAclEntry {
            protocol: Some(17),
            port_range: Some(ports),
            ..rule
        });
    }
    entries
}

#[test]
fn first_fragment_belongs_to_its_flow() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
        })
        .speaking(version);
        let (asked, more) = (world.there("web", "db", first()), world.there("web", "db", later()));
        assert_eq!(world.send("web", &asked).1, Some(Path::Installed));
        assert_eq!(world.send("web", &more).1, Some(Path::Resumed));
        let answer = world.back("db", "web", Packet::udp());
        assert_eq!(world.send("db", &answer).1, Some(Path::Promoted));
        assert_eq!(world.send("web", &asked).1, Some(Path::Resumed), "never the fast path");
    }
}

#[test]
fn later_fragments_have_the_ports_of_the_first_for_thirty_seconds() {
    for version in VERSIONS {
        let mut world = World::with(|topology| on_port(topology, 80)).speaking(version);
        let (asked, more) = (world.there("web", "db", first()), world.there("web", "db", later()));
        world.is_dropped("web", &more, DropReason::GROUP_INGRESS);
        world.arrives("web", &asked, "db");
        world.arrives("web", &more, "db");
        world.wait(30);
        world.arrives("web", &more, "db");
        world.twin.wait(Duration::from_millis(1));
        world.is_dropped("web", &more, DropReason::GROUP_INGRESS);
        world.arrives("web", &asked, "db");
        world.arrives("web", &more, "db");
    }
}

#[test]
fn later_fragments_of_a_packet_that_was_denied_are_denied() {
    for version in VERSIONS {
        let mut world = World::with(|topology| on_port(topology, 53)).speaking(version);
        for packet in [first(), later()] {
            let packet = world.there("web", "db", packet);
            world.is_dropped("web", &packet, DropReason::GROUP_INGRESS);
        }
    }
}

#[test]
fn fragments_of_another_packet_are_none_of_this_one() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            on_port(topology, 80);
            topology.source_dest_check("web2", false);
        })
        .speaking(version);
        let asked = world.there("web", "db", first());
        world.arrives("web", &asked, "db");
        let other_number = world.there("web", "db", later().fragment(ID + 1, 4, false));
        let other_protocol = Packet::protocol(47).payload(&[0; 16]).fragment(ID, 4, false);
        let other_protocol = world.there("web", "db", other_protocol);
        let other_source = world.there("web2", "db", later());
        // The same addresses, even, but sent by another ENI.
        let other_eni = other_source.clone().ip_from(world.ip("web"), 0);
        for (from, packet) in [
            ("web", other_number),
            ("web", other_protocol),
            ("web2", other_source),
            ("web2", other_eni),
        ] {
            world.is_dropped(from, &packet, DropReason::GROUP_INGRESS);
        }
    }
}

#[test]
fn fragment_nobody_knows_passes_where_nobody_asks_for_its_port() {
    for version in VERSIONS {
        let mut world = World::open().speaking(version);
        let more = world.there("web", "db", later());
        for _ in 0..2 {
            assert_eq!(world.send("web", &more).1, Some(Path::Alone));
        }
        world.arrives("web", &more, "db");
        for table in [FlowTable::Main, FlowTable::Embryos] {
            assert_eq!(world.flows(table), 0);
        }
    }
}

#[test]
fn fragment_nobody_knows_is_dropped_where_a_nacl_asks_for_its_port() {
    for version in VERSIONS {
        for (rule_action, ports, reason) in [
            (RuleAction::Deny, (0, 65_535), DropReason::NACL_INGRESS),
            (RuleAction::Deny, (0, 65_534), DropReason::ORPHAN_FRAGMENT),
            (RuleAction::Allow, (1, 65_535), DropReason::ORPHAN_FRAGMENT),
        ] {
            let mut world = World::with(|topology| {
                topology.nacl("back", about_udp(10, rule_action, ports));
            })
            .speaking(version);
            let more = world.there("web", "db", later());
            world.is_dropped("web", &more, reason);
            let rule = if version == 4 { 10 } else { 11 };
            assert_eq!(world.last_drop().rule, rule, "{ports:?}");
        }
        let mut world = World::with(|topology| {
            topology.nacl("back", about_udp(10, RuleAction::Allow, (0, 65_535)));
        })
        .speaking(version);
        let more = world.there("web", "db", later());
        world.arrives("web", &more, "db");
    }
}

/// Or a guest could push the notes of others out with fragments that go nowhere.
#[test]
fn first_fragment_that_was_denied_leaves_no_note() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            on_port(topology, 80);
            topology.nacl("back", about_udp(10, RuleAction::Deny, (80, 80)));
        })
        .speaking(version);
        let (asked, more) = (world.there("web", "db", first()), world.there("web", "db", later()));
        world.is_dropped("web", &asked, DropReason::NACL_INGRESS);
        world.change(|topology| {
            topology.nacl("back", open_nacl());
        });
        world.is_dropped("web", &more, DropReason::GROUP_INGRESS);
        world.arrives("web", &asked, "db");
        world.arrives("web", &more, "db");
    }
}
