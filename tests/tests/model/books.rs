//! What the datapath has counted, held against what has happened: every packet delivered is in the counters of its
//! sender, every drop under its reason and rule at the ENI where it happened, every connection is complete and in the
//! ring that will take it out, and every ENI is charged what it tracks.

use groundplane::simulate::{SimulatedFamily, Simulation};
use groundplane_abi::eni::{Counter, DropKey};
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, Ip4, Ip6};
use groundplane_datapath::FlowTable;
use groundplane_tests::twin::{Heard, Twin};
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Debug, Default)]
pub(crate) struct Books {
    sent: BTreeMap<Device, Counter>,
    dropped: BTreeMap<DropKey, Counter>,
}

/// What the entries of the main tables add up to.
#[derive(Debug, Default)]
struct Sums {
    sent: BTreeMap<Device, Counter>,
    connections: u64,
    tracked: BTreeMap<Device, u64>,
}

impl Books {
    pub(crate) fn sent(&mut self, from: Device, frame: &[u8], heard: &Heard) {
        if matches!(heard, Heard::Delivered { .. }) {
            add(self.sent.entry(from).or_default(), 1, frame.len() as u64);
        }
    }

    pub(crate) fn dropped(&mut self, key: DropKey, frame: &[u8]) {
        add(self.dropped.entry(key).or_default(), 1, frame.len() as u64);
    }

    /// Says what the datapath has written down otherwise.
    pub(crate) fn check(&self, twin: &Twin) -> Result<(), String> {
        let tables = twin.tables();
        let totals = tables.totals();
        let mut sums = Sums {
            sent: totals.iter().map(|(device, totals)| (*device, totals.sent)).collect(),
            ..Sums::default()
        };
        add_up::<Ip4>(tables, &mut sums)?;
        add_up::<Ip6>(tables, &mut sums)?;
        sums.sent.retain(|_, counter| *counter != Counter::default());
        same("sent", &self.sent, &sums.sent)?;
        same("dropped", &self.dropped, &tables.drops())?;
        let open: u64 = totals.values().map(|totals| totals.opened - totals.closed).sum();
        if open != sums.connections {
            return Err(format!("{} connections, but counted {open}", sums.connections));
        }
        let states = tables.states().into_iter();
        let mut charged: BTreeMap<_, _> = states.map(|(device, state)| (device, state.tracked)).collect();
        charged.retain(|_, tracked| *tracked != 0);
        same("tracked", &sums.tracked, &charged)
    }
}

/// Says where two books differ.
fn same<K: Ord + Debug, V: PartialEq + Debug>(
    what: &str,
    is: &BTreeMap<K, V>,
    counted: &BTreeMap<K, V>,
) -> Result<(), String> {
    let keys = is.keys().chain(counted.keys());
    let mut different = keys.filter(|key| is.get(key) != counted.get(key));
    match different.next() {
        Some(key) => Err(format!(
            "{what} {key:?}: {:?}, but counted {:?}",
            is.get(key),
            counted.get(key)
        )),
        None => Ok(()),
    }
}

/// Adds up the main table of one family.
fn add_up<I: SimulatedFamily>(tables: &Simulation, sums: &mut Sums) -> Result<(), String> {
    let entries = tables.entries::<I>(FlowTable::Main);
    for entry in entries.values() {
        let device = entry.key.device();
        add(sums.sent.entry(device).or_default(), entry.packets, entry.bytes);
        if entry.near.is_tracked() {
            *sums.tracked.entry(device).or_default() += 1;
        }
        check_twin(entry, &entries)?;
    }
    let originals = entries.values().filter(|entry| !entry.action.is_reply()).count() as u64;
    let in_ring = tables.ring_len::<I>();
    if originals * 2 != entries.len() as u64 || in_ring < originals {
        return Err(format!(
            "{originals} connections in {} entries, {in_ring} in the ring",
            entries.len()
        ));
    }
    sums.connections += originals;
    Ok(())
}

fn add(counter: &mut Counter, packets: u64, bytes: u64) {
    counter.packets = counter.packets.wrapping_add(packets);
    counter.bytes = counter.bytes.wrapping_add(bytes);
}

fn check_twin<I: SimulatedFamily>(
    entry: &FlowEntry<I>,
    entries: &BTreeMap<FlowKey<I>, FlowEntry<I>>,
) -> Result<(), String> {
    let Some(twin) = entries.get(&entry.twin_key()) else {
        return Err(format!("{entry:?} has no twin"));
    };
    let alike = twin.twin_key() == entry.key
        && twin.action.is_reply() != entry.action.is_reply()
        && twin.born == entry.born
        && twin.stamp != entry.stamp;
    if alike {
        Ok(())
    } else {
        Err(format!("{entry:?} and {twin:?} are no pair"))
    }
}
