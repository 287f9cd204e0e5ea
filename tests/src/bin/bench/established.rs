//! What the program takes for a packet of an established connection, by test runs, against a floor program in C.
//!
//! The program is the one that `groundplane up` has loaded and attached, and the devices are those of its guests. The
//! connection is opened by test runs as well: the first packets of both sides.
//!
//! A repeated run finds the frame as the one before has left it. A switched frame stays as it is. A routed one leaves
//! with other MACs than it came with, and would be no packet of the connection the second time. So for routed flows
//! both ENIs are given the router's own MAC: then the frame is from the router to the router, before and after, and the
//! rewriting writes what stands there. No configuration can say that, since no ENI may have that MAC; it is written into
//! the plan in force. The program does the same instructions on the same lines of memory.

use crate::DOCUMENT;
use crate::Options;
use crate::program::{PASSED, REDIRECTED, load, object, time};
use crate::report::{Bar, Row, Sample};
use anyhow::{Context as _, Result, ensure};
use aya::Ebpf;
use aya::maps::{HashMap, Map, MapData};
use aya::programs::SchedClassifier;
use bytemuck::{Pod, Zeroable};
use groundplane::install::Datapath;
use groundplane::plan::Plan;
use groundplane_abi::flow::{FlowEntry, FlowKey, action_flag};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip4, Mac, Port, map, program};
use groundplane_tests::netns::Lab;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::Guest;
use std::path::Path;

const BAR: Bar = Bar::AtMost(1.3);

const WEB: [u8; 4] = [10, 0, 1, 10];
const WEB2: [u8; 4] = [10, 0, 1, 11];
const DB: [u8; 4] = [10, 0, 2, 10];
const PORTS: (u16, u16) = (40_000, 8_080);

/// An entry of the floor program's table. The same struct is in floor.c.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FloorEntry {
    mac: Mac,
    routed: u16,
    out: u32,
    kind: u32,
    unused_action: [u64; 6],
    last_seen: u64,
    packets: u64,
    bytes: u64,
    unused_state: [u64; 5],
}

/// The same as the table takes it.
type FloorWords = [u64; 16];

impl FloorEntry {
    /// An entry that does the same as one of ours.
    fn of(entry: &FlowEntry) -> Self {
        let action = &entry.action;
        Self {
            mac: action.far_mac,
            routed: u16::from(action.flags & action_flag::ROUTED != 0),
            out: action.out.0,
            kind: u32::from(action.kind),
            ..Self::zeroed()
        }
    }
}

pub(crate) fn measure(options: &Options) -> Result<Vec<Row>> {
    let lab = Lab::new()?;
    lab.up(DOCUMENT)?;
    // Inside, because a test run's device has to be in the caller's namespace.
    lab.inside("host", || measure_here(&lab.pin_dir(), options))
}

fn measure_here(pins: &Path, options: &Options) -> Result<Vec<Row>> {
    let mut bench = Bench::open(pins, options)?;
    let mut datapath = Datapath::open(pins)?;
    let plan = datapath.plan()?;
    let mut rows = Vec::new();
    let (web, web2) = (guest(&plan, WEB)?, guest(&plan, WEB2)?);
    for protocol in [protocol::UDP, protocol::TCP] {
        rows.push(bench.compare(&Flow::new(protocol, web, web2, web2.mac))?);
    }
    let plan = with_router_macs(plan);
    datapath.apply(&plan)?;
    let (web, db) = (guest(&plan, WEB)?, guest(&plan, DB)?);
    for protocol in [protocol::UDP, protocol::TCP] {
        rows.push(bench.compare(&Flow::new(protocol, web, db, ROUTER))?);
    }
    Ok(rows)
}

/// The plan with the router's MAC on every ENI.
fn with_router_macs(mut plan: Plan) -> Plan {
    for eni in plan.enis.values_mut() {
        eni.mac = Mac::ROUTER;
    }
    plan
}

/// The ENI that has an address.
fn guest(plan: &Plan, ip: [u8; 4]) -> Result<Guest> {
    let owner = plan.addresses.iter().find(|((key, _), _)| key.address == Ip4(ip));
    let device = *owner.with_context(|| format!("nobody has {}", Ip4(ip)))?.1;
    let eni = plan.enis.iter().find(|(key, _)| key.device == device);
    let mac = eni
        .with_context(|| format!("nobody is on device {}", device.0))?
        .1
        .mac
        .0;
    Ok(Guest { device, mac, ip })
}

/// A connection.
struct Flow {
    protocol: u8,
    from: Guest,
    to: Guest,
    /// The MAC that `from` sends to; if it is the router's, so does `to`.
    next_hop: [u8; 6],
}

impl Flow {
    fn new(protocol: u8, from: Guest, to: Guest, next_hop: [u8; 6]) -> Self {
        Self {
            protocol,
            from,
            to,
            next_hop,
        }
    }

    fn name(&self) -> String {
        let (is_tcp, is_routed) = (self.protocol == protocol::TCP, self.next_hop == ROUTER);
        let protocol = if is_tcp { "TCP" } else { "UDP" };
        let way = if is_routed { "routed" } else { "switched" };
        format!("established packet, {protocol}, {way}")
    }

    fn there(&self, flags: u8) -> Vec<u8> {
        let (from, to) = (&self.from, &self.to);
        let packet = self.packet().from(from.mac, from.ip, PORTS.0);
        packet.to(self.next_hop, to.ip, PORTS.1).flags(flags).build()
    }

    fn back(&self, flags: u8) -> Vec<u8> {
        let (from, to) = (&self.from, &self.to);
        let next_hop = if self.next_hop == ROUTER { ROUTER } else { from.mac };
        let packet = self.packet().from(to.mac, to.ip, PORTS.1);
        packet.to(next_hop, from.ip, PORTS.0).flags(flags).build()
    }

    fn packet(&self) -> Packet {
        if self.protocol == protocol::TCP {
            Packet::tcp()
        } else {
            Packet::udp()
        }
    }

    fn key(&self) -> FlowKey {
        let (src_port, dst_port) = (Port::new(PORTS.0), Port::new(PORTS.1));
        FlowKey::new(
            self.from.device,
            self.protocol,
            Ip4(self.from.ip),
            Ip4(self.to.ip),
            src_port,
            dst_port,
        )
    }
}

/// The programs, and the tables of those that have one.
struct Bench {
    ours: SchedClassifier,
    flows: HashMap<MapData, FlowKey, FlowEntry>,
    floor: Ebpf,
    floor_flows: HashMap<MapData, FlowKey, FloorWords>,
    rounds: u32,
    repeat: u32,
}

impl Bench {
    fn open(pins: &Path, options: &Options) -> Result<Self> {
        let flows = MapData::from_pin(pins.join(map::FLOWS))?;
        let mut floor = object(&options.programs, "floor")?;
        let floor_flows = floor.take_map("FLOOR_FLOWS").context("no map FLOOR_FLOWS")?;
        load(&mut floor, "floor_program")?;
        load(&mut floor, "empty_program")?;
        Ok(Self {
            ours: SchedClassifier::from_pin(pins.join(program::ENI_EGRESS))?,
            flows: Map::HashMap(flows).try_into()?,
            floor,
            floor_flows: floor_flows.try_into()?,
            rounds: if options.quick { 5 } else { 15 },
            // A tenth of a second each.
            repeat: if options.quick { 500_000 } else { 1_500_000 },
        })
    }

    fn compare(&mut self, flow: &Flow) -> Result<Row> {
        self.establish(flow)?;
        let (before, _) = self.packets(flow)?;
        let (mut ours, mut theirs, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        let frame = flow.there(flag::ACK);
        for _ in 0..self.rounds {
            let run = |program, verdict| time(program, &frame, flow.from.device, self.repeat, verdict);
            ours.push(run(&self.ours, REDIRECTED)?);
            theirs.push(run(loaded(&self.floor, "floor_program")?, REDIRECTED)?);
            empty.push(run(loaded(&self.floor, "empty_program")?, PASSED)?);
        }
        let (after, floor_after) = self.packets(flow)?;
        let runs = u64::from(self.rounds) * u64::from(self.repeat);
        ensure!(
            (after - before, floor_after) == (runs, runs),
            "{runs} packets were sent; ours counted {}, the floor program {floor_after}",
            after - before
        );
        row(flow, &Sample::of(ours)?, &Sample::of(theirs)?, &Sample::of(empty)?)
    }

    /// Opens a connection in our program, and writes what became of it down for the floor program.
    fn establish(&mut self, flow: &Flow) -> Result<()> {
        let handshake = [
            (flow.there(flag::SYN), flow.from.device),
            (flow.back(flag::SYN | flag::ACK), flow.to.device),
            (flow.there(flag::ACK), flow.from.device),
        ];
        for (frame, device) in handshake {
            time(&self.ours, &frame, device, 1, REDIRECTED)?;
        }
        let entry = self
            .flows
            .get(&flow.key(), 0)
            .context("the connection is not established")?;
        let floor_entry = bytemuck::cast::<FloorEntry, FloorWords>(FloorEntry::of(&entry));
        self.floor_flows.insert(flow.key(), floor_entry, 0)?;
        Ok(())
    }

    /// The packets that our entry and the floor's have counted.
    fn packets(&self, flow: &Flow) -> Result<(u64, u64)> {
        let floor = bytemuck::cast::<FloorWords, FloorEntry>(self.floor_flows.get(&flow.key(), 0)?);
        Ok((self.flows.get(&flow.key(), 0)?.packets, floor.packets))
    }
}

fn loaded<'a>(object: &'a Ebpf, name: &str) -> Result<&'a SchedClassifier> {
    let program = object.program(name).with_context(|| format!("no program {name}"))?;
    Ok(program.try_into()?)
}

/// The ratio is that of the programs themselves. What a test run adds to any program would bring it closer to one.
fn row(flow: &Flow, ours: &Sample, theirs: &Sample, empty: &Sample) -> Result<Row> {
    let against = ("floor program in C", theirs.less(empty)?);
    let row = Row::new(flow.name(), "ns", ours.less(empty)?, against, BAR)?;
    Ok(row.note(format!(
        "the {:.0} ns of an empty program are taken off; with them {:.0} and {:.0} ns, ratio {:.3}",
        empty.median,
        ours.median,
        theirs.median,
        ours.ratio_to(theirs)?
    )))
}
