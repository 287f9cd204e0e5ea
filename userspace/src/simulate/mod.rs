//! The host twin of the kernel's programs: the same datapath over the plan itself.
//!
//! What the kernel has in maps is here in plain collections, so that the code that decides about packets runs where
//! there is neither root nor BPF: in tests, in fuzzers, in answers to "why would this packet be dropped".

mod bank;
mod door;
mod flows;
mod frame;
mod tables;

use crate::plan::{Lead, Plan, UplinkRows, changed_scopes};
use bank::Bank;
use flows::Flows;
use groundplane_abi::control::{Generation, SCOPE_SLOTS, ring_hand};
use groundplane_abi::eni::{Counter, DropKey, EniKey, EniState, EniTotals};
use groundplane_abi::event::Event;
use groundplane_abi::flow::{FlowEntry, FlowKey, kind, state};
use groundplane_abi::fragment::{FragmentKey, FragmentNote};
use groundplane_abi::nat::BindingEntry;
use groundplane_abi::ring::RingSlot;
use groundplane_abi::service::AliasEntry;
use groundplane_abi::uplink::{UplinkEntry, uplink_flag};
use groundplane_abi::{Device, DropReason, Ip, Ip4, Ip6, Mac};
use groundplane_datapath::geneve::Finished;
use groundplane_datapath::scratch::Scratch;
use groundplane_datapath::{
    Family, FlowTable, Frame as _, Stages, TablesOf as _, Verdict, commit, fast, filter, geneve, judge, nat64, parse,
    report, rewrite, uplink,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

pub use flows::Place;
pub use frame::SliceFrame;

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
    /// Slots of the reclaim ring: one for each connection and each mapping of its, and some more, for stale ones.
    #[must_use]
    pub const fn ring_slots(self) -> u32 {
        let connections = self.flows / 2;
        // A mapping of a NAT gateway has a slot as well.
        2 * connections + connections / 4 + 8
    }
}

/// Where a packet comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    pub device: Device,
    /// Whether the fast path may know it. What an appliance has given back is looked at closer.
    pub is_known: bool,
}

/// What there is of each family.
#[derive(Debug)]
struct FamilyTables<I: Ip> {
    main: RefCell<Flows<I>>,
    embryos: RefCell<Flows<I>>,
    bindings: RefCell<BTreeMap<FlowKey<I>, BindingEntry<I>>>,
    mappings: RefCell<BTreeMap<FlowKey<I>, u64>>,
    aliases: BTreeMap<I, AliasEntry<I>>,
    ring: RefCell<Vec<RingSlot<I>>>,
    hands: [Cell<u64>; ring_hand::OF_FAMILY as usize],
    fragments: RefCell<BTreeMap<FragmentKey<I>, FragmentNote>>,
    scratch: RefCell<Box<Scratch<I>>>,
}

impl<I: Ip> FamilyTables<I> {
    fn new(capacity: Capacity) -> Self {
        Self {
            main: RefCell::new(Flows::new(capacity.flows, false)),
            embryos: RefCell::new(Flows::new(capacity.embryos, true)),
            bindings: RefCell::default(),
            mappings: RefCell::default(),
            aliases: BTreeMap::new(),
            ring: RefCell::new(vec![RingSlot::default(); capacity.ring_slots() as usize]),
            hands: [Cell::new(0), Cell::new(0)],
            fragments: RefCell::default(),
            scratch: RefCell::default(),
        }
    }
}

/// The datapath on the host: banks of plans, flow tables, a clock that stands still until it is told to move.
#[derive(Debug)]
pub struct Simulation {
    banks: [Bank; 2],
    generation: Generation,
    scopes: Vec<Generation>,
    now: Cell<u64>,
    ip4: FamilyTables<Ip4>,
    ip6: FamilyTables<Ip6>,
    stamps: Cell<u64>,
    drops: RefCell<BTreeMap<DropKey, Counter>>,
    /// What was told last.
    last_drop: Cell<Option<Event>>,
    totals: RefCell<BTreeMap<Device, EniTotals>>,
    states: RefCell<BTreeMap<Device, EniState>>,
    ticks_per_second: u32,
    uplinks: UplinkRows,
    secret: u64,
    assumes_mappings: bool,
}

impl Simulation {
    pub const TICKS_PER_SECOND: u32 = 1_000;
    /// What leads out of the host unless somebody says otherwise.
    pub const UPLINK: UplinkEntry = UplinkEntry {
        device: Device(1),
        flags: uplink_flag::ANSWERS_ARP,
        mac: Mac([2, 0, 0, 0, 0, 8]),
        peer_mac: Mac([0; 6]),
        cutter: Device(1),
    };
    /// Where the clock starts: far enough from zero that no entry looks as if it were as old as the clock.
    const START: u64 = 1 << 33;

    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self {
            banks: [Bank::default(), Bank::default()],
            generation: Generation(0),
            scopes: vec![Generation(0); SCOPE_SLOTS as usize],
            now: Cell::new(Self::START),
            ip4: FamilyTables::new(capacity),
            ip6: FamilyTables::new(capacity),
            stamps: Cell::new(0),
            drops: RefCell::default(),
            last_drop: Cell::new(None),
            totals: RefCell::default(),
            states: RefCell::default(),
            ticks_per_second: Self::TICKS_PER_SECOND,
            uplinks: UplinkRows::of(&[Lead {
                slot: 0,
                entry: Self::UPLINK,
                destinations: &[],
            }]),
            secret: 0,
            assumes_mappings: false,
        }
    }

    /// Puts a plan in force, as install does in the kernel.
    pub fn apply(&mut self, plan: &Plan) -> Generation {
        let next = Generation(self.generation.0 + 1);
        for scope in changed_scopes(&self.banks[self.generation.bank().0 as usize].plan, plan) {
            self.scopes[usize::from(scope.0)] = next;
        }
        self.banks[next.bank().0 as usize] = Bank::of(plan);
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

    /// Has an alias of the service port stand for an address.
    pub fn set_alias(&mut self, alias: Ip4, entry: AliasEntry<Ip4>) {
        self.ip4.aliases.insert(alias, entry);
    }

    /// Says what leads out of the host.
    pub fn set_uplinks(&mut self, uplinks: UplinkRows) {
        self.uplinks = uplinks;
    }

    /// The uplink that a frame leaves by, once its verdict is to leave.
    #[must_use]
    pub fn uplink_of(&self, frame: &SliceFrame) -> UplinkEntry {
        uplink::leading(self, || uplink::of_frame(self, frame))
    }

    /// What the kernel keeps to itself, for comparisons with it.
    pub fn set_secret(&mut self, secret: u64) {
        self.secret = secret;
    }

    /// From now on NAT gateways know every connection, by their first address and its own port. For questions about
    /// connections of which the mappings aren't here.
    pub fn assume_mappings(&mut self) {
        self.assumes_mappings = true;
    }

    /// What was made up for one question is nothing for the next.
    pub fn forget_mappings(&self) {
        self.ip4.bindings.borrow_mut().clear();
        self.ip6.bindings.borrow_mut().clear();
    }

    /// Makes a mapping up for what comes from inside.
    fn assume_mapping<I: SimulatedFamily>(&self, key: &FlowKey<I>) -> Option<BindingEntry<I>> {
        let device = key.device().without_mapping();
        let bank = self.generation.bank();
        let address = self.nat_address(&EniKey { bank, device }, 0)?;
        let ports = (key.src_port(), key.dst_port());
        let becomes = FlowKey::new(device, key.protocol(), address, key.dst(), ports.0, ports.1);
        let there = BindingEntry {
            key: *key,
            becomes,
            born: self.now.get() as u32,
            state: state::LIVE,
            ..BindingEntry::default()
        };
        let back = BindingEntry {
            key: becomes.reversed(device),
            becomes: key.reversed(device),
            ..there
        };
        let mut bindings = I::tables(self).bindings.borrow_mut();
        bindings.extend([(there.key, there), (back.key, back)]);
        Some(there)
    }

    /// The rows of a family's mappings.
    #[must_use]
    pub fn bindings<I: SimulatedFamily>(&self) -> BTreeMap<FlowKey<I>, BindingEntry<I>> {
        I::tables(self).bindings.borrow().clone()
    }

    /// A frame comes in by a device: the verdict, its effects on the tables, and the frame as the programs let it go,
    /// be that to the cutter.
    pub fn send(&self, device: Device, frame: &mut SliceFrame) -> Verdict {
        let mut port = Port { device, is_known: true };
        loop {
            let verdict = if parse::is_ip6(frame) {
                self.send_of::<Ip6>(port, frame)
            } else {
                self.send_of::<Ip4>(port, frame)
            };
            if verdict.kind == kind::UPLINK && verdict.mtu != 0 {
                // It is long enough, or it would not have left.
                _ = uplink::to_cutter(frame);
            }
            let next = match verdict.kind {
                kind::NAT64 => self.carry(verdict.out, frame),
                kind::WRAPPED | kind::RETURNED => self.finish(frame),
                _ => return verdict,
            };
            port = match next {
                Ok(next) => next,
                Err(reason) => return Verdict::drop(reason),
            };
        }
    }

    /// A packet at the ENI of a NAT gateway becomes one of the other family, which is there now.
    pub fn carry(&self, device: Device, frame: &mut SliceFrame) -> Result<Port, DropReason> {
        if nat64::carry(frame).is_none() {
            report::frame(self, frame, device, DropReason::NAT64_CONTENT);
            return Err(DropReason::NAT64_CONTENT);
        }
        Ok(Port { device, is_known: true })
    }

    /// What the finisher and the program behind it do with a packet on its way to an appliance, or back: where it is
    /// then.
    pub fn finish(&self, frame: &mut SliceFrame) -> Result<Port, DropReason> {
        frame.lower_ttl();
        let node = match geneve::finished(frame).ok_or(DropReason::NOT_IP)? {
            Finished::Sent(device) => return Ok(Port { device, is_known: true }),
            Finished::Returned(node) => node,
        };
        let Some(returned) = geneve::unwrap(self, frame, node) else {
            report::frame(self, frame, node, DropReason::GENEVE_MISMATCH);
            return Err(DropReason::GENEVE_MISMATCH);
        };
        frame.returned = returned.note;
        Ok(Port {
            device: returned.endpoint,
            is_known: false,
        })
    }

    fn send_of<I: Family>(&self, port: Port, frame: &mut SliceFrame) -> Verdict
    where
        Self: Stages<I, Frame = SliceFrame>,
    {
        let Port { device, is_known } = port;
        if is_known
            && let Some(hit) = fast::<I, _>(self, frame, device)
            && rewrite::established(self, frame, &hit)
        {
            self.touch(hit.flow, hit.now, frame.len());
            return hit.verdict;
        }
        let _ = judge::<I, _>(self, frame, device);
        let verdict = commit::<I, _>(self);
        if verdict.is_drop() {
            return verdict;
        }
        match rewrite::apply::<I, _>(self, frame, &verdict) {
            Ok(()) => verdict,
            Err(reason) => Verdict::drop(reason),
        }
    }

    /// What would become of a frame. Nothing changes that another packet could notice.
    pub fn judge(&self, device: Device, frame: &mut SliceFrame) -> Verdict {
        if parse::is_ip6(frame) {
            fast::<Ip6, _>(self, frame, device).map_or_else(|| judge::<Ip6, _>(self, frame, device), |hit| hit.verdict)
        } else {
            fast::<Ip4, _>(self, frame, device).map_or_else(|| judge::<Ip4, _>(self, frame, device), |hit| hit.verdict)
        }
    }

    /// Why the filter in front of an uplink drops a frame, if it does.
    pub fn filter(&self, frame: &SliceFrame) -> DropReason {
        if parse::is_ip6(frame) {
            filter::<Ip6, _>(self, frame)
        } else {
            filter::<Ip4, _>(self, frame)
        }
    }

    /// The entries of a flow table, by key.
    #[must_use]
    pub fn entries<I: SimulatedFamily>(&self, table: FlowTable) -> BTreeMap<FlowKey<I>, FlowEntry<I>> {
        I::tables(self).flows(table).borrow().entries()
    }

    /// The drops so far, where and why.
    #[must_use]
    pub fn drops(&self) -> BTreeMap<DropKey, Counter> {
        self.drops.borrow().clone()
    }

    /// What was told of the last packet that was dropped.
    #[must_use]
    pub fn last_drop(&self) -> Option<Event> {
        self.last_drop.get()
    }

    #[must_use]
    pub fn totals(&self) -> BTreeMap<Device, EniTotals> {
        self.totals.borrow().clone()
    }

    /// What is known of each ENI: connections tracked, first packets taken.
    #[must_use]
    pub fn states(&self) -> BTreeMap<Device, EniState> {
        self.states.borrow().clone()
    }

    /// Connections in the reclaim ring of a family, stale slots included.
    #[must_use]
    pub fn ring_len<I: SimulatedFamily>(&self) -> u64 {
        let hands = &I::tables(self).hands;
        hands[ring_hand::TAIL as usize].get() - hands[ring_hand::HEAD as usize].get()
    }
}

/// The family whose tables are meant.
pub trait SimulatedFamily: Family + sealed::HasTables {}

impl SimulatedFamily for Ip4 {}
impl SimulatedFamily for Ip6 {}

mod sealed {
    use super::bank::{Bank, Lengths};
    use super::{FamilyTables, Simulation};
    use crate::plan::{FamilyRows, Plan, UplinkRows};
    use groundplane_abi::{Ip, Ip4, Ip6};
    use std::collections::BTreeMap;

    pub trait HasTables: Ip {
        #[expect(private_interfaces, reason = "nobody outside can name the trait")]
        fn tables(simulation: &Simulation) -> &FamilyTables<Self>;
        fn rows(plan: &Plan) -> &FamilyRows<Self>;
        #[expect(private_interfaces, reason = "nobody outside can name the trait")]
        fn lengths(bank: &Bank) -> &Lengths;
        fn uplink_routes(uplinks: &UplinkRows) -> &BTreeMap<(Self, u8), u32>;
    }

    macro_rules! has_tables {
        ($ip:ty, $family:ident) => {
            impl HasTables for $ip {
                #[expect(private_interfaces, reason = "nobody outside can name the trait")]
                fn tables(simulation: &Simulation) -> &FamilyTables<Self> {
                    &simulation.$family
                }

                fn rows(plan: &Plan) -> &FamilyRows<Self> {
                    &plan.$family
                }

                #[expect(private_interfaces, reason = "nobody outside can name the trait")]
                fn lengths(bank: &Bank) -> &Lengths {
                    &bank.$family
                }

                fn uplink_routes(uplinks: &UplinkRows) -> &BTreeMap<(Self, u8), u32> {
                    &uplinks.$family
                }
            }
        };
    }

    has_tables!(Ip4, ip4);
    has_tables!(Ip6, ip6);
}

impl<I: SimulatedFamily> Stages<I> for Simulation {
    type Frame = SliceFrame;

    fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch<I>) -> R) -> Option<R> {
        I::tables(self)
            .scratch
            .try_borrow_mut()
            .ok()
            .map(|mut scratch| user(&mut scratch))
    }
}
