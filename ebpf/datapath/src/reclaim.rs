//! Taking expired connections out of the main table, without anybody's help.
//!
//! The ring is a queue of all connections, oldest first. Every new connection looks at the two at the head: what has
//! expired is deleted, what lives goes to the end of the queue. So the queue is never longer than the connections there
//! are, give or take stale slots (a connection that was replaced has a slot under its old stamp), and where stale slots
//! could pile up the hand takes longer strides.

use crate::conntrack::{self, Pulse};
use crate::stages::Stages;
use crate::{FlowTable, Tables};
use groundplane_abi::control::ring_hand;
use groundplane_abi::flow::{FlowEntry, FlowKey, RingSlot, state};

const STRIDE: u32 = 2;
/// When the ring is nearly full: at most an eighth of it can then be stale.
const LONG_STRIDE: u32 = 8;

/// Moves the hand on, as every new connection does.
pub fn advance<S: Stages>(stages: &S, now: u64) {
    let slots = u64::from(stages.ring_slots());
    let used = stages.ring_hand(ring_hand::TAIL).wrapping_sub(stages.ring_hand(ring_hand::HEAD));
    let stride = if used > slots - slots / 8 { LONG_STRIDE } else { STRIDE };
    for step in 0..LONG_STRIDE {
        if step >= stride || !examine(stages, now) {
            break;
        }
    }
}

/// Looks at the connection at the head. False if there is none.
fn examine<S: Stages>(stages: &S, now: u64) -> bool {
    let head = stages.ring_hand(ring_hand::HEAD);
    let Some(slot) = slot_at(stages, head).and_then(|index| stages.ring_slot(index)) else { return false };
    // Nobody has been here yet, or somebody has taken the position and is about to fill it. Not skipped: the slot would
    // be lost.
    if slot.turn != turn_of(head) {
        return false;
    }
    if !stages.ring_advance_head(head) {
        return true;
    }
    let Some(entry) = conntrack::entry_in(stages, FlowTable::Main, &slot.key) else { return true };
    if entry.stamp as u32 != slot.stamp {
        return true;
    }
    if entry.state == state::LIVE && Pulse::take(stages, FlowTable::Main, &entry, now).is_expired(&entry) {
        // A packet may come between the look and the deletion. It had its connection's whole idle limit to come in.
        retire_pair(stages, &entry);
    } else {
        push(stages, &slot.key, slot.stamp);
    }
    true
}

/// Puts a connection at the end of the queue.
pub(crate) fn push<T: Tables>(tables: &T, key: &FlowKey, stamp: u32) {
    let tail = tables.ring_take_tail();
    if let Some(index) = slot_at(tables, tail) {
        tables.set_ring_slot(index, &RingSlot { key: *key, stamp, turn: turn_of(tail) });
    }
}

fn slot_at<T: Tables>(tables: &T, position: u64) -> Option<u32> {
    position.checked_rem(u64::from(tables.ring_slots())).map(|index| index as u32)
}

/// Never the zero of an empty slot at the same position.
const fn turn_of(position: u64) -> u32 {
    (position as u32).wrapping_add(1)
}

/// Takes the connection of an entry out of the main table, and says whether this core did it.
pub(crate) fn retire<S: Stages>(stages: &S, key: &FlowKey, stamp: u32) -> bool {
    match conntrack::entry_in(stages, FlowTable::Main, key) {
        Some(entry) if entry.stamp as u32 == stamp => retire_pair(stages, &entry),
        _ => false,
    }
}

/// Takes a connection out by either of its entries. The original decides who does it: of several cores one moves it
/// from live to dead.
fn retire_pair<S: Stages>(stages: &S, entry: &FlowEntry) -> bool {
    let twin = conntrack::entry_in(stages, FlowTable::Main, &entry.twin_key());
    let original = if entry.action.is_reply() { twin.as_ref() } else { Some(entry) };
    let reply = if entry.action.is_reply() { Some(entry) } else { twin.as_ref() };
    let Some(original) = original.filter(|original| claim(stages, original)) else { return false };
    if let Some(reply) = reply.filter(|reply| claim(stages, reply)) {
        take_out(stages, reply);
    }
    take_out(stages, original);
    stages.count_closed(original.key.device());
    true
}

fn take_out<S: Stages>(stages: &S, gone: &FlowEntry) {
    stages.count_sent(gone.key.device(), gone.packets, gone.bytes);
    stages.remove(FlowTable::Main, &gone.key);
}

/// Moves an entry from live to dead, and says whether this core did it.
///
/// Between finding the element and moving its state it may have become another entry. Then the move is taken back: that
/// entry was live, and nobody else can have claimed it while it was dead.
fn claim<S: Stages>(stages: &S, entry: &FlowEntry) -> bool {
    let Some(flow) = stages.find(FlowTable::Main, &entry.key) else { return false };
    if !stages.claim(flow, state::LIVE, state::DEAD) {
        return false;
    }
    let still = stages.read(flow, &entry.key);
    if still.is_some_and(|still| still.stamp == entry.stamp) {
        return true;
    }
    stages.claim(flow, state::DEAD, state::LIVE);
    false
}
