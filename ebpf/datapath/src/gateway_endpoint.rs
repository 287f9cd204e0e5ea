//! Gateway endpoints (semantics 15).
//!
//! A packet goes out by an uplink as it is: its source stays the client's private address, its destination the
//! service's public one. The answer then comes in for a private address, which may be one in several VPCs. So whoever
//! sends first takes the answers by a row that can be inserted once, as a NAT gateway takes a port; nobody in another
//! VPC gets out with the same address and port to the same service while that lives, and nothing comes in that no row
//! speaks of.

use crate::eni;
use crate::family::Family;
use crate::internet;
use crate::nat::{self, MOST, Mapping};
use crate::packet::{Packet, packet_flag};
use crate::stages::Stages;
use crate::uplink;
use crate::walk::Walk;
use groundplane_abi::eni::EniKey;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::internet::public_flag;
use groundplane_abi::nacl::direction;
use groundplane_abi::vpc::{VpcKey, vpc_flag};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, DropReason, GroupSetId, Mac, ScopeId, SubnetId};

/// How long it remembers an idle connection: this project's choice, that of a NAT gateway.
const IDLE: u16 = 350;

/// From the VPC to a service outside.
pub fn out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.depends_on(ScopeId::INTERNET);
    check_source(stages, walk)?;
    if !is_carried(&walk.packet) {
        return Err(DropReason::GATEWAY_ENDPOINT_PROTOCOL);
    }
    // A service that is an ENI of this host would have to find the client's VPC again; nobody leads its answers there.
    if internet::is_public(stages, walk) {
        return Err(DropReason::UNUSABLE_TARGET);
    }
    let uplink = uplink::leading(stages, || uplink::towards(stages, walk.packet.dst));
    if uplink.device == Device::NONE {
        return Err(DropReason::NO_UPLINK);
    }
    reserve(stages, walk)?;
    walk.identity = GroupSetId::NONE;
    walk.is_elsewhere = 1;
    walk.is_by_endpoint = 1;
    walk.component = IDLE;
    walk.narrow(internet::MTU);
    walk.arrival = Device::INTERNET;
    Ok(())
}

/// Whether a packet from outside answers what has gone out by a gateway endpoint: then it is in the client's VPC.
pub fn answers<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    let key = walk.packet.key(Device::GATEWAY_ENDPOINTS);
    // Nothing else comes from a service, and whose a later fragment is nobody can tell.
    let is_answer = !walk.is_uncached()
        && internet::flags_of(stages, walk, walk.packet.dst) & public_flag::CLIENTS != 0
        && nat::is_known(stages, walk, &key)
        && !nat::is_succeeded(walk);
    if !is_answer {
        return false;
    }
    let bank = walk.generation.bank();
    let device = if walk.is_back() {
        walk.origin
    } else {
        walk.mapping.flow.device()
    };
    let Some(client) = stages.eni(&EniKey { bank, device }) else {
        return false;
    };
    walk.vpc = client.vpc;
    walk.mapping.becomes.device() == number(stages, walk)
}

/// An answer goes to the client.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    if !stages.answers_client(walk) {
        return Err(DropReason::NOBODYS_PUBLIC_ADDRESS);
    }
    walk.direction = direction::INGRESS;
    walk.identity = GroupSetId::NONE;
    walk.source = Device::NONE;
    walk.near.mac = Mac([0; 6]);
    walk.is_elsewhere = 1;
    walk.component = IDLE;
    walk.narrow(internet::MTU);
    walk.depends_on(ScopeId::INTERNET);
    eni::find_owner(stages, walk)?;
    if walk.owner == Device::NONE {
        return Err(DropReason::NO_OWNER);
    }
    walk.place_id = SubnetId(0);
    walk.arrival = walk.owner;
    Ok(())
}

/// It serves addresses of ENIs of its own VPC, and nobody who comes from elsewhere.
#[inline(always)]
fn check_source<I: Family, S: Stages<I>>(stages: &S, walk: &Walk<I>) -> Result<(), DropReason> {
    let is_here = !walk.is_from_outside() && walk.near_device != Device::SERVICE && walk.near.vpc == walk.vpc;
    if is_here && eni::owner(stages, walk, walk.packet.src).is_some() {
        Ok(())
    } else {
        Err(DropReason::GATEWAY_ENDPOINT_SOURCE)
    }
}

/// TCP, and questions of ICMP echo.
#[inline(always)]
fn is_carried<I: Family>(packet: &Packet<I>) -> bool {
    let is_asked = packet.protocol == I::ICMP && packet.src_port.0[0] == I::ECHO_REQUEST;
    !packet.has(packet_flag::LATER_FRAGMENT | packet_flag::ICMP_ERROR) && (packet.protocol == protocol::TCP || is_asked)
}

/// Takes the answers to a packet, unless they are the client's already.
#[inline(always)]
fn reserve<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    // By an address that is public, too, the internet finds somebody else.
    if internet::flags_of(stages, walk, walk.packet.src) & public_flag::CLIENTS == 0 {
        return Err(DropReason::GATEWAY_ENDPOINT_TAKEN);
    }
    let own = number(stages, walk);
    if own == Device::NONE {
        return Err(DropReason::UNUSABLE_TARGET);
    }
    let key = walk.packet.key(Device::NONE).reversed(Device::GATEWAY_ENDPOINTS);
    if nat::is_mapped(stages, walk, &key) {
        if walk.mapping.becomes.device() != own {
            return Err(DropReason::GATEWAY_ENDPOINT_TAKEN);
        }
        // By another way to the endpoint it is another connection, which the row would not live as long as.
        if !nat::is_succeeded(walk) && walk.mapping.flow.device() == walk.near_device {
            return Ok(());
        }
    }
    want(walk, &key, own)
}

#[inline(always)]
fn want<I: Family>(walk: &mut Walk<I>, answer: &FlowKey<I>, own: Device) -> Result<(), DropReason> {
    if walk.wanted.len >= MOST as u64 {
        return Err(DropReason::TOO_MANY_HOPS);
    }
    let place = if walk.wanted.len == 0 { 0 } else { 1 };
    walk.wanted.mappings[place] = Mapping {
        answer: *answer,
        forward: walk.packet.key(own.of_mapping()),
    };
    walk.wanted.len += 1;
    Ok(())
}

/// By which the answers to clients of the walk's VPC are known; none if it has no gateway endpoint.
#[inline(always)]
fn number<I: Family, S: Stages<I>>(stages: &S, walk: &Walk<I>) -> Device {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    stages
        .vpc(&VpcKey { bank, vpc })
        .filter(|vpc| vpc.flags & vpc_flag::GATEWAY_ENDPOINT != 0)
        .map_or(Device::NONE, |vpc| vpc.returns)
}
