//! What ENIs have sent, and what of it was dropped and why.

use groundplane_abi::eni::{Counter, DropKey, EniTotals};
use groundplane_abi::flow::{FlowEntry, state};
use groundplane_abi::{Device, DropReason, Ip};
use std::collections::BTreeMap;

/// The counters of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EniCounters {
    /// Packets and bytes that went out of the guest and were not dropped.
    pub sent: Counter,
    /// Connections the ENI has opened, and how many of them are over.
    pub opened: u64,
    pub closed: u64,
    /// Connections it opened that both sides have spoken in and that live.
    pub live: u64,
    pub drops: BTreeMap<DropReason, Counter>,
}

/// Counters by device.
pub type Counters = BTreeMap<Device, EniCounters>;

/// What of a flow entry is counted, whatever its family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    device: Device,
    sent: Counter,
    is_live: bool,
    is_reply: bool,
}

impl Flow {
    pub(super) fn of<I: Ip>(entry: &FlowEntry<I>) -> Self {
        Self {
            device: entry.key.device(),
            sent: Counter {
                packets: entry.packets,
                bytes: entry.bytes,
            },
            is_live: entry.state == state::LIVE,
            is_reply: entry.action.is_reply(),
        }
    }
}

/// Adds up the rows of the tables: what flows that are gone or half-open have left behind, what live ones hold, and the
/// drops.
pub(super) fn sum(
    totals: impl IntoIterator<Item = (Device, Vec<EniTotals>)>,
    flows: impl IntoIterator<Item = Flow>,
    drops: impl IntoIterator<Item = (DropKey, Vec<Counter>)>,
) -> Counters {
    let mut counters = Counters::new();
    for (device, cpus) in totals {
        let eni = counters.entry(device).or_default();
        cpus.into_iter().for_each(|cpu| add_totals(eni, cpu));
    }
    for flow in flows.into_iter().filter(|flow| flow.is_live) {
        let eni = counters.entry(flow.device).or_default();
        add(&mut eni.sent, flow.sent.packets, flow.sent.bytes);
        eni.live += u64::from(!flow.is_reply);
    }
    for (key, cpus) in drops {
        let eni = counters.entry(key.device).or_default();
        let total = eni.drops.entry(key.reason).or_default();
        cpus.into_iter().for_each(|cpu| add(total, cpu.packets, cpu.bytes));
    }
    counters
}

fn add_totals(eni: &mut EniCounters, cpu: EniTotals) {
    add(&mut eni.sent, cpu.sent.packets, cpu.sent.bytes);
    // One core opens what another closes, so that a single core's numbers may have wrapped.
    eni.opened = eni.opened.wrapping_add(cpu.opened);
    eni.closed = eni.closed.wrapping_add(cpu.closed);
}

fn add(total: &mut Counter, packets: u64, bytes: u64) {
    total.packets = total.packets.wrapping_add(packets);
    total.bytes = total.bytes.wrapping_add(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::flow::{FlowKey, action_flag};
    use groundplane_abi::{Ip4, Port};

    const DEVICE: Device = Device(7);

    fn flow(state: u32, flags: u8, packets: u64) -> Flow {
        let key = FlowKey::new(
            DEVICE,
            6,
            Ip4([10, 0, 0, 4]),
            Ip4([10, 0, 0, 5]),
            Port::new(1),
            Port::new(2),
        );
        let mut entry = FlowEntry {
            key,
            state,
            packets,
            bytes: packets * 100,
            ..FlowEntry::default()
        };
        entry.action.delivery.flags = flags;
        Flow::of(&entry)
    }

    #[test]
    fn an_eni_has_sent_what_its_flows_hold_and_what_they_left_behind() {
        let cpu = |packets| EniTotals {
            sent: Counter {
                packets,
                bytes: packets * 100,
            },
            opened: 2,
            closed: 1,
        };
        let main = [
            flow(state::LIVE, 0, 5),
            flow(state::LIVE, action_flag::REPLY, 6),
            flow(state::DEAD, 0, 1000),
        ];
        let counters = sum([(DEVICE, vec![cpu(1), cpu(2)])], main, []);
        let eni = &counters[&DEVICE];
        assert_eq!(
            eni.sent,
            Counter {
                packets: 14,
                bytes: 1400
            }
        );
        assert_eq!((eni.opened, eni.closed, eni.live), (4, 2, 1));
    }

    #[test]
    fn drops_add_up_over_cores_by_reason() {
        let key = |reason| DropKey {
            device: DEVICE,
            reason,
            rule: 0,
        };
        let one = Counter { packets: 1, bytes: 60 };
        let drops = [
            (key(DropReason::NO_ROUTE), vec![one, one]),
            (key(DropReason::SOURCE_MAC), vec![one]),
        ];
        let counters = sum([], [], drops);
        let expected = [
            (DropReason::SOURCE_MAC, one),
            (DropReason::NO_ROUTE, Counter { packets: 2, bytes: 120 }),
        ];
        assert_eq!(counters[&DEVICE].drops, BTreeMap::from(expected));
    }
}
