//! Flow entries: finding them, judging the first packet into them, and writing them down.
//!
//! A connection is two entries. The first packet's walk and the walk of its answer give both; until the answer comes
//! they are embryos in a table that may evict them, then they stand in the main table. An established packet is
//! a hit; everything else takes [`slow`], which decides, and
//! [`mod@crate::commit`], which writes.

mod compose;

pub(crate) use compose::stamp;

use crate::conntrack::{self, Pulse, idle, standing};
use crate::family::{Family, Glance};
use crate::packet::{Packet, packet_flag, tcp_flag};
use crate::scratch::{Old, Scratch, effect, old_place, resumed};
use crate::stages::Stages;
use crate::verdict::{Hit, Verdict};
use crate::walk::Walk;
use crate::{FlowTable, Frame, TablesOf, gateway_balancer, parse};
use compose::{compose, compose_twin, settle};
use groundplane_abi::flow::{FlowEntry, action_flag, kind, state, tcp_seen};
use groundplane_abi::nacl::direction;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, Ip4};

/// A flow still one-way after this many packets and one second has its place in the main table (syslog, media).
const ONE_WAY_PACKETS: u64 = 8;

/// The fast path: whether this is an established packet; if so what becomes of it.
///
/// Whatever is out of the ordinary is not: another generation, a MAC the entry wasn't made for, a TCP flag that
/// changes state, a denial, a connection that is closing, or idle for so long that a gate may have lost its state.
#[inline(always)]
pub(crate) fn hit<I: Family, T: TablesOf<I>>(
    tables: &T,
    frame: &impl Frame,
    glance: &Glance<I>,
) -> Option<Hit<I, T::FlowRef>> {
    let flow = tables.find(FlowTable::Main, &glance.key)?;
    let generation = tables.generation();
    let clock = tables.clock();
    // Whose MACs a frame from outside has is nobody's business.
    let is_outside = glance.key.device() == Device::INTERNET;
    // Differences instead of conditions: one branch for all of them.
    let look = |entry: &FlowEntry<I>| {
        let delivery = entry.action.delivery.to_words();
        let macs = if is_outside {
            0
        } else {
            delivery.mac_difference(glance.head)
        };
        let difference =
            entry.validity.difference(generation) | u64::from(entry.state ^ state::LIVE) | u64::from(entry.tcp) | macs;
        let verdict = Verdict::of_words(&delivery);
        (difference, entry.last_seen, verdict, u32::from(delivery.mtu()))
    };
    let (0, last_seen, verdict, mtu) = tables.read(flow, &glance.key, look)? else {
        return None;
    };
    let fits = glance.total_len <= mtu || parse::fits(frame, glance.headers_len, mtu);
    if !fits || glance.ttl <= verdict.hops && verdict.hops != 0 {
        return None;
    }
    let shortest = u64::from(idle::SHORTEST) * u64::from(clock.ticks_per_second);
    let now = clock.now;
    // Another core's clock may be a tick ahead, which makes a huge number: that is a miss, too, and does no harm.
    let is_hit = !verdict.is_drop() && now.wrapping_sub(last_seen) <= shortest;
    let key = glance.key;
    is_hit.then_some(Hit {
        verdict,
        key,
        flow,
        now,
    })
}

/// Decides about a packet that isn't an ordinary one of an established flow, and leaves the effect in the scratch.
pub fn slow<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    scratch.old.place = old_place::NOWHERE;
    scratch.old.over = 0;
    scratch.old.is_remembered = 0;
    scratch.tcp = tcp_bits(&scratch.there.packet);
    scratch.entry.key = scratch.there.packet.key(scratch.there.near_device);
    if scratch.there.returned_by != Ip4::UNSPECIFIED {
        stages.check_returned(&mut scratch.there).check()?;
    }
    if !scratch.there.is_uncached() {
        let found = stages.resume(scratch);
        if found != resumed::NO {
            DropReason(found as u16).check()?;
            // Where it is too large only the way tells, and whether anybody is told.
            if fits(scratch) && !is_silent(scratch) {
                return Ok(());
            }
        }
        scratch.there.is_remembered = scratch.old.is_remembered as u8;
    }
    scratch.there.is_new = u32::from(scratch.old.place == old_place::NOWHERE);
    stages.walk(&mut scratch.there).check()?;
    compose(stages, scratch);
    scratch.effect = effect::COUNT;
    if !scratch.there.is_uncached() && scratch.old.place != old_place::DYING {
        compose_twin(stages, scratch);
        // A packet from an ENI to itself, by the same port or without any, is its own answer. One key can't hold two
        // entries, so it is judged each time.
        if scratch.twin.key != scratch.entry.key {
            settle(stages, scratch);
        }
    }
    fit(scratch)
}

/// Drops what doesn't fit its path: on the way, behind the ENI that it left last.
#[inline(always)]
fn fit<I: Family>(scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    if fits(scratch) {
        return Ok(());
    }
    let walk = &mut scratch.there;
    walk.at = walk.left;
    walk.direction = if walk.left == Device::INTERNET {
        direction::INGRESS
    } else {
        direction::EGRESS
    };
    Err(DropReason::PATH_MTU_EXCEEDED)
}

/// Whether the packet is too large for a path on which nobody is told of that: its walk then says where.
#[inline(always)]
fn is_silent<I: Family>(scratch: &Scratch<I>) -> bool {
    let delivery = &scratch.entry.action.delivery;
    delivery.flags & action_flag::SILENT != 0 && scratch.there.packet.size > delivery.detail
}

/// Whether the packet fits its path, or may be fragmented. To a guest such a one is delivered whole; what leaves by an
/// uplink goes by way of the cutter ([`crate::uplink::to_cutter`]).
#[inline(always)]
fn fits<I: Family>(scratch: &Scratch<I>) -> bool {
    let packet = &scratch.there.packet;
    packet.size <= scratch.entry.action.delivery.detail || !packet.has(packet_flag::DONT_FRAGMENT)
}

const fn tcp_bits<I: Family>(packet: &Packet<I>) -> u16 {
    let fin = if packet.tcp_flags & tcp_flag::FIN != 0 {
        tcp_seen::FIN_SENT
    } else {
        0
    };
    let reset = if packet.tcp_flags & tcp_flag::RST != 0 {
        tcp_seen::RESET
    } else {
        0
    };
    tcp_seen::by_all(fin | reset)
}

/// Takes up the entry of the packet's key, if it still holds: the verdict as a reason, or [`resumed::NO`].
pub fn resume<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> u32 {
    let Some(table) = standing(stages, &scratch.entry.key, &mut scratch.there.found) else {
        return resumed::NO;
    };
    let walk = &scratch.there;
    let entry = &walk.found;
    let pulse = Pulse::take(stages, table, entry, walk.now);
    let left_over = table == FlowTable::Embryos && entry.state != state::LIVE;
    let over = left_over || pulse.is_over(entry, walk.packet.opens());
    remember(&mut scratch.old, table, entry, over);
    scratch.old.is_remembered = u16::from(!over && pulse.component_keeps(entry));
    if scratch.old.is_remembered != 0 && entry.action.delivery.kind == kind::WRAPPED {
        let [a, b, c, d, ..] = entry.action.delivery.far_mac.0;
        scratch.there.kept = Ip4([a, b, c, d]);
        scratch.there.kept_at = scratch.there.found.action.delivery.out;
    }
    let (walk, entry) = (&scratch.there, &scratch.there.found);
    let holds = entry.state == state::LIVE
        && !over
        && !pulse.has_lost_a_gate(entry)
        && walk.packet.src_mac == entry.action.delivery.near_mac
        && walk.packet.dst_mac == entry.action.delivery.expected_destination()
        && conntrack::is_fresh(stages, entry.validity, walk)
        && carries(entry, &walk.packet);
    if !holds {
        return resumed::NO;
    }
    if entry.action.delivery.kind == kind::DROP {
        // A denial is judged anew whenever the configuration has changed at all.
        return if entry.validity.is_of(walk.generation) {
            recall_denial(&mut scratch.there);
            u32::from(scratch.there.found.action.delivery.detail)
        } else {
            resumed::NO
        };
    }
    scratch.effect = if table == FlowTable::Embryos && ripens(entry, walk.now, stages.ticks_per_second()) {
        effect::PROMOTE
    } else {
        effect::TOUCH
    };
    scratch.entry.action = entry.action;
    scratch.entry.validity = entry.validity;
    scratch.entry.twin_device = entry.twin_device;
    scratch.entry.near = entry.near;
    u32::from(DropReason::NONE.0)
}

/// Whether the components on the path let a packet of the connection pass as it is: a NAT gateway no fragment but
/// UDP's, to the other family none at all, a Gateway Load Balancer none either, and a hop nothing whose TTL has run
/// out.
#[inline(always)]
fn carries<I: Family>(entry: &FlowEntry<I>, packet: &Packet<I>) -> bool {
    let delivery = &entry.action.delivery;
    if packet.has(gateway_balancer::barred(delivery.kind)) {
        return false;
    }
    let hops = delivery.flags >> action_flag::HOPS_SHIFT & action_flag::MOST_HOPS;
    let is_whole = if I::VERSION == 4 {
        packet.protocol == protocol::UDP || !packet.has(packet_flag::FRAGMENT)
    } else {
        !packet.has(packet_flag::FRAGMENT | packet_flag::OPTIONS)
    };
    hops == 0 || is_whole && packet.ttl > hops
}

/// Where and by which rule answers are denied, as [`compose_twin`] wrote it down.
#[inline(always)]
fn recall_denial<I: Family>(walk: &mut Walk<I>) {
    let delivery = &walk.found.action.delivery;
    walk.rule = u32::from(walk.found.far.rule);
    walk.at = delivery.out;
    walk.direction = if delivery.flags & action_flag::LEAVING == 0 {
        direction::INGRESS
    } else {
        direction::EGRESS
    };
}

#[inline(always)]
fn remember<I: Family>(old: &mut Old<I>, table: FlowTable, entry: &FlowEntry<I>, over: bool) {
    old.place = match table {
        FlowTable::Embryos => old_place::EMBRYOS,
        FlowTable::Main if entry.state == state::LIVE => old_place::MAIN,
        FlowTable::Main => old_place::DYING,
    };
    old.stamp = entry.stamp as u32;
    old.over = u32::from(over);
    old.is_reply = u32::from(entry.action.is_reply());
    old.twin_key = entry.twin_key();
    old.packets = entry.packets;
    old.bytes = entry.bytes;
    old.tcp = entry.tcp;
    old.born = entry.born;
}

/// Whether this packet makes a connection of an embryo: the first one the other way, or one of many.
#[inline(always)]
fn ripens<I: Family>(entry: &FlowEntry<I>, now: u64, ticks_per_second: u32) -> bool {
    let age = (now as u32).wrapping_sub(entry.born);
    entry.action.is_reply() || entry.packets + 1 >= ONE_WAY_PACKETS && age >= ticks_per_second
}
