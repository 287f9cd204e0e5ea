//! What a packet is taken for, and by which rules: where two checks look at the same packet, neither makes up for the
//! other.

use super::{VERSIONS, World};
use groundplane::resources::{NetworkAclEntry, RuleAction};
use groundplane_abi::DropReason;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{Groups, nacl_rule, nacl_rule6, net};

/// Whether a packet to `db` passes a NACL whose only rule allows this block, protocol, and ports.
fn is_allowed(packet: Packet, version: u8, block: &str, protocol: u8, ports: (u16, u16)) -> bool {
    let any = if version == 4 { nacl_rule } else { nacl_rule6 };
    let rule = NetworkAclEntry {
        cidr_block: net(block),
        protocol: Some(protocol),
        port_range: Some(ports),
        ..any(100, true, RuleAction::Allow)
    };
    let mut world = World::with(|topology| {
        topology.nacl("front", vec![rule]);
    })
    .speaking(version);
    let packet = world.there("web", "db", packet);
    world.send("web", &packet);
    world
        .twin
        .drops(world.topology.guest("web").device, DropReason::NACL_EGRESS)
        == 0
}

#[test]
fn nacl_rule_that_is_wrong_in_two_ways_is_not_right() {
    for (version, db, beside, far) in [
        (4, "10.0.2.10/32", "10.0.2.11/32", "10.0.2.29/32"),
        (6, "2001:db8:1:2::10/128", "2001:db8:1:2::11/128", "2001:db8:1:2::7/128"),
    ] {
        assert!(is_allowed(Packet::tcp(), version, db, 6, (80, 80)));
        // Each time the two differences are the same number: 1, and 6 ^ 17.
        assert!(!is_allowed(Packet::tcp(), version, beside, 6, (81, 81)));
        assert!(!is_allowed(Packet::tcp(), version, far, 17, (80, 80)));
        // Protocol 7, and port 0.
        assert!(!is_allowed(Packet::protocol(7), version, db, 6, (80, 80)));
        // A range that ends before it begins holds no port, not even one between.
        assert!(!is_allowed(Packet::tcp(), version, db, 6, (90, 70)));
    }
}

/// Answers that another route leads through a middlebox have to pass the gate of the middlebox, too: what the ENI knows
/// that asked is its own.
#[test]
fn answers_led_through_a_middlebox_pass_its_gate() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology
                .groups("web", Groups::OUTBOUND)
                .groups("box", Groups::CLOSED)
                .route_via("back", "10.0.1.0/24", "box")
                .route_via("back", "2001:db8:1:1::/64", "box");
        })
        .speaking(version);
        let asked = world.there("web", "db", Packet::udp());
        world.arrives("web", &asked, "db");
        let answer = world.back("db", "web", Packet::udp());
        world.is_dropped("db", &answer, DropReason::GROUP_INGRESS);
        assert_eq!(world.last_drop().at, world.topology.guest("box").device);
    }
}

#[test]
fn option_without_data_is_an_option() {
    let mut world = World::open();
    let packet = world.there("web", "db", Packet::udp().options(&[200, 2, 1, 0]));
    world.arrives("web", &packet, "db");
}

#[test]
fn later_fragment_is_as_long_as_its_header_says() {
    for (version, header_len) in [(4, 20), (6, 48)] {
        let mut world = World::open().speaking(version);
        let later = |len: usize| {
            Packet::protocol(77)
                .payload(&vec![0; len - header_len])
                .fragment(1, 2, false)
        };
        let longest = world.there("web", "db", later(9001));
        world.arrives("web", &longest, "db");
        let too_long = world.there("web", "db", later(9002));
        world.is_dropped("web", &too_long, DropReason::MTU_EXCEEDED);
    }
}
