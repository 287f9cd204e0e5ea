//! A flood from outside: first packets with ever other senders, to a guest's port that answers each that it gets.
//! Meanwhile other guests' connections stand, and they open new ones that are answered 100 ms later, by the kernel's
//! own clock.

use crate::kernel::LoadedKernel;
use crate::packet::{Packet, ROUTER, flag};
use crate::topology::{Groups, Guest, Topology};
use anyhow::{Result, ensure};
use groundplane_abi::flow::{FlowEntry, FlowKey, kind};
use groundplane_abi::{Device, DropReason, Ip4, map};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

const FLOWS: u32 = 131_072;
const FLOODERS: u64 = 2;
/// Of each of two pairs.
const ESTABLISHED: u16 = 500;
const ROUND_TRIP: Duration = Duration::from_millis(100);
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(10);
const OUTSIDE: [u8; 4] = [198, 51, 100, 7];
const SHOP: [u8; 4] = [203, 0, 113, 10];
const TARGET: [u8; 4] = [203, 0, 113, 20];

/// A TCP segment over IPv4 whose ends change, without being put together anew each time. Nobody here looks at
/// checksums.
#[derive(Debug)]
pub struct Changing(pub Vec<u8>);

impl Changing {
    #[must_use]
    pub fn new(packet: &Packet) -> Self {
        Self(packet.build())
    }

    pub fn from(&mut self, ip: [u8; 4], port: u16) -> &[u8] {
        self.0[26..30].copy_from_slice(&ip);
        self.0[34..36].copy_from_slice(&port.to_be_bytes());
        &self.0
    }

    pub fn to(&mut self, ip: [u8; 4], port: u16) -> &[u8] {
        self.0[30..34].copy_from_slice(&ip);
        self.0[36..38].copy_from_slice(&port.to_be_bytes());
        &self.0
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub sent: u64,
    /// Got to the guest, which answered.
    pub delivered: u64,
    /// Answers that left.
    pub answered: u64,
    pub took: Duration,
    /// Connections of others that stood before, and those that stand as they did.
    pub established: u64,
    pub intact: u64,
    /// Connections that others have opened meanwhile, and those that came about.
    pub opened: u64,
    pub succeeded: u64,
}

/// One side of a connection.
#[derive(Clone, Copy, Debug)]
struct End {
    device: Device,
    mac: [u8; 6],
    /// As it calls itself, and as it is called.
    own: [u8; 4],
    called: [u8; 4],
}

impl End {
    fn guest(guest: Guest) -> Self {
        Self {
            device: guest.device,
            mac: guest.mac,
            own: guest.ip,
            called: guest.ip,
        }
    }

    fn segment(&self, port: u16, to: &Self, to_port: u16, flags: u8) -> Packet {
        let packet = Packet::tcp().flags(flags).from(self.mac, self.own, port);
        packet.to(ROUTER, to.called, to_port)
    }
}

struct Scene {
    kernel: LoadedKernel,
    target: End,
    /// Client and server: somebody outside and a guest, and two guests of another VPC with the same addresses.
    pairs: [[End; 2]; 2],
}

impl Scene {
    fn new(name: &str) -> Result<Self> {
        let mut topology = Topology::new();
        topology.vpc("blue", "10.0.0.0/16").subnet("blue-front", "10.0.1.0/24");
        topology.eni("opener", "10.0.1.10").groups("opener", Groups::OUTBOUND);
        topology.subnet("blue-back", "10.0.2.0/24").eni("server", "10.0.2.10");
        topology.groups("server", Groups::INBOUND);
        topology.vpc("red", "10.0.0.0/16").internet_gateway("igw");
        topology
            .subnet("front", "10.0.1.0/24")
            .route_out("front", "0.0.0.0/0", "igw");
        topology.eni("shop", "10.0.1.10").eni("target", "10.0.1.11");
        for (name, public) in [("shop", "203.0.113.10"), ("target", "203.0.113.20")] {
            topology.groups(name, Groups::INBOUND).public_address(name, public);
        }
        let mut kernel = LoadedKernel::load(name, FLOWS)?;
        kernel.configure(&topology)?;
        let guest = |name| End::guest(topology.guest(name));
        let public = |name, called| End { called, ..guest(name) };
        let outside = End {
            device: Device::INTERNET,
            mac: [2, 9, 9, 9, 9, 9],
            own: OUTSIDE,
            called: OUTSIDE,
        };
        Ok(Self {
            kernel,
            target: public("target", TARGET),
            pairs: [[outside, public("shop", SHOP)], [guest("opener"), guest("server")]],
        })
    }

    fn passes(&self, from: Device, frame: &[u8]) -> Result<bool> {
        let run = self.kernel.run(from, frame)?;
        Ok(run.reason == DropReason::NONE && run.kind != kind::PASS)
    }

    fn says(&self, from: &End, port: u16, to: &End, to_port: u16, flags: u8) -> Result<bool> {
        self.passes(from.device, &from.segment(port, to, to_port, flags).build())
    }

    fn establish(&self, [client, server]: &[End; 2], port: u16) -> Result<bool> {
        Ok(self.says(client, port, server, 443, flag::SYN)?
            && self.says(server, 443, client, port, flag::SYN | flag::ACK)?
            && self.says(client, port, server, 443, flag::ACK)?)
    }

    fn entries(&self) -> Result<BTreeMap<FlowKey<Ip4>, FlowEntry<Ip4>>> {
        self.kernel.entries(map::ip4::FLOWS)
    }

    /// One thread's part of the flood.
    fn flood(&self, first: u64, packets: u64, delivered: &AtomicU64, answered: &AtomicU64) -> Result<()> {
        let [[outside, _], _] = &self.pairs;
        let mut syn = Changing::new(&outside.segment(0, &self.target, 443, flag::SYN));
        let mut answer = Changing::new(&self.target.segment(443, outside, 0, flag::SYN | flag::ACK));
        for number in (first..packets).step_by(FLOODERS as usize) {
            let (ip, port) = sender(number);
            if self.passes(outside.device, syn.from(ip, port))? {
                delivered.fetch_add(1, Ordering::Relaxed);
                let is_answered = self.passes(self.target.device, answer.to(ip, port))?;
                answered.fetch_add(u64::from(is_answered), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Both pairs open connections in turn until told to stop: how many, and how many came about.
    fn open_connections(&self, go_on: impl Fn() -> bool) -> Result<(u64, u64)> {
        let (mut opened, mut succeeded) = (0, 0);
        let mut waiting: VecDeque<(Instant, u64)> = VecDeque::new();
        let mut next = Instant::now();
        let place = |number: u64| {
            (
                &self.pairs[(number % 2) as usize],
                10_000 + (number / 2 % 50_000) as u16,
            )
        };
        while go_on() || !waiting.is_empty() {
            let now = Instant::now();
            if go_on() && now >= next {
                next += BETWEEN_CONNECTIONS;
                let ([client, server], port) = place(opened);
                if self.says(client, port, server, 443, flag::SYN)? {
                    waiting.push_back((now + ROUND_TRIP, opened));
                }
                opened += 1;
            }
            while let Some((due, number)) = waiting.front().copied()
                && due <= now
            {
                waiting.pop_front();
                let ([client, server], port) = place(number);
                let came_about = self.says(server, 443, client, port, flag::SYN | flag::ACK)?
                    && self.says(client, port, server, 443, flag::ACK)?;
                succeeded += u64::from(came_about);
            }
            sleep(Duration::from_millis(1));
        }
        Ok((opened, succeeded))
    }

    /// How many of the connections that stood are as they were: the same entries, open, and packets pass both ways.
    fn intact(&self, before: &BTreeMap<FlowKey<Ip4>, FlowEntry<Ip4>>) -> Result<u64> {
        let after = self.entries()?;
        let same = |key: &FlowKey<Ip4>| {
            let (old, new) = (before.get(key), after.get(key));
            matches!((old, new), (Some(old), Some(new)) if old.stamp == new.stamp && new.tcp == 0)
        };
        let mut intact = 0;
        for [client, server] in &self.pairs {
            for port in (1024..).take(usize::from(ESTABLISHED)) {
                let is_it = |key: &&FlowKey<Ip4>| key.device() == client.device && key.src_port().get() == port;
                let key = before.keys().find(is_it);
                let is_same = key.is_some_and(|key| same(key) && same(&before[key].twin_key()));
                let passes = self.says(client, port, server, 443, flag::ACK)?
                    && self.says(server, 443, client, port, flag::ACK)?;
                intact += u64::from(is_same && passes);
            }
        }
        Ok(intact)
    }
}

/// Sixteen million numbers, each with a sender of its own, in no order, whom an internet gateway lets in.
fn sender(number: u64) -> ([u8; 4], u16) {
    let mixed = number.wrapping_mul(0x9e37_79b1) & 0xff_ffff;
    let [_, a, b, c] = (mixed as u32 & 0x3f_ffff).to_be_bytes();
    ([8, 64 | a, b, c], 1024 + (mixed >> 22) as u16)
}

/// So many packets. The name tells the pins of parallel floods apart.
pub fn from_outside(name: &str, packets: u64) -> Result<Outcome> {
    let scene = Scene::new(name)?;
    for pair in &scene.pairs {
        for port in (1024..).take(usize::from(ESTABLISHED)) {
            ensure!(scene.establish(pair, port)?, "something is wrong before the flood");
        }
    }
    let before = scene.entries()?;
    let (delivered, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let flooding = AtomicU64::new(FLOODERS);
    let began = Instant::now();
    let (opened, succeeded) = scope(|scope| {
        let floods: Vec<_> = (0..FLOODERS)
            .map(|first| {
                let (scene, delivered, answered, flooding) = (&scene, &delivered, &answered, &flooding);
                scope.spawn(move || {
                    let flooded = scene.flood(first, packets, delivered, answered);
                    flooding.fetch_sub(1, Ordering::Relaxed);
                    flooded
                })
            })
            .collect();
        let opened = scene.open_connections(|| flooding.load(Ordering::Relaxed) > 0);
        for flood in floods {
            flood.join().map_err(|_| anyhow::anyhow!("a flooder panicked"))??;
        }
        opened
    })?;
    Ok(Outcome {
        sent: packets,
        delivered: delivered.into_inner(),
        answered: answered.into_inner(),
        took: began.elapsed(),
        established: 2 * u64::from(ESTABLISHED),
        intact: scene.intact(&before)?,
        opened,
        succeeded,
    })
}
