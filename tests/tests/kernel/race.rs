//! Several cores at the same few connections: whatever they do to them at once, the books are in order afterwards.

use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, DropReason, Ip4, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::{Groups, Topology};
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const THREADS: u64 = 3;
const PORTS: u16 = 8;
/// Changes of the configuration meanwhile, each of which has every connection judged anew.
const CHANGES: u32 = 40;
const SEED: u64 = 0x6770_0003;

/// `web` may only open connections, `db` may only be asked, `web2` and `box` anything.
fn topology(turn: u32) -> Topology {
    let mut topology = Topology::three_subnets();
    let groups = if turn.is_multiple_of(2) {
        Groups::OPEN
    } else {
        Groups::CLOSED
    };
    topology
        .groups("web", Groups::OUTBOUND)
        .groups("db", Groups::INBOUND)
        .groups("web2", groups);
    if turn % 4 > 1 {
        topology.route_via("front", "10.0.2.0/24", "box");
    }
    topology
}

/// What is sent, and from where: both sides of each connection, and the middlebox that passes some of it on.
fn frames(topology: &Topology) -> Vec<(Device, Vec<u8>)> {
    let [web, db, middlebox] = ["web", "db", "box"].map(|name| topology.guest(name));
    let mut frames = Vec::new();
    for port in 1..=PORTS {
        for flags in [
            flag::SYN,
            flag::ACK,
            flag::ACK,
            flag::ACK,
            flag::FIN | flag::ACK,
            flag::RST,
        ] {
            let tcp = Packet::tcp().flags(flags);
            let asked = tcp.clone().from(web.mac, web.ip, port).to(ROUTER, db.ip, 80);
            frames.push((middlebox.device, asked.clone().from_mac(middlebox.mac).build()));
            frames.push((web.device, asked.build()));
            frames.push((db.device, tcp.from(db.mac, db.ip, 80).to(ROUTER, web.ip, port).build()));
        }
    }
    frames
}

fn send(kernel: &LoadedKernel, frames: &[(Device, Vec<u8>)], thread: u64, stop: &AtomicBool) -> u64 {
    let mut random = ChaCha8Rng::seed_from_u64(SEED + thread);
    let mut delivered = 0;
    while !stop.load(Ordering::Relaxed) {
        let (from, frame) = frames.choose(&mut random).expect("there are some");
        for _ in 0..random.random_range(1..4) {
            let run = kernel.run(*from, frame).expect("the program runs");
            delivered += u64::from(run.reason == DropReason::NONE);
        }
    }
    delivered
}

/// Every entry has its other one, is charged to whom it should be, and is one of those that were counted.
fn check_books(kernel: &LoadedKernel) {
    let entries: BTreeMap<FlowKey<Ip4>, FlowEntry<Ip4>> = kernel.entries(map::ip4::FLOWS).expect("entries are read");
    let mut tracked: BTreeMap<Device, u64> = BTreeMap::new();
    for (key, entry) in &entries {
        let twin = entries.get(&entry.twin_key());
        let twin = twin.unwrap_or_else(|| panic!("{key:?} is alone"));
        assert_eq!(twin.twin_key(), *key, "both say the same");
        assert_ne!(twin.action.is_reply(), entry.action.is_reply());
        *tracked.entry(key.device()).or_default() += u64::from(entry.near.is_tracked());
    }
    let states = kernel.states().expect("states are read");
    for (device, state) in states {
        let tracked = tracked.get(&device).copied().unwrap_or_default();
        assert_eq!(
            tracked, state.tracked,
            "connections that {device:?} tracks, and those counted (right)"
        );
    }
    let totals = kernel.totals().expect("totals are read");
    let live: u64 = totals
        .values()
        .map(|total| total.opened.wrapping_sub(total.closed))
        .sum();
    assert_eq!(
        entries.len() as u64,
        2 * live,
        "entries there are, and those counted (right)"
    );
}

#[test]
fn cores_at_the_same_connections_leave_the_books_in_order() {
    let mut kernel = LoadedKernel::load("race", 1_024).expect("the datapath loads");
    kernel.configure(&topology(0)).expect("the topology is applied");
    let frames = frames(&topology(0));
    let delivered = AtomicU64::new(0);
    let mut datapath = kernel.open_again().expect("the datapath opens again");
    for turn in 1..=CHANGES {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (kernel, frames, stop, delivered) = (&kernel, &frames, &stop, &delivered);
                scope.spawn(move || delivered.fetch_add(send(kernel, frames, thread, stop), Ordering::Relaxed));
            }
            thread::sleep(std::time::Duration::from_millis(100));
            let applied = datapath.apply(&groundplane_tests::twin::compile(&topology(turn)));
            thread::sleep(std::time::Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
            applied.expect("the topology is applied");
        });
        check_books(&kernel);
    }
    let totals = kernel.totals().expect("totals are read");
    let opened: u64 = totals.values().map(|total| total.opened).sum();
    let delivered = delivered.into_inner();
    println!("{delivered} packets delivered, {opened} connections opened, {CHANGES} changes");
    assert!(opened > 100, "too little happened");
}
