//! Semantics 7.4: how long each ENI remembers, by its own clock.

use super::{VERSIONS, World};
use groundplane::resources::ConnectionTracking;
use groundplane_abi::DropReason;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::Groups;
use std::time::Duration;

const TRACKING: ConnectionTracking = ConnectionTracking {
    tcp_established_timeout: 350,
    udp_stream_timeout: 120,
    udp_timeout: 45,
};

/// `web` may only open connections, `db` may only be asked; one of them has timeouts of its own.
fn impatient(guest: &str) -> World {
    World::with(|topology| {
        topology
            .groups("web", Groups::OUTBOUND)
            .groups("db", Groups::INBOUND)
            .tracking(guest, TRACKING);
    })
}

/// A packet, how often each side has said it, and after how many seconds of silence one of the ENIs has forgotten it:
/// with its own timeout, and by default.
type Case = (fn() -> Packet, usize, u64, u64);
const CASES: [Case; 5] = [
    (Packet::tcp, 2, 350, 432_000),
    (Packet::udp, 2, 120, 180),
    (Packet::udp, 1, 45, 30),
    (|| Packet::protocol(47), 2, 600, 600),
    (|| Packet::protocol(132), 1, 600, 600),
];

#[test]
fn each_eni_forgets_by_its_own_timeouts() {
    for version in VERSIONS {
        for (packet, times, own, default) in CASES {
            for impatient_one in ["web", "db"] {
                // The server's ENI remembers what it answers, the client's what it is answered.
                let (client, server) = if impatient_one == "web" {
                    (own, default)
                } else {
                    (default, own)
                };
                let lost = if client < server {
                    DropReason::GROUP_INGRESS
                } else {
                    DropReason::GROUP_EGRESS
                };
                for late in [false, true] {
                    let mut world = impatient(impatient_one).speaking(version);
                    let asked = world.there("web", "db", packet().payload(b"more"));
                    let answer = world.back("db", "web", packet().payload(b"more"));
                    for _ in 0..times {
                        world.arrives("web", &asked, "db");
                        world.arrives("db", &answer, "web");
                    }
                    world.wait(client.min(server));
                    if late {
                        world.twin.wait(Duration::from_millis(1));
                        world.is_dropped("db", &answer, lost);
                    } else {
                        world.arrives("db", &answer, "web");
                    }
                }
            }
        }
    }
}

#[test]
fn packets_either_way_keep_both_gates_open() {
    for version in VERSIONS {
        let mut world = impatient("web").speaking(version);
        world.connect("web", "db");
        for turn in 0..4 {
            world.wait(349);
            if turn % 2 == 0 {
                let answer = world.back("db", "web", Packet::tcp());
                world.arrives("db", &answer, "web");
            } else {
                let more = world.there("web", "db", Packet::tcp());
                world.arrives("web", &more, "db");
            }
        }
    }
}

/// A timeout is the ENI's at the time a connection is opened: what stands keeps what it was opened with.
#[test]
fn timeouts_that_change_are_those_of_new_connections() {
    let mut world = impatient("web");
    world.connect("web", "db");
    world.change(|topology| {
        topology.tracking("web", ConnectionTracking::default());
    });
    world.wait(351);
    let answer = world.back("db", "web", Packet::tcp());
    world.is_dropped("db", &answer, DropReason::GROUP_INGRESS);
    world.connect("web", "db");
    world.wait(431_000);
    world.arrives("db", &answer, "web");
}
