//! How connections leave the main table: by the ring, when they have expired and never before.

use super::World;
use super::tables::{SMALL, connect_from, small};
use groundplane_abi::Ip4;
use groundplane_datapath::FlowTable;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::Groups;
use groundplane_tests::twin::Path;

/// Connections in the main table, and slots in the ring.
fn held(world: &World) -> (usize, u64) {
    let tables = world.twin.tables();
    (
        tables.entries::<Ip4>(FlowTable::Main).len() / 2,
        tables.ring_len::<Ip4>(),
    )
}

fn ended(world: &World) -> u64 {
    world.twin.tables().totals()[&world.topology.guest("web").device].closed
}

/// What a client says on the connection from a port.
fn say(world: &mut World, port: u16) -> Option<Path> {
    let web = world.topology.guest("web");
    let packet = world.there("web", "db", Packet::tcp()).ip_from(web.ip, port);
    world.arrives("web", &packet, "db");
    world.send("web", &packet).1
}

#[test]
fn living_connections_stay_and_go_to_the_end_of_the_ring() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    for port in 1..=20 {
        connect_from(&mut world, port);
        assert_eq!(held(&world), (port.into(), port.into()));
    }
    assert_eq!(ended(&world), 0);
    for port in 1..=20 {
        assert_eq!(say(&mut world, port), Some(Path::Fast), "connection {port}");
    }
}

#[test]
fn each_new_connection_takes_out_two_that_have_expired() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    for port in 1..=6 {
        connect_from(&mut world, port);
    }
    world.wait(432_001);
    for (new, left) in [(7, 5), (8, 4), (9, 3)] {
        connect_from(&mut world, new);
        assert_eq!(held(&world), (left, left as u64), "after connection {new}");
    }
    assert_eq!(ended(&world), 6);
}

/// Judges a connection anew, by a change that has nothing to do with it.
fn judge_anew(world: &mut World, port: u16, turn: u64) {
    let groups = if turn.is_multiple_of(2) {
        Groups::OPEN
    } else {
        Groups::CLOSED
    };
    world.change(|topology| {
        topology.groups("web2", groups);
    });
    assert_eq!(say(world, port), Some(Path::Fast));
}

#[test]
fn the_hand_doesnt_look_at_what_cannot_have_expired() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    connect_from(&mut world, 1);
    judge_anew(&mut world, 1, 1);
    assert_eq!(held(&world), (1, 2), "the old slot is left");
    world.wait(9);
    connect_from(&mut world, 2);
    assert_eq!(held(&world), (2, 3), "nobody has looked whether it is stale");
    world.wait(1);
    connect_from(&mut world, 3);
    assert_eq!(held(&world), (3, 3));
}

#[test]
fn a_connection_that_is_judged_anew_for_ever_is_reclaimed_like_any_other() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    let slots = u64::from(SMALL.ring_slots());
    connect_from(&mut world, 1);
    for turn in 1..=3 * slots {
        judge_anew(&mut world, 1, turn);
        assert!(held(&world).1 <= slots, "after change {turn}");
    }
    assert_eq!(ended(&world), 3 * slots, "once for each time it was judged anew");
    world.wait(432_001);
    let mut new = 0;
    while ended(&world) == 3 * slots {
        new += 1;
        connect_from(&mut world, 1 + new);
        assert!(u64::from(new) <= slots / 2, "each new connection looks at two slots");
    }
    assert_eq!(held(&world).0, usize::from(new));
}

/// A connection that is judged anew after a change has a new slot; the old one stays behind until the hand comes by.
#[test]
fn stale_slots_are_passed_faster_when_the_ring_is_nearly_full() {
    let slots = u64::from(SMALL.ring_slots());
    let limit = slots - slots / 8;
    for (crowded, stride) in [(false, 2), (true, 8)] {
        let mut world = small(|_| {});
        connect_from(&mut world, 1);
        for turn in 1..limit {
            judge_anew(&mut world, 1, turn);
        }
        let (mut connections, mut used) = (1, limit);
        if crowded {
            connect_from(&mut world, 2);
            (connections, used) = (2, limit + 1);
        }
        assert_eq!(held(&world), (connections, used), "too early for the hand");
        world.wait(10);
        connect_from(&mut world, 3);
        assert_eq!(held(&world), (connections + 1, used - stride + 1));
    }
}
