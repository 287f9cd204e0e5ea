//! The filter in front of an uplink: what it drops the walk drops as well, and what it must let pass.

use groundplane::simulate::SliceFrame;
use groundplane_abi::{Device, DropReason};
use groundplane_tests::knock;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::{Topology, address, tcp};
use groundplane_tests::twin::{Heard, Twin};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

const X: &str = "198.51.100.7";
const P1: &str = "203.0.113.10";
const NAT: &str = "203.0.113.200";
const SPARE: &str = "203.0.113.30";

fn says(twin: &Twin, packet: Packet, src: &str, dst: (&str, u16)) -> DropReason {
    let packet = packet.ip_from(address(src), 4000).ip_to(address(dst.0), dst.1);
    twin.tables().filter(&SliceFrame::new(packet.payload(&[7; 40]).build()))
}

fn room() -> (Topology, Twin) {
    let mut topology = Topology::t0();
    topology.elastic(SPARE).group(
        "web",
        vec![tcp(80).from("0.0.0.0/0"), tcp(8000..=8010).from("203.0.112.0/24")],
    );
    topology.in_groups("p1", &["web"]);
    let twin = Twin::new(&topology);
    (topology, twin)
}

#[test]
fn only_what_opens_a_connection_to_a_port_that_nobody_may_open_one_to_is_dropped() {
    let (_, twin) = room();
    let tcp = |flags| Packet::tcp().flags(flags);
    for (port, expected) in [
        (80, DropReason::NONE),
        (8005, DropReason::NONE),
        (8011, DropReason::GROUP_INGRESS),
        (22, DropReason::GROUP_INGRESS),
    ] {
        assert_eq!(says(&twin, tcp(flag::SYN), X, (P1, port)), expected, "port {port}");
        for packet in [
            tcp(flag::ACK),
            tcp(flag::SYN | flag::ACK),
            tcp(flag::RST),
            Packet::udp(),
            Packet::ping(7),
            tcp(flag::SYN).fragment(7, 0, true),
            tcp(flag::SYN).options(&[1, 1, 1, 0]),
        ] {
            assert_eq!(says(&twin, packet, X, (P1, port)), DropReason::NONE);
        }
    }
}

#[test]
fn nobody_opens_a_connection_to_a_nat_gateway_but_everything_else_may_be_an_answer() {
    let (_, twin) = room();
    let syn = Packet::tcp().flags(flag::SYN);
    assert_eq!(says(&twin, syn, X, (NAT, 443)), DropReason::NAT_NO_MAPPING);
    for packet in [Packet::tcp().flags(flag::ACK), Packet::udp(), Packet::pong(7)] {
        assert_eq!(says(&twin, packet, X, (NAT, 443)), DropReason::NONE);
    }
}

#[test]
fn what_is_for_nobody_or_from_where_nobody_is_is_dropped_whatever_it_is() {
    let (_, twin) = room();
    for packet in [Packet::tcp().flags(flag::SYN), Packet::udp(), Packet::ping(7)] {
        let to = |src, dst| says(&twin, packet.clone(), src, (dst, 80));
        assert_eq!(to(X, SPARE), DropReason::NOBODYS_PUBLIC_ADDRESS);
        assert_eq!(to("10.1.2.3", P1), DropReason::PRIVATE_SOURCE);
        assert_eq!(to("100.64.0.1", P1), DropReason::SHARED_SOURCE);
        assert_eq!(to("10.1.2.3", "203.0.113.99"), DropReason::NONE, "it isn't ours");
    }
    let to6 = |dst| says(&twin, Packet::udp(), "2001:db8:ffff::7", (dst, 80));
    assert_eq!(to6("2001:db8:a:10::99"), DropReason::NOBODYS_PUBLIC_ADDRESS);
    assert_eq!(to6("2001:db8:b::1"), DropReason::NONE, "it isn't ours");
}

/// The one thing it drops that the walk would not, and why it is documented.
#[test]
fn two_sides_that_open_the_same_connection_at_once_meet_the_filter() {
    let (topology, mut twin) = room();
    let guest = topology.guest("p1");
    let syn = |src: (&str, u16), dst: (&str, u16)| {
        let packet = Packet::tcp().flags(flag::SYN).from_mac(guest.mac).to_mac(ROUTER);
        packet
            .ip_from(address(src.0), src.1)
            .ip_to(address(dst.0), dst.1)
            .build()
    };
    let out = twin.send(guest.device, &syn(("10.0.10.10", 4000), (X, 443)), false).0;
    // Its groups let nothing out, so only one that is let out leaves a trace.
    assert!(
        matches!(out, Heard::Left(_) | Heard::Dropped(DropReason::GROUP_EGRESS)),
        "{out:?}"
    );
    let crossing = SliceFrame::new(syn((X, 443), (P1, 4000)));
    assert_eq!(twin.tables().filter(&crossing), DropReason::GROUP_INGRESS);
}

/// [`Twin::send`] compares with the walk.
#[test]
fn whatever_comes_what_the_filter_drops_the_walk_drops() {
    let mut random = ChaCha8Rng::seed_from_u64(0x6770_0f11);
    let mut dropped: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..300 {
        let mut topology = knock::topology(&mut random);
        let mut twin = Twin::new(&topology);
        for round in 0..2 {
            let guest = topology.guest("p1");
            for _ in 0..20 {
                let packet = knock::before(&mut random).from_mac(guest.mac).to_mac(ROUTER);
                let _heard = twin.send(guest.device, &packet.build(), false);
            }
            for _ in 0..300 {
                let frame = knock::frame(&mut random);
                let reason = twin.tables().filter(&SliceFrame::new(frame.clone()));
                *dropped.entry(reason.to_string()).or_default() += 1;
                let _heard = twin.send(Device::INTERNET, &frame, false);
            }
            if round == 0 {
                topology = knock::topology(&mut random);
                twin.configure(&topology);
            }
        }
    }
    println!("{dropped:#?}");
    for (reason, most) in [
        (DropReason::NONE, 10_000),
        (DropReason::GROUP_INGRESS, 5_000),
        (DropReason::NAT_NO_MAPPING, 1_000),
        (DropReason::NOBODYS_PUBLIC_ADDRESS, 5_000),
        (DropReason::PRIVATE_SOURCE, 5_000),
        (DropReason::SHARED_SOURCE, 1_000),
    ] {
        let found = dropped.get(&reason.to_string()).copied().unwrap_or_default();
        assert!(found > most, "{reason}: {found} of {most}");
    }
}
