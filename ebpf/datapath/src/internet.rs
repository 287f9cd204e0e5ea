//! Internet gateways, egress-only ones, and public addresses (semantics 9).
//!
//! One-to-one and without state: an address becomes its public one on the way out and the private one on the way in.
//! What goes out to a public address of this host comes in again at once.

use crate::conntrack::{self, Pulse};
use crate::eni;
use crate::family::Family;
use crate::packet::packet_flag;
use crate::stages::Stages;
use crate::walk::{Walk, route};
use crate::{Tables, TablesOf, uplink};
use groundplane_abi::eni::{EniKey, SubnetEntry, SubnetKey, eni_flag, subnet_flag};
use groundplane_abi::flow::{FlowKey, state};
use groundplane_abi::internet::{PublicKey, public_flag};
use groundplane_abi::nacl::direction;
use groundplane_abi::route::{Target, target};
use groundplane_abi::vpc::{VpcKey, vpc_flag};
use groundplane_abi::{Device, DropReason, GroupSetId, Mac, RouteTableId, ScopeId, SubnetId};

/// Semantics 23.
pub(crate) const MTU: u16 = 1500;

/// How long an egress-only gateway remembers an idle connection: this project's choice, that of a NAT gateway.
const EGRESS_ONLY_IDLE: u16 = 350;

/// Out of the VPC: to the outside, or to another VPC of this host by its public address.
pub fn out<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.depends_on(ScopeId::INTERNET);
    let is_egress_only = walk.is_egress_only != 0;
    let sender = eni::held(stages, walk, walk.vpc, walk.packet.src);
    let (device, public) = sender.map_or((Device::NONE, I::default()), |row| (row.device, row.public));
    check_blocked(
        home(stages, walk, device),
        is_egress_only || is_nat(stages, walk, device),
    )?;
    check_denied(stages, walk, device)?;
    I::check_outside_destination(walk.packet.dst)?;
    check_redirected(stages, walk, device)?;
    if device == Device::NONE || I::VERSION == 4 && public == I::default() {
        return Err(DropReason::NO_PUBLIC_ADDRESS);
    }
    if public != I::default() {
        if walk.quoted.dst() == walk.packet.src {
            walk.quoted = with_addresses(&walk.quoted, walk.quoted.src(), public);
        }
        walk.packet.src = public;
    }
    walk.identity = GroupSetId::NONE;
    walk.is_elsewhere = 1;
    walk.narrow(MTU);
    if is_egress_only {
        walk.component = EGRESS_ONLY_IDLE;
        walk.is_egress_only = 0;
    }
    if is_public(stages, walk) {
        return enter(stages, walk);
    }
    let uplink = uplink::leading(stages, || uplink::towards(stages, walk.packet.dst));
    if uplink.device == Device::NONE {
        return Err(DropReason::NO_UPLINK);
    }
    walk.arrival = Device::INTERNET;
    Ok(())
}

/// A packet from outside, which is for an address of ours.
pub fn come_in<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    walk.direction = direction::INGRESS;
    walk.identity = GroupSetId::NONE;
    walk.source = Device::NONE;
    // Nobody's, as where a walk ends outside; what stands there is the sender's of the walk before.
    walk.near.mac = Mac([0; 6]);
    walk.is_elsewhere = 1;
    walk.narrow(MTU);
    walk.depends_on(ScopeId::INTERNET);
    enter(stages, walk)
}

/// Whether the destination is a public address of this host.
#[inline(always)]
pub(crate) fn is_public<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> bool {
    flags_of(tables, walk, walk.packet.dst) & public_flag::PUBLIC != 0
}

/// What an address is to the outside: [`public_flag`] bits.
#[inline(always)]
pub(crate) fn flags_of<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, address: I) -> u32 {
    tables.public(&public_key(walk, address)).map_or(0, |row| row.flags)
}

#[inline(always)]
fn public_key<I: Family>(walk: &Walk<I>, address: I) -> PublicKey<I> {
    let bank = walk.generation.bank();
    PublicKey {
        bank,
        reserved: 0,
        address,
    }
}

/// Into the VPC that has the public destination (semantics 9.3), as far as the ENI that the packet goes to.
#[inline(always)]
fn enter<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<(), DropReason> {
    I::check_outside_source(walk.packet.src)?;
    let row = stages
        .public(&public_key(walk, walk.packet.dst))
        .filter(|row| row.flags & public_flag::PUBLIC != 0)
        .ok_or(DropReason::NOBODYS_PUBLIC_ADDRESS)?;
    let public = walk.packet.dst;
    let private = if row.private == I::default() {
        public
    } else {
        row.private
    };
    walk.vpc = row.vpc;
    if eni::held(stages, walk, row.vpc, walk.packet.src).is_some() {
        return Err(DropReason::SPOOFED_SOURCE);
    }
    if walk.quoted.src() == public {
        walk.quoted = with_addresses(&walk.quoted, private, walk.quoted.dst());
    }
    walk.packet.dst = private;
    eni::find_owner(stages, walk)?;
    if walk.owner == Device::NONE {
        return Err(DropReason::NOBODYS_PUBLIC_ADDRESS);
    }
    walk.place_id = walk.far.subnet;
    walk.place = subnet(stages, walk)?;
    walk.depends_on(walk.place.scope);
    let edge_table = admit(stages, walk)?;
    // Whatever subnet it came from: what is outside enters one.
    walk.place_id = SubnetId(0);
    walk.arrival = walk.owner;
    if edge_table.0 == 0 {
        return Ok(());
    }
    let entry = route(stages, walk, edge_table, private).ok_or(DropReason::EDGE_ROUTE)?;
    match entry.target()? {
        Target::Local => Ok(()),
        Target::Eni(device) => {
            check_middlebox(stages, walk, device)?;
            walk.arrival = device;
            Ok(())
        }
        _ => Err(DropReason::EDGE_ROUTE),
    }
}

/// Whether the gateway lets the packet in to the owner of its destination, whose subnet is the place. Says which table
/// the gateway has.
#[inline(always)]
fn admit<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> Result<RouteTableId, DropReason> {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let vpc = stages.vpc(&VpcKey { bank, vpc }).ok_or(DropReason::NO_SUBNET)?;
    let is_egress_only =
        I::VERSION == 6 && (vpc.flags & vpc_flag::INTERNET_GATEWAY == 0 || leaves_by_egress_only(stages, walk));
    check_blocked(walk.place.flags, is_egress_only || walk.far.flags & eni_flag::NAT != 0)?;
    if I::VERSION == 6 && walk.far.flags & eni_flag::INTERNET_DENIED != 0 {
        return Err(DropReason::INTERNET_DENIED);
    }
    if is_egress_only {
        // The answer to what just went out there, or to what is remembered; or an error about that.
        if !walk.is_back() && walk.is_remembered == 0 && !is_about_remembered(stages, walk) {
            return Err(DropReason::EGRESS_ONLY);
        }
        walk.component = EGRESS_ONLY_IDLE;
    }
    Ok(vpc.edge_table)
}

/// Whether an ICMP error speaks of a packet that its receiver has sent out here, on a connection that is remembered.
#[inline(always)]
fn is_about_remembered<I: Family, S: Stages<I>>(stages: &S, walk: &mut Walk<I>) -> bool {
    if !walk.packet.has(packet_flag::QUOTES) || walk.quoted.src() != walk.packet.dst {
        return false;
    }
    walk.own_key = walk.quoted.at(walk.owner);
    let Some(table) = conntrack::standing(stages, &walk.own_key, &mut walk.found) else {
        return false;
    };
    // What is left over of a connection that has gone says nothing.
    walk.found.state != state::PROMOTED
        && Pulse::take(stages, table, &walk.found, walk.now).component_keeps(&walk.found)
}

/// Whether the place's table leads to the packet's source by an egress-only gateway.
#[inline(always)]
fn leaves_by_egress_only<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>) -> bool {
    let entry = route(tables, walk, walk.place.route_table, walk.packet.src);
    entry.is_some_and(|entry| entry.target == target::EGRESS_ONLY)
}

/// The flags of the subnet that a sender is in: not the place, if a middlebox has passed the packet on.
#[inline(always)]
fn home<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, sender: Device) -> u16 {
    let bank = walk.generation.bank();
    let eni = tables.eni(&EniKey { bank, device: sender });
    let subnet = eni.map_or(walk.place_id, |eni| eni.subnet);
    if subnet == walk.place_id {
        return walk.place.flags;
    }
    tables
        .subnet(&SubnetKey { bank, subnet })
        .map_or(walk.place.flags, |subnet| subnet.flags)
}

/// Whether a device is the ENI of a NAT gateway, whose connections all begin inside.
#[inline(always)]
fn is_nat<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, device: Device) -> bool {
    let bank = walk.generation.bank();
    device.is_component()
        && tables
            .eni(&EniKey { bank, device })
            .is_some_and(|eni| eni.flags & eni_flag::NAT != 0)
}

/// VPC Block Public Access (semantics 9.5).
#[inline(always)]
fn check_blocked(flags: u16, is_egress: bool) -> Result<(), DropReason> {
    let flag = if is_egress {
        subnet_flag::EGRESS_BLOCKED
    } else {
        subnet_flag::PUBLIC_ACCESS_BLOCKED
    };
    if flags & flag == 0 {
        Ok(())
    } else {
        Err(DropReason::PUBLIC_ACCESS_BLOCKED)
    }
}

/// `DenyAllIgwTraffic`, which speaks of IPv6 (semantics 9.2).
#[inline(always)]
fn check_denied<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, device: Device) -> Result<(), DropReason> {
    if I::VERSION == 4 || device == Device::NONE {
        return Ok(());
    }
    let bank = walk.generation.bank();
    let eni = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if eni.flags & eni_flag::INTERNET_DENIED == 0 {
        Ok(())
    } else {
        Err(DropReason::INTERNET_DENIED)
    }
}

/// What comes in for the sender is led to a middlebox, so what it sends can't go out directly (semantics 5.5). What a
/// middlebox has passed on goes out from another subnet.
#[inline(always)]
fn check_redirected<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, sender: Device) -> Result<(), DropReason> {
    let (bank, vpc) = (walk.generation.bank(), walk.vpc);
    let table = tables
        .vpc(&VpcKey { bank, vpc })
        .map_or(Default::default(), |vpc| vpc.edge_table);
    if table.0 == 0 || walk.is_egress_only != 0 {
        return Ok(());
    }
    let eni = tables.eni(&EniKey { bank, device: sender });
    if eni.is_none_or(|eni| eni.subnet != walk.place_id) {
        return Ok(());
    }
    match route(tables, walk, table, walk.packet.src).map(|entry| entry.target()) {
        Some(Ok(Target::Local)) => Ok(()),
        Some(Ok(Target::Eni(middlebox))) if middlebox == sender => Ok(()),
        _ => Err(DropReason::EDGE_ROUTE),
    }
}

/// The middlebox behind a gateway has a public address, or is an endpoint (semantics 5.5).
#[inline(always)]
fn check_middlebox<I: Family, T: Tables>(tables: &T, walk: &Walk<I>, device: Device) -> Result<(), DropReason> {
    let bank = walk.generation.bank();
    let eni = tables.eni(&EniKey { bank, device }).ok_or(DropReason::NO_ENI)?;
    if eni.flags & (eni_flag::PUBLIC | eni_flag::INSPECTION) == 0 {
        Err(DropReason::EDGE_PUBLIC_ADDRESS)
    } else {
        Ok(())
    }
}

#[inline(always)]
fn subnet<I: Family, T: Tables>(tables: &T, walk: &Walk<I>) -> Result<SubnetEntry, DropReason> {
    let (bank, subnet) = (walk.generation.bank(), walk.place_id);
    tables.subnet(&SubnetKey { bank, subnet }).ok_or(DropReason::NO_SUBNET)
}

/// The same packet between other addresses.
#[inline(always)]
pub(crate) fn with_addresses<I: Family>(key: &FlowKey<I>, src: I, dst: I) -> FlowKey<I> {
    FlowKey::new(key.device(), key.protocol(), src, dst, key.src_port(), key.dst_port())
}
