//! Two cores in one table: a reader never acts on another key's entry.
//!
//! The kernel reuses an element at once after its deletion, and copies a new entry in while another core may be reading.
//! One thread deletes and inserts two keys in turn, which share an element then; the other sends packets of the first.
//! Each packet must hit its own entry or none: the second key's entry leads to another device.

use aya::maps::{HashMap, MapData};
use groundplane::plan::Plan;
use groundplane_abi::control::Validity;
use groundplane_abi::flow::{Action, FlowEntry, FlowKey, action_flag, kind, state};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip4, Mac, Port};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::Packet;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const HITS: u64 = 1_000_000;
/// Far more than it takes; a machine that is busy beyond that fails loudly.
const PATIENCE: Duration = Duration::from_secs(120);
const SENDER: Device = Device(10);
const OWN: Device = Device(11);
const STRANGER: Device = Device(12);
const SENDER_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const SRC: Ip4 = Ip4([10, 0, 0, 4]);
const OWN_DST: Ip4 = Ip4([10, 0, 1, 4]);
const STRANGER_DST: Ip4 = Ip4([10, 0, 1, 5]);

fn entry(dst: Ip4, out: Device, stamp: u64, kernel: &LoadedKernel, now: u64) -> FlowEntry {
    let (src_port, dst_port) = (Port::new(1024), Port::new(53));
    FlowEntry {
        key: FlowKey::new(SENDER, protocol::UDP, SRC, dst, src_port, dst_port),
        stamp,
        validity: Validity::new(kernel.generation(), Default::default()),
        action: Action {
            near_mac: SENDER_MAC,
            far_mac: Mac([2, 0, 0, 0, 0, 9]),
            out,
            kind: kind::PEER,
            flags: action_flag::ROUTED,
            src: SRC,
            dst,
            src_port,
            dst_port,
            ..Action::default()
        },
        last_seen: now,
        state: state::LIVE,
        stamp_end: stamp,
        ..FlowEntry::default()
    }
}

fn pin_to(cpu: usize) {
    let mut cpus = CpuSet::new();
    cpus.set(cpu).expect("a CPU number");
    sched_setaffinity(Pid::from_raw(0), &cpus).expect("this test needs two CPUs");
}

/// Deletes and inserts both keys in turn until told to stop; how often the other key's bytes stood in the element that
/// a lookup of this one had found, as a plain reader sees it.
fn churn(
    mut flows: HashMap<MapData, FlowKey, FlowEntry>,
    mut own: FlowEntry,
    mut stranger: FlowEntry,
    stop: &AtomicBool,
) {
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
    const NOW: u64 = 1 << 33;
    let mut kernel = LoadedKernel::load("stress", 1_024).expect("the datapath loads");
    kernel.add_device(SENDER).expect("the device is made");
    // No row at all: whoever misses is dropped, because the device belongs to no ENI.
    kernel.apply(&Plan::default()).expect("an empty plan is applied");
    kernel.stop_clock(NOW).expect("the clock is set");
    let frame = Packet::udp()
        .from(SENDER_MAC.0, SRC.0, 1024)
        .to(Mac::ROUTER.0, OWN_DST.0, 53)
        .build();
    let own = entry(OWN_DST, OWN, 1, &kernel, NOW);
    let stranger = entry(STRANGER_DST, STRANGER, 2, &kernel, NOW);
    let (stop, torn) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut hits, mut misses) = (0_u64, 0_u64);
    thread::scope(|scope| {
        let flows = kernel.flows().expect("the table opens");
        scope.spawn(|| churn(flows, own, stranger, &stop));
        let flows = kernel.flows().expect("the table opens");
        pin_to(1);
        let started = Instant::now();
        while hits < HITS {
            let run = kernel.run(SENDER, &frame).expect("the program runs");
            match (run.out, run.reason) {
                (OWN, DropReason::NONE) => hits += 1,
                (Device::NONE, DropReason::NO_ENI) => misses += 1,
                other => {
                    stop.store(true, Ordering::Relaxed);
                    panic!("a packet of one key was treated as {other:?} after {hits} hits");
                }
            }
            // What a reader without the check would meet.
            if flows
                .get(&own.key, 0)
                .is_ok_and(|found| found.key != own.key || found.stamp != found.stamp_end)
            {
                torn.fetch_add(1, Ordering::Relaxed);
            }
            if started.elapsed() > PATIENCE {
                stop.store(true, Ordering::Relaxed);
                panic!("only {hits} hits and {misses} misses in {PATIENCE:?}");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    println!(
        "{hits} hits, {misses} misses, 0 misdeliveries; a plain lookup met {} strangers",
        torn.into_inner()
    );
    assert!(misses > 0, "the entry was never away, so nothing was tested");
}
