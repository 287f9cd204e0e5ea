//! Two cores in one table: a reader never acts on another key's entry.
//!
//! The kernel reuses an element at once after its deletion, and copies a new entry in while another core may be
//! reading. One thread deletes and inserts two keys in turn, which share an element then; the other sends packets of
//! the first. Each packet must hit its own entry or none: the second key's entry leads to another device.

use aya::maps::{HashMap, MapData};
use groundplane::plan::Plan;
use groundplane_abi::control::Validity;
use groundplane_abi::flow::{Action, Delivery, FlowEntry, FlowKey, action_flag, kind, state};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip, Ip4, Ip6, Mac, Port, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Of each family.
const HITS: u64 = 500_000;
/// Far more than it takes; a machine that is busy beyond that fails loudly.
const PATIENCE: Duration = Duration::from_secs(120);
const NOW: u64 = 1 << 33;
const SENDER: Device = Device(10);
const OWN: Device = Device(11);
const STRANGER: Device = Device(12);
const SENDER_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

/// The sender's address, and those that the two keys lead to.
struct Addresses<I> {
    src: I,
    own: I,
    stranger: I,
}

fn entry<I: Ip>(src: I, dst: I, out: Device, kernel: &LoadedKernel) -> FlowEntry<I> {
    let (src_port, dst_port) = (Port::new(1024), Port::new(53));
    let delivery = Delivery {
        near_mac: SENDER_MAC,
        far_mac: Mac([2, 0, 0, 0, 0, 9]),
        out,
        kind: kind::PEER,
        flags: action_flag::ROUTED,
        detail: 9001,
        src_port,
        dst_port,
    };
    FlowEntry {
        key: FlowKey::new(SENDER, protocol::UDP, src, dst, src_port, dst_port),
        validity: Validity::new(kernel.generation(), Default::default()),
        action: Action { delivery, src, dst },
        last_seen: NOW,
        state: state::LIVE,
        ..FlowEntry::default()
    }
}

fn pin_to(cpu: usize) {
    let mut cpus = CpuSet::new();
    cpus.set(cpu).expect("a CPU number");
    sched_setaffinity(Pid::from_raw(0), &cpus).expect("this test needs two CPUs");
}

/// Deletes and inserts both keys in turn until told to stop.
fn churn<I: Ip>(
    mut flows: HashMap<MapData, FlowKey<I>, FlowEntry<I>>,
    mut own: FlowEntry<I>,
    mut stranger: FlowEntry<I>,
    stop: &AtomicBool,
) where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    pin_to(0);
    let mut stamp = 2;
    while !stop.load(Ordering::Relaxed) {
        for entry in [&mut own, &mut stranger] {
            stamp += 1;
            (entry.stamp, entry.stamp_end) = (stamp, stamp);
            flows.insert(entry.key, *entry, 0).expect("there is room");
            // The last to be deleted is the first to be reused.
            flows.remove(&entry.key).expect("it is there");
        }
    }
}

#[test]
fn reader_never_acts_on_another_keys_entry() {
    let addresses = Addresses {
        src: Ip4([10, 0, 0, 4]),
        own: Ip4([10, 0, 1, 4]),
        stranger: Ip4([10, 0, 1, 5]),
    };
    read_beside_a_writer("stress4", map::ip4::FLOWS, &addresses, |address| {
        IpAddr::from(address.0)
    });
}

#[test]
fn reader_never_acts_on_another_ipv6_keys_entry() {
    let address = |last| Ip6::new([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let addresses = Addresses {
        src: address(4),
        own: address(5),
        stranger: address(6),
    };
    read_beside_a_writer("stress6", map::ip6::FLOWS, &addresses, |address| {
        IpAddr::from(address.octets())
    });
}

fn read_beside_a_writer<I: Ip + Send + Sync>(
    name: &str,
    table: &str,
    addresses: &Addresses<I>,
    ip: impl Fn(I) -> IpAddr,
) where
    I::KeyWords: Send + Sync,
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let mut kernel = LoadedKernel::load(name, 1_024).expect("the datapath loads");
    kernel.add_device(SENDER).expect("the device is made");
    // No row at all: whoever misses is dropped, because the device belongs to no ENI.
    kernel.apply(&Plan::default()).expect("an empty plan is applied");
    kernel.stop_clock(NOW).expect("the clock is set");
    let frame = Packet::udp()
        .from(SENDER_MAC.0, ip(addresses.src), 1024)
        .to(ROUTER, ip(addresses.own), 53)
        .build();
    let own = entry(addresses.src, addresses.own, OWN, &kernel);
    let stranger = entry(addresses.src, addresses.stranger, STRANGER, &kernel);
    let stop = AtomicBool::new(false);
    let met = thread::scope(|scope| {
        let flows = kernel.flows::<I>(table).expect("the table opens");
        scope.spawn(|| churn(flows, own, stranger, &stop));
        let met = read(&kernel, table, &frame, &own.key);
        stop.store(true, Ordering::Relaxed);
        met
    });
    let Met { hits, misses, torn } = met.unwrap_or_else(|complaint| panic!("{complaint}"));
    println!("{hits} hits, {misses} misses, 0 misdeliveries; a plain lookup met {torn} strangers");
    assert!(misses > 0, "the entry was never away, so nothing was tested");
}

/// What the reader met.
#[derive(Debug, Default)]
struct Met {
    hits: u64,
    misses: u64,
    /// What a reader without the check would have met.
    torn: u64,
}

/// Sends packets of one key until enough have hit.
fn read<I: Ip>(kernel: &LoadedKernel, table: &str, frame: &[u8], key: &FlowKey<I>) -> Result<Met, String>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let flows = kernel.flows::<I>(table).expect("the table opens");
    pin_to(1);
    let started = Instant::now();
    let mut met = Met::default();
    while met.hits < HITS {
        let run = kernel.run(SENDER, frame).expect("the program runs");
        match (run.out, run.reason) {
            (OWN, DropReason::NONE) => met.hits += 1,
            (Device::NONE, DropReason::NO_ENI) => met.misses += 1,
            other => return Err(format!("a packet of one key was treated as {other:?} after {met:?}")),
        }
        let found = flows.get(key, 0);
        met.torn += u64::from(found.is_ok_and(|found| found.key != *key || found.stamp != found.stamp_end));
        if started.elapsed() > PATIENCE {
            return Err(format!("only {met:?} in {PATIENCE:?}"));
        }
    }
    Ok(met)
}
