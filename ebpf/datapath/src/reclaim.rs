//! Taking expired connections out of the main table, without anybody's help.
//!
//! The ring is a queue of all connections, oldest first. Whoever puts one into it looks at the two at the
//! head: what has expired is deleted, what lives goes to the end of the queue. So the queue is never longer than the
//! connections there are, give or take stale slots (a connection that was replaced has a slot under its old stamp), and
//! where stale slots could pile up the hand takes longer strides.
//!
//! An entry far down the queue is in nobody's cache, and looking at it costs more than all else that a new connection
//! does. So a slot says until when looking is useless.

use crate::allowance::Bill;
use crate::conntrack::{self, Pulse, idle};
use crate::family::Family;
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{FlowTable, TablesOf};

use groundplane_abi::control::ring_hand;
use groundplane_abi::flow::{FlowEntry, FlowKey, state};
use groundplane_abi::ring::RingSlot;

const STRIDE: u32 = 2;
/// When the ring is nearly full: at most an eighth of it can then be stale.
const LONG_STRIDE: u32 = 8;

/// For so many seconds after its last packet no connection expires, whatever becomes of it.
const QUIET: u16 = idle::TCP_CLOSING as u16;

/// Moves the hand on, as whoever fills a slot does.
pub fn advance<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) {
    let stride = if is_crowded::<I, S>(stages) {
        LONG_STRIDE
    } else {
        STRIDE
    };
    for step in 0..LONG_STRIDE {
        if step >= stride || !stages.examine(walk) {
            break;
        }
    }
}

/// Whether the ring is nearly full.
#[inline(always)]
fn is_crowded<I: Family, T: TablesOf<I>>(tables: &T) -> bool {
    let slots = u64::from(tables.ring_slots());
    let used = tables
        .ring_hand(ring_hand::TAIL)
        .wrapping_sub(tables.ring_hand(ring_hand::HEAD));
    used > slots - slots / 8
}

/// Looks at the connection at the head. False if there is none.
pub fn examine<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let head = stages.ring_hand(ring_hand::HEAD);
    let Some((index, turn)) = place_of::<I, S>(stages, head) else {
        return false;
    };
    let Some(slot) = stages.ring_slot(index) else {
        return false;
    };
    // Nobody has been here yet, or somebody has taken the position and is about to fill it. Not skipped: the slot would
    // be lost.
    if slot.turn != turn {
        return false;
    }
    if !stages.ring_advance_head(head) {
        return true;
    }
    // In a crowded ring stale slots have to go, and only a look tells them from others.
    if is_quiet(slot.quiet_until, second(stages, walk.now)) && !is_crowded::<I, S>(stages) {
        put(stages, &slot.key, slot.stamp, slot.quiet_until);
        return true;
    }
    if slot.key.device().is_of_mapping() {
        examine_binding(stages, walk, &slot);
        return true;
    }
    // Gone, or another connection by now, which has a slot of its own: the slot is stale.
    let listed =
        conntrack::copy(stages, FlowTable::Main, &slot.key, &mut walk.found) && walk.found.stamp as u32 == slot.stamp;
    if listed {
        let pulse = Pulse::take(stages, FlowTable::Main, &walk.found, walk.now);
        // A packet may come between the look and the deletion. It had the connection's whole idle limit to come in.
        if !pulse.is_expired(&walk.found) || !stages.retire(&slot.key, slot.stamp) {
            push(stages, &slot.key, slot.stamp, walk.found.last_seen);
        }
    }
    true
}

/// Looks at a mapping of a NAT gateway, which stands in the queue like a connection.
#[inline(always)]
fn examine_binding<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, slot: &RingSlot<I>) {
    let key = slot.key.at(slot.key.device().without_mapping());
    if !stages.binding(&key, &mut walk.mapping) || walk.mapping.stamp as u32 != slot.stamp {
        return;
    }
    if stages.is_live(walk) {
        push(stages, &slot.key, slot.stamp, walk.now);
    } else {
        stages.unbind(walk);
    }
}

/// Puts a connection at the end of the queue.
pub(crate) fn push<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>, stamp: u32, last_seen: u64) {
    put(tables, key, stamp, second(tables, last_seen).wrapping_add(QUIET));
}

#[inline(always)]
fn put<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>, stamp: u32, quiet_until: u16) {
    let tail = tables.ring_take_tail();
    if let Some((index, turn)) = place_of::<I, T>(tables, tail) {
        let slot = RingSlot {
            key: *key,
            stamp,
            turn,
            quiet_until,
        };
        tables.set_ring_slot(index, &slot);
    }
}

/// The low bits of the second that a tick is in.
#[inline(always)]
fn second<I: Family, T: TablesOf<I>>(tables: &T, ticks: u64) -> u16 {
    ticks.checked_div(u64::from(tables.ticks_per_second())).unwrap_or(0) as u16
}

/// A second from long ago is none to come, although its low bits may be: nothing is quiet for longer than [`QUIET`].
#[inline(always)]
const fn is_quiet(until: u16, now: u16) -> bool {
    let left = until.wrapping_sub(now);
    left > 0 && left <= QUIET
}

/// The slot of a position, and its turn there: never the zero of an empty slot before the ring has gone round 65,535
/// times.
#[inline(always)]
fn place_of<I: Family, T: TablesOf<I>>(tables: &T, position: u64) -> Option<(u32, u16)> {
    let slots = u64::from(tables.ring_slots());
    let round = position.checked_div(slots)?;
    let index = position.wrapping_sub(round.wrapping_mul(slots));
    Some((index as u32, (round as u16).wrapping_add(1)))
}

/// Takes the connection of a key out of the main table, if the entry there still has this stamp, and says whether this
/// core did it. The original's entry decides: of several cores one moves it from live to dead.
pub fn retire<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>, stamp: u32) -> bool {
    let mut twin_key = FlowKey::default();
    let (original, reply) = match look(tables, key, stamp, &mut twin_key) {
        Half::None => return false,
        Half::Original => (key, &twin_key),
        Half::Reply => (&twin_key, key),
    };
    if !claim(tables, original, reply) {
        return false;
    }
    if claim(tables, reply, original) {
        take_out(tables, reply);
    }
    take_out(tables, original);
    tables.count_closed(original.device());
    true
}

/// Which half of its connection an entry is.
enum Half {
    /// It isn't there any more.
    None,
    Original,
    Reply,
}

#[inline(never)]
fn look<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>, stamp: u32, twin_key: &mut FlowKey<I>) -> Half {
    let take = |entry: &FlowEntry<I>| {
        *twin_key = entry.twin_key();
        if entry.stamp as u32 != stamp {
            Half::None
        } else if entry.action.is_reply() {
            Half::Reply
        } else {
            Half::Original
        }
    };
    tables.look_up(FlowTable::Main, *key, take).unwrap_or(Half::None)
}

/// Moves an entry from live to dead, and says whether this core did it. Another connection's isn't touched: two may
/// share a key, and one of them is then in the other's place (see [`crate::commit::displace`]).
///
/// Between finding the element and moving its state it may have become another entry. Then the move is taken back: that
/// entry was live, and nobody else can have claimed it while it was dead.
#[inline(never)]
fn claim<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>, partner: &FlowKey<I>) -> bool {
    let Some(flow) = tables.find(FlowTable::Main, key) else {
        return false;
    };
    let stamp_if_ours = |entry: &FlowEntry<I>| if entry.twin_key() == *partner { entry.stamp } else { 0 };
    let stamp = tables.read(flow, key, stamp_if_ours).unwrap_or(0);
    if stamp == 0 {
        return false;
    }
    if !tables.claim(flow, state::LIVE, state::DEAD) {
        return false;
    }
    if tables.read(flow, key, |entry| entry.stamp) == Some(stamp) {
        return true;
    }
    tables.claim(flow, state::DEAD, state::LIVE);
    false
}

/// Deletes a claimed entry; what it has counted goes to its ENI's totals, and the ENI may have another one.
#[inline(never)]
fn take_out<I: Family, T: TablesOf<I>>(tables: &T, key: &FlowKey<I>) {
    let look = |entry: &FlowEntry<I>| (entry.packets, entry.bytes, Bill::of(entry));
    let Some((packets, bytes, bill)) = tables.look_up(FlowTable::Main, *key, look) else {
        return;
    };
    tables.count_sent(key.device(), packets, bytes);
    if tables.remove(FlowTable::Main, key) {
        bill.discharge(tables);
    }
}
