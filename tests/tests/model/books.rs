//! What the datapath has counted, held against what has happened: every packet delivered is in the counters of its
//! sender, every drop under its reason, and every connection is complete and in the ring that will take it out.

use groundplane_abi::eni::Counter;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::FlowTable;
use groundplane_tests::twin::{Heard, Twin};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Books {
    sent: BTreeMap<Device, Counter>,
    dropped: BTreeMap<(Device, DropReason), Counter>,
}

impl Books {
    pub(crate) fn heard(&mut self, from: Device, frame: &[u8], heard: &Heard) {
        let counter = match heard {
            Heard::Delivered { .. } => self.sent.entry(from).or_default(),
            Heard::Dropped(reason) => self.dropped.entry((from, *reason)).or_default(),
            Heard::Answered(_) => return,
        };
        add(counter, 1, frame.len() as u64);
    }

    /// Says what the datapath has written down otherwise.
    pub(crate) fn check(&self, twin: &Twin) -> Result<(), String> {
        let tables = twin.tables();
        let entries = tables.entries(FlowTable::Main);
        let counted = sent(twin, &entries);
        if counted != self.sent {
            return Err(format!("sent {:?}, but counted {counted:?}", self.sent));
        }
        if tables.drops() != self.dropped {
            return Err(format!("dropped {:?}, but counted {:?}", self.dropped, tables.drops()));
        }
        let originals = entries.values().filter(|entry| !entry.action.is_reply()).count() as u64;
        let totals = tables.totals();
        let open: u64 = totals.values().map(|totals| totals.opened - totals.closed).sum();
        if open != originals || originals * 2 != entries.len() as u64 || tables.ring_len() < originals {
            return Err(format!(
                "{originals} connections in {} entries, {open} counted, {} in the ring",
                entries.len(),
                tables.ring_len()
            ));
        }
        entries.values().try_for_each(|entry| check_twin(entry, &entries))
    }
}

/// Totals and what the entries hold make what an ENI has sent.
fn sent(twin: &Twin, entries: &BTreeMap<FlowKey, FlowEntry>) -> BTreeMap<Device, Counter> {
    let totals = twin.tables().totals();
    let mut sent: BTreeMap<Device, Counter> = totals.iter().map(|(device, totals)| (*device, totals.sent)).collect();
    for entry in entries.values() {
        add(sent.entry(entry.key.device()).or_default(), entry.packets, entry.bytes);
    }
    sent.retain(|_, counter| *counter != Counter::default());
    sent
}

fn add(counter: &mut Counter, packets: u64, bytes: u64) {
    counter.packets = counter.packets.wrapping_add(packets);
    counter.bytes = counter.bytes.wrapping_add(bytes);
}

fn check_twin(entry: &FlowEntry, entries: &BTreeMap<FlowKey, FlowEntry>) -> Result<(), String> {
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
