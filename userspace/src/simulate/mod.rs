//! The host twin of the kernel's programs: the same datapath over the plan itself.
//!
//! What the kernel has in maps is here in plain collections, so that the code that decides about packets runs where
//! there is neither root nor BPF: in tests, in fuzzers, in answers to "why would this packet be dropped".

mod flows;
mod tables;

use crate::plan::{Plan, changed_scopes};
use flows::Flows;
use groundplane_abi::control::{Generation, SCOPE_SLOTS, ring_hand};
use groundplane_abi::eni::{Counter, EniTotals};
use groundplane_abi::flow::{FlowEntry, RingSlot};
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::flow::Scratch;
use groundplane_datapath::{Frame, Outcome, Stages, Verdict, commit, process, rewrite};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

pub use flows::Place;

/// A frame in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceFrame {
    pub bytes: Vec<u8>,
    /// A VLAN tag that the kernel would have moved to the metadata.
    pub vlan_tag: bool,
}

impl SliceFrame {
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, vlan_tag: false }
    }
}

impl Frame for SliceFrame {
    fn len(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn has_vlan_tag(&self) -> bool {
        self.vlan_tag
    }

    fn pull(&mut self, _len: u32) {}

    fn load<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        self.bytes.get(offset as usize..)?.first_chunk().copied()
    }

    fn head<const N: usize>(&self) -> Option<[u64; N]> {
        let (words, _) = self.bytes.as_chunks::<8>();
        words.first_chunk::<N>().map(|words| words.map(u64::from_le_bytes))
    }

    fn store<const N: usize>(&mut self, offset: u32, bytes: [u8; N]) -> Option<()> {
        *self.bytes.get_mut(offset as usize..)?.first_chunk_mut()? = bytes;
        Some(())
    }
}

/// How much the tables hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Entries of the main flow table, two for each connection.
    pub flows: u32,
    pub embryos: u32,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            flows: 131_072,
            embryos: 65_536,
        }
    }
}

impl Capacity {
    /// Slots of the reclaim ring: one for each connection and a quarter more, for stale ones.
    #[must_use]
    pub const fn ring_slots(self) -> u32 {
        let connections = self.flows / 2;
        connections + connections / 4 + 8
    }
}

/// The datapath on the host: banks of plans, flow tables, a clock that stands still until it is told to move.
#[derive(Debug)]
pub struct Simulation {
    banks: [Plan; 2],
    generation: Generation,
    scopes: Vec<Generation>,
    now: Cell<u64>,
    main: RefCell<Flows>,
    embryos: RefCell<Flows>,
    ring: RefCell<Vec<RingSlot>>,
    hands: [Cell<u64>; ring_hand::COUNT as usize],
    stamps: Cell<u64>,
    drops: RefCell<BTreeMap<(Device, DropReason), Counter>>,
    totals: RefCell<BTreeMap<Device, EniTotals>>,
    scratch: RefCell<Box<Scratch>>,
    ticks_per_second: u32,
}

impl Simulation {
    pub const TICKS_PER_SECOND: u32 = 1_000;
    /// Where the clock starts: far enough from zero that no entry looks as if it were as old as the clock.
    const START: u64 = 1 << 33;

    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            banks: [Plan::default(), Plan::default()],
            generation: Generation(0),
            scopes: vec![Generation(0); SCOPE_SLOTS as usize],
            now: Cell::new(Self::START),
            main: RefCell::new(Flows::new(capacity.flows, false)),
            embryos: RefCell::new(Flows::new(capacity.embryos, true)),
            ring: RefCell::new(vec![RingSlot::default(); capacity.ring_slots() as usize]),
            hands: [Cell::new(0), Cell::new(0)],
            stamps: Cell::new(0),
            drops: RefCell::default(),
            totals: RefCell::default(),
            scratch: RefCell::default(),
            ticks_per_second: Self::TICKS_PER_SECOND,
        }
    }

    /// Puts a plan in force, as install does in the kernel.
    pub fn apply(&mut self, plan: &Plan) -> Generation {
        let next = Generation(self.generation.0 + 1);
        for scope in changed_scopes(&self.banks[self.generation.bank().0 as usize], plan) {
            self.scopes[usize::from(scope.0)] = next;
        }
        self.banks[next.bank().0 as usize] = plan.clone();
        self.generation = next;
        next
    }

    /// Moves the clock on.
    pub fn advance(&self, ticks: u64) {
        self.now.set(self.now.get() + ticks);
    }

    /// The ticks of another clock, for comparisons with the kernel, which has its own.
    pub fn set_clock(&mut self, now: u64, ticks_per_second: u32) {
        self.now.set(now);
        self.ticks_per_second = ticks_per_second;
    }

    /// A frame comes in by a device: the verdict, its effects on the tables, and the frame as it leaves.
    pub fn send(&self, device: Device, frame: &mut SliceFrame) -> Verdict {
        let outcome = process(self, frame, device);
        let verdict = commit(self, &outcome, device);
        if verdict.is_drop() {
            return verdict;
        }
        match rewrite::apply(frame, &verdict) {
            Ok(()) => verdict,
            Err(reason) => Verdict::drop(reason),
        }
    }

    /// What would become of a frame. Nothing changes.
    pub fn judge(&self, device: Device, frame: &mut SliceFrame) -> Outcome<Place> {
        process(self, frame, device)
    }

    /// The entries of a flow table, by key.
    #[must_use]
    pub fn entries(
        &self,
        table: groundplane_datapath::FlowTable,
    ) -> BTreeMap<groundplane_abi::flow::FlowKey, FlowEntry> {
        self.flows(table).borrow().entries()
    }

    #[must_use]
    pub fn drops(&self) -> BTreeMap<(Device, DropReason), Counter> {
        self.drops.borrow().clone()
    }

    #[must_use]
    pub fn totals(&self) -> BTreeMap<Device, EniTotals> {
        self.totals.borrow().clone()
    }

    /// Connections in the reclaim ring, stale slots included.
    #[must_use]
    pub fn ring_len(&self) -> u64 {
        self.hands[ring_hand::TAIL as usize].get() - self.hands[ring_hand::HEAD as usize].get()
    }
}

impl Stages for Simulation {
    type Frame = SliceFrame;

    fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
        self.scratch.try_borrow_mut().ok().map(|mut scratch| user(&mut scratch))
    }
}
