//! Writing down what the slow path has decided: embryos, promotions, replacements.
//!
//! Other cores do the same to the same tables at the same time. What decides between them is always one insert that
//! only one can do, or one compare-and-swap.

use crate::family::Family;
use crate::flow::stamp;
use crate::packet::fragment_key;
use crate::scratch::{Scratch, effect, old_place};
use crate::stages::Stages;
use crate::{FlowTable, allowance, conntrack, reclaim};
use groundplane_abi::DropReason;
use groundplane_abi::flow::{FlowEntry, FlowKey, state, tcp_seen};
use groundplane_abi::fragment::FragmentNote;

/// Writes what [`crate::flow::slow`] has decided. Says why the packet is dropped after all, if the tables have no room
/// for it.
pub fn commit<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let (device, len) = (scratch.there.near_device, scratch.there.packet.len);
    match scratch.effect {
        effect::COUNT => {
            bind(stages, scratch)?;
            stages.count_sent(device, 1, u64::from(len));
        }
        effect::TOUCH => touch(stages, scratch),
        effect::PROMOTE => {
            if take_embryos(stages, scratch) {
                // First, so that what has expired makes room.
                stages.reclaim(&mut scratch.there);
                // Its own key isn't in the main table, or it would have been found there.
                stages.displace(scratch, true);
                return stages.promote(scratch).check();
            }
            // Evicted, or in the place of another by now. The packet was judged, and what its ENI remembers it keeps.
            touch(stages, scratch);
        }
        effect::INSTALL => return install(stages, scratch),
        effect::REPLACE => {
            bind(stages, scratch)?;
            stages.replace(scratch);
            // The old slot stays behind, so that without this the ring would overflow. Afterwards, because the old pair
            // may have expired, and what it has counted goes to the new one.
            stages.reclaim(&mut scratch.there);
        }
        _ => {}
    }
    Ok(())
}

/// A packet of a flow that stands.
fn touch<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) {
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
            stages.add_tcp_bits(twin, tcp_seen::by_twin(scratch.tcp));
        }
    }
}

/// Stamps an entry with the generation in force, after a look at its scopes.
///
/// The element may have become another entry since; if it has, the word is put back, which fails only if that entry
/// was stamped meanwhile, and then rightly.
fn restamp<I: Family, S: Stages<I>>(stages: &S, table: FlowTable, flow: S::FlowRef, scratch: &Scratch<I>) {
    let old = scratch.entry.validity;
    let new = old.restamped(scratch.there.generation);
    if old != new && stages.restamp(flow, old, new) {
        let still = stages.look_up(table, scratch.entry.key, |entry| entry.stamp as u32);
        if still != Some(scratch.old.stamp) {
            stages.restamp(flow, new, old);
        }
    }
}

/// Takes both embryos in hand: the one that the packet has met, and the other, if it is still there.
///
/// What is there may be of another flow that ends at the same ENI, of one that was promoted since, or of the same one
/// as another core judged it, by a packet the other way.
#[inline(always)]
fn take_embryos<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> bool {
    scratch.entry = scratch.there.found;
    let (entry, twin) = (&scratch.entry, &mut scratch.twin);
    conntrack::copy(stages, FlowTable::Embryos, &scratch.old.twin_key, twin)
        && twin.state == state::LIVE
        && twin.twin_key() == entry.key
        && twin.action.is_reply() != entry.action.is_reply()
}

/// Moves a connection, whose embryos are in hand, from their table to the main one.
///
/// Several cores may try at once. The one whose inserts succeed counts the connection and puts it in the ring; the
/// others find it in place. The embryos stay and only say that they were promoted: deleting them would
/// let a core that has just looked in the main table find neither.
pub fn promote<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let (now, len) = (scratch.there.now, scratch.there.packet.len);
    // What the embryos have sent was counted at once, since they may be evicted; from now on the entries hold it.
    uncount(stages, &scratch.entry);
    uncount(stages, &scratch.twin);
    let entry = &mut scratch.entry;
    entry.validity = entry.validity.restamped(scratch.there.generation);
    entry.last_seen = now;
    entry.packets += 1;
    entry.bytes += u64::from(len);
    entry.tcp |= scratch.tcp;
    scratch.twin.tcp |= tcp_seen::by_twin(scratch.tcp);
    stamp(stages, &mut scratch.entry);
    stamp(stages, &mut scratch.twin);
    let charged = allowance::charge(stages, scratch);
    if charged.is_ok() {
        if insert_pair(stages, scratch) {
            mark_promoted(stages, &scratch.entry.key);
            mark_promoted(stages, &scratch.twin.key);
            return Ok(());
        }
        allowance::discharge(stages, scratch);
    }
    recount(stages, &scratch.entry);
    recount(stages, &scratch.twin);
    stay_embryo(stages, scratch, charged)
}

/// A connection that could not be promoted: because another core was faster, because an ENI may have no more, because
/// one of its ENIs knows the connection from another one (see [`make_room`]), or because the table is full.
fn stay_embryo<I: Family, S: Stages<I>>(
    stages: &S,
    scratch: &Scratch<I>,
    charged: Result<(), DropReason>,
) -> Result<(), DropReason> {
    let (key, now, len) = (&scratch.entry.key, scratch.there.now, scratch.there.packet.len);
    if stages.find(FlowTable::Main, key).is_some() {
        return Ok(());
    }
    let is_known = charged.is_ok() && stages.find(FlowTable::Main, &scratch.twin.key).is_some();
    if conntrack::is_tracked(&scratch.entry) && !is_known {
        // It isn't sent after all.
        stages.count_sent(key.device(), 1_u64.wrapping_neg(), u64::from(len).wrapping_neg());
        charged?;
        return Err(DropReason::FLOW_TABLE_FULL);
    }
    if let Some(flow) = stages.find(FlowTable::Embryos, key) {
        stages.touch(flow, now, len);
    }
    Ok(())
}

#[inline(never)]
fn mark_promoted<I: Family, S: Stages<I>>(stages: &S, key: &FlowKey<I>) {
    if let Some(flow) = stages.find(FlowTable::Embryos, key) {
        stages.claim(flow, state::LIVE, state::PROMOTED);
    }
}

fn recount<I: Family, S: Stages<I>>(stages: &S, entry: &FlowEntry<I>) {
    if entry.packets != 0 {
        stages.count_sent(entry.key.device(), entry.packets, entry.bytes);
    }
}

fn uncount<I: Family, S: Stages<I>>(stages: &S, entry: &FlowEntry<I>) {
    if entry.packets != 0 {
        let (packets, bytes) = (entry.packets.wrapping_neg(), entry.bytes.wrapping_neg());
        stages.count_sent(entry.key.device(), packets, bytes);
    }
}

/// Takes other connections' entries out of the pair's way.
///
/// A route that changes leads a connection another way, and its pairs on the two ways share an entry: that of the ENI
/// which both end at. The older pair goes; what its other ENI remembers stays among the embryos (see [`replace`]).
///
/// No route has changed if the other pair is fresh. If its packets are also answered where they go to, and ours come
/// from an ENI that the answers don't go to, somebody pretends to be the other; then it is the other that stays.
#[inline(always)]
fn make_room<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
    stages.displace(scratch, false);
    stages.displace(scratch, true);
}

/// Takes out the pair that has the key of the entry in hand, or of its twin.
pub fn displace<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>, by_twin: bool) {
    let stamp = pair_in_the_way(stages, scratch, by_twin);
    if stamp != 0 {
        let key = if by_twin { &scratch.twin.key } else { &scratch.entry.key };
        stages.retire(key, stamp as u32);
    }
}

/// The stamp of the entry that has to go, or 0. Apart, so that the stack doesn't hold its keys any more when it goes.
#[inline(never)]
fn pair_in_the_way<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>, by_twin: bool) -> u64 {
    let (ours, partner) = if by_twin {
        (&scratch.twin, &scratch.entry.key)
    } else {
        (&scratch.entry, &scratch.twin.key)
    };
    let found = &mut scratch.back.found;
    if !conntrack::copy(stages, FlowTable::Main, &ours.key, found) {
        return 0;
    }
    let (stamp, other) = (found.stamp, found.twin_key());
    let is_pretended = is_answered_where_it_goes(found)
        && !is_answered_where_it_goes(ours)
        && conntrack::is_fresh(stages, found.validity, &scratch.there);
    // With the same partner it is this very connection, put there by another core.
    if other == *partner || is_pretended {
        return 0;
    }
    // A live embryo is what that ENI has come to know since; one that was promoted is left over.
    let is_known = conntrack::copy(stages, FlowTable::Embryos, &other, found) && found.state == state::LIVE;
    if !is_known && conntrack::copy(stages, FlowTable::Main, &other, found) {
        insert_embryo(stages, found);
    }
    stamp
}

/// Whether the other entry's packets come in at the ENI that this one's are delivered to.
#[inline(always)]
fn is_answered_where_it_goes<I: Family>(entry: &FlowEntry<I>) -> bool {
    entry.twin_device == entry.action.delivery.out
}

/// Inserts the pair into the main table, and into the ring. All or nothing.
///
/// The reply first: whoever wants to take a connection out claims the original's entry, so nobody takes out half a
/// pair.
fn insert_pair<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) -> bool {
    let (original, reply) = if scratch.entry.action.is_reply() {
        (&scratch.twin, &scratch.entry)
    } else {
        (&scratch.entry, &scratch.twin)
    };
    if !stages.insert(FlowTable::Main, reply) {
        return false;
    }
    if !stages.insert(FlowTable::Main, original) {
        // Readers of the reply meanwhile were right to use it: it was judged.
        stages.remove(FlowTable::Main, &reply.key);
        return false;
    }
    reclaim::push(stages, &original.key, original.stamp as u32, original.last_seen);
    stages.count_opened(original.key.device());
    true
}

/// Writes a new half-open flow, unless one of its ENIs has used its allowance up: then a flow that must be tracked is
/// dropped, and any other is sent on without an entry (semantics 7.8).
fn install<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    let is_new = scratch.old.place == old_place::NOWHERE || scratch.old.over != 0;
    let admitted = if is_new {
        allowance::admit(stages, scratch)
    } else {
        Ok(())
    };
    let tracked = conntrack::is_tracked(&scratch.entry);
    if tracked {
        admitted?;
    }
    match scratch.old.place {
        old_place::MAIN => {
            stages.retire(&scratch.entry.key, scratch.old.stamp);
        }
        // If the flow lives on by another way, the other direction's entry is what the other ENI remembers (see
        // `replace`); and if that one has come to know another since, the entry isn't this one's other half any more.
        old_place::EMBRYOS if scratch.old.over != 0 && is_half_of_old(stages, scratch) => {
            stages.remove(FlowTable::Embryos, &scratch.old.twin_key);
        }
        _ => {}
    }
    if admitted.is_ok() {
        bind(stages, scratch)?;
        insert_embryos(stages, scratch);
    }
    let walk = &scratch.there;
    stages.count_sent(walk.near_device, 1, u64::from(walk.packet.len));
    Ok(())
}

/// Takes the ports that NAT gateways have found for the packet, and for its answer if that passes others.
#[inline(always)]
fn bind<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) -> Result<(), DropReason> {
    if scratch.there.wanted.len | scratch.back.wanted.len == 0 {
        return Ok(());
    }
    stages.bind(scratch).check()
}

/// Whether what stands among the embryos under the old twin's key is that twin.
#[inline(always)]
fn is_half_of_old<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) -> bool {
    let answers_to = stages.look_up(FlowTable::Embryos, scratch.old.twin_key, |twin| twin.twin_device);
    answers_to == Some(scratch.entry.key.device())
}

/// Notes the ports of a first fragment for those that follow (semantics 7.7).
#[inline(always)]
pub(crate) fn note_fragment<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) {
    // As it came: the walk may have given it other addresses and ports.
    let key = &scratch.entry.key;
    let note = FragmentNote {
        src_port: key.src_port(),
        dst_port: key.dst_port(),
        at: scratch.there.now as u32,
    };
    stages.note_fragment(&fragment_key(key, scratch.there.packet.identification), &note);
}

fn insert_embryos<I: Family, S: Stages<I>>(stages: &S, scratch: &Scratch<I>) {
    insert_embryo(stages, &scratch.entry);
    insert_embryo(stages, &scratch.twin);
}

#[inline(never)]
fn insert_embryo<I: Family, S: Stages<I>>(stages: &S, entry: &FlowEntry<I>) {
    if !stages.insert(FlowTable::Embryos, entry) {
        // Left over from an older connection under the same key; or put there by another core just now, whose judgement
        // was the same.
        stages.remove(FlowTable::Embryos, &entry.key);
        stages.insert(FlowTable::Embryos, entry);
    }
}

/// Puts the pair in the place of the one in the main table. Between the two a packet on another core finds the pair
/// among the embryos.
///
/// If the other direction now comes in at another ENI than before, the entry there was what that ENI remembers of the
/// connection (semantics 5.1: a route changes the path, not the state). It stays as an embryo until that ENI's own next
/// packet makes it an entry again, or it is forgotten.
pub fn replace<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
    // With another mapping it is another connection, to which nobody answers by the old one.
    let left = scratch.old.twin_key != scratch.twin.key
        && scratch.old.born == scratch.entry.born
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
    make_room(stages, scratch);
    if allowance::charge(stages, scratch).is_err() {
        return;
    }
    if insert_pair(stages, scratch) {
        mark_promoted(stages, &scratch.entry.key);
        mark_promoted(stages, &scratch.twin.key);
        // The old pair's counts went to the totals when it was retired; from now on the new pair holds them.
        uncount(stages, &scratch.entry);
        uncount(stages, &scratch.twin);
    } else {
        allowance::discharge(stages, scratch);
    }
}
