//! Flow entries: finding them, judging the first packet into them, and writing them down.
//!
//! A connection is two entries. The first packet's walk and the walk of its answer give both; until the answer comes
//! they are embryos in a table that may evict them, then they stand in the main table. An established packet is
//! [`hit`]; everything else takes [`slow`], which decides, and [`commit`], which writes.

use crate::conntrack::{self, Pulse, idle, standing};
use crate::packet::{Packet, packet_flag, tcp_flag};
use crate::stages::Stages;
use crate::verdict::{Outcome, Verdict, delivery_kind};
use crate::walk::Walk;
use crate::{FlowTable, Tables, reclaim};
use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::flow::{Action, FlowEntry, FlowKey, action_flag, kind, state, tcp_seen};
use groundplane_abi::{Device, DropReason, Mac, ScopeId};

/// A flow still one-way after this many packets and one second has its place in the main table (syslog, media).
const ONE_WAY_PACKETS: u64 = 8;

/// Everything the slow path works on: too large for the stack, so one per CPU.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Scratch {
    pub there: Walk,
    pub back: Walk,
    /// The entry of the packet in hand, and the other one.
    pub entry: FlowEntry,
    pub twin: FlowEntry,
    /// What stood in the tables under the packet's key.
    pub old: Old,
    /// One of [`effect`].
    pub effect: u32,
    /// [`tcp_seen`] bits that the packet adds.
    pub tcp: u32,
}

/// What stood in the tables under a packet's key before it was judged.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub struct Old {
    /// One of [`old_place`].
    pub place: u32,
    /// The low half of its stamp.
    pub stamp: u32,
    /// The packet belongs to a new connection all the same: the old one is over.
    pub over: u32,
    pub is_reply: u32,
    pub twin_key: FlowKey,
    pub packets: u64,
    pub bytes: u64,
    pub tcp: u32,
    pub born: u32,
}

pub mod old_place {
    pub const NOWHERE: u32 = 0;
    pub const MAIN: u32 = 1;
    pub const EMBRYOS: u32 = 2;
    /// In the main table, about to be deleted by somebody else.
    pub const DYING: u32 = 3;
}

/// What [`commit`] has to do.
pub mod effect {
    pub const NONE: u32 = 0;
    /// Count a packet that has no entry.
    pub const COUNT: u32 = 1;
    /// The entry stands as it was found.
    pub const TOUCH: u32 = 2;
    /// The embryo's connection moves to the main table.
    pub const PROMOTE: u32 = 3;
    /// The pair is a new half-open flow.
    pub const INSTALL: u32 = 4;
    /// The pair takes the place of the one in the main table: same connection, other action.
    pub const REPLACE: u32 = 5;
}

/// What [`resume`] found.
pub mod resumed {
    /// Nothing that holds: the packet has to be judged.
    pub const NO: u32 = 0x1_0000;
}

/// The fast path: whether this is an established packet; if so the outcome has its verdict and its entry.
///
/// Whatever is out of the ordinary is not: another generation, a MAC the entry wasn't made for, a TCP flag that
/// changes state, a connection that is closing, or idle for so long that a gate may have lost its state.
#[inline(always)]
pub(crate) fn hit<T: Tables>(
    tables: &T,
    packet: &Packet,
    device: Device,
    generation: Generation,
    outcome: &mut Outcome<T::FlowRef>,
) -> bool {
    if packet.has(packet_flag::UNCACHED) || packet.tcp_flags & tcp_flag::STATE != 0 {
        return false;
    }
    let key = packet.key(device);
    let Some(flow) = tables.find(FlowTable::Main, &key) else {
        return false;
    };
    let now = outcome.now;
    let shortest = u64::from(idle::SHORTEST) * u64::from(tables.ticks_per_second());
    let look = |entry: &FlowEntry| {
        let ordinary = entry.validity.is_of(generation)
            && entry.state == state::LIVE
            && entry.tcp == 0
            && packet.src_mac == entry.action.near_mac
            && packet.dst_mac == entry.action.expected_destination()
            && now.saturating_sub(entry.last_seen) <= shortest;
        (ordinary, Verdict::of(&entry.action))
    };
    let Some((true, verdict)) = tables.read(flow, &key, look) else {
        return false;
    };
    outcome.verdict = verdict;
    // A denial keeps nothing alive.
    outcome.flow = if verdict.is_drop() { None } else { Some(flow) };
    true
}

/// Decides about a packet that isn't an ordinary one of an established flow, and leaves the effect in the scratch.
pub fn slow<S: Stages>(stages: &S, scratch: &mut Scratch) -> Result<(), DropReason> {
    scratch.old.place = old_place::NOWHERE;
    scratch.effect = effect::NONE;
    scratch.tcp = tcp_bits(&scratch.there.packet);
    scratch.entry.key = scratch.there.packet.key(scratch.there.near_device);
    if !scratch.there.is_uncached() {
        let found = stages.resume(scratch);
        if found != resumed::NO {
            return DropReason(found as u16).check();
        }
    }
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
    Ok(())
}

const fn tcp_bits(packet: &Packet) -> u32 {
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
    fin | reset
}

/// The same bits as the other side's entry has them.
const fn seen_by_twin(bits: u32) -> u32 {
    let sent = if bits & tcp_seen::FIN_RECEIVED != 0 {
        tcp_seen::FIN_SENT
    } else {
        0
    };
    let received = if bits & tcp_seen::FIN_SENT != 0 {
        tcp_seen::FIN_RECEIVED
    } else {
        0
    };
    sent | received | bits & tcp_seen::RESET
}

/// Takes up the entry of the packet's key, if it still holds: the verdict as a reason, or [`resumed::NO`].
pub fn resume<S: Stages>(stages: &S, scratch: &mut Scratch) -> u32 {
    let Some(table) = standing(stages, &scratch.entry.key, &mut scratch.there.found) else {
        return resumed::NO;
    };
    let walk = &scratch.there;
    let entry = &walk.found;
    let pulse = Pulse::take(stages, table, entry, walk.now);
    let left_over = table == FlowTable::Embryos && entry.state != state::LIVE;
    let over = left_over || pulse.is_over(entry, walk.packet.opens());
    remember(&mut scratch.old, table, entry, over);
    let holds = entry.state == state::LIVE
        && !over
        && !pulse.has_lost_a_gate(entry)
        && walk.packet.src_mac == entry.action.near_mac
        && walk.packet.dst_mac == entry.action.expected_destination()
        && conntrack::is_fresh(stages, entry.validity, walk);
    if !holds {
        return resumed::NO;
    }
    if entry.action.kind == kind::DROP {
        // A denial is judged anew whenever the configuration has changed at all.
        return if entry.validity.is_of(walk.generation) {
            u32::from(entry.action.reason.0)
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
    u32::from(DropReason::NONE.0)
}

#[inline(always)]
fn remember(old: &mut Old, table: FlowTable, entry: &FlowEntry, over: bool) {
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
fn ripens(entry: &FlowEntry, now: u64, ticks_per_second: u32) -> bool {
    let age = (now as u32).wrapping_sub(entry.born);
    entry.action.is_reply() || entry.packets + 1 >= ONE_WAY_PACKETS && age >= ticks_per_second
}

/// Makes the entry of a packet that has arrived.
fn compose<S: Stages>(stages: &S, scratch: &mut Scratch) {
    let walk = &scratch.there;
    let entry = &mut scratch.entry;
    entry.validity = Validity::new(walk.generation, scopes(walk));
    entry.action = delivery(walk);
    entry.last_seen = walk.now;
    entry.packets = 1;
    entry.bytes = u64::from(walk.packet.len);
    entry.state = state::LIVE;
    entry.tcp = scratch.tcp;
    entry.near = walk.near_gate;
    entry.far = walk.far_gate;
    entry.twin_device = walk.far_device;
    entry.born = walk.now as u32;
    stamp(stages, entry);
}

/// Makes the entry of the answer, which may be that answers are dropped.
fn compose_twin<S: Stages>(stages: &S, scratch: &mut Scratch) {
    scratch.back.begin_back(&scratch.there);
    let dropped = stages.walk(&mut scratch.back);
    let (there, back) = (&scratch.there, &scratch.back);
    let twin = &mut scratch.twin;
    twin.key = scratch.entry.twin_key();
    twin.validity = scratch.entry.validity;
    twin.action = if dropped.is_none() {
        delivery(back)
    } else {
        let action = translated(back, there.far.mac, there.near.mac, there.near_device);
        Action {
            kind: kind::DROP,
            reason: dropped,
            ..action
        }
    };
    twin.action.flags |= action_flag::REPLY;
    twin.last_seen = there.now;
    twin.packets = 0;
    twin.bytes = 0;
    twin.state = state::LIVE;
    twin.tcp = seen_by_twin(scratch.entry.tcp);
    twin.near = there.far_gate;
    twin.far = if dropped.is_none() {
        back.far_gate
    } else {
        there.near_gate
    };
    twin.twin_device = there.near_device;
    twin.born = scratch.entry.born;
    stamp(stages, twin);
}

fn scopes(walk: &Walk) -> [ScopeId; 4] {
    [walk.place.scope, ScopeId(0), ScopeId(0), ScopeId(0)]
}

fn stamp<S: Stages>(stages: &S, entry: &mut FlowEntry) {
    entry.stamp = stages.new_stamp();
    entry.stamp_end = entry.stamp;
}

/// The action of a packet that has arrived.
fn delivery(walk: &Walk) -> Action {
    let action = translated(walk, walk.near.mac, walk.far.mac, walk.far_device);
    Action {
        kind: delivery_kind(&walk.far),
        ..action
    }
}

fn translated(walk: &Walk, near_mac: Mac, far_mac: Mac, out: Device) -> Action {
    let key = walk.packet.key(walk.near_device);
    Action {
        near_mac,
        far_mac,
        out,
        kind: kind::DROP,
        flags: if walk.packet.dst_mac == Mac::ROUTER {
            action_flag::ROUTED
        } else {
            0
        },
        reason: DropReason::NONE,
        src: key.src,
        dst: key.dst,
        src_port: key.src_port,
        dst_port: key.dst_port,
    }
}

/// Decides what is written of a packet that was judged anew, given what stood there before.
fn settle<S: Stages>(stages: &S, scratch: &mut Scratch) {
    let old = &scratch.old;
    scratch.effect = if old.place == old_place::MAIN && old.over == 0 {
        effect::REPLACE
    } else {
        effect::INSTALL
    };
    if old.place == old_place::NOWHERE || old.over != 0 {
        return;
    }
    // The connection lives on: what it has counted and seen so far moves over.
    if old.is_reply != 0 {
        scratch.entry.action.flags |= action_flag::REPLY;
        scratch.twin.action.flags &= !action_flag::REPLY;
    }
    scratch.entry.packets += old.packets;
    scratch.entry.bytes += old.bytes;
    scratch.entry.tcp |= old.tcp;
    scratch.entry.born = old.born;
    scratch.twin.born = old.born;
    scratch.twin.tcp = seen_by_twin(scratch.entry.tcp);
    let table = if old.place == old_place::MAIN {
        FlowTable::Main
    } else {
        FlowTable::Embryos
    };
    if conntrack::copy(stages, table, &old.twin_key, &mut scratch.back.found) {
        let twin = &scratch.back.found;
        scratch.twin.last_seen = twin.last_seen;
        if twin.key == scratch.twin.key {
            scratch.twin.packets = twin.packets;
            scratch.twin.bytes = twin.bytes;
        }
    }
}

/// Writes what [`slow`] has decided. Says why the packet is dropped after all, if the tables have no room for it.
pub fn commit<S: Stages>(stages: &S, scratch: &mut Scratch) -> Result<(), DropReason> {
    let (device, len) = (scratch.there.near_device, scratch.there.packet.len);
    match scratch.effect {
        effect::COUNT => stages.count_sent(device, 1, u64::from(len)),
        effect::TOUCH => touch(stages, scratch),
        effect::PROMOTE => {
            // First, so that what has expired makes room.
            stages.reclaim(&mut scratch.there);
            scratch.twin.key = scratch.old.twin_key;
            stages.make_room(scratch);
            return stages.promote(scratch).check();
        }
        effect::INSTALL => install(stages, scratch),
        effect::REPLACE => stages.replace(scratch),
        _ => {}
    }
    Ok(())
}

/// A packet of a flow that stands.
fn touch<S: Stages>(stages: &S, scratch: &Scratch) {
    let walk = &scratch.there;
    let in_main = scratch.old.place == old_place::MAIN;
    let table = if in_main { FlowTable::Main } else { FlowTable::Embryos };
    if !in_main {
        stages.count_sent(walk.near_device, 1, u64::from(walk.packet.len));
    }
    let Some(flow) = stages.find(table, &scratch.entry.key) else {
        return;
    };
    stages.touch(flow, walk.now, walk.packet.len);
    restamp(stages, table, flow, scratch);
    if scratch.tcp != 0 {
        stages.add_tcp_bits(flow, scratch.tcp);
        if let Some(twin) = stages.find(table, &scratch.old.twin_key) {
            stages.add_tcp_bits(twin, seen_by_twin(scratch.tcp));
        }
    }
}

/// Stamps an entry with the generation in force, after a look at its scopes.
///
/// The element may have become another entry since; if it has, the word is put back, which fails only if that entry
/// was stamped meanwhile, and then rightly.
fn restamp<S: Stages>(stages: &S, table: FlowTable, flow: S::FlowRef, scratch: &Scratch) {
    let old = scratch.entry.validity;
    let new = old.restamped(scratch.there.generation);
    if old != new && stages.restamp(flow, old, new) {
        let still = conntrack::entry_in(stages, table, &scratch.entry.key, |entry| entry.stamp as u32);
        if still != Some(scratch.old.stamp) {
            stages.restamp(flow, new, old);
        }
    }
}

/// Moves a connection from the embryos to the main table.
///
/// Several cores may try at once. The one whose insert of the original's key succeeds counts the connection and puts it
/// in the ring; the others find it in place. The embryos stay and only say that they were promoted: deleting them would
/// let a core that has just looked in the main table find neither.
pub fn promote<S: Stages>(stages: &S, scratch: &mut Scratch) -> Result<(), DropReason> {
    let (now, len) = (scratch.there.now, scratch.there.packet.len);
    let (key, twin_key) = (scratch.entry.key, scratch.old.twin_key);
    let embryos = FlowTable::Embryos;
    if !conntrack::copy(stages, embryos, &key, &mut scratch.entry)
        || !conntrack::copy(stages, embryos, &twin_key, &mut scratch.twin)
    {
        // Evicted between decision and commit. The packet was judged; the next one starts anew.
        stages.count_sent(key.device(), 1, u64::from(len));
        return Ok(());
    }
    // What the embryos have sent was counted at once, since they may be evicted; from now on the entries hold it.
    uncount(stages, &scratch.entry);
    uncount(stages, &scratch.twin);
    let entry = &mut scratch.entry;
    entry.validity = entry.validity.restamped(scratch.there.generation);
    entry.last_seen = now;
    entry.packets += 1;
    entry.bytes += u64::from(len);
    entry.tcp |= scratch.tcp;
    scratch.twin.tcp |= seen_by_twin(scratch.tcp);
    stamp(stages, &mut scratch.entry);
    stamp(stages, &mut scratch.twin);
    if insert_pair(stages, scratch) {
        mark_promoted(stages, &key);
        mark_promoted(stages, &twin_key);
        return Ok(());
    }
    recount(stages, &scratch.entry);
    recount(stages, &scratch.twin);
    stay_embryo(stages, scratch)
}

/// A connection that could not be promoted: because another core was faster, or because the table is full.
fn stay_embryo<S: Stages>(stages: &S, scratch: &Scratch) -> Result<(), DropReason> {
    let (key, now, len) = (&scratch.entry.key, scratch.there.now, scratch.there.packet.len);
    if stages.find(FlowTable::Main, key).is_none() {
        if scratch.entry.near.is_tracked() || scratch.entry.far.is_tracked() {
            return Err(DropReason::FLOW_TABLE_FULL);
        }
        if let Some(flow) = stages.find(FlowTable::Embryos, key) {
            stages.touch(flow, now, len);
        }
    }
    Ok(())
}

fn mark_promoted<S: Stages>(stages: &S, key: &FlowKey) {
    if let Some(flow) = stages.find(FlowTable::Embryos, key) {
        stages.claim(flow, state::LIVE, state::PROMOTED);
    }
}

fn recount<S: Stages>(stages: &S, entry: &FlowEntry) {
    stages.count_sent(entry.key.device(), entry.packets, entry.bytes);
}

fn uncount<S: Stages>(stages: &S, entry: &FlowEntry) {
    stages.count_sent(
        entry.key.device(),
        entry.packets.wrapping_neg(),
        entry.bytes.wrapping_neg(),
    );
}

/// Takes other connections' entries out of the pair's way.
///
/// A route that changes leads a connection another way, and its pairs on the two ways share an entry: that of the ENI
/// which both end at. The older pair goes; what its other ENI remembers stays among the embryos (see [`replace`]).
pub fn make_room<S: Stages>(stages: &S, scratch: &mut Scratch) {
    let (key, twin_key) = (scratch.entry.key, scratch.twin.key);
    displace(stages, scratch, &key, &twin_key);
    displace(stages, scratch, &twin_key, &key);
}

#[inline(always)]
fn displace<S: Stages>(stages: &S, scratch: &mut Scratch, key: &FlowKey, partner: &FlowKey) {
    if !conntrack::copy(stages, FlowTable::Main, key, &mut scratch.back.found) {
        return;
    }
    let (stamp, other) = (scratch.back.found.stamp as u32, scratch.back.found.twin_key());
    // With the same partner it is this very connection, put there by another core.
    if other == *partner {
        return;
    }
    if stages.find(FlowTable::Embryos, &other).is_none()
        && conntrack::copy(stages, FlowTable::Main, &other, &mut scratch.back.found)
    {
        stages.insert(FlowTable::Embryos, &scratch.back.found);
    }
    stages.retire(key, stamp);
}

/// Inserts the pair into the main table, original first, and into the ring. All or nothing.
fn insert_pair<S: Stages>(stages: &S, scratch: &Scratch) -> bool {
    let (original, reply) = if scratch.entry.action.is_reply() {
        (&scratch.twin, &scratch.entry)
    } else {
        (&scratch.entry, &scratch.twin)
    };
    if !stages.insert(FlowTable::Main, original) {
        return false;
    }
    if !stages.insert(FlowTable::Main, reply) {
        // Readers of the original meanwhile were right to use it: it was judged.
        stages.remove(FlowTable::Main, &original.key);
        return false;
    }
    reclaim::push(stages, &original.key, original.stamp as u32);
    stages.count_opened(original.key.device());
    true
}

/// Writes a new half-open flow.
fn install<S: Stages>(stages: &S, scratch: &Scratch) {
    let walk = &scratch.there;
    match scratch.old.place {
        old_place::MAIN => {
            stages.retire(&scratch.entry.key, scratch.old.stamp);
        }
        // If the flow lives on by another way, the other direction's entry is what the other ENI remembers (see `replace`).
        old_place::EMBRYOS if scratch.old.over != 0 => stages.remove(FlowTable::Embryos, &scratch.old.twin_key),
        _ => {}
    }
    stages.count_sent(walk.near_device, 1, u64::from(walk.packet.len));
    insert_embryos(stages, scratch);
}

fn insert_embryos<S: Stages>(stages: &S, scratch: &Scratch) {
    insert_embryo(stages, &scratch.entry);
    insert_embryo(stages, &scratch.twin);
}

fn insert_embryo<S: Stages>(stages: &S, entry: &FlowEntry) {
    // Left over from an older connection under the same key, perhaps; or put there by another core just now, whose
    // judgement was the same.
    stages.remove(FlowTable::Embryos, &entry.key);
    stages.insert(FlowTable::Embryos, entry);
}

/// Puts the pair in the place of the one in the main table. Between the two a packet on another core finds the pair
/// among the embryos.
///
/// If the other direction now comes in at another ENI than before, the entry there was what that ENI remembers of the
/// connection (semantics 5.1: a route changes the path, not the state). It stays as an embryo until that ENI's own next
/// packet makes it an entry again, or it is forgotten.
pub fn replace<S: Stages>(stages: &S, scratch: &mut Scratch) {
    let left = scratch.old.twin_key != scratch.twin.key
        && conntrack::copy(stages, FlowTable::Main, &scratch.old.twin_key, &mut scratch.back.found);
    insert_embryos(stages, scratch);
    if left {
        insert_embryo(stages, &scratch.back.found);
    }
    if !stages.retire(&scratch.entry.key, scratch.old.stamp) {
        // Another core is at it, or has been.
        return;
    }
    stages.count_sent(scratch.there.near_device, 1, u64::from(scratch.there.packet.len));
    stamp(stages, &mut scratch.entry);
    stamp(stages, &mut scratch.twin);
    stages.make_room(scratch);
    if insert_pair(stages, scratch) {
        mark_promoted(stages, &scratch.entry.key);
        mark_promoted(stages, &scratch.twin.key);
        // The old pair's counts went to the totals when it was retired; from now on the new pair holds them.
        uncount(stages, &scratch.entry);
        uncount(stages, &scratch.twin);
    }
}
