//! The datapath on the host, driven the way a test speaks: topologies, devices, frames, a clock that only tests move.

use crate::topology::Topology;
use groundplane::plan::{self, Plan};
use groundplane::simulate::{Capacity, Place, Simulation, SliceFrame};
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::flow::{effect, old_place};
use groundplane_datapath::verdict::rewrite::ANSWER;
use groundplane_datapath::{Outcome, Stages, Tables};
use std::time::Duration;

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Delivered { to: Device, frame: Vec<u8> },
    Answered(Vec<u8>),
    Dropped(DropReason),
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
        };
        let outcome = self.tables.judge(from, &mut frame);
        let path = self.path(&outcome);
        let verdict = groundplane_datapath::commit(&self.tables, &outcome, from);
        if verdict.is_drop() {
            assert_eq!(frame.bytes, bytes, "a dropped packet has not been touched");
            return (Heard::Dropped(verdict.reason), path);
        }
        groundplane_datapath::rewrite::apply(&mut frame, &verdict).expect("a frame that is delivered can be rewritten");
        let heard = match verdict.rewrite {
            ANSWER => Heard::Answered(frame.bytes),
            _ => Heard::Delivered {
                to: verdict.out,
                frame: frame.bytes,
            },
        };
        (heard, path)
    }

    /// How many packets of a device were dropped for a reason.
    #[must_use]
    pub fn drops(&self, device: Device, reason: DropReason) -> u64 {
        self.tables
            .drops()
            .get(&(device, reason))
            .map_or(0, |counter| counter.packets)
    }

    /// The tables, to be looked into.
    #[must_use]
    pub fn tables(&self) -> &Simulation {
        &self.tables
    }

    fn path(&self, outcome: &Outcome<Place>) -> Option<Path> {
        if outcome.flow.is_some() {
            return Some(Path::Fast);
        }
        if !outcome.slow {
            return None;
        }
        let generation = self.tables.generation();
        self.tables.with_scratch(|scratch| match scratch.effect {
            effect::TOUCH if scratch.entry.validity.is_of(generation) => Path::Resumed,
            effect::TOUCH => Path::Restamped,
            effect::PROMOTE => Path::Promoted,
            effect::INSTALL if scratch.old.place != old_place::NOWHERE && scratch.old.over != 0 => Path::Expired,
            effect::INSTALL => Path::Installed,
            effect::REPLACE => Path::Replaced,
            _ => Path::Alone,
        })
    }
}

/// The plan of a topology.
#[must_use]
pub fn compile(topology: &Topology) -> Plan {
    plan::compile(&topology.resources, &topology.bindings).expect("the topology compiles")
}
