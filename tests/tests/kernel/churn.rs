//! Connections come and go without an agent: nobody is refused, nothing is left.

use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{DropReason, Ip, Ip4, Ip6, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use groundplane_tests::topology::{Groups, Guest, Topology};
use std::net::IpAddr;

const FLOWS: u32 = 2_048;
/// Three times as many connections as the table has entries.
const CONNECTIONS: u32 = 3 * FLOWS;
/// A UDP flow of one question and one answer is remembered for 30 s; with so many in that time the table is three
/// quarters full all the time.
const CONNECTIONS_IN_30_S: u64 = FLOWS as u64 * 3 / 8;

#[test]
fn churn_of_three_times_the_table_is_never_refused_and_leaves_nothing() {
    churn::<Ip4>("churn4", map::ip4::FLOWS, |guest| guest.ip.into());
}

#[test]
fn churn_of_ipv6_is_never_refused_and_leaves_nothing() {
    churn::<Ip6>("churn6", map::ip6::FLOWS, |guest| {
        guest.ip6.expect("everybody has an address of either family").into()
    });
}

fn churn<I: Ip>(name: &str, table: &str, address: impl Fn(Guest) -> IpAddr)
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let mut kernel = LoadedKernel::load(name, FLOWS).expect("the datapath loads");
    let mut topology = Topology::three_subnets();
    // Both ends track: each lets in only what it may answer or was asked for.
    topology.groups("web", Groups::OUTBOUND).groups("db", Groups::INBOUND);
    kernel.configure(&topology).expect("the topology is applied");
    let (web, db) = (topology.guest("web"), topology.guest("db"));
    let second = u64::from(kernel.ticks_per_second().expect("the clock is known"));
    let mut most = 0;
    for connection in 0..CONNECTIONS {
        let now = (1 << 33) + u64::from(connection) * 30 * second / CONNECTIONS_IN_30_S;
        kernel.stop_clock(now).expect("the clock is set");
        let port = u16::try_from(1024 + connection % 60_000).expect("a port");
        for (from, from_port, to, to_port) in [(web, port, db, 53), (db, 53, web, port)] {
            let packet = Packet::udp().from(from.mac, address(from), from_port);
            let packet = packet.to(ROUTER, address(to), to_port);
            let run = kernel.run(from.device, &packet.build()).expect("the program runs");
            assert_eq!(run.reason, DropReason::NONE, "connection {connection}");
        }
        if connection % 512 == 0 {
            most = most.max(kernel.entries::<I>(table).expect("entries are read").len());
        }
    }
    assert!(most as u64 > u64::from(FLOWS) / 2, "the table was never under pressure");
    let live = kernel.entries::<I>(table).expect("entries are read").len() as u64;
    println!("{live} entries live, {most} of {FLOWS} at most");
    check_books(&kernel, live, [web, db]);
}

fn check_books(kernel: &LoadedKernel, live: u64, guests: [Guest; 2]) {
    let totals = kernel.totals().expect("totals are read");
    let opened: u64 = totals.values().map(|total| total.opened).sum();
    let closed: u64 = totals.values().map(|total| total.closed).sum();
    println!("{opened} opened, {closed} closed");
    assert_eq!(opened, u64::from(CONNECTIONS));
    assert_eq!(
        (opened - closed) * 2,
        live,
        "every connection is two entries, and no entry is nobody's"
    );
    let states = kernel.states().expect("states are read");
    for guest in guests {
        assert_eq!(
            states[&guest.device].tracked,
            live / 2,
            "every live connection is charged to both ends, and no other"
        );
    }
}
