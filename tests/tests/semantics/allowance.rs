//! Semantics 7.8: what an ENI may use of the tables that all share.

use super::{VERSIONS, World};
use groundplane::resources::Allowance;
use groundplane_abi::eni::EniState;
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::{FlowTable, Tables as _};
use groundplane_tests::packet::{Packet, flag};
use groundplane_tests::topology::{Groups, Topology};
use groundplane_tests::twin::{Heard, Path};
use std::time::Duration;

fn connections(connections: u32) -> Allowance {
    Allowance {
        connections,
        ..Allowance::default()
    }
}

fn first_packets(first_packets: u32, first_packets_burst: u32) -> Allowance {
    Allowance {
        first_packets,
        first_packets_burst,
        ..Allowance::default()
    }
}

/// `web` may only open connections, `db` may only be asked: both track.
fn one_way(topology: &mut Topology) {
    topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
}

impl World {
    fn say(&mut self, port: u16, flags: u8) -> Heard {
        let packet = self.there("web", "db", Packet::tcp().flags(flags));
        let packet = packet.ip_from(self.ip("web"), port);
        self.send("web", &packet).0
    }

    fn answer(&mut self, port: u16, flags: u8) -> Heard {
        let packet = self.back("db", "web", Packet::tcp().flags(flags));
        let packet = packet.ip_to(self.ip("web"), port);
        self.send("db", &packet).0
    }

    #[track_caller]
    fn establish(&mut self, port: u16) {
        assert!(is_delivered(&self.say(port, flag::SYN)), "{port}");
        assert!(is_delivered(&self.answer(port, flag::SYN | flag::ACK)), "{port}");
    }

    fn device(&self, guest: &str) -> Device {
        self.topology.guest(guest).device
    }

    fn state(&self, guest: &str) -> EniState {
        let states = self.twin.tables().states();
        states.get(&self.device(guest)).copied().unwrap_or_default()
    }

    /// Connections that each of the two tracks.
    fn tracked(&self) -> (u64, u64) {
        (self.state("web").tracked, self.state("db").tracked)
    }

    /// Where the last drop was.
    fn dropped_at(&self) -> (Device, u32) {
        let event = self.last_drop();
        (event.at, event.direction.into())
    }
}

fn is_delivered(heard: &Heard) -> bool {
    matches!(heard, Heard::Delivered { .. })
}

#[test]
fn first_packet_is_refused_where_the_allowance_of_connections_is_used_up() {
    for version in VERSIONS {
        for (full, direction) in [("web", direction::EGRESS), ("db", direction::INGRESS)] {
            let mut world = World::with(|topology| {
                one_way(topology);
                topology.allowance(full, connections(3));
            })
            .speaking(version);
            (1..=3).for_each(|port| world.establish(port));
            assert_eq!(world.tracked(), (3, 3), "charged to both ENIs that track");
            assert_eq!(
                world.say(4, flag::SYN),
                Heard::Dropped(DropReason::CONNECTION_ALLOWANCE)
            );
            assert_eq!(world.dropped_at(), (world.device(full), direction));
            assert!(is_delivered(&world.say(3, flag::ACK)), "what stands is not touched");
        }
    }
}

#[test]
fn connection_is_charged_when_it_is_answered_and_not_before() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            one_way(topology);
            topology.allowance("web", connections(3));
        })
        .speaking(version);
        for port in 1..=5 {
            assert!(is_delivered(&world.say(port, flag::SYN)));
        }
        assert_eq!(world.tracked(), (0, 0));
        for port in 1..=3 {
            assert!(is_delivered(&world.answer(port, flag::SYN | flag::ACK)));
        }
        assert_eq!(
            world.answer(4, flag::SYN | flag::ACK),
            Heard::Dropped(DropReason::CONNECTION_ALLOWANCE)
        );
        assert_eq!(world.dropped_at(), (world.device("web"), direction::INGRESS));
        assert_eq!(world.tracked(), (3, 3), "all or nothing");
    }
}

#[test]
fn connection_that_is_over_makes_room_in_the_allowance() {
    type End = fn(&mut World);
    let ends: [(End, u64); 3] = [
        (|world| drop(world.say(1, flag::RST)), 11),
        (
            |world| {
                world.say(1, flag::FIN | flag::ACK);
                world.answer(1, flag::FIN | flag::ACK);
            },
            11,
        ),
        (|_| {}, 432_001),
    ];
    for (end, seconds) in ends {
        let mut world = World::with(|topology| {
            one_way(topology);
            topology.allowance("web", connections(3));
        });
        (1..=2).for_each(|port| world.establish(port));
        end(&mut world);
        world.wait(seconds);
        // A new connection takes what has expired out of the table, as it comes in itself.
        world.establish(3);
        let others = if seconds == 11 { 2 } else { 1 };
        assert_eq!(world.tracked(), (others, others));
        world.establish(4);
        assert_eq!(world.tracked().0, world.tracked().1);
    }
}

#[test]
fn connection_that_is_judged_anew_is_charged_once() {
    for version in VERSIONS {
        let mut world = World::with(one_way).speaking(version);
        world.establish(1);
        world.change(|topology| {
            topology.groups("web2", Groups::CLOSED);
        });
        assert!(is_delivered(&world.say(1, flag::ACK)));
        assert_eq!(world.tracked(), (1, 1));
        world.change(|topology| {
            topology.groups("web2", Groups::OPEN);
        });
        assert!(is_delivered(&world.answer(1, flag::ACK)));
        assert_eq!(world.tracked(), (1, 1));
    }
}

/// Found by a flood: flows through open groups were charged to nobody, and filled the table.
#[test]
fn untracked_flows_beyond_half_the_allowance_go_without_entries() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.allowance("web", connections(4));
        })
        .speaking(version);
        (1..=2).for_each(|port| world.establish(port));
        assert_eq!((world.state("web").untracked, world.tracked()), (2, (0, 0)));
        assert_eq!(world.state("db").untracked, 0, "who opened it pays");
        let flows = [FlowTable::Main, FlowTable::Embryos].map(|table| world.flows(table));
        for port in 3..=9 {
            assert!(is_delivered(&world.say(port, flag::SYN)), "{port}");
        }
        assert_eq!(
            [FlowTable::Main, FlowTable::Embryos].map(|table| world.flows(table)),
            flows
        );
    }
}

/// Found by a flood: guests that track what they are asked had the whole table filled by who doesn't track it.
#[test]
fn connection_that_only_the_other_end_tracks_is_refused_when_its_openers_account_is_used_up() {
    let mut world = World::with(|topology| {
        topology.groups("db", Groups::INBOUND).allowance("web", connections(4));
    });
    (1..=2).for_each(|port| world.establish(port));
    assert_eq!((world.state("web").untracked, world.tracked()), (2, (0, 2)));
    assert_eq!(
        world.say(3, flag::SYN),
        Heard::Dropped(DropReason::CONNECTION_ALLOWANCE)
    );
    assert_eq!(world.dropped_at(), (world.device("web"), direction::EGRESS));
    assert!(is_delivered(&world.say(1, flag::RST)));
    world.wait(11);
    let other = world.there("web2", "db", Packet::tcp().flags(flag::SYN));
    world.arrives("web2", &other, "db");
    let answer = world.back("db", "web2", Packet::tcp());
    world.arrives("db", &answer, "web2");
    assert_eq!((world.state("web").untracked, world.tracked()), (1, (0, 2)));
}

#[test]
fn first_packets_come_at_their_rate_after_a_burst() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            one_way(topology);
            topology.allowance("web", first_packets(10, 5));
        })
        .speaking(version);
        // To a tenth of a second, in which one is added: the clock starts anywhere.
        let ticks = world.twin.tables().clock().now % 100;
        world.twin.wait(Duration::from_millis(100 - ticks));
        let mut port = 0;
        for (millis, admitted) in [(0, 5), (99, 0), (1, 1), (250, 2), (50, 1), (60_000, 5)] {
            world.twin.wait(Duration::from_millis(millis));
            for _ in 0..admitted {
                port += 1;
                assert!(is_delivered(&world.say(port, flag::SYN)), "after {millis} ms more");
            }
            assert_eq!(
                world.say(1000, flag::SYN),
                Heard::Dropped(DropReason::FIRST_PACKET_ALLOWANCE),
                "after {millis} ms more"
            );
            assert_eq!(world.dropped_at(), (world.device("web"), direction::EGRESS));
        }
        assert!(
            is_delivered(&world.say(port, flag::SYN)),
            "a flow that stands takes none"
        );
        assert!(is_delivered(&world.answer(port, flag::SYN | flag::ACK)));
        let other = world.there("web2", "db", Packet::tcp().flags(flag::SYN));
        world.arrives("web2", &other, "db");
    }
}

#[test]
fn first_packets_come_at_another_rate_as_soon_as_it_is_in_force() {
    for rate in [1, 1_000_000] {
        let mut world = World::with(|topology| {
            one_way(topology);
            topology.allowance("web", first_packets(1000, 5));
        });
        for port in 1..=5 {
            assert!(is_delivered(&world.say(port, flag::SYN)));
        }
        world.change(|topology| {
            topology.allowance("web", first_packets(rate, 3));
        });
        for port in 6..=8 {
            assert!(is_delivered(&world.say(port, flag::SYN)), "{rate} a second");
        }
        assert_eq!(
            world.say(9, flag::SYN),
            Heard::Dropped(DropReason::FIRST_PACKET_ALLOWANCE),
            "{rate} a second"
        );
    }
}

#[test]
fn untracked_first_packets_beyond_the_rate_go_without_entries() {
    let mut world = World::with(|topology| {
        topology.allowance("web", first_packets(10, 5));
    });
    for port in 1..=9 {
        assert!(is_delivered(&world.say(port, flag::SYN)), "{port}");
    }
    assert_eq!(world.flows(FlowTable::Embryos), 2 * 5);
    let unknown = world.there("web", "db", Packet::tcp()).ip_from(world.ip("web"), 9);
    assert_eq!(world.send("web", &unknown).1, Some(Path::Installed), "tried each time");
    world.wait(1);
    assert!(is_delivered(&world.say(9, flag::SYN)));
    assert_eq!(world.flows(FlowTable::Embryos), 2 * 6);
}
