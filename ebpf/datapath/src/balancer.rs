//! Network Load Balancers, and the interface endpoints that lead to them from other VPCs (semantics 13, 14).
//!
//! A client speaks to a *door*: a node of the load balancer, or the ENI of an endpoint, behind which a node is. The node
//! chooses a target when a connection begins. What it has chosen, and what stands for the client, is a mapping like a NAT
//! gateway's: by one of its rows the client's packets find the target, by the other one the answers find the client and the
//! door that they come out of. So a connection stays with its target whatever becomes of the list.

use crate::family::Family;
use crate::nat::{self, MOST, Mapping};
use crate::packet::{has_ports, packet_flag};
use crate::security_group;
use crate::stages::Stages;
use crate::walk::Walk;
use crate::{TablesOf, eni};
use groundplane_abi::balancer::{
    ListenerEntry, ListenerKey, PLACES, Place, PlacesKey, TargetKey, endpoint_flag, listener_flag,
};
use groundplane_abi::eni::{EniKey, eni_flag};
use groundplane_abi::flow::FlowKey;
use groundplane_abi::nacl::direction;
use groundplane_abi::vpc::VpcKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Port};

/// Of an interface endpoint (semantics 14.4, 23).
const ENDPOINT_MTU: u16 = 8500;
/// Of UDP, at any load balancer (semantics 13.6).
const UDP_IDLE: u16 = 120;

/// The packet has arrived at a node or at an endpoint, and goes on from a node, or to a client.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let door = walk.far_device;
    if walk.far.flags & eni_flag::ENDPOINT == 0 {
        let at = answered_at(walk);
        let key = nat::answer_key(walk, at);
        if nat::is_known(stages, walk, &key) {
            return answer(stages, walk);
        }
    }
    let forward = forward_key(walk, door);
    // Nobody can tell whose a later fragment is.
    let is_known = !walk.packet.has(packet_flag::LATER_FRAGMENT)
        && nat::is_mapped(stages, walk, &forward)
        && !nat::is_succeeded(walk);
    if !is_known {
        security_group::admit(stages, walk)?;
    }
    let is_hidden = walk.far.flags & eni_flag::ENDPOINT != 0;
    if is_hidden {
        cross(stages, walk, is_known)?;
    }
    if walk.packet.has(packet_flag::ICMP_ERROR) {
        return if is_known { forward_error(stages, walk) } else { Err(DropReason::BALANCER_PROTOCOL) };
    }
    if !has_ports(walk.packet.protocol) {
        return Err(DropReason::BALANCER_PROTOCOL);
    }
    if walk.packet.has(packet_flag::LATER_FRAGMENT) {
        return Err(DropReason::BALANCER_FRAGMENT);
    }
    let node = walk.far_device;
    let listener = listener(stages, walk, node, walk.packet.dst_port).ok_or(DropReason::NO_LISTENER)?;
    if !is_known || !goes_on(stages, walk, &listener) {
        if walk.packet.protocol == protocol::TCP && !walk.packet.opens() {
            return Err(DropReason::BALANCER_RESET);
        }
        connect(stages, walk, &listener, (forward, is_hidden))?;
    }
    let becomes = walk.mapping.becomes;
    become_of(walk, &becomes);
    remember(walk, &listener);
    emit(stages, walk)
}

/// By what answers are known: at the node itself, or in the VPC of a target that sees its clients.
#[inline(always)]
fn answered_at<I: Family>(walk: &mut Walk<I>) -> Device {
    let returned = walk.returned;
    walk.returned = Device::NONE;
    if returned == Device::NONE { walk.far_device } else { returned }
}

/// The key by which a client's packet, or an error about what it has got, finds its mapping.
#[inline(always)]
fn forward_key<I: Family>(walk: &Walk<I>, door: Device) -> FlowKey<I> {
    if walk.packet.has(packet_flag::QUOTES) {
        walk.quoted.reversed(door.of_mapping())
    } else {
        walk.packet.key(door.of_mapping())
    }
}

/// From an endpoint to the node behind it, in the VPC of the service. Nothing between the two sees the packet.
#[inline(always)]
fn cross<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, is_known: bool) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let device = walk.far_device;
    let endpoint = stages.endpoint(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if endpoint.flags & endpoint_flag::AVAILABLE == 0 {
        return Err(DropReason::ENDPOINT_NOT_AVAILABLE);
    }
    if !has_ports(walk.packet.protocol) {
        return Err(DropReason::ENDPOINT_PROTOCOL);
    }
    if walk.packet.size > ENDPOINT_MTU {
        return Err(DropReason::ENDPOINT_MTU);
    }
    let node = endpoint.node;
    if node == Device::NONE {
        return Err(DropReason::ENDPOINT_NO_NODE);
    }
    move_to(stages, walk, node)?;
    if !is_known && endpoint.flags & endpoint_flag::ENFORCED != 0 {
        // No group of the consumer's is known to the provider's.
        walk.identity = GroupSetId::NONE;
        security_group::admit(stages, walk)?;
    }
    Ok(())
}

/// From one end of PrivateLink to the other.
#[inline(always)]
fn move_to<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, device: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    walk.far = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    walk.far_device = device;
    walk.at = device;
    walk.vpc = walk.far.vpc;
    let subnet = walk.far.subnet;
    eni::enter(stages, walk, subnet)?;
    walk.is_clamped = 1;
    walk.narrow(ENDPOINT_MTU);
    Ok(())
}

#[inline(always)]
fn listener<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, node: Device, port: Port) -> Option<ListenerEntry> {
    tables.listener(&ListenerKey {
        bank: walk.generation.bank(),
        node,
        port,
        protocol: walk.packet.protocol,
        reserved: 0,
    })
}

/// Whether the target of the mapping in the walk is still there.
#[inline(always)]
fn goes_on<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, listener: &ListenerEntry) -> bool {
    let target = &walk.mapping.becomes;
    tables.is_target(&TargetKey {
        bank: walk.generation.bank(),
        group: listener.group,
        address: target.dst(),
        port: target.dst_port(),
        reserved: 0,
    })
}

/// Chooses a target for what begins, and what stands for the client there. Leaves in the mapping what the packet becomes.
#[inline(always)]
fn connect<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    listener: &ListenerEntry,
    (forward, is_hidden): (FlowKey<I>, bool),
) -> Result<(), DropReason> {
    if walk.wanted.len >= MOST as u64 {
        return Err(DropReason::TOO_MANY_HOPS);
    }
    let place = choose(stages, walk, listener).ok_or(DropReason::NO_TARGET)?;
    walk.packet.dst = place.address;
    walk.packet.dst_port = place.port;
    let is_preserved =
        listener.flags & listener_flag::PRESERVES_CLIENT != 0 && !is_hidden && place.returns != Device::NONE;
    let answer = if is_preserved {
        preserve(stages, walk, place.returns, &forward)?
    } else {
        if !stages.find_port(walk) {
            return Err(DropReason::BALANCER_PORTS_EXHAUSTED);
        }
        walk.mapping.becomes.reversed(walk.at)
    };
    let place = if walk.wanted.len == 0 { 0 } else { 1 };
    walk.wanted.mappings[place] = Mapping { answer, forward };
    walk.wanted.len += 1;
    Ok(())
}

/// A target by a hash of the packet, or of its source alone.
#[inline(always)]
fn choose<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, listener: &ListenerEntry) -> Option<Place<I>> {
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

/// The client keeps its address and port, if nobody speaks to the target with them by another way.
#[inline(always)]
fn preserve<I: Family, S: Stages<I>>(
    stages: &S,
    walk: &mut Walk<I>,
    returns: Device,
    forward: &FlowKey<I>,
) -> Result<FlowKey<I>, DropReason> {
    if walk.packet.src.difference(walk.packet.dst) == 0 {
        return Err(DropReason::BALANCER_HAIRPIN);
    }
    let becomes = walk.packet.key(returns);
    let answer = becomes.reversed(returns);
    let own = forward.reversed(forward.device().without_mapping());
    if nat::is_mapped(stages, walk, &answer) && walk.mapping.becomes != own {
        return Err(DropReason::BALANCER_PORTS_EXHAUSTED);
    }
    walk.mapping.becomes = becomes;
    Ok(answer)
}

/// Gives the packet the addresses and ports of a key.
#[inline(always)]
fn become_of<I: Family>(walk: &mut Walk<I>, becomes: &FlowKey<I>) {
    walk.packet.src = becomes.src();
    walk.packet.dst = becomes.dst();
    walk.packet.src_port = becomes.src_port();
    walk.packet.dst_port = becomes.dst_port();
}

/// How long the load balancer knows of the connection.
#[inline(always)]
fn remember<I: Family>(walk: &mut Walk<I>, listener: &ListenerEntry) {
    let idle = if walk.packet.protocol == protocol::UDP {
        UDP_IDLE
    } else {
        listener.idle
    };
    if walk.component == 0 || idle < walk.component {
        walk.component = idle;
    }
}

/// Goes on from the node, as from an ENI with its groups (semantics 4.1, 13.8).
#[inline(always)]
fn emit<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let groups = walk.far.group_set;
    go_on(stages, walk, groups)?;
    security_group::let_out(stages, walk, groups)
}

#[inline(always)]
fn go_on<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, identity: GroupSetId) -> Result<(), DropReason> {
    walk.left = walk.at;
    walk.direction = direction::EGRESS;
    walk.identity = identity;
    walk.is_elsewhere = 1;
    walk.arrival = Device::NONE;
    eni::find_owner(stages, walk)
}

/// An answer, or an error about what was sent to the target, goes back to the client, by the door that it has spoken to.
#[inline(always)]
fn answer<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let becomes = walk.mapping.becomes;
    let (node, door) = (walk.far_device, becomes.device());
    let is_error = walk.packet.has(packet_flag::QUOTES);
    if !is_error {
        let listener = listener(stages, walk, node, becomes.src_port()).ok_or(DropReason::NO_LISTENER)?;
        remember(walk, &listener);
    }
    if door != node {
        come_out(stages, walk, door)?;
    }
    if is_error {
        check_error(walk)?;
        walk.packet.src = becomes.src();
        walk.packet.dst = becomes.dst();
        walk.quoted = becomes.reversed(Device::NONE);
    } else {
        become_of(walk, &becomes);
    }
    let identity = if door == node { walk.far.group_set } else { GroupSetId::NONE };
    go_on(stages, walk, identity)
}

/// Out of an endpoint, to its VPC.
#[inline(always)]
fn come_out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>, door: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let key = EniKey { bank, device: door };
    let endpoint = stages.endpoint(&key).ok_or(DropReason::ENDPOINT_NOT_AVAILABLE)?;
    if endpoint.flags & endpoint_flag::AVAILABLE == 0 {
        return Err(DropReason::ENDPOINT_NOT_AVAILABLE);
    }
    if !has_ports(walk.packet.protocol) {
        return Err(DropReason::ENDPOINT_PROTOCOL);
    }
    if walk.packet.size > ENDPOINT_MTU {
        return Err(DropReason::ENDPOINT_MTU);
    }
    move_to(stages, walk, door)
}

/// A client's error about an answer goes to the target.
#[inline(always)]
fn forward_error<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    check_error(walk)?;
    let becomes = walk.mapping.becomes;
    walk.packet.src = becomes.src();
    walk.packet.dst = becomes.dst();
    walk.quoted = becomes.reversed(Device::NONE);
    emit(stages, walk)
}

/// Nothing of ICMP passes but that something can't be reached (semantics 13.2).
#[inline(always)]
fn check_error<I: Family>(walk: &Walk<I>) -> Result<(), DropReason> {
    // Of IPv6 that something is too large is another type.
    const UNREACHABLE6: u8 = 1;
    let icmp_type = walk.packet.src_port.0[0];
    if icmp_type == I::TOO_BIG[0] || I::VERSION == 6 && icmp_type == UNREACHABLE6 {
        Ok(())
    } else {
        Err(DropReason::BALANCER_PROTOCOL)
    }
}

/// Whether a guest's packet answers what a load balancer has sent it with the client's address: then it goes to the node,
/// whoever has that address. Says so by where the packet is about to arrive.
pub fn returns<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let returns = stages
        .vpc(&VpcKey { bank, vpc })
        .map_or(Device::NONE, |vpc| vpc.returns);
    let key = nat::answer_key(walk, returns);
    if returns == Device::NONE || !nat::is_known(stages, walk, &key) {
        return false;
    }
    walk.returned = returns;
    walk.arrival = walk.mapping.becomes.device();
    true
}

/// Leaves the target's subnet for the node that the packet is about to arrive at.
#[inline(always)]
pub(crate) fn leave_target<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    let (bank, device) = (walk.generation.bank(), walk.arrival);
    let node = stages.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if node.subnet == walk.place_id {
        return Ok(());
    }
    stages.judge_by_nacl(walk).check()
}
