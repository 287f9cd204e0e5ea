//! Connections come and go without an agent: nobody is refused, nothing is left.

use groundplane_abi::{DropReason, Mac, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::Packet;
use groundplane_tests::topology::{Groups, Topology};

const FLOWS: u32 = 2_048;
/// Three times as many connections as the table has entries.
const CONNECTIONS: u32 = 3 * FLOWS;
/// A UDP flow of one question and one answer is remembered for 30 s; with so many in that time the table is three
/// quarters full all the time.
const CONNECTIONS_IN_30_S: u64 = FLOWS as u64 * 3 / 8;

#[test]
fn churn_of_three_times_the_table_is_never_refused_and_leaves_nothing() {
    let mut kernel = LoadedKernel::load("churn", FLOWS).expect("the datapath loads");
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
        let ask = Packet::udp()
            .from(web.mac, web.ip, port)
            .to(Mac::ROUTER.0, db.ip, 53)
            .build();
        let answer = Packet::udp()
            .from(db.mac, db.ip, 53)
            .to(Mac::ROUTER.0, web.ip, port)
            .build();
        for (from, frame) in [(web.device, &ask), (db.device, &answer)] {
            let run = kernel.run(from, frame).expect("the program runs");
            assert_eq!(run.reason, DropReason::NONE, "connection {connection}");
        }
        if connection % 512 == 0 {
            most = most.max(kernel.entries(map::FLOWS).expect("entries are read").len());
        }
    }
    let live = kernel.entries(map::FLOWS).expect("entries are read").len() as u64;
    let totals = kernel.totals().expect("totals are read");
    let opened: u64 = totals.values().map(|total| total.opened).sum();
    let closed: u64 = totals.values().map(|total| total.closed).sum();
    println!("{opened} opened, {closed} closed, {live} entries live, {most} of {FLOWS} at most");
    assert_eq!(opened, u64::from(CONNECTIONS));
    assert_eq!(
        (opened - closed) * 2,
        live,
        "every connection is two entries, and no entry is nobody's"
    );
    assert!(most as u64 > u64::from(FLOWS) / 2, "the table was never under pressure");
}
