//! Connection tracking: how long an ENI remembers, and whether it does (semantics 7).
//!
//! The state of a connection at an ENI is the flow entry whose packets come in there: its near gate. A connection is
//! as old as the younger of its two entries, since packets both ways refresh it.

use crate::family::Family;
use crate::security_group::{Question, tracking};
use crate::walk::Walk;
use crate::{FlowTable, TablesOf};
use groundplane_abi::control::Validity;

use groundplane_abi::eni::EniEntry;
use groundplane_abi::flow::{FlowEntry, FlowKey, Gate, state, tcp_seen};
use groundplane_abi::wire::protocol;

/// Idle limits in seconds that no ENI can change (semantics 7.4; half-open, closing and ICMP are this project's
/// choice).
pub mod idle {
    pub const TCP_HALF_OPEN: u32 = 60;
    pub const TCP_CLOSING: u32 = 10;
    pub const ICMP: u32 = 30;
    pub const OTHER: u32 = 600;
    /// What a component on the path has sent and nobody has answered.
    pub const UNANSWERED: u32 = 60;
    /// An entry of a flow that neither end tracks is a cache; nobody misses it.
    pub const UNTRACKED: u32 = 60;
    /// After this long even the shortest limit of an open connection may have passed: look closely.
    pub const SHORTEST: u32 = 30;
}

/// A gate that has just been opened by a rule.
#[inline(always)]
pub(crate) fn new_gate<I: Family>(eni: &EniEntry, protocol: u8, question: &Question<I>) -> Gate {
    let limit = match protocol {
        protocol::TCP => eni.tcp_established_timeout,
        protocol::UDP => u32::from(eni.udp_stream_timeout),
        _ if protocol == I::ICMP => idle::ICMP,
        _ => idle::OTHER,
    };
    Gate {
        limit,
        rule: question.rule as u16,
        flags: tracking(eni, protocol, question),
        single: eni.udp_timeout as u8,
    }
}

/// What the two entries of a connection say together.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// Ticks since the last packet either way.
    idle: u64,
    /// Both sides have spoken.
    two_way: bool,
    /// Both sides have spoken more than once.
    stream: bool,
    closing: bool,
    ticks_per_second: u32,
}

impl Pulse {
    /// Takes the pulse of a connection by one of its entries.
    pub(crate) fn take<I: Family, T: TablesOf<I>>(
        tables: &T,
        table: FlowTable,
        entry: &FlowEntry<I>,
        now: u64,
    ) -> Self {
        let device = entry.key.device();
        // Where two connections' twins have one key, the one in the table may be the other's, which says nothing.
        let look = |twin: &FlowEntry<I>| {
            if twin.twin_device == device {
                (twin.last_seen, twin.packets)
            } else {
                (0, 0)
            }
        };
        let (twin_seen, twin_packets) = tables.look_up(table, entry.twin_key(), look).unwrap_or((0, 0));
        let last_seen = entry.last_seen.max(twin_seen);
        let fewer = entry.packets.min(twin_packets);
        Self {
            // Another core's clock may be a tick ahead.
            idle: now.saturating_sub(last_seen),
            two_way: fewer > 0,
            stream: fewer > 1,
            closing: tcp_seen::is_closing(entry.tcp),
            ticks_per_second: tables.ticks_per_second(),
        }
    }

    /// The same for whoever has seen the twin, and when and how many packets of it. Apart from `take`, which must stay
    /// as it is: with a call in it the compiler no longer puts it into its callers, and a function of several values,
    /// which it returns by a pointer to its caller's stack, the verifier refuses; told to put it there, it takes more
    /// stack than Linux 6.1 has.
    #[must_use]
    pub fn of<I: Family>(
        entry: &FlowEntry<I>,
        (twin_seen, twin_packets): (u64, u64),
        now: u64,
        ticks_per_second: u32,
    ) -> Self {
        let fewer = entry.packets.min(twin_packets);
        Self {
            idle: now.saturating_sub(entry.last_seen.max(twin_seen)),
            two_way: fewer > 0,
            stream: fewer > 1,
            closing: tcp_seen::is_closing(entry.tcp),
            ticks_per_second,
        }
    }

    /// Whether a gate still has state.
    pub(crate) fn keeps(&self, gate: &Gate, protocol: u8) -> bool {
        gate.is_tracked() && !self.is_idle_for(self.limit(gate, protocol))
    }

    /// Whether the connection can be taken out of the table: no gate has state, and nobody uses it as a cache.
    #[must_use]
    pub fn is_expired<I: Family>(&self, entry: &FlowEntry<I>) -> bool {
        if is_tracked(entry) {
            let protocol = entry.key.protocol();
            let by_gates = self.keeps(&entry.near, protocol) || self.keeps(&entry.far, protocol);
            return !by_gates && !self.component_keeps(entry);
        }
        self.is_idle_for(if self.closing {
            idle::TCP_CLOSING
        } else {
            idle::UNTRACKED
        })
    }

    /// Whether the packet belongs to another connection than this one: it opens one where one is closing, or nobody
    /// has state of the old one any more.
    pub(crate) fn is_over<I: Family>(&self, entry: &FlowEntry<I>, opens: bool) -> bool {
        self.closing && opens || is_tracked(entry) && self.is_expired(entry)
    }

    /// Whether a tracked gate of the entry has lost its state while the connection lives on.
    pub(crate) fn has_lost_a_gate<I: Family>(&self, entry: &FlowEntry<I>) -> bool {
        let protocol = entry.key.protocol();
        let lost = |gate: &Gate| gate.is_tracked() && !self.keeps(gate, protocol);
        lost(&entry.near) || lost(&entry.far) || entry.component != 0 && !self.component_keeps(entry)
    }

    /// Whether a component on the path, such as a NAT gateway, still knows the connection (semantics 10.5).
    pub(crate) fn component_keeps<I: Family>(&self, entry: &FlowEntry<I>) -> bool {
        let limit = if tcp_seen::is_closing(tcp_seen::by_component(entry.tcp)) {
            idle::TCP_CLOSING
        } else if !self.two_way {
            idle::UNANSWERED
        } else {
            u32::from(entry.component)
        };
        entry.component != 0 && !self.is_idle_for(limit)
    }

    fn limit(&self, gate: &Gate, protocol: u8) -> u32 {
        match protocol {
            protocol::TCP if self.closing => idle::TCP_CLOSING,
            protocol::TCP if !self.two_way => idle::TCP_HALF_OPEN,
            protocol::UDP if !self.stream => u32::from(gate.single),
            _ => gate.limit,
        }
    }

    fn is_idle_for(&self, seconds: u32) -> bool {
        self.idle > u64::from(seconds) * u64::from(self.ticks_per_second)
    }
}

pub(crate) const fn is_tracked<I: Family>(entry: &FlowEntry<I>) -> bool {
    entry.near.is_tracked() || entry.far.is_tracked() || entry.component != 0
}

/// The gate of the ENI where packets of the walk's own key come in, if it has state that admits the walk's packet.
///
/// Both tables are asked: after a change of routes the main table may still hold the entry of the old way, while what
/// the ENI remembers since stands among the embryos.
#[inline(always)]
pub(crate) fn gate_with_state<I: Family, T: TablesOf<I>>(tables: &T, walk: &mut Walk<I>) -> Option<Gate> {
    gate_in(tables, FlowTable::Main, walk).or_else(|| gate_in(tables, FlowTable::Embryos, walk))
}

#[inline(always)]
fn gate_in<I: Family, T: TablesOf<I>>(tables: &T, table: FlowTable, walk: &mut Walk<I>) -> Option<Gate> {
    if !copy(tables, table, &walk.own_key, &mut walk.found) {
        return None;
    }
    let entry = &walk.found;
    if entry.state != state::LIVE || !entry.near.is_tracked() {
        return None;
    }
    let pulse = Pulse::take(tables, table, entry, walk.now);
    let reopened = pulse.closing && walk.packet.opens();
    (!reopened && pulse.keeps(&entry.near, entry.key.protocol())).then_some(entry.near)
}

/// Where the entry of a key stands, and the entry.
///
/// An embryo that says it was promoted belongs to a connection that came into the main table after this core looked
/// there, so a second look finds it; if not, the connection is over and its embryo left over.
pub(crate) fn standing<I: Family, T: TablesOf<I>>(
    tables: &T,
    key: &FlowKey<I>,
    found: &mut FlowEntry<I>,
) -> Option<FlowTable> {
    if copy(tables, FlowTable::Main, key, found) {
        return Some(FlowTable::Main);
    }
    if !copy(tables, FlowTable::Embryos, key, found) {
        return None;
    }
    if found.state != state::PROMOTED {
        return Some(FlowTable::Embryos);
    }
    if copy(tables, FlowTable::Main, key, found) {
        return Some(FlowTable::Main);
    }
    copy(tables, FlowTable::Embryos, key, found).then_some(FlowTable::Embryos)
}

/// Copies the entry of a key in one of the tables. Apart, so that a copy of the key is on the stack no longer than
/// needed.
#[inline(never)]
pub(crate) fn copy<I: Family, T: TablesOf<I>>(
    tables: &T,
    table: FlowTable,
    key: &FlowKey<I>,
    found: &mut FlowEntry<I>,
) -> bool {
    match tables.find(table, key) {
        Some(flow) => tables.read_into(flow, key, found),
        None => false,
    }
}

/// Whether an entry's stamp still holds: it is of the generation in force, or nothing it depends on has changed since.
pub(crate) fn is_fresh<I: Family, T: TablesOf<I>>(tables: &T, validity: Validity, walk: &Walk<I>) -> bool {
    if validity.is_of(walk.generation) {
        return true;
    }
    let stamped = validity.stamped_at(walk.generation);
    for place in 0..Validity::SCOPES {
        let scope = validity.scope(place);
        if scope.0 != 0 && tables.changed_at(scope) > stamped {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::flow::gate_flag;
    use groundplane_abi::{Device, Ip4, Port};

    fn entry(near: u32, far: u32) -> FlowEntry<Ip4> {
        let gate = |limit| Gate {
            limit,
            flags: gate_flag::TRACKED,
            ..Gate::default()
        };
        FlowEntry {
            key: FlowKey::new(
                Device(1),
                protocol::TCP,
                Ip4([1; 4]),
                Ip4([2; 4]),
                Port::NONE,
                Port::NONE,
            ),
            near: gate(near),
            far: gate(far),
            ..FlowEntry::default()
        }
    }

    fn idle_for(seconds: u64) -> Pulse {
        Pulse {
            idle: seconds * 1000,
            two_way: true,
            stream: true,
            closing: false,
            ticks_per_second: 1000,
        }
    }

    #[test]
    fn the_gate_with_the_shorter_limit_is_lost_first() {
        for entry in [entry(100, 200), entry(200, 100)] {
            assert!(!idle_for(100).has_lost_a_gate(&entry));
            assert!(idle_for(101).has_lost_a_gate(&entry));
            assert!(!idle_for(101).is_expired(&entry), "the other gate keeps the connection");
            assert!(idle_for(201).is_expired(&entry));
        }
    }

    /// Semantics 7: a stream has the longer of the two limits of UDP, and takes more than a question and its answer.
    #[test]
    fn a_stream_is_more_than_one_packet_each_way() {
        let pulse = |packets, twin_packets| {
            let entry = FlowEntry { packets, ..entry(0, 0) };
            let pulse = Pulse::of(&entry, (0, twin_packets), 0, 1000);
            (pulse.two_way, pulse.stream)
        };
        assert_eq!(pulse(9, 0), (false, false));
        assert_eq!([pulse(9, 1), pulse(1, 9)], [(true, false); 2]);
        assert_eq!(pulse(2, 2), (true, true));
    }
}
