//! The datapath on the host, driven the way a test speaks: topologies, devices, frames, a clock that only tests move.

use crate::topology::Topology;
use groundplane::plan::{self, Plan, UplinkRows};
use groundplane::resources::NetworkInterface;
use groundplane::simulate::{Capacity, Port, SimulatedFamily, Simulation, SliceFrame};
use groundplane_abi::flow::{FlowKey, kind};
use groundplane_abi::service::AliasEntry;
use groundplane_abi::{Device, DropReason, Ip4, Ip6};
use groundplane_datapath::scratch::{effect, old_place};
use groundplane_datapath::verdict::rewrite::is_answer;
use groundplane_datapath::{
    FlowTable, Frame as _, Stages, Tables as _, TablesOf, Verdict, commit, fast, judge, parse, rewrite,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// A packet becomes another one by NAT64, or on its way to an appliance and back, so many times at most: it is routed
/// by a document that a test has made.
const MOST_PASSES: usize = 64;

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Delivered {
        to: Device,
        frame: Vec<u8>,
    },
    /// Out by an uplink.
    Left(Vec<u8>),
    Answered(Vec<u8>),
    /// Dropped, and its sender is told.
    Refused {
        reason: DropReason,
        answer: Vec<u8>,
    },
    Dropped(DropReason),
    /// From the outside, and for the host itself.
    Passed,
}

impl Heard {
    /// What a verdict says, and the frame as it is then.
    #[must_use]
    pub fn of(verdict: &Verdict, frame: Vec<u8>) -> Self {
        let reason = verdict.reason;
        match verdict.kind {
            kind::DROP => Self::Dropped(reason),
            kind::PASS => Self::Passed,
            _ if verdict.is_refusal() => Self::Refused { reason, answer: frame },
            kind::UPLINK => Self::Left(frame),
            _ if is_answer(verdict.rewrite) => Self::Answered(frame),
            _ => Self::Delivered { to: verdict.out, frame },
        }
    }

    /// The packet as it has come out.
    #[must_use]
    pub fn frame(&self) -> Option<&[u8]> {
        match self {
            Self::Delivered { frame, .. } | Self::Left(frame) => Some(frame),
            Self::Answered(_) | Self::Refused { .. } | Self::Dropped(_) | Self::Passed => None,
        }
    }
}

/// Which part of the datapath a packet went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// One lookup and done.
    Fast,
    /// The entry held after a closer look.
    Resumed,
    /// The generation had moved on, but nothing the entry depends on had changed.
    Restamped,
    /// The other side spoke for the first time, or one side for long enough.
    Promoted,
    /// A new half-open flow.
    Installed,
    /// A new half-open flow where an expired one stood.
    Expired,
    /// The same connection, judged anew after a change.
    Replaced,
    /// Judged by itself, without an entry.
    Alone,
}

/// The datapath with its tables.
#[derive(Debug)]
pub struct Twin {
    tables: Simulation,
}

impl Twin {
    /// A wrong topology is a mistake in the test, so it panics.
    #[must_use]
    pub fn new(topology: &Topology) -> Self {
        Self::of(&compile(topology), Capacity::default())
    }

    /// With rows written by hand, or tables of another size.
    #[must_use]
    pub fn of(plan: &Plan, capacity: Capacity) -> Self {
        let mut tables = Simulation::new(capacity);
        tables.apply(plan);
        Self { tables }
    }

    /// Puts another configuration in force.
    pub fn configure(&mut self, topology: &Topology) {
        self.tables.apply(&compile(topology));
    }

    /// Has an address at the service port stand for another one, as seen from an ENI.
    pub fn set_alias(&mut self, alias: [u8; 4], from: Device, address: [u8; 4]) {
        let entry = AliasEntry {
            from,
            address: Ip4(address),
        };
        self.tables.set_alias(Ip4(alias), entry);
    }

    /// Has packets leave by other uplinks.
    pub fn set_uplinks(&mut self, uplinks: UplinkRows) {
        self.tables.set_uplinks(uplinks);
    }

    pub fn wait(&mut self, time: Duration) {
        let ticks = time.as_nanos() * u128::from(Simulation::TICKS_PER_SECOND) / 1_000_000_000;
        self.tables
            .advance(u64::try_from(ticks).expect("no test waits that long"));
    }

    /// The guest on a device sends a frame.
    pub fn send(&mut self, from: Device, bytes: &[u8], tagged: bool) -> (Heard, Option<Path>) {
        let mut frame = SliceFrame {
            bytes: bytes.to_vec(),
            vlan_tag: tagged,
            ..SliceFrame::new(Vec::new())
        };
        let filtered = if from == Device::INTERNET {
            self.tables.filter(&frame)
        } else {
            DropReason::NONE
        };
        let port = Port {
            device: from,
            is_known: true,
        };
        let (verdict, path) = self.pass_on(port, &mut frame);
        if verdict.is_drop() || verdict.kind == kind::PASS {
            assert_eq!(frame.bytes, bytes, "what is dropped or not ours has not been touched");
        }
        // What opens a connection that somebody remembers already is the one exception.
        assert!(
            filtered.is_none() || verdict.is_drop() || verdict.is_refusal() || self.knows(bytes),
            "the filter drops for {filtered} what the walk lets pass: {verdict:?} {path:?} {bytes:02x?}"
        );
        self.go_on(verdict, path, frame)
    }

    /// What becomes of a packet in the end. One that is dropped after it has become another has been touched.
    fn go_on(&mut self, verdict: Verdict, path: Option<Path>, mut frame: SliceFrame) -> (Heard, Option<Path>) {
        let (mut verdict, mut path) = (verdict, path);
        for _ in 0..MOST_PASSES {
            let next = match verdict.kind {
                kind::NAT64 => self.tables.carry(verdict.out, &mut frame),
                kind::WRAPPED | kind::RETURNED => self.tables.finish(&mut frame),
                _ => return (Heard::of(&verdict, frame.bytes), path),
            };
            match next {
                Ok(port) => (verdict, path) = self.pass_on(port, &mut frame),
                Err(reason) => return (Heard::Dropped(reason), None),
            }
        }
        panic!("a packet becomes others for ever")
    }

    fn pass_on(&self, from: Port, frame: &mut SliceFrame) -> (Verdict, Option<Path>) {
        if parse::is_ip6(frame) {
            self.pass::<Ip6>(from, frame)
        } else {
            self.pass::<Ip4>(from, frame)
        }
    }

    /// Whether there is an entry of a connection between the source of a frame, its port and the destination's port.
    fn knows(&self, bytes: &[u8]) -> bool {
        self.knows_of::<Ip4>(bytes) || self.knows_of::<Ip6>(bytes)
    }

    fn knows_of<I: SimulatedFamily>(&self, bytes: &[u8]) -> bool {
        let mut packet = groundplane_datapath::packet::Packet::<I>::default();
        if !parse::parse(&mut SliceFrame::new(bytes.to_vec()), &mut packet).is_none() {
            return false;
        }
        let tables = [FlowTable::Main, FlowTable::Embryos].map(|table| self.tables.entries::<I>(table));
        let is_its = |key: &FlowKey<I>| {
            let ports = (key.src_port(), key.dst_port());
            key.src() == packet.src && ports == (packet.src_port, packet.dst_port)
                || key.dst() == packet.src && ports == (packet.dst_port, packet.src_port)
        };
        tables.iter().flat_map(BTreeMap::keys).any(is_its)
    }

    /// What [`Simulation::send`] does, step by step, to see which way the packet takes.
    fn pass<I: SimulatedFamily>(&self, port: Port, frame: &mut SliceFrame) -> (Verdict, Option<Path>) {
        let tables = &self.tables;
        let from = port.device;
        if port.is_known
            && let Some(hit) = fast::<I, _>(tables, frame, from)
        {
            assert!(
                rewrite::established(tables, frame, &hit),
                "an established frame can be rewritten"
            );
            TablesOf::<I>::touch(tables, hit.flow, hit.now, frame.len());
            return (hit.verdict, Some(Path::Fast));
        }
        let judged = judge::<I, _>(tables, frame, from);
        let path = if judged.is_drop() { None } else { self.path::<I>() };
        let verdict = commit::<I, _>(tables);
        if !verdict.is_drop() {
            rewrite::apply::<I, _>(tables, frame, &verdict).expect("a frame that is delivered can be rewritten");
        }
        (verdict, path)
    }

    /// How many packets were dropped at a device for a reason.
    #[must_use]
    pub fn drops(&self, device: Device, reason: DropReason) -> u64 {
        let drops = self.tables.drops();
        let those = drops
            .iter()
            .filter(|(key, _)| key.device == device && key.reason == reason);
        those.map(|(_, counter)| counter.packets).sum()
    }

    /// The tables, to be looked into.
    #[must_use]
    pub fn tables(&self) -> &Simulation {
        &self.tables
    }

    fn path<I: SimulatedFamily>(&self) -> Option<Path> {
        let generation = self.tables.generation();
        Stages::<I>::with_scratch(&self.tables, |scratch| match scratch.effect {
            effect::NONE => None,
            effect::TOUCH if scratch.entry.validity.is_of(generation) => Some(Path::Resumed),
            effect::TOUCH => Some(Path::Restamped),
            effect::PROMOTE => Some(Path::Promoted),
            effect::INSTALL if scratch.old.place != old_place::NOWHERE && scratch.old.over != 0 => Some(Path::Expired),
            effect::INSTALL => Some(Path::Installed),
            effect::REPLACE => Some(Path::Replaced),
            _ => Some(Path::Alone),
        })
        .flatten()
    }
}

/// The ENIs that no guest has, by the devices that the plan gives them.
#[must_use]
pub fn components(topology: &Topology) -> BTreeMap<Device, &NetworkInterface> {
    let plan = compile(topology);
    let enis = topology.resources.network_interfaces.iter();
    let enis = enis.filter(|eni| eni.requester_managed);
    let found = enis.filter_map(|eni| {
        let scope = plan.scopes.get(&eni.vpc_id)?;
        let mut vpcs = plan.vpcs.iter();
        let vpc = vpcs.find(|(_, entry)| entry.scope == *scope)?.0.vpc;
        let address = Ip4::from(*eni.private_ip_addresses.first()?);
        let mut rows = plan.ip4.addresses.iter();
        let row = rows.find(|((key, _), _)| key.vpc == vpc && key.address == address);
        row.map(|(_, entry)| (entry.device, eni))
    });
    found.collect()
}

/// The plan of a topology.
#[must_use]
pub fn compile(topology: &Topology) -> Plan {
    plan::compile(&topology.resources, &topology.bindings).expect("the topology compiles")
}
