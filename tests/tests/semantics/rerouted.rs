//! Semantics 5.1: a route that changes leads live connections another way, and each ENI remembers what it has seen.

use super::{VERSIONS, World};
use groundplane_abi::Ip4;
use groundplane_abi::flow::{FlowEntry, state};
use groundplane_datapath::FlowTable;
use groundplane_tests::packet::{Packet, flag};
use groundplane_tests::topology::Groups;
use groundplane_tests::twin::Path;

/// `web` and `db` have talked directly, then through the box on the way there, and now the direct way is back.
fn there_and_back_again(groups: Groups) -> World {
    let mut world = World::with(|topology| {
        topology.groups("web", groups);
    });
    world.connect("web", "db");
    world.change(|topology| {
        topology.route_via("front", "10.0.2.0/24", "box");
    });
    let more = world.there("web", "db", Packet::tcp());
    world.arrives("web", &more, "box");
    let onward = more.from_mac(world.topology.guest("box").mac);
    world.arrives("box", &onward, "db");
    let answer = world.back("db", "web", Packet::tcp());
    world.arrives("db", &answer, "web");
    world.change(|topology| {
        topology.only_local_route("front");
    });
    world
}

#[test]
fn connection_is_established_again_on_every_way_it_takes() {
    for groups in [Groups::OPEN, Groups::OUTBOUND] {
        let mut world = there_and_back_again(groups);
        let more = world.there("web", "db", Packet::tcp());
        let answer = world.back("db", "web", Packet::tcp());
        assert_eq!(world.send("web", &more).1, Some(Path::Replaced));
        assert_eq!(world.send("web", &more).1, Some(Path::Fast));
        assert_eq!(world.send("db", &answer).1, Some(Path::Fast));
        let entries = world.twin.tables().entries::<Ip4>(FlowTable::Main);
        assert_eq!(entries.len(), 2, "the box's connection made room");
        assert!(entries.values().all(|entry| entries.contains_key(&entry.twin_key())));
    }
}

#[test]
fn a_box_on_the_old_way_remembers_the_connection() {
    let mut world = there_and_back_again(Groups::OPEN);
    let more = world.there("web", "db", Packet::tcp());
    world.arrives("web", &more, "db");
    let device = world.topology.guest("box").device;
    let embryos = world.twin.tables().entries::<Ip4>(FlowTable::Embryos);
    let of_the_box = |entry: &&FlowEntry<Ip4>| entry.key.device() == device && entry.state == state::LIVE;
    assert_eq!(embryos.values().filter(of_the_box).count(), 2, "one for each way");
}

#[test]
fn half_open_flow_that_takes_another_way_is_still_known_where_it_was() {
    for (pause, known) in [(0, true), (61, false)] {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::OUTBOUND);
        });
        let syn = world.there("web", "db", Packet::tcp().flags(flag::SYN));
        world.arrives("web", &syn, "db");
        world.wait(pause);
        world.change(|topology| {
            topology.route_via("front", "10.0.2.0/24", "box");
        });
        world.arrives("web", &syn, "box");
        let device = world.topology.guest("db").device;
        let embryos = world.twin.tables().entries::<Ip4>(FlowTable::Embryos);
        assert_eq!(
            embryos.keys().any(|key| key.device() == device),
            known,
            "after {pause} s"
        );
    }
}

/// Found by a flood: two guests whose packets are of one connection share the entry of the ENI at the other end, and
/// whoever came last took the other's connection out of the table.
#[test]
fn guest_that_pretends_to_be_another_takes_nothing_from_it() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
        })
        .speaking(version);
        world.connect("web", "db");
        let entries = world.flows(FlowTable::Main);
        let more = world.there("web", "db", Packet::tcp());
        let pretended = more.clone().from_mac(world.topology.guest("box").mac);
        let (answer, reset) = (
            world.back("db", "web", Packet::tcp()),
            pretended.clone().flags(flag::RST),
        );
        for packet in [&pretended, &reset, &pretended.clone().flags(flag::SYN)] {
            // Enough for an entry of its own, were it alone.
            for _ in 0..9 {
                world.arrives("box", packet, "db");
            }
            world.wait(2);
            world.arrives("box", packet, "db");
            assert_eq!(world.send("web", &more).1, Some(Path::Fast));
            assert_eq!(world.send("db", &answer).1, Some(Path::Fast));
            world.arrives("db", &answer, "web");
        }
        assert_eq!(world.flows(FlowTable::Main), entries);
    }
}

/// Found by several cores at the same connections: the embryo of one flow was promoted together with that of another.
#[test]
fn half_open_flow_goes_on_beside_one_that_pretends_to_be_it() {
    for version in VERSIONS {
        let mut world = World::with(|topology| {
            topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
        })
        .speaking(version);
        let syn = world.there("web", "db", Packet::tcp().flags(flag::SYN));
        let pretended = syn.clone().from_mac(world.topology.guest("box").mac);
        let (more, answer) = (
            world.there("web", "db", Packet::tcp()),
            world.back("db", "web", Packet::tcp()),
        );
        world.arrives("web", &syn, "db");
        world.arrives("box", &pretended, "db");
        for _ in 0..10 {
            world.arrives("db", &answer, "web");
            world.arrives("web", &more, "db");
            world.wait(1);
        }
        assert_eq!(world.flows(FlowTable::Main) % 2, 0, "pairs, and nothing else");
        world.change(|topology| {
            topology.groups("web", Groups::CLOSED).groups("db", Groups::CLOSED);
        });
        world.arrives("web", &more, "db");
        world.arrives("db", &answer, "web");
    }
}

#[test]
fn middlebox_that_comes_into_the_way_takes_the_place_of_the_direct_way() {
    for version in VERSIONS {
        let mut world = World::open().speaking(version);
        world.connect("web", "db");
        world.change(|topology| {
            topology
                .route_via("front", "10.0.2.0/24", "box")
                .route_via("front", "2001:db8:1:2::/64", "box");
        });
        let middlebox = world.topology.guest("box");
        let onward = world.there("web", "db", Packet::tcp()).from_mac(middlebox.mac);
        // `web` hasn't spoken since, but what was on its way comes through the box.
        for _ in 0..8 {
            world.arrives("box", &onward, "db");
        }
        world.wait(1);
        assert_eq!(world.send("box", &onward).1, Some(Path::Promoted));
        assert_eq!(world.send("box", &onward).1, Some(Path::Fast));
        let more = world.there("web", "db", Packet::tcp());
        world.arrives("web", &more, "box");
        let answer = world.back("db", "web", Packet::tcp());
        world.arrives("db", &answer, "web");
    }
}

#[test]
fn one_way_stream_is_not_promoted_with_the_other_half_of_another() {
    let mut world = World::open();
    let packet = world.there("web", "db", Packet::udp());
    let pretended = packet.clone().from_mac(world.topology.guest("box").mac);
    for _ in 0..9 {
        world.arrives("web", &packet, "db");
    }
    world.arrives("box", &pretended, "db");
    world.wait(1);
    world.arrives("web", &packet, "db");
    let entries = world.twin.tables().entries::<Ip4>(FlowTable::Main);
    let has_other = |entry: &FlowEntry<Ip4>| {
        entries
            .get(&entry.twin_key())
            .is_some_and(|twin| twin.twin_key() == entry.key)
    };
    assert!(entries.values().all(has_other), "{entries:#?}");
}
