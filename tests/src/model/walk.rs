//! The packet's walk: semantics 4.2 and 4.3, step by step.

use super::header::{Header, Selector, check_options};
use super::reason::Reason;
use super::tracking::{Direction, Tuple};
use super::{Model, Passage, ROUTER_MAC, arp, nacl, route, security_group};
use groundplane::resources::{NetworkInterface, RouteTarget, Subnet};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Where a packet arrives, and what the ENIs on its way remember.
pub(super) struct Arrival<'a> {
    pub(super) eni: &'a str,
    pub(super) routed: bool,
    pub(super) passages: Vec<Passage>,
}

/// 4.2: "Egress from an ENI".
pub(super) fn leave<'a>(
    model: &'a Model,
    eni: &'a NetworkInterface,
    header: &Header,
    now: Duration,
) -> Result<Arrival<'a>, Reason> {
    check_options(&header.options)?;
    is_sane(model, eni, header)?;
    if eni.source_dest_check && !eni.private_ip_addresses.contains(&header.src) {
        return Err(Reason::SourceDestCheckAtSender);
    }
    let left = pass_groups(model, eni, Direction::Egress, header, now)?;
    let routed = header.destination_mac == ROUTER_MAC;
    let (receiver, same_subnet) = if routed {
        find_receiver(model, eni, header)?
    } else {
        (has_mac(model, eni, header.destination_mac)?, true)
    };
    let arrived = enter(model, receiver, same_subnet, header, now)?;
    let passages = [left, arrived].into_iter().flatten().collect();
    Ok(Arrival {
        eni: &receiver.network_interface_id,
        routed,
        passages,
    })
}

/// Steps 0 and 1.
fn is_sane(model: &Model, eni: &NetworkInterface, header: &Header) -> Result<(), Reason> {
    if header.source_mac != eni.mac_address.0 {
        return Err(Reason::SourceMacIsNotTheEnis);
    }
    if is_link_local_service(model, eni, header) {
        return Err(Reason::LinkLocalService);
    }
    if header.destination_mac[0] % 2 == 1 || header.dst.is_multicast() || header.dst.is_broadcast() {
        return Err(Reason::BroadcastOrMulticast);
    }
    if is_nobodys(header.src) || header.src.is_multicast() || is_nobodys(header.dst) {
        return Err(Reason::AddressIsNobodys);
    }
    Ok(())
}

/// 3.3, and DHCP's first words, which are broadcast.
fn is_link_local_service(model: &Model, eni: &NetworkInterface, header: &Header) -> bool {
    let resolver = Ipv4Addr::from(u32::from(model.vpc_of(eni).cidr_block.network()) + 2);
    let router = arp::router_of(model.subnet_of(eni).cidr_block.network());
    let dhcp = header.protocol == 17 && matches!(header.selector, Selector::Ports { dst: 67, .. });
    header.dst.is_link_local() || header.dst == resolver || header.dst == router || dhcp && header.dst.is_broadcast()
}

/// This network, loopback, reserved.
fn is_nobodys(address: Ipv4Addr) -> bool {
    matches!(address.octets()[0], 0 | 127 | 240..)
}

fn has_mac<'a>(model: &'a Model, eni: &NetworkInterface, mac: [u8; 6]) -> Result<&'a NetworkInterface, Reason> {
    let mut in_subnet = model
        .resources
        .network_interfaces
        .iter()
        .filter(|other| other.subnet_id == eni.subnet_id);
    in_subnet
        .find(|other| other.mac_address.0 == mac)
        .ok_or(Reason::NobodyHasTheMac)
}

/// Steps 4 to 7: who gets a packet that was sent to the router, and whether it stays in the subnet.
fn find_receiver<'a>(
    model: &'a Model,
    eni: &NetworkInterface,
    header: &Header,
) -> Result<(&'a NetworkInterface, bool), Reason> {
    let owner = model.owner(&eni.vpc_id, header.dst);
    if let Some(owner) = owner.filter(|owner| owner.subnet_id == eni.subnet_id) {
        return Ok((owner, true));
    }
    let subnet = model.subnet_of(eni);
    if !nacl_allows(model, subnet, true, header) {
        return Err(Reason::NaclDeniesOutbound);
    }
    let tables = &model.resources.route_tables;
    let table = tables
        .iter()
        .find(|table| table.route_table_id == subnet.route_table_id);
    let receiver = match route::select(table.expect("every subnet has a route table"), header.dst)? {
        RouteTarget::Local => owner.ok_or(Reason::NobodyHasTheAddress)?,
        RouteTarget::NetworkInterface(id) => model.eni(id),
    };
    Ok((receiver, receiver.subnet_id == eni.subnet_id))
}

/// 4.3: "Ingress to an ENI".
fn enter(
    model: &Model,
    eni: &NetworkInterface,
    same_subnet: bool,
    header: &Header,
    now: Duration,
) -> Result<Option<Passage>, Reason> {
    if eni.source_dest_check && !eni.private_ip_addresses.contains(&header.dst) {
        return Err(Reason::SourceDestCheckAtReceiver);
    }
    if !same_subnet && !nacl_allows(model, model.subnet_of(eni), false, header) {
        return Err(Reason::NaclDeniesInbound);
    }
    pass_groups(model, eni, Direction::Ingress, header, now)
}

fn nacl_allows(model: &Model, subnet: &Subnet, egress: bool, header: &Header) -> bool {
    let acl = model
        .resources
        .network_acls
        .iter()
        .find(|acl| acl.network_acl_id == subnet.network_acl_id);
    nacl::allows(acl.expect("every subnet has a NACL"), egress, header)
}

/// The groups of one ENI: what it tracks passes, everything else needs a rule.
fn pass_groups(
    model: &Model,
    eni: &NetworkInterface,
    direction: Direction,
    header: &Header,
    now: Duration,
) -> Result<Option<Passage>, Reason> {
    let egress = direction == Direction::Egress;
    let tuple = tuple_at(direction, header);
    let tracked = !header.stands_alone() && model.knows(&eni.network_interface_id, &tuple, header.tcp_flags, now);
    let admitted = security_group::admits(model, eni, egress, header);
    if !tracked && admitted.is_none() {
        return Err(if egress {
            Reason::NoEgressRule
        } else {
            Reason::NoIngressRule
        });
    }
    let opens = admitted.is_some_and(|admitted| admitted.tracked);
    let passage = Passage {
        eni: eni.network_interface_id.clone(),
        direction,
        tuple,
        opens,
    };
    Ok((!header.stands_alone()).then_some(passage))
}

/// A connection is known at an ENI by its packets as they leave there.
fn tuple_at(direction: Direction, header: &Header) -> Tuple {
    match direction {
        Direction::Egress => header.tuple(),
        Direction::Ingress => header.tuple().answered(),
    }
}
