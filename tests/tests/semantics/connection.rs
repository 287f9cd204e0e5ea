//! Semantics 7: what an ENI remembers, and for how long.

use super::{VERSIONS, World};
use groundplane_abi::DropReason;
use groundplane_tests::packet::{Extension, Packet, flag};
use groundplane_tests::topology::Groups;
use groundplane_tests::twin::Path;
use std::time::Duration;

/// `web` may only open connections, `db` may only be asked.
fn one_way() -> World {
    World::with(|topology| {
        topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
    })
}

#[test]
fn reply_to_tracked_flow_passes_without_egress_rule() {
    one_way().connect("web", "db");
}

#[test]
fn nothing_new_goes_against_the_groups() {
    let mut world = one_way();
    let out = world.there("db", "web", Packet::tcp().flags(flag::SYN));
    world.is_dropped("db", &out, DropReason::GROUP_EGRESS);
    world.change(|topology| {
        topology.groups("db", Groups::OPEN);
    });
    world.is_dropped("db", &out, DropReason::GROUP_INGRESS);
}

#[test]
fn tracked_connection_survives_the_removal_of_its_rule() {
    let mut world = one_way();
    world.connect("web", "db");
    world.change(|topology| {
        topology.groups("web", Groups::CLOSED).groups("db", Groups::CLOSED);
    });
    let (more, answer) = (
        world.there("web", "db", Packet::tcp()),
        world.back("db", "web", Packet::tcp()),
    );
    world.arrives("web", &more, "db");
    world.arrives("db", &answer, "web");
}

#[test]
fn untracked_connection_ends_with_its_rule() {
    let mut world = World::open();
    world.connect("web", "db");
    world.change(|topology| {
        topology.groups("db", Groups::OUTBOUND);
    });
    let more = world.there("web", "db", Packet::tcp());
    world.is_dropped("web", &more, DropReason::GROUP_INGRESS);
}

#[test]
fn ping_is_tracked_even_where_everything_is_open() {
    let mut world = World::open();
    let (ping, pong) = (
        world.there("web", "db", Packet::ping(7)),
        world.back("db", "web", Packet::pong(7)),
    );
    world.arrives("web", &ping, "db");
    world.change(|topology| {
        topology.groups("web", Groups::CLOSED).groups("db", Groups::CLOSED);
    });
    world.arrives("db", &pong, "web");
    let other = world.back("db", "web", Packet::pong(8));
    world.is_dropped("db", &other, DropReason::GROUP_EGRESS);
}

#[test]
fn idle_limits_are_kept_to_the_second() {
    let tcp = |flags| Packet::tcp().flags(flags);
    let (ack, fin, rst) = (flag::ACK, flag::FIN | flag::ACK, flag::RST);
    // What the client and then the server say, and how long the server may keep silent after it.
    type Said = (Vec<Packet>, Vec<Packet>, u64);
    let cases: [Said; 8] = [
        (vec![tcp(flag::SYN)], vec![], 60),
        (vec![tcp(flag::SYN)], vec![tcp(ack)], 432_000),
        (vec![tcp(flag::SYN)], vec![tcp(rst)], 10),
        (vec![tcp(flag::SYN), tcp(fin)], vec![tcp(fin)], 10),
        (vec![Packet::udp()], vec![Packet::udp()], 30),
        (vec![Packet::udp(); 2], vec![Packet::udp(); 2], 180),
        (vec![Packet::ping(1)], vec![Packet::pong(1)], 30),
        (vec![Packet::protocol(47)], vec![Packet::protocol(47)], 600),
    ];
    for (asked, answered, limit) in cases {
        for late in [false, true] {
            let mut world = one_way();
            for packet in &asked {
                let packet = world.there("web", "db", packet.clone());
                world.arrives("web", &packet, "db");
            }
            for packet in &answered {
                let packet = world.back("db", "web", packet.clone());
                world.arrives("db", &packet, "web");
            }
            world.wait(limit);
            let last = answered.last().cloned().unwrap_or_else(|| tcp(ack));
            let last = if last == tcp(rst) { tcp(ack) } else { last };
            let packet = world.back("db", "web", last);
            if late {
                world.twin.wait(Duration::from_millis(1));
                world.is_dropped("db", &packet, DropReason::GROUP_EGRESS);
            } else {
                world.arrives("db", &packet, "web");
            }
        }
    }
}

#[test]
fn established_packets_take_the_fast_path() {
    let mut world = World::open();
    world.connect("web", "db");
    let more = world.there("web", "db", Packet::tcp());
    assert_eq!(world.send("web", &more).1, Some(Path::Fast));
    world.wait(30);
    assert_eq!(world.send("web", &more).1, Some(Path::Fast));
    world.twin.wait(Duration::from_millis(30_001));
    assert_eq!(
        world.send("web", &more).1,
        Some(Path::Resumed),
        "longer than the shortest idle limit is looked at closely"
    );
}

#[test]
fn a_syn_on_a_closing_connection_opens_another_one() {
    let mut world = one_way();
    world.connect("web", "db");
    let reset = world.there("web", "db", Packet::tcp().flags(flag::RST));
    world.arrives("web", &reset, "db");
    world.connect("web", "db");
    world.wait(3600);
    let answer = world.back("db", "web", Packet::tcp());
    world.arrives("db", &answer, "web");
}

#[test]
fn icmp_errors_are_judged_one_by_one() {
    let mut world = World::open();
    world.connect("web", "db");
    let about = world.back("db", "web", Packet::tcp());
    for error in [3, 4, 5, 11, 12] {
        let error = world.there("web", "db", Packet::icmp_error(error, 0, &about));
        for _ in 0..2 {
            assert_eq!(world.send("web", &error).1, Some(Path::Alone), "{error:?}");
        }
    }
}

/// IPv4 options and IPv6 extension headers, off the fast path.
#[test]
fn options_change_nothing_about_whose_packet_it_is() {
    for version in VERSIONS {
        let mut world = one_way().speaking(version);
        let with_options = |packet: Packet| match version {
            4 => packet.options(&[7, 7, 4, 0, 0, 0, 0]),
            _ => packet.extension(Extension::Destination(vec![1, 4, 0, 0, 0, 0])),
        };
        let asked = world.there("web", "db", with_options(Packet::udp()));
        let answer = world.back("db", "web", with_options(Packet::udp()));
        assert_eq!(world.send("web", &asked).1, Some(Path::Installed));
        assert_eq!(world.send("db", &answer).1, Some(Path::Promoted));
        assert_eq!(world.send("web", &asked).1, Some(Path::Resumed));
        let without = world.there("web", "db", Packet::udp().payload(b"more"));
        assert_eq!(world.send("web", &without).1, Some(Path::Fast));
    }
}

#[test]
fn packet_that_is_its_own_answer_is_judged_each_time() {
    let mut world = World::open();
    let packet = world.there("web", "web", Packet::protocol(132));
    for _ in 0..3 {
        world.arrives("web", &packet, "web");
        assert_eq!(world.send("web", &packet).1, Some(Path::Alone));
    }
}
