//! What ENIs have sent, and what of it was dropped and why.

use groundplane_abi::eni::{Counter, DropKey, EniState, EniTotals};
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
    /// Connections it tracks now, whoever opened them.
    pub tracked: u64,
    /// What was dropped at it.
    pub drops: BTreeMap<DropCause, Counter>,
}

/// Why packets were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DropCause {
    pub reason: DropReason,
    /// The number of the NACL rule that denied; 0 if it was none.
    pub rule: u16,
}

impl EniCounters {
    /// What was dropped for a reason, whatever the rule.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> Counter {
        let mut total = Counter::default();
        for (_, counter) in self.drops.iter().filter(|(cause, _)| cause.reason == reason) {
            add(&mut total, counter.packets, counter.bytes);
        }
        total
    }
}

/// What a live flow says of its ENI.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlowCount {
    device: Device,
    sent: Counter,
    is_reply: bool,
}

impl FlowCount {
    /// Of an entry, if it lives.
    pub(super) fn of<I: Ip>(flow: &FlowEntry<I>) -> Option<Self> {
        (flow.state == state::LIVE).then(|| Self {
            device: flow.key.device(),
            sent: Counter {
                packets: flow.packets,
                bytes: flow.bytes,
            },
            is_reply: flow.action.is_reply(),
        })
    }
}

/// Counters by device.
pub type Counters = BTreeMap<Device, EniCounters>;

/// Adds up the rows of the tables: what flows that are gone or half-open have left behind, what live ones hold, and the
/// drops.
pub(super) fn sum(
    totals: impl IntoIterator<Item = (Device, Vec<EniTotals>)>,
    states: impl IntoIterator<Item = (Device, EniState)>,
    flows: impl IntoIterator<Item = FlowCount>,
    drops: impl IntoIterator<Item = (DropKey, Vec<Counter>)>,
) -> Counters {
    let mut counters = Counters::new();
    for (device, cpus) in totals {
        let eni = counters.entry(device).or_default();
        cpus.into_iter().for_each(|cpu| add_totals(eni, cpu));
    }
    for (device, state) in states {
        counters.entry(device).or_default().tracked = state.tracked;
    }
    for flow in flows {
        let eni = counters.entry(flow.device).or_default();
        add(&mut eni.sent, flow.sent.packets, flow.sent.bytes);
        eni.live += u64::from(!flow.is_reply);
    }
    for (key, cpus) in drops {
        let eni = counters.entry(key.device).or_default();
        let (reason, rule) = (key.reason, key.rule);
        let total = eni.drops.entry(DropCause { reason, rule }).or_default();
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

pub(super) fn add(total: &mut Counter, packets: u64, bytes: u64) {
    total.packets = total.packets.wrapping_add(packets);
    total.bytes = total.bytes.wrapping_add(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::flow::{Action, Delivery, FlowKey, action_flag};
    use groundplane_abi::{Ip4, Ip6, Port};

    const DEVICE: Device = Device(7);

    fn flow<I: Ip>(state: u32, flags: u8, packets: u64) -> FlowEntry<I> {
        let (src, dst) = (I::default(), I::default());
        let delivery = Delivery {
            flags,
            ..Delivery::default()
        };
        FlowEntry {
            key: FlowKey::new(DEVICE, 6, src, dst, Port::new(1), Port::new(2)),
            action: Action { delivery, src, dst },
            state,
            packets,
            bytes: packets * 100,
            ..FlowEntry::default()
        }
    }

    #[test]
    fn an_eni_has_sent_what_its_flows_of_both_families_hold_and_what_they_left_behind() {
        let cpu = |packets| EniTotals {
            sent: Counter {
                packets,
                bytes: packets * 100,
            },
            opened: 2,
            closed: 1,
        };
        let flows = [
            FlowCount::of::<Ip4>(&flow(state::LIVE, 0, 5)),
            FlowCount::of::<Ip6>(&flow(state::LIVE, action_flag::REPLY, 6)),
            FlowCount::of::<Ip4>(&flow(state::DEAD, 0, 1000)),
        ];
        let tracked = EniState {
            tracked: 9,
            ..EniState::default()
        };
        let counters = sum(
            [(DEVICE, vec![cpu(1), cpu(2)])],
            [(DEVICE, tracked)],
            flows.into_iter().flatten(),
            [],
        );
        let eni = &counters[&DEVICE];
        assert_eq!(
            eni.sent,
            Counter {
                packets: 14,
                bytes: 1400
            }
        );
        assert_eq!((eni.opened, eni.closed, eni.live, eni.tracked), (4, 2, 1, 9));
    }

    #[test]
    fn drops_add_up_over_cores_by_reason_and_rule() {
        let key = |reason, rule| DropKey {
            device: DEVICE,
            reason,
            rule,
        };
        let one = Counter { packets: 1, bytes: 60 };
        let drops = [
            (key(DropReason::NO_ROUTE, 0), vec![one, one]),
            (key(DropReason::NACL_INGRESS, 100), vec![one]),
            (key(DropReason::NACL_INGRESS, 32_767), vec![one]),
        ];
        let counters = sum([], [], [], drops);
        let eni = &counters[&DEVICE];
        assert_eq!(eni.drops.len(), 3);
        let two = Counter { packets: 2, bytes: 120 };
        assert_eq!(
            [DropReason::NO_ROUTE, DropReason::NACL_INGRESS].map(|it| eni.dropped(it)),
            [two, two]
        );
    }
}
