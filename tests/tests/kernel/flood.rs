//! A flood of first packets costs nobody else a connection: neither one that stands nor one that is being opened.
//!
//! A guest with its source check off sends first packets from ever other addresses and ports to guests that answer; now
//! and then one pretends to be of a connection that stands, and opens, closes or resets it. Meanwhile another tenant
//! opens connections that are answered 100 ms later, by the kernel's own clock.
//!
//! `GROUNDPLANE_FLOOD` sets how many packets; without, it is as many as a few seconds hold, and of a flood from outside
//! a million. `cargo xtask bench --only flood` has ten millions.

use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, DropReason, Ip4, map};
use groundplane_tests::flood::{self, Changing};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::{Groups, Guest, Topology};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const FLOWS: u32 = 131_072;
const SECONDS: u64 = 15;
const FLOODERS: u64 = 2;
const TARGETS: [&str; 4] = ["target1", "target2", "target3", "target4"];
/// Of each of two tenants.
const ESTABLISHED: u16 = 500;
/// One in so many pretends to be of an established connection.
const PRETENDING: u64 = 64;
const ROUND_TRIP: Duration = Duration::from_millis(100);
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(10);

/// What the two sides of the test have done.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    delivered: AtomicU64,
    answered: AtomicU64,
    /// Answers that got through.
    accepted: AtomicU64,
}

/// The flooding tenant, and another one with the same addresses.
fn tenants(targets: Groups) -> Topology {
    let mut topology = Topology::new();
    topology.vpc("red", "10.0.0.0/16").subnet("front", "10.0.1.0/24");
    topology
        .eni("flooder", "10.0.1.10")
        .source_dest_check("flooder", false)
        .eni("client", "10.0.1.11")
        .groups("client", Groups::OUTBOUND)
        .subnet("back", "10.0.2.0/24");
    for (place, name) in TARGETS.iter().enumerate() {
        topology
            .eni(name, &format!("10.0.2.{}", 10 + place))
            .groups(name, targets);
    }
    // Where the addresses are that the flooder speaks for, so that it hears the answers.
    topology.route_via("back", "100.64.0.0/10", "flooder");
    topology.vpc("blue", "10.0.0.0/16").subnet("blue-front", "10.0.1.0/24");
    topology
        .eni("opener", "10.0.1.10")
        .groups("opener", Groups::OUTBOUND)
        .subnet("blue-back", "10.0.2.0/24")
        .eni("server", "10.0.2.10")
        .groups("server", Groups::INBOUND);
    topology
}

struct Room {
    kernel: LoadedKernel,
    topology: Topology,
}

impl Room {
    fn guest(&self, name: &str) -> Guest {
        self.topology.guest(name)
    }

    fn delivered(&self, from: Device, frame: &[u8]) -> bool {
        self.kernel.run(from, frame).expect("the program runs").reason == DropReason::NONE
    }

    fn tcp(from: Guest, from_port: u16, to: Guest, to_port: u16, flags: u8) -> Vec<u8> {
        Packet::tcp()
            .flags(flags)
            .from(from.mac, from.ip, from_port)
            .to(ROUTER, to.ip, to_port)
            .build()
    }

    /// Opens a connection from a port to another one's port 443, and says whether it stands.
    fn establish(&self, client: Guest, port: u16, server: Guest) -> bool {
        self.delivered(client.device, &Self::tcp(client, port, server, 443, flag::SYN))
            && self.delivered(
                server.device,
                &Self::tcp(server, 443, client, port, flag::SYN | flag::ACK),
            )
            && self.delivered(client.device, &Self::tcp(client, port, server, 443, flag::ACK))
    }

    /// The pairs of tenants' connections that stand throughout.
    fn pairs(&self) -> [(Guest, Guest); 2] {
        [("client", TARGETS[0]), ("opener", "server")].map(|(client, server)| (self.guest(client), self.guest(server)))
    }

    fn entries(&self) -> BTreeMap<FlowKey<Ip4>, FlowEntry<Ip4>> {
        self.kernel.entries(map::ip4::FLOWS).expect("entries are read")
    }

    /// One thread's part of the flood: packets number `first`, `first + FLOODERS` and so on.
    fn flood(&self, first: u64, tally: &Tally, until: impl Fn(u64) -> bool) {
        let (flooder, client) = (self.guest("flooder"), self.guest("client"));
        let mut targets = TARGETS.map(|name| {
            let target = self.guest(name);
            let syn = Self::tcp(flooder, 0, target, 443, flag::SYN);
            let answer = Self::tcp(target, 443, flooder, 0, flag::SYN | flag::ACK);
            (target, Changing(syn), Changing(answer))
        });
        let pretended = [flag::SYN, flag::RST, flag::FIN | flag::ACK, flag::ACK].map(|flags| {
            Packet::tcp()
                .flags(flags)
                .from(flooder.mac, client.ip, 0)
                .to(ROUTER, targets[0].0.ip, 443)
        });
        let mut pretended = pretended.map(|packet| Changing::new(&packet));
        let mut number = first;
        while until(number) {
            let (target, syn, answer) = &mut targets[(number % 4) as usize];
            let (ip, port) = sender(number);
            tally.sent.fetch_add(1, Ordering::Relaxed);
            if number % PRETENDING == first {
                let packet = &mut pretended[(number / PRETENDING % 4) as usize];
                let port = 1024 + (number / PRETENDING % u64::from(ESTABLISHED)) as u16;
                self.delivered(flooder.device, packet.from(client.ip, port));
            } else if self.delivered(flooder.device, syn.from(ip, port)) {
                tally.delivered.fetch_add(1, Ordering::Relaxed);
                tally.answered.fetch_add(1, Ordering::Relaxed);
                if self.delivered(target.device, answer.to(ip, port)) {
                    tally.accepted.fetch_add(1, Ordering::Relaxed);
                }
            }
            number += FLOODERS;
        }
    }

    /// The other tenant opens connections until told to stop: how many, and how many came about.
    fn open_connections(&self, go_on: impl Fn() -> bool) -> (u32, u32) {
        let (opener, server) = (self.guest("opener"), self.guest("server"));
        let (mut opened, mut succeeded) = (0, 0);
        let mut waiting: VecDeque<(Instant, u16)> = VecDeque::new();
        let mut next = Instant::now();
        let mut port = 10_000;
        while go_on() || !waiting.is_empty() {
            let now = Instant::now();
            if go_on() && now >= next {
                next += BETWEEN_CONNECTIONS;
                (opened, port) = (opened + 1, port + 1);
                if self.delivered(opener.device, &Self::tcp(opener, port, server, 443, flag::SYN)) {
                    waiting.push_back((now + ROUND_TRIP, port));
                }
            }
            while let Some((due, port)) = waiting.front().copied()
                && due <= now
            {
                waiting.pop_front();
                let answer = Self::tcp(server, 443, opener, port, flag::SYN | flag::ACK);
                let more = Self::tcp(opener, port, server, 443, flag::ACK);
                succeeded += u32::from(self.delivered(server.device, &answer) && self.delivered(opener.device, &more));
            }
            thread::sleep(Duration::from_millis(1));
        }
        (opened, succeeded)
    }

    /// How many of the connections that stood are as they were: the same entries, open, and packets pass both ways.
    fn intact(&self, before: &BTreeMap<FlowKey<Ip4>, FlowEntry<Ip4>>) -> usize {
        let after = self.entries();
        let same = |key: &FlowKey<Ip4>| {
            let entry = after.get(key);
            entry.is_some_and(|entry| entry.stamp == before[key].stamp && entry.tcp == 0)
        };
        let mut intact = 0;
        for (client, server) in self.pairs() {
            for port in (1024..).take(usize::from(ESTABLISHED)) {
                let there = Self::tcp(client, port, server, 443, flag::ACK);
                let back = Self::tcp(server, 443, client, port, flag::ACK);
                let passes = self.delivered(client.device, &there) && self.delivered(server.device, &back);
                let key = before
                    .keys()
                    .find(|key| key.device() == client.device && key.src_port().get() == port);
                let key = key.expect("it stood");
                intact += usize::from(passes && same(key) && same(&before[key].twin_key()));
            }
        }
        intact
    }

    /// Every entry has its other one and is charged to whom it should be, however many cores were at it.
    fn check_books(&self) {
        let entries = self.entries();
        let mut charged: BTreeMap<Device, [u64; 2]> = BTreeMap::new();
        for (key, entry) in &entries {
            assert!(entries.contains_key(&entry.twin_key()), "{key:?} is alone");
            let accounts = charged.entry(key.device()).or_default();
            accounts[0] += u64::from(entry.near.is_tracked());
            accounts[1] += u64::from(!entry.near.is_tracked() && !entry.action.is_reply());
        }
        charged.retain(|_, accounts| *accounts != [0, 0]);
        let states = self.kernel.states().expect("states are read").into_iter();
        let mut counted: BTreeMap<_, _> = states
            .map(|(device, state)| (device, [state.tracked, state.untracked]))
            .collect();
        counted.retain(|_, accounts| *accounts != [0, 0]);
        assert_eq!(
            charged, counted,
            "connections there are, tracked and not, and those counted (right)"
        );
    }
}

/// Ten million numbers, each with a sender of its own, in no order.
fn sender(number: u64) -> ([u8; 4], u16) {
    let mixed = number.wrapping_mul(0x9e37_79b1) & 0xff_ffff;
    let [_, a, b, c] = (mixed as u32 & 0x3f_ffff).to_be_bytes();
    ([100, 64 | a, b, c], 1024 + (mixed >> 22) as u16)
}

/// Both tenants, with the connections that stand throughout.
fn prepare(name: &str, targets: Groups) -> Room {
    let topology = tenants(targets);
    let mut kernel = LoadedKernel::load(name, FLOWS).expect("the datapath loads");
    kernel.configure(&topology).expect("the topology is applied");
    let room = Room { kernel, topology };
    for (client, server) in room.pairs() {
        for port in (1024..).take(usize::from(ESTABLISHED)) {
            assert!(
                room.establish(client, port, server),
                "nothing is wrong before the flood"
            );
        }
    }
    room
}

/// The flood, and the other tenant beside it: how many connections that one opened, and how many came about.
fn run(room: &Room, tally: &Tally) -> (u32, u32) {
    let most = std::env::var("GROUNDPLANE_FLOOD").ok();
    let most = most.map(|text| text.parse::<u64>().expect("a number"));
    let started = Instant::now();
    let until = |number| match most {
        Some(most) => number < most,
        None => started.elapsed() < Duration::from_secs(SECONDS),
    };
    let flooding = &AtomicU64::new(FLOODERS);
    thread::scope(|scope| {
        for first in 0..FLOODERS {
            scope.spawn(move || {
                room.flood(first, tally, until);
                flooding.fetch_sub(1, Ordering::Relaxed);
            });
        }
        room.open_connections(|| flooding.load(Ordering::Relaxed) > 0)
    })
}

fn withstand(name: &str, targets: Groups) {
    let room = prepare(name, targets);
    let (before, started, tally) = (room.entries(), Instant::now(), Tally::default());
    let (opened, succeeded) = run(&room, &tally);
    let took = started.elapsed().as_secs_f64();
    let (intact, all) = (room.intact(&before), usize::from(2 * ESTABLISHED));
    let sent = tally.sent.load(Ordering::Relaxed);
    println!(
        "{name}: {sent} packets in {took:.0} s ({:.0} a second), {tally:?}\n  {intact} of {all} established connections \
         intact, {succeeded} of {opened} new ones of another tenant succeeded, {} entries",
        sent as f64 / took,
        room.entries().len(),
    );
    room.check_books();
    assert_eq!(intact, all, "established connections that are intact");
    assert!(opened > 100, "nothing was tested");
    assert!(
        succeeded * 100 >= opened * 99,
        "{succeeded} of {opened} connections succeeded"
    );
}

#[test]
fn flood_of_tracked_first_packets_costs_nobody_else_a_connection() {
    withstand("flood-tracked", Groups::INBOUND);
}

#[test]
fn flood_of_untracked_first_packets_costs_nobody_else_a_connection() {
    withstand("flood-untracked", Groups::OPEN);
}

/// The flood's senders are outside, and who is flooded answers them.
#[test]
fn flood_from_outside_costs_nobody_else_a_connection() {
    let packets = std::env::var("GROUNDPLANE_FLOOD").ok();
    let packets = packets.map_or(1_000_000, |text| text.parse().expect("a number"));
    let outcome = flood::from_outside("flood-outside", packets).expect("the flood can be made");
    println!("{outcome:?}");
    assert_eq!(outcome.intact, outcome.established, "{outcome:?}");
    assert!(
        outcome.opened > 100 && outcome.delivered > 1_000,
        "nothing was tested: {outcome:?}"
    );
    assert!(outcome.succeeded * 100 >= outcome.opened * 99, "{outcome:?}");
}
