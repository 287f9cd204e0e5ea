//! Semantics 8: the rule that denies is named, and drops are counted by it where they happen.

use super::{VERSIONS, World};
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_abi::DropReason;
use groundplane_abi::eni::DropKey;
use groundplane_abi::nacl::{direction, implicit_deny};
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{nacl_rule, nacl_rule6, open_nacl};

/// UDP to two ports is denied by a rule each, TCP allowed; everything else meets the implicit deny.
fn entries(egress: bool) -> Vec<NetworkAclEntry> {
    let rules = [
        (nacl_rule(300, egress, RuleAction::Deny), 17, 80),
        (nacl_rule6(310, egress, RuleAction::Deny), 17, 80),
        (nacl_rule(200, egress, RuleAction::Deny), 17, 81),
        (nacl_rule6(210, egress, RuleAction::Deny), 17, 81),
        (nacl_rule(400, egress, RuleAction::Allow), 6, 80),
        (nacl_rule6(410, egress, RuleAction::Allow), 6, 80),
    ];
    let narrowed = rules.map(|(rule, protocol, port)| NetworkAclEntry {
        protocol: Some(protocol),
        port_range: Some((port, port)),
        ..rule
    });
    narrowed.to_vec()
}

#[test]
fn drop_names_the_rule_the_eni_and_the_direction() {
    for version in VERSIONS {
        let second = u16::from(version == 6) * 10;
        for (subnet, direction) in [("front", direction::EGRESS), ("back", direction::INGRESS)] {
            let mut world = World::with(|topology| {
                topology.nacl(subnet, entries(direction == direction::EGRESS));
            })
            .speaking(version);
            for (packet, port, rule) in [
                (Packet::udp(), 80, 300 + second),
                (Packet::udp(), 81, 200 + second),
                (Packet::udp(), 82, implicit_deny(version)),
                (Packet::protocol(47), 0, implicit_deny(version)),
            ] {
                let packet = world.there("web", "db", packet).ip_to(world.ip("db"), port);
                is_denied(&mut world, &packet, (port, rule, direction));
            }
            let allowed = world.there("web", "db", Packet::tcp());
            world.arrives("web", &allowed, "db");
        }
    }
}

/// Dropped by the rule, told so, and counted where it happened.
#[track_caller]
fn is_denied(world: &mut World, packet: &Packet, (port, rule, direction): (u16, u16, u32)) {
    let (at, reason) = match direction {
        direction::EGRESS => ("web", DropReason::NACL_EGRESS),
        _ => ("db", DropReason::NACL_INGRESS),
    };
    world.is_dropped("web", packet, reason);
    let (sender, device) = (world.topology.guest("web").device, world.topology.guest(at).device);
    let event = world.last_drop();
    assert_eq!((event.sender, event.at, event.rule), (sender, device, rule));
    assert_eq!(u32::from(event.direction), direction);
    assert_eq!((event.version, event.dst_port.get()), (world.version, port));
    let key = DropKey { device, reason, rule };
    assert!(
        world.twin.tables().drops().contains_key(&key),
        "counted there, by the rule"
    );
}

#[test]
fn rule_that_denies_an_answer_is_named_from_the_first_packet_on() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            let everything_in = open_nacl().into_iter().filter(|rule| !rule.egress);
            topology.nacl("front", entries(true).into_iter().chain(everything_in).collect());
        })
        .speaking(version);
        // Port 80 is where `web` answers; what it is asked by UDP comes from port 80 as well.
        let asked = world.there("db", "web", Packet::udp()).ip_from(world.ip("db"), 81);
        world.arrives("db", &asked, "web");
        let answer = world.back("web", "db", Packet::udp()).ip_to(world.ip("db"), 81);
        for _ in 0..2 {
            world.is_dropped("web", &answer, DropReason::NACL_EGRESS);
            let event = world.last_drop();
            assert_eq!(event.at, world.topology.guest("web").device);
            assert_eq!(event.rule, if version == 4 { 200 } else { 210 });
            assert_eq!(u32::from(event.direction), direction::EGRESS);
        }
    }
}
