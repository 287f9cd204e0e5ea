//! Internet gateways, egress-only gateways, and what keeps a VPC from being public (semantics 9).

use super::address::{is_nobodys, is_private, is_shared};
use super::bytes::{self, Side};
use super::fault::Fault;
use super::header::Selector;
use super::reason::Reason;
use super::tracking::Tuple;
use super::walk::{End, Moment, Walk, arrive_at};
use super::world::{Eni, SubnetAt, VpcAt, World};
use super::{Change, Gateway, block_public_access, route};
use groundplane::resources::RouteTarget;
use std::net::{IpAddr, Ipv4Addr};

/// 9.2: "Size > 1500".
const MTU: usize = 1500;

/// Whether a packet from the outside goes to an address of ours.
pub(super) fn is_ours(world: &World, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(public) => world.public_owner(public).is_some() || world.is_elastic(public),
        IpAddr::V6(_) => world.vpc_from_outside(address).is_some(),
    }
}

/// 9.2: "Egress (subnet to IGW)".
pub(super) fn leave(moment: Moment<'_>, walk: &mut Walk, gateway: &str) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let place = walk.place.expect("a packet leaves from a subnet");
    let owner = world.owner(world.vpc_around(place), walk.header.src);
    ask_public_access(world, walk, owner, place)?;
    if is_private(walk.header.dst) {
        return Err(walk.told(Reason::DestinationIsPrivate));
    }
    if is_shared(walk.header.dst) {
        return Err(walk.told(Reason::DestinationIsShared));
    }
    // 5.5: "If inbound traffic for a subnet is redirected to an appliance, that subnet can't use a direct IGW route".
    let is_direct = owner.is_some_and(|owner| world.subnet_of(owner) == place);
    if is_direct && is_redirected(world, gateway, owner, walk.header.src) {
        return Err(walk.told(Reason::EdgeTableLeadsElsewhere));
    }
    let no_address = walk.told(Reason::SourceHasNoPublicAddress);
    let owner = owner.ok_or(no_address)?;
    if let IpAddr::V4(private) = walk.header.src {
        let public = world.public_address(owner, private).ok_or(no_address)?;
        publish(walk, private, public);
    }
    walk.gateways.push(Gateway::Internet);
    go_out(moment, walk)
}

/// 9.4: "forwards VPC-initiated flows and their replies".
pub(super) fn leave_egress_only(moment: Moment<'_>, walk: &mut Walk, gateway: &str) -> Result<Option<End>, Fault> {
    let world = moment.world();
    let place = walk.place.expect("a packet leaves from a subnet");
    let owner = world.owner(world.vpc_around(place), walk.header.src);
    let subnet = owner.map_or(place, |owner| world.subnet_of(owner));
    if block_public_access::mode(world, subnet).blocks_everything() {
        return Err(walk.told(Reason::PublicAccessIsBlocked));
    }
    ask_deny_all(world, walk, owner)?;
    if owner.is_none() {
        return Err(walk.told(Reason::SourceHasNoPublicAddress));
    }
    walk.automatic = true;
    if !walk.header.stands_alone() {
        let tuple = walk.header.tuple();
        walk.changes.push(Change::EgressOnly {
            gateway: gateway.to_owned(),
            tuple,
            outward: true,
        });
    }
    walk.gateways.push(Gateway::EgressOnly);
    go_out(moment, walk)
}

/// "1:1, stateless, all protocols (checksums, and inner headers of ICMP errors, must be fixed)".
fn publish(walk: &mut Walk, private: Ipv4Addr, public: Ipv4Addr) {
    let quoted = bytes::quoted_addresses(&walk.frame, &walk.header);
    if quoted.is_some_and(|(_, dst)| dst == private) {
        bytes::set_quoted_address(&mut walk.frame, &walk.header, Side::Destination, public);
    }
    walk.translate(Side::Source, public, None);
}

fn unpublish(walk: &mut Walk, public: Ipv4Addr, private: Ipv4Addr) {
    let quoted = bytes::quoted_addresses(&walk.frame, &walk.header);
    if quoted.is_some_and(|(src, _)| src == public) {
        bytes::set_quoted_address(&mut walk.frame, &walk.header, Side::Source, private);
    }
    walk.translate(Side::Destination, private, None);
}

/// Out, or in again: "two instances of one VPC talking via public IPs go out and back through the IGW".
fn go_out(moment: Moment<'_>, walk: &mut Walk) -> Result<Option<End>, Fault> {
    walk.identity = None;
    walk.place = None;
    walk.narrow(MTU);
    if is_ours(moment.world(), walk.header.dst) {
        walk.gateways.push(Gateway::Hairpin);
        return come_in(moment, walk);
    }
    Ok(Some(End::Outside))
}

/// 9.3: "Ingress (internet to VPC)".
pub(super) fn come_in(moment: Moment<'_>, walk: &mut Walk) -> Result<Option<End>, Fault> {
    let world = moment.world();
    walk.narrow(MTU);
    walk.routed = true;
    let (src, dst) = (walk.header.src, walk.header.dst);
    if is_nobodys(src) || src.is_multicast() {
        return Err(walk.told(Reason::AddressIsNobodys));
    }
    if is_private(src) {
        return Err(walk.told(Reason::SourceIsPrivate));
    }
    if is_shared(src) {
        return Err(walk.told(Reason::SourceIsShared));
    }
    let nobodys = walk.told(Reason::NobodysPublicAddress);
    let (vpc, owner, private) = match dst {
        IpAddr::V4(public) => {
            let (owner, private) = world.public_owner(public).ok_or(nobodys)?;
            (world.vpc_of(owner), Some(owner), private.into())
        }
        IpAddr::V6(_) => {
            let vpc = world.vpc_from_outside(dst).ok_or(nobodys)?;
            (vpc, world.owner(vpc, dst), dst)
        }
    };
    if world.is_inside(vpc, src) {
        return Err(walk.told(Reason::SourceIsSpoofed));
    }
    let owner = owner.ok_or(nobodys)?;
    admit(moment, walk, vpc, owner)?;
    if let (IpAddr::V4(public), IpAddr::V4(private)) = (dst, private) {
        unpublish(walk, public, private);
    }
    let receiver = edge(world, walk, vpc, owner)?;
    arrive_at(moment, walk, receiver)
}

/// What stands between the internet and an ENI: block public access, `DenyAllIgwTraffic`, and the state of an
/// egress-only gateway.
fn admit(moment: Moment<'_>, walk: &mut Walk, vpc: VpcAt, owner: Eni) -> Result<(), Fault> {
    let world = moment.world();
    let subnet = world.subnet_of(owner);
    let egress_only = egress_only_way(world, subnet, vpc, walk.header.src);
    if walk.header.src.is_ipv4() && world.internet_gateway(vpc).is_none() {
        return Err(walk.told(Reason::NobodysPublicAddress));
    }
    if egress_only.is_none() {
        return ask_public_access(world, walk, Some(owner), subnet);
    }
    if block_public_access::mode(world, subnet).blocks_everything() {
        return Err(walk.told(Reason::PublicAccessIsBlocked));
    }
    ask_deny_all(world, walk, Some(owner))?;
    let gateway = egress_only.unwrap_or_default();
    let left = match &walk.header.quoted {
        // It answers whom it speaks of.
        Some(quoted) if walk.header.is_icmp_error() && quoted.src == walk.header.dst => *quoted,
        _ => walk.header.tuple().answered(),
    };
    // Whose a later fragment is without its ports nobody can tell.
    let is_whose = walk.header.selector != Selector::Absent;
    if !is_whose || !knows(moment, gateway, left, walk.header.tcp_flags) {
        return Err(walk.told(Reason::NobodyAskedForIt));
    }
    walk.automatic = true;
    walk.gateways.push(Gateway::EgressOnlyBack);
    if !walk.header.stands_alone() {
        walk.changes.push(Change::EgressOnly {
            gateway: gateway.to_owned(),
            tuple: left,
            outward: false,
        });
    }
    Ok(())
}

fn knows(moment: Moment<'_>, gateway: &str, left: Tuple, tcp_flags: u8) -> bool {
    let held = moment.model.egress_only.get(&(gateway.to_owned(), left));
    held.is_some_and(|held| held.is_live(moment.now) && !held.is_succeeded_by(tcp_flags))
}

/// The egress-only gateway by which a subnet answers to an address, if it is by one; nothing else can have let the
/// packet in where there is no internet gateway.
fn egress_only_way(world: &World, subnet: SubnetAt, vpc: VpcAt, source: IpAddr) -> Option<&str> {
    if source.is_ipv4() {
        return None;
    }
    if let Ok(RouteTarget::EgressOnlyInternetGateway(id)) = route::select(world, world.table(subnet), source)
        && world.is_egress_only_gateway_of(id, vpc)
    {
        return Some(id);
    }
    let has_other = world.internet_gateway(vpc).is_some();
    world.egress_only_gateway(vpc).filter(|_| !has_other)
}

/// Block public access, and the ENI's own will, at an internet gateway.
fn ask_public_access(world: &World, walk: &Walk, owner: Option<Eni>, place: SubnetAt) -> Result<(), Fault> {
    let subnet = owner.map_or(place, |owner| world.subnet_of(owner));
    let is_nat = owner.is_some_and(|owner| world.is_nat_gateway(owner));
    let mode = block_public_access::mode(world, subnet);
    if mode.blocks_everything() || mode.blocks_unsolicited() && !is_nat {
        return Err(walk.told(Reason::PublicAccessIsBlocked));
    }
    ask_deny_all(world, walk, owner)
}

/// 9.2: "IPv6: ENI must not have DenyAllIgwTraffic=true", and 27: "Per-ENI DenyAllIgwTraffic blocks both".
fn ask_deny_all(world: &World, walk: &Walk, owner: Option<Eni>) -> Result<(), Fault> {
    let denies = owner.is_some_and(|owner| world.interface(owner).deny_all_igw_traffic);
    if walk.header.src.is_ipv6() && denies {
        return Err(walk.told(Reason::EniDeniesTheInternet));
    }
    Ok(())
}

/// 9.3: "Gateway route table if associated, else local". Nothing is local that nobody has.
fn edge(world: &World, walk: &mut Walk, vpc: VpcAt, owner: Eni) -> Result<Eni, Fault> {
    let came_by_internet_gateway = !walk.gateways.ends_with(&[Gateway::EgressOnlyBack]);
    let gateway = world.internet_gateway(vpc).filter(|_| came_by_internet_gateway);
    if came_by_internet_gateway {
        walk.gateways.push(Gateway::InternetBack);
    }
    let Some(table) = gateway.and_then(|gateway| world.edge_table(gateway)) else {
        return Ok(owner);
    };
    let elsewhere = walk.told(Reason::EdgeTableLeadsElsewhere);
    match route::select(world, table, walk.header.dst) {
        Ok(RouteTarget::Local) => Ok(owner),
        Ok(RouteTarget::NetworkInterface(id)) => {
            let eni = world.eni_of_id(id).ok_or(elsewhere)?;
            if world.interface(eni).associations.is_empty() {
                return Err(walk.told(Reason::EdgeTableLeadsToPrivate));
            }
            walk.gateways.push(Gateway::EdgeTable);
            Ok(eni)
        }
        Ok(target @ RouteTarget::VpcEndpoint(_)) => {
            let eni = world.led_to(target, vpc).ok_or(elsewhere)?;
            walk.gateways.push(Gateway::EdgeTable);
            Ok(eni)
        }
        _ => Err(elsewhere),
    }
}

/// Whether the gateway's route table leads what comes for an address to anybody else.
fn is_redirected(world: &World, gateway: &str, owner: Option<Eni>, address: IpAddr) -> bool {
    let Some(table) = world.edge_table(gateway) else {
        return false;
    };
    match route::select(world, table, address) {
        Ok(RouteTarget::NetworkInterface(id)) => world.eni_of_id(id) != owner,
        Ok(target) => *target != RouteTarget::Local,
        // To a middlebox that is gone.
        Err(_) => true,
    }
}
