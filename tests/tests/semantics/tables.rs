//! The flow tables: what they hold, refuse, forget and never leak.

use super::World;
use groundplane::plan::Plan;
use groundplane::simulate::Capacity;
use groundplane_abi::eni::SubnetKey;
use groundplane_abi::flow::FlowEntry;
use groundplane_abi::route::{RouteEntry, RouteKey, Target};
use groundplane_abi::{Bank, DropReason, Ip4, SubnetId};
use groundplane_datapath::FlowTable;
use groundplane_tests::packet::{Packet, flag};
use groundplane_tests::topology::{Groups, Topology};
use groundplane_tests::twin::{Heard, Path, Twin, compile};
use std::time::Duration;

pub(crate) const SMALL: Capacity = Capacity {
    flows: 512,
    embryos: 256,
};

/// `three_subnets` with tables that are soon full.
pub(crate) fn small(change: impl FnOnce(&mut Topology)) -> World {
    let mut topology = Topology::three_subnets();
    change(&mut topology);
    let twin = Twin::of(&compile(&topology), SMALL);
    World::of(topology, twin)
}

/// A client opens a connection from a port, and the server answers; what became of the answer.
pub(crate) fn connect_from(world: &mut World, port: u16) -> Heard {
    let (web, db) = (world.topology.guest("web"), world.topology.guest("db"));
    let syn = world
        .there("web", "db", Packet::tcp().flags(flag::SYN))
        .ip_from(web.ip, port);
    world.arrives("web", &syn, "db");
    let answer = world
        .back("db", "web", Packet::tcp().flags(flag::SYN | flag::ACK))
        .ip_from(db.ip, 80);
    world.send("db", &answer.ip_to(web.ip, port)).0
}

/// Packets that a guest has sent and the datapath has counted.
fn sent(world: &World, guest: &str) -> u64 {
    let device = world.topology.guest(guest).device;
    let tables = world.twin.tables();
    let entries = tables.entries::<Ip4>(FlowTable::Main);
    let held = entries.values().filter(|entry| entry.key.device() == device);
    held.fold(tables.totals()[&device].sent.packets, |sum, entry| {
        sum.wrapping_add(entry.packets)
    })
}

/// The plan of `three_subnets` and a chain of tables that lead a packet from one to the next: `hops` of them, and then
/// home.
fn chain(topology: &Topology, hops: u32) -> Plan {
    let mut plan = compile(topology);
    let web = topology.guest("web").device;
    let eni = plan
        .enis
        .iter()
        .find(|(key, _)| key.device == web)
        .expect("web is there")
        .1;
    let first_key = SubnetKey {
        bank: Bank(0),
        subnet: eni.subnet,
    };
    let first = plan.subnets[&first_key];
    let everywhere = |table| {
        let (mut key, _): (RouteKey<Ip4>, _) = *plan.ip4.routes.keys().next().expect("there are routes");
        key.table = groundplane_abi::RouteTableId(table);
        key
    };
    let keys: Vec<_> = (0..hops)
        .map(|hop| everywhere(if hop == 0 { first.route_table.0 } else { 1000 + hop }))
        .collect();
    for (hop, key) in (0..hops).zip(keys) {
        let target = if hop + 1 == hops {
            Target::Local
        } else {
            Target::Subnet(SubnetId(1001 + hop))
        };
        plan.ip4.routes.insert((key, 16), RouteEntry::new(target));
        if hop > 0 {
            let mut place = first_key;
            place.subnet = SubnetId(1000 + hop);
            let mut row = first;
            row.route_table = groundplane_abi::RouteTableId(1000 + hop);
            plan.subnets.insert(place, row);
        }
    }
    plan
}

#[test]
fn eighth_hop_arrives_and_ninth_hop_drops() {
    let topology = Topology::three_subnets();
    for (hops, arrives) in [(1, true), (8, true), (9, false)] {
        let twin = Twin::of(&chain(&topology, hops), Capacity::default());
        let mut world = World::of(topology.clone(), twin);
        let packet = world.there("web", "db", Packet::udp());
        if arrives {
            world.arrives("web", &packet, "db");
        } else {
            world.is_dropped("web", &packet, DropReason::TOO_MANY_HOPS);
        }
    }
}

#[test]
fn missing_rows_drop_each_with_its_reason() {
    type Damage = fn(&mut Plan);
    let cases: [(Damage, DropReason); 5] = [
        (|plan| plan.enis.clear(), DropReason::NO_ENI),
        (|plan| plan.subnets.clear(), DropReason::NO_SUBNET),
        (|plan| plan.ip4.nacls.clear(), DropReason::NO_NACL),
        (|plan| plan.group_sets.clear(), DropReason::NO_GROUP_SET),
        (
            |plan| plan.ip4.routes.values_mut().for_each(|row| row.target = 99),
            DropReason::UNUSABLE_TARGET,
        ),
    ];
    for (damage, reason) in cases {
        let topology = Topology::three_subnets();
        let mut plan = compile(&topology);
        damage(&mut plan);
        let twin = Twin::of(&plan, Capacity::default());
        let mut world = World::of(topology, twin);
        let packet = world.there("web", "db", Packet::udp());
        world.is_dropped("web", &packet, reason);
    }
}

#[test]
fn denied_first_packets_install_nothing() {
    let mut world = World::with(|topology| {
        topology.groups("db", Groups::CLOSED);
    });
    let packet = world.there("web", "db", Packet::udp());
    world.is_dropped("web", &packet, DropReason::GROUP_INGRESS);
    for table in [FlowTable::Main, FlowTable::Embryos] {
        assert!(world.twin.tables().entries::<Ip4>(table).is_empty(), "{table:?}");
    }
}

#[test]
fn connection_is_two_entries() {
    let mut world = World::open();
    world.connect("web", "db");
    let entries = world.twin.tables().entries::<Ip4>(FlowTable::Main);
    assert_eq!(entries.len(), 2);
    assert!(entries.values().all(|entry| entries.contains_key(&entry.twin_key())));
}

#[test]
fn half_open_flood_does_not_touch_established() {
    let mut world = small(|_| {});
    world.connect("web", "db");
    let web = world.topology.guest("web");
    for port in 1..10_000 {
        let syn = world
            .there("web", "db", Packet::tcp().flags(flag::SYN))
            .ip_from(web.ip, port);
        world.arrives("web", &syn, "db");
    }
    let more = world.there("web", "db", Packet::tcp());
    assert_eq!(world.send("web", &more).1, Some(Path::Fast));
    assert!(world.twin.tables().entries::<Ip4>(FlowTable::Embryos).len() <= SMALL.embryos as usize);
}

#[test]
fn churn_of_three_times_the_table_leaks_nothing() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    let connections = u16::try_from(3 * SMALL.flows / 2).expect("a small table");
    for port in 0..connections {
        let heard = connect_from(&mut world, 1024 + port);
        assert!(matches!(heard, Heard::Delivered { .. }), "connection {port}: {heard:?}");
        let web = world.topology.guest("web");
        let reset = world
            .there("web", "db", Packet::tcp().flags(flag::RST))
            .ip_from(web.ip, 1024 + port);
        world.arrives("web", &reset, "db");
        // Ten seconds after its end a connection may be taken out.
        world.twin.wait(Duration::from_millis(100));
    }
    let tables = world.twin.tables();
    let entries = tables.entries::<Ip4>(FlowTable::Main);
    assert!(entries.len() <= SMALL.flows as usize);
    assert!(
        entries.values().all(|entry| entries.contains_key(&entry.twin_key())),
        "an entry without its twin"
    );
    let totals = tables.totals()[&world.topology.guest("web").device];
    assert_eq!(
        totals.opened - totals.closed,
        entries.len() as u64 / 2,
        "connections counted and connections there"
    );
    assert!(
        tables.ring_len::<Ip4>() >= entries.len() as u64 / 2,
        "a connection that is in no ring is never taken out"
    );
}

#[test]
fn full_table_refuses_what_must_be_tracked_and_passes_the_rest() {
    let mut world = small(|topology| {
        topology.groups("web", Groups::OUTBOUND);
    });
    let connections = u16::try_from(SMALL.flows / 2).expect("a small table");
    for port in 0..connections {
        assert!(matches!(connect_from(&mut world, 1024 + port), Heard::Delivered { .. }));
    }
    assert_eq!(
        connect_from(&mut world, 60_000),
        Heard::Dropped(DropReason::FLOW_TABLE_FULL)
    );
    assert_eq!(
        sent(&world, "db"),
        u64::from(connections),
        "what was refused was not sent"
    );
    let first = world.back("db", "web", Packet::tcp());
    let web = world.topology.guest("web");
    assert_eq!(
        world.send("db", &first.ip_to(web.ip, 1024)).1,
        Some(Path::Fast),
        "nothing established is lost"
    );
    let untracked = world.there("web2", "db", Packet::udp());
    world.arrives("web2", &untracked, "db");
    let answer = world.back("db", "web2", Packet::udp());
    world.arrives("db", &answer, "web2");
    assert_eq!(sent(&world, "web2"), 1, "a packet that finds no room is counted once");
    assert_eq!(sent(&world, "db"), u64::from(connections) + 2);
}

#[test]
fn one_way_stream_finds_its_place_in_the_main_table() {
    let mut world = World::open();
    let packet = world.there("web", "db", Packet::udp());
    for _ in 0..8 {
        world.arrives("web", &packet, "db");
    }
    assert!(
        world.twin.tables().entries::<Ip4>(FlowTable::Main).is_empty(),
        "not within the first second"
    );
    world.wait(1);
    assert_eq!(world.send("web", &packet).1, Some(Path::Promoted));
    assert_eq!(world.send("web", &packet).1, Some(Path::Fast));
}

#[test]
fn one_way_stream_is_eight_packets_and_a_second() {
    for (packets, millis, path) in [
        (7, 1000, Path::Promoted),
        (7, 999, Path::Resumed),
        (6, 1000, Path::Resumed),
    ] {
        let mut world = World::open();
        let packet = world.there("web", "db", Packet::udp());
        for _ in 0..packets {
            world.arrives("web", &packet, "db");
        }
        world.twin.wait(Duration::from_millis(millis));
        assert_eq!(world.send("web", &packet).1, Some(path), "{packets} and one more");
    }
}

/// The embryo of a connection that was promoted is still there when the connection is gone.
#[test]
fn what_is_left_of_a_connection_is_no_part_of_the_next() {
    let mut world = World::open();
    world.connect("web", "db");
    world.wait(61);
    world.connect("web2", "db");
    let gone = world.there("web", "db", Packet::tcp().flags(flag::SYN));
    let back = world.back("db", "web", Packet::tcp().flags(flag::SYN));
    assert_eq!(world.send("db", &back).1, Some(Path::Expired));
    assert_eq!(
        world.send("db", &back).1,
        Some(Path::Resumed),
        "nobody has answered yet"
    );
    assert_eq!(world.send("web", &gone).1, Some(Path::Promoted));
}

#[test]
fn connection_judged_anew_is_still_of_the_eni_that_opened_it() {
    let mut world = World::open();
    world.connect("web", "db");
    for (turn, from, to) in [(1, "web", "db"), (2, "db", "web"), (3, "db", "web"), (4, "web", "db")] {
        let groups = if turn % 2 == 0 { Groups::OPEN } else { Groups::CLOSED };
        world.change(|topology| {
            topology.groups("web2", groups);
        });
        let packet = if from == "web" {
            world.there(from, to, Packet::tcp())
        } else {
            world.back(from, to, Packet::tcp())
        };
        assert_eq!(world.send(from, &packet).1, Some(Path::Replaced));
        let entries = world.twin.tables().entries::<Ip4>(FlowTable::Main);
        let openers: Vec<_> = entries.values().filter(|entry| !entry.action.is_reply()).collect();
        assert_eq!(openers.len(), 1);
        assert_eq!(openers[0].key.device(), world.topology.guest("web").device);
        let embryos = world.twin.tables().entries::<Ip4>(FlowTable::Embryos);
        let alike = |entry: &FlowEntry<Ip4>| embryos[&entry.key].validity == entry.validity;
        assert!(
            entries.values().all(alike),
            "whoever still looks there finds the new judgement"
        );
    }
}
