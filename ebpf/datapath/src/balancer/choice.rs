//! Which target a connection gets, and what stands for the client there (semantics 13.2, 13.3).

use super::forward_key;
use crate::TablesOf;
use crate::family::Family;
use crate::nat::{self, MOST};
use crate::packet::Packet;
use crate::stages::Stages;
use crate::walk::Walk;
use groundplane_abi::balancer::{PLACES, Place, PlacesKey, listener_flag};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Device, DropReason};

/// Chooses a target for what begins, and whether it sees the client.
pub fn choose<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if walk.wanted.len >= MOST as u64 {
        return Err(DropReason::TOO_MANY_HOPS);
    }
    let door = walk.passage.door;
    // As it has come.
    walk.own_key = forward_key(walk, door);
    let target = taker(stages, walk).ok_or(DropReason::NO_TARGET)?;
    walk.packet.dst = target.address;
    walk.packet.dst_port = target.port;
    // Who is told of the client sees the node.
    let preserves = walk.passage.listener.flags & listener_flag::PRESERVES_CLIENT != 0 && !walk.passage.tells_client();
    walk.passage.returns = if preserves && door == walk.far_device {
        target.returns
    } else {
        Device::NONE
    };
    if walk.passage.returns != Device::NONE && walk.packet.src.difference(walk.packet.dst) == 0 {
        return Err(DropReason::BALANCER_HAIRPIN);
    }
    Ok(())
}

/// Wants the mapping of what begins, and leaves in the walk's what the packet becomes: that of the port that was found,
/// or the client's own, if nobody speaks to the target with it by another way.
pub fn connect<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let place = if walk.wanted.len == 0 { 0 } else { 1 };
    let returns = walk.passage.returns;
    let at = if walk.passage.tells_client() {
        Device::SERVICE
    } else if returns == Device::NONE {
        walk.far_device
    } else {
        returns
    };
    if returns != Device::NONE {
        let answer = answer_to(&walk.packet, returns);
        let is_taken = nat::is_mapped(stages, walk, &answer);
        if is_taken && !is_own(walk) {
            return Err(DropReason::BALANCER_PORTS_EXHAUSTED);
        }
        walk.mapping.becomes = walk.packet.key(returns);
    }
    walk.wanted.mappings[place].answer = walk.mapping.becomes.reversed(at);
    walk.wanted.mappings[place].forward = walk.own_key;
    walk.wanted.len += 1;
    Ok(())
}

/// The key of the answer to a packet with ports, made at once: a key that is reversed is two on the stack.
#[inline(always)]
fn answer_to<I: Family>(packet: &Packet<I>, at: Device) -> FlowKey<I> {
    FlowKey::new(
        at,
        packet.protocol,
        packet.dst,
        packet.src,
        packet.dst_port,
        packet.src_port,
    )
}

/// Whether the mapping in the walk is of the very client whose packet this is, by the same door. Field by field, since
/// a key takes stack that isn't there.
#[inline(always)]
fn is_own<I: Family>(walk: &Walk<I>) -> bool {
    let (becomes, own) = (&walk.mapping.becomes, &walk.own_key);
    becomes.device() == walk.passage.door
        && becomes.src().difference(own.dst()) == 0
        && becomes.dst().difference(own.src()) == 0
        && (becomes.src_port(), becomes.dst_port()) == (own.dst_port(), own.src_port())
}

/// A target by a hash of the packet, or of its source alone.
#[inline(always)]
fn taker<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> Option<Place<I>> {
    let listener = &walk.passage.listener;
    let secret = tables.secret();
    let hash = if listener.flags & listener_flag::STICKY == 0 {
        nat::mixed(nat::seed(secret, &walk.packet))
    } else {
        nat::mixed(secret ^ u64::from(I::sum(walk.packet.src)))
    };
    // By multiplication, behind whose shift the verifier knows what a remainder hides from it.
    let number = ((u64::from(hash) * u64::from(listener.places)) >> 32) as u32;
    if listener.places == 0 {
        return None;
    }
    let key = PlacesKey {
        bank: walk.generation.bank(),
        group: listener.group,
        zone: listener.zone,
        row: (number / PLACES) as u16,
    };
    tables.place(&key, number % PLACES)
}
