//! NAT gateways (semantics 10).
//!
//! What comes from inside gets an address of the gateway and a port of that address, and goes on from the gateway's
//! subnet. The pair is taken by a row that can be inserted once, so two connections never share one; the row says whose
//! it is, and finds the client again by whatever way an answer comes. It lives as long as the flow entries of its
//! connection say: nothing else sees every packet.

mod mapping;
mod port;

pub(crate) use mapping::{MOST, expect};
pub use mapping::{Mapping, Wanted, bind, is_live, unbind};
pub use port::find_port;
pub(crate) use port::{mixed, seed};

use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::stages::Stages;
use crate::walk::{NO_GATE, Walk, carried, route};
use crate::{eni, gateway_balancer, nat64};
use groundplane_abi::eni::{AddressKey, EniKey};
use groundplane_abi::flow::{FlowKey, tcp_seen};
use groundplane_abi::nacl::direction;
use groundplane_abi::route::Target;
use groundplane_abi::vpc::VpcKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId};
use port::nat_address;

/// Semantics 10.5.
const IDLE: u16 = 350;
/// Semantics 10.7.
const MTU: u16 = 8500;

/// From inside to the gateway that the walk is about to arrive at, and on from its subnet.
pub fn out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.arrival;
    if I::VERSION == 6 && !I::leads_to_ip4(walk.packet.dst) {
        return Err(DropReason::UNUSABLE_TARGET);
    }
    arrive(stages, walk, nat)?;
    walk.refuser = nat_address(stages, walk, nat, 0).ok_or(DropReason::NO_ENI)?;
    let is_error = walk.packet.has(packet_flag::QUOTES);
    if !is_error && !is_carried::<I>(&walk.packet) {
        return Err(DropReason::NAT_PROTOCOL);
    }
    pass(walk)?;
    if I::VERSION == 6 && walk.packet.has(packet_flag::FRAGMENT | packet_flag::OPTIONS) {
        return Err(DropReason::NAT64_CONTENT);
    }
    hop(walk);
    if is_error {
        walk.mapping.key = walk.quoted.reversed(nat.of_mapping());
    } else {
        walk.mapping.key = walk.packet.key(nat.of_mapping());
    }
    let key = walk.mapping.key;
    if !is_mapped(stages, walk, &key) || is_succeeded(walk) {
        if is_error {
            return Err(DropReason::NAT_NO_MAPPING);
        }
        if walk.packet.protocol == protocol::TCP && !walk.packet.opens() {
            return Err(DropReason::NAT_IDLE_RESET);
        }
        map(stages, walk, nat)?;
    }
    stand_in(walk, is_error);
    if I::VERSION == 6 {
        walk.is_clamped = 1;
        walk.narrow(nat64::MTU);
        carry(walk, nat);
        return Ok(());
    }
    go_on(stages, walk)
}

/// Puts the gateway in the client's place, as the mapping in the walk says.
#[inline(always)]
fn stand_in<I: Family>(walk: &mut Walk<I>, is_error: bool) {
    let becomes = walk.mapping.becomes;
    walk.packet.src = becomes.src();
    if is_error {
        walk.quoted = becomes.reversed(Device::NONE);
    } else if walk.packet.protocol == I::ICMP {
        walk.packet.dst_port = becomes.dst_port();
    } else {
        walk.packet.src_port = becomes.src_port();
    }
}

/// Here the packet becomes one of the other family (see [`nat64`]).
#[inline(always)]
fn carry<I: Family>(walk: &mut Walk<I>, nat: Device) {
    walk.far_device = nat;
    walk.far_gate = NO_GATE;
    walk.carried = carried::NAT64;
    walk.is_elsewhere = 1;
    walk.component = IDLE;
}

/// From the ENI of a component, where the packet was another one: of the other family, at a NAT gateway's, where an
/// answer in IPv6 finds its client as any other does; or one with another around it.
pub fn send<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.near_device;
    eni::load_near(stages, walk)?;
    walk.far_device = nat;
    walk.source = Device::NONE;
    if gateway_balancer::is_passed(walk.near.flags) {
        return gateway_balancer::send(stages, walk);
    }
    walk.direction = direction::INGRESS;
    if I::VERSION == 6 {
        return Ok(());
    }
    walk.is_elsewhere = 1;
    walk.component = IDLE;
    walk.identity = GroupSetId::NONE;
    reserve(stages, walk, nat)?;
    walk.direction = direction::EGRESS;
    eni::find_owner(stages, walk)
}

/// The mapping of what NAT64 sends: the other family has found the port, this one takes it. So nobody has it twice.
#[inline(always)]
fn reserve<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    let is_error = walk.packet.has(packet_flag::QUOTES);
    let key = if is_error {
        walk.quoted.at(nat)
    } else {
        walk.packet.key(nat).reversed(nat)
    };
    if is_mapped(stages, walk, &key) {
        if is_own(&key, &walk.mapping.becomes) {
            return Ok(());
        }
        return Err(DropReason::NAT_PORTS_EXHAUSTED);
    }
    if is_error {
        return Err(DropReason::NAT_NO_MAPPING);
    }
    walk.wanted.mappings[0] = Mapping {
        answer: key,
        forward: walk.packet.key(nat.of_mapping()),
    };
    walk.wanted.len = 1;
    Ok(())
}

/// Whether what answers a mapping stays as it is: then the gateway itself has sent, for the other family.
#[inline(always)]
fn is_own<I: Family>(answer: &FlowKey<I>, becomes: &FlowKey<I>) -> bool {
    answer.dst().difference(becomes.dst()) == 0
}

/// Back to the client: the packet has arrived at the ENI of a gateway.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let nat = walk.far_device;
    let key = answer_key(walk, nat);
    if !is_known(stages, walk, &key) {
        return Err(DropReason::NAT_NO_MAPPING);
    }
    // Nobody is told of what comes back.
    walk.refuser = I::default();
    // What comes from the other family has passed there.
    if !walk.near_device.is_component() {
        pass(walk)?;
        hop(walk);
    }
    if is_own(&key, &walk.mapping.becomes) {
        // It becomes larger.
        walk.narrow(MTU - nat64::LARGER);
        carry(walk, nat);
        return Ok(());
    }
    let becomes = walk.mapping.becomes;
    walk.packet.dst = becomes.dst();
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted = becomes.reversed(Device::NONE);
    } else {
        walk.packet.dst_port = becomes.dst_port();
    }
    go_on(stages, walk)
}

/// Whether the packet answers a NAT gateway in a VPC that the place's is peered with: then it goes over the peering,
/// whatever the place's table says (semantics 10.6). Says so by the walk's peer.
pub fn answers<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let Some(vpc) = stages.vpc(&VpcKey { bank, vpc }) else {
        return false;
    };
    let Some(entry) = route(stages, walk, vpc.return_table, walk.packet.dst) else {
        return false;
    };
    let Ok(Target::Peering(peer, is_far)) = entry.target() else {
        return false;
    };
    let address = walk.packet.dst;
    let vpc = peer;
    let nat = stages
        .address(&AddressKey { bank, vpc, address })
        .map_or(Device::NONE, |row| row.device);
    let key = answer_key(walk, nat);
    walk.peer = peer;
    walk.is_far_peer = u32::from(is_far);
    nat.is_component() && is_known(stages, walk, &key)
}

/// Arrives at the ENI of a gateway: no group is asked, and its NACL only if the packet comes from another subnet.
#[inline(always)]
fn arrive<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far = stages.eni(&EniKey { bank, device: nat }).ok_or(DropReason::NO_ENI)?;
    walk.at = nat;
    walk.direction = direction::INGRESS;
    if walk.far.subnet != walk.place_id {
        eni::enter(stages, walk, walk.far.subnet)?;
        stages.judge_by_nacl(walk).check()?;
    }
    Ok(())
}

/// TCP, UDP, and questions of ICMP echo. What a later fragment is a part of nobody can tell.
#[inline(always)]
fn is_carried<I: Family>(packet: &Packet<I>) -> bool {
    match packet.protocol {
        protocol::TCP | protocol::UDP => true,
        icmp => {
            let may_be_asked = packet.has(packet_flag::LATER_FRAGMENT) || packet.src_port.0[0] == I::ECHO_REQUEST;
            icmp == I::ICMP && may_be_asked
        }
    }
}

/// What holds in either direction.
#[inline(always)]
fn pass<I: Family>(walk: &mut Walk<I>) -> Result<(), DropReason> {
    let packet = &walk.packet;
    let is_cut = packet.has(packet_flag::FRAGMENT) && packet.protocol != protocol::UDP;
    // Without its ports nobody can tell whose it is.
    if is_cut || packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::NAT_FRAGMENT);
    }
    if packet.ttl <= 1 {
        return Err(DropReason::HOP_LIMIT);
    }
    Ok(())
}

/// Goes on from the gateway's ENI.
#[inline(always)]
fn go_on<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.is_clamped = 1;
    walk.narrow(MTU);
    walk.left = walk.at;
    walk.direction = direction::EGRESS;
    walk.identity = GroupSetId::NONE;
    walk.is_elsewhere = 1;
    walk.component = IDLE;
    walk.arrival = Device::NONE;
    eni::find_owner(stages, walk)
}

/// A gateway is a hop.
#[inline(always)]
fn hop<I: Family>(walk: &mut Walk<I>) {
    walk.packet.ttl = walk.packet.ttl.wrapping_sub(1);
    walk.hops = walk.hops.wrapping_add(1);
}

/// The key by which an answer, or an error about what the gateway has sent, finds its mapping.
#[inline(always)]
pub(crate) fn answer_key<I: Family>(walk: &Walk<I>, nat: Device) -> FlowKey<I> {
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted.reversed(nat)
    } else {
        walk.packet.key(nat)
    }
}

/// Whether an answer's mapping lives, or is wanted by what it answers. Leaves it in the walk.
#[inline(always)]
pub(crate) fn is_known<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, key: &FlowKey<I>) -> bool {
    let mut place = 0;
    while place < MOST {
        let wanted = walk.expected.mappings[place];
        if (place as u64) < walk.expected.len && wanted.answer == *key {
            walk.mapping.becomes = wanted.answered();
            return true;
        }
        place += 1;
    }
    is_mapped(stages, walk, key)
}

/// Whether there is a mapping that lives. Leaves it in the walk.
#[inline(always)]
pub(crate) fn is_mapped<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, key: &FlowKey<I>) -> bool {
    stages.binding(key, &mut walk.mapping) && stages.is_live(walk)
}

/// Whether the packet opens a connection where that of the mapping in the walk is closing. It gets a port of its own:
/// the mapping says whose it is, and goes with that one.
#[inline(always)]
pub(crate) fn is_succeeded<I: Family>(walk: &Walk<I>) -> bool {
    let is_closing = tcp_seen::is_closing(tcp_seen::by_component(walk.found.tcp));
    walk.packet.opens() && is_closing && walk.found.key == walk.mapping.flow
}

/// Finds a free port for a packet from inside, and leaves the mapping in the walk.
#[inline(always)]
fn map<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, nat: Device) -> Result<(), DropReason> {
    if walk.wanted.len >= MOST as u64 {
        return Err(DropReason::TOO_MANY_HOPS);
    }
    if !stages.find_port(walk) {
        return Err(DropReason::NAT_PORTS_EXHAUSTED);
    }
    // The port was found for the packet as it leaves.
    let mapping = Mapping {
        answer: walk.mapping.becomes.reversed(nat),
        forward: walk.mapping.key,
    };
    let place = if walk.wanted.len == 0 { 0 } else { 1 };
    walk.wanted.mappings[place] = mapping;
    walk.wanted.len += 1;
    Ok(())
}
