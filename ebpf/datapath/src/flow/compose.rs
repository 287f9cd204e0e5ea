//! The two entries of a connection, made of the walks of its first packet and of the answer.

use crate::FlowTable;
use crate::conntrack;
use crate::family::Family;
use crate::scratch::{Scratch, effect, old_place};
use crate::stages::Stages;
use crate::verdict::delivery_kind;
use crate::walk::{Walk, carried};
use groundplane_abi::control::Validity;
use groundplane_abi::flow::{
    Action, Delivery, FlowEntry, FlowKey, Gate, action_flag, gate_flag, kind, state, tcp_seen,
};
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason, Ip4, Mac};

/// Makes the entry of a packet that has arrived. Apart, as what follows: the walks, which are deep, then have the
/// stack.
#[inline(never)]
pub(super) fn compose<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
    let walk = &scratch.there;
    let entry = &mut scratch.entry;
    entry.validity = Validity::new(walk.generation, walk.scopes);
    write_delivery(&mut entry.action, walk, &entry.key);
    entry.last_seen = walk.now;
    entry.packets = 1;
    entry.bytes = u64::from(walk.packet.len);
    entry.state = state::LIVE;
    entry.tcp = scratch.tcp | slowed(walk);
    entry.component = walk.component;
    entry.near = walk.near_gate;
    entry.far = walk.far_gate;
    if walk.component != 0 {
        track(&mut entry.near, walk.near_device);
        track(&mut entry.far, walk.far_device);
    }
    entry.twin_device = walk.far_device;
    entry.born = walk.now as u32;
    stamp(stages, entry);
}

/// Makes the entry of the answer, which may be that answers are dropped.
#[inline(always)]
pub(super) fn compose_twin<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
    turn_round(scratch);
    let dropped = stages.walk(&mut scratch.back);
    write_twin(stages, scratch, dropped);
}

/// What passes a NAT gateway or an egress-only gateway is tracked at its ENIs, whatever their rules say (semantics
/// 7.3).
#[inline(always)]
fn track(gate: &mut Gate, device: Device) {
    if device != Device::INTERNET && !device.is_component() {
        gate.flags |= gate_flag::TRACKED | gate_flag::AUTOMATIC;
    }
}

/// What keeps the entry of a packet that becomes another one from the fast path.
#[inline(always)]
fn slowed<I: Family>(walk: &Walk<I>) -> u16 {
    if matches!(walk.carried, carried::WRAPPED | carried::RETURNED) {
        tcp_seen::SLOW
    } else {
        0
    }
}

#[inline(never)]
fn turn_round<I: Family>(scratch: &mut Scratch<I>) {
    scratch.back.begin_back(&scratch.there);
}

#[inline(never)]
fn write_twin<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>, dropped: DropReason) {
    let (there, back) = (&scratch.there, &scratch.back);
    let twin = &mut scratch.twin;
    twin.key = scratch.entry.twin_key();
    scratch.entry.validity = Validity::new(there.generation, back.scopes);
    twin.validity = scratch.entry.validity;
    if dropped.is_none() {
        write_delivery(&mut twin.action, back, &twin.key);
    } else {
        // Nobody gets it, so there is room for where it is denied.
        let action = &mut twin.action;
        *action = translated(back, there.far.mac, there.near.mac, back.at);
        action.delivery.detail = dropped.0;
        if back.direction == direction::EGRESS {
            action.delivery.flags |= action_flag::LEAVING;
        }
        // A hop before that may drop a packet for another reason.
        action.delivery.flags |= (back.hops & action_flag::MOST_HOPS) << action_flag::HOPS_SHIFT;
        // What would answer the packet as it was sent, not what the answer had become where it was dropped: the other
        // entry's key is made of it.
        let answer = scratch.entry.key.reversed(there.near_device);
        action.src = answer.src();
        action.dst = answer.dst();
        action.delivery.src_port = answer.src_port();
        action.delivery.dst_port = answer.dst_port();
    }
    twin.action.delivery.flags |= action_flag::REPLY;
    twin.last_seen = there.now;
    twin.packets = 0;
    twin.bytes = 0;
    twin.state = state::LIVE;
    twin.tcp = tcp_seen::by_twin(scratch.entry.tcp) | slowed(back);
    twin.near = scratch.entry.far;
    twin.far = back.far_gate;
    twin.component = scratch.entry.component;
    if twin.component != 0 {
        track(&mut twin.far, back.far_device);
    }
    if !dropped.is_none() {
        twin.far = scratch.entry.near;
        twin.far.rule = back.rule as u16;
    }
    twin.twin_device = there.near_device;
    twin.born = scratch.entry.born;
    stamp(stages, twin);
}

pub(crate) fn stamp<I: Family, S: Stages<I>>(stages: &S, entry: &mut FlowEntry<I>) {
    entry.stamp = stages.new_stamp();
    entry.stamp_end = entry.stamp;
}

/// The action of a packet that has arrived, and had this key when it left. In its place: on the stack the compiler
/// writes it misaligned.
fn write_delivery<I: Family>(action: &mut Action<I>, walk: &Walk<I>, key: &FlowKey<I>) {
    let is_outside = walk.far_device == Device::INTERNET;
    *action = translated(walk, walk.near.mac, walk.far.mac, walk.far_device);
    action.delivery.kind = if is_outside {
        kind::UPLINK
    } else if walk.far_device == Device::SERVICE {
        kind::SERVICE
    } else if walk.carried == carried::NAT64 {
        kind::NAT64
    } else if walk.carried == carried::WRAPPED {
        let Ip4([a, b, c, d]) = walk.kept;
        action.delivery.far_mac = Mac([a, b, c, d, 0, 0]);
        kind::WRAPPED
    } else if walk.carried == carried::RETURNED {
        kind::RETURNED
    } else {
        delivery_kind(&walk.far)
    };
    action.delivery.detail = walk.mtu;
    // A hop alone is a translation, too: of the TTL.
    if walk.hops != 0 || walk.packet.key(key.device()) != *key {
        action.delivery.flags |= action_flag::TRANSLATED;
    }
    if walk.is_silent != 0 {
        action.delivery.flags |= action_flag::SILENT;
    }
    if walk.is_clamped != 0 {
        action.delivery.flags |= action_flag::CLAMPED;
    }
    action.delivery.flags |= (walk.hops & action_flag::MOST_HOPS) << action_flag::HOPS_SHIFT;
}

/// The action of a packet that goes nowhere yet: it is dropped, for no reason.
#[inline(always)]
fn translated<I: Family>(walk: &Walk<I>, near_mac: Mac, far_mac: Mac, out: Device) -> Action<I> {
    let packet = &walk.packet;
    let delivery = Delivery {
        near_mac,
        far_mac,
        out,
        kind: kind::DROP,
        flags: if packet.dst_mac == Mac::ROUTER {
            action_flag::ROUTED
        } else {
            0
        },
        detail: 0,
        src_port: packet.src_port,
        dst_port: packet.dst_port,
    };
    Action {
        delivery,
        src: packet.src,
        dst: packet.dst,
    }
}

/// Decides what is written of a packet that was judged anew, given what stood there before.
#[inline(never)]
pub(super) fn settle<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
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
        scratch.entry.action.delivery.flags |= action_flag::REPLY;
        scratch.twin.action.delivery.flags &= !action_flag::REPLY;
    }
    scratch.entry.packets += old.packets;
    scratch.entry.bytes += old.bytes;
    scratch.entry.tcp |= if old.is_remembered == 0 {
        tcp_seen::by_enis(old.tcp)
    } else {
        old.tcp & !tcp_seen::SLOW
    };
    // With another mapping it is another connection to the NAT gateway.
    if scratch.there.wanted.len == 0 {
        scratch.entry.born = old.born;
        scratch.twin.born = old.born;
    }
    scratch.twin.tcp = scratch.twin.tcp & tcp_seen::SLOW | tcp_seen::by_twin(scratch.entry.tcp);
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
