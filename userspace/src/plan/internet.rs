//! The internet's edge (semantics 9): which VPC a public address leads to, what of a VPC may be public, and the route
//! table of an internet gateway.

use super::lookup::Lookup;
use super::objects::Objects;
use super::{Family, Plan};
use crate::resources::{Resources, Subnet, Vpc, VpcBlockPublicAccessExclusion};
use groundplane_abi::eni::{AddressEntry, AddressKey, subnet_flag};
use groundplane_abi::internet::{PublicEntry, PublicKey, public_flag};
use groundplane_abi::vpc::{VpcEntry, VpcKey, vpc_flag};
use groundplane_abi::{Bank, Device, Ip4, Ip6, RouteTableId, VpcId};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// The rows of a VPC itself.
pub(super) fn compile(lookup: &Lookup<'_>, objects: &Objects<'_>, plan: &mut Plan) {
    let (Some(vpc), Some(number)) = (objects.vpc, lookup.vpcs.get(objects.vpc_id)) else {
        return;
    };
    let number = VpcId(number);
    for block in vpc.blocks() {
        insert_block::<Ip4>(plan, number, block);
        insert_block::<Ip6>(plan, number, block);
        if lookup.gateways.is_outside_reached(&vpc.vpc_id) {
            let is_clients = lookup.gateways.has_endpoint(&vpc.vpc_id);
            let flags = public_flag::PUBLIC | if is_clients { public_flag::CLIENTS } else { 0 };
            let (vpc, private) = (number, Ip6::default());
            insert_public(plan, block, PublicEntry { vpc, flags, private });
        }
    }
    let is_reached = lookup.gateways.has_internet(&vpc.vpc_id);
    for association in objects.network_interfaces.iter().flat_map(|eni| &eni.associations) {
        let public = IpAddr::V4(association.public_ip).into();
        // Without a gateway it is ours and leads nowhere.
        let vpc = if is_reached { number } else { VpcId(0) };
        let private = Ip4::from(association.private_ip_address);
        let flags = public_flag::PUBLIC;
        insert_public(plan, public, PublicEntry { vpc, flags, private });
    }
    let entry = VpcEntry {
        edge_table: edge_table(lookup, objects),
        return_table: super::peering::return_table(lookup, objects.vpc_id),
        returns: lookup.returns.get(objects.vpc_id).copied().unwrap_or_default(),
        flags: flags(lookup, objects.vpc_id),
        scope: lookup.scopes.get(objects.vpc_id).copied().unwrap_or_default(),
    };
    let bank = Bank(0);
    plan.vpcs.insert(VpcKey { bank, vpc: number }, entry);
}

/// Elastic IPs that nobody has: they are ours all the same.
pub(super) fn compile_unassociated(all: &Resources, plan: &mut Plan) {
    for address in unassociated(all) {
        let nobodys = PublicEntry::<Ip4> {
            flags: public_flag::PUBLIC,
            ..PublicEntry::default()
        };
        insert_public(plan, IpAddr::V4(address).into(), nobodys);
    }
}

pub(super) fn unassociated(all: &Resources) -> impl Iterator<Item = Ipv4Addr> {
    let enis = all.network_interfaces.iter();
    let associated: std::collections::BTreeSet<_> =
        enis.flat_map(|eni| &eni.associations).map(|it| it.public_ip).collect();
    let addresses = all.addresses.iter().filter_map(|address| address.public_ip);
    addresses.filter(move |address| !associated.contains(address))
}

/// A block of the VPC, in which an address that no ENI has is nobody's. Rows of ENIs are longer or win.
fn insert_block<I: Family>(plan: &mut Plan, vpc: VpcId, block: IpNet) {
    let Some((address, prefix_len)) = I::block(block) else {
        return;
    };
    let (bank, device) = (Bank(0), Device::NONE);
    let row = (AddressKey { bank, vpc, address }, prefix_len);
    let public = I::default();
    I::rows_mut(plan)
        .addresses
        .entry(row)
        .or_insert(AddressEntry { device, public });
}

fn insert_public<I: Family>(plan: &mut Plan, block: IpNet, row: PublicEntry<I>) {
    let Some((address, prefix_len)) = I::block(block) else {
        return;
    };
    let key = PublicKey {
        bank: Bank(0),
        reserved: 0,
        address,
    };
    I::rows_mut(plan).publics.insert((key, prefix_len), row);
}

/// The blocks of VPCs whose clients are answered by gateway endpoints' services, as far as they aren't public anyway.
/// Several VPCs may have one block, so they are no VPC's rows.
pub(super) fn compile_clients(lookup: &Lookup<'_>, all: &Resources, plan: &mut Plan) {
    for vpc in all.vpcs.iter().filter(|vpc| lookup.gateways.has_endpoint(&vpc.vpc_id)) {
        for block in vpc.blocks() {
            insert_public::<Ip4>(plan, block, clients());
            if !lookup.gateways.is_outside_reached(&vpc.vpc_id) {
                insert_public::<Ip6>(plan, block, clients());
            }
        }
    }
}

fn clients<I: Family>() -> PublicEntry<I> {
    PublicEntry {
        flags: public_flag::CLIENTS,
        ..PublicEntry::default()
    }
}

fn flags(lookup: &Lookup<'_>, vpc_id: &str) -> u16 {
    let flag = |flag: u16, is_set: bool| if is_set { flag } else { 0 };
    flag(vpc_flag::INTERNET_GATEWAY, lookup.gateways.has_internet(vpc_id))
        | flag(vpc_flag::GATEWAY_ENDPOINT, lookup.gateways.has_endpoint(vpc_id))
}

/// The route table that is associated with the VPC's internet gateway (semantics 5.5).
pub(super) fn edge_table(lookup: &Lookup<'_>, objects: &Objects<'_>) -> RouteTableId {
    let is_gateway = |id: &String| lookup.gateways.is_internet(id, objects.vpc_id);
    let mut tables = objects.route_tables.iter();
    let table = tables.find(|table| table.gateway_ids.iter().any(is_gateway));
    let number = table.and_then(|table| lookup.route_tables.get(&table.route_table_id));
    RouteTableId(number.unwrap_or_default())
}

/// What VPC Block Public Access leaves of a subnet's way to the internet (semantics 9.5).
pub(super) fn subnet_flags(lookup: &Lookup<'_>, subnet: &Subnet) -> u16 {
    let Some(vpc) = lookup.gateways.vpcs.get(&*subnet.vpc_id) else {
        return 0;
    };
    let mode = lookup.block_modes.iter().find(|(account, region, _)| {
        *account == vpc.details.owner_id && region.is_none_or(|region| region == vpc.region)
    });
    let mode = mode.map_or("off", |(_, _, mode)| *mode);
    let exclusion = exclusion(lookup, subnet, vpc);
    match (mode, exclusion) {
        ("off", _) | (_, Some("allow-bidirectional")) => 0,
        ("block-bidirectional", None) => subnet_flag::PUBLIC_ACCESS_BLOCKED | subnet_flag::EGRESS_BLOCKED,
        _ => subnet_flag::PUBLIC_ACCESS_BLOCKED,
    }
}

/// The exclusion of a subnet, else that of its VPC.
fn exclusion<'a>(lookup: &Lookup<'a>, subnet: &Subnet, vpc: &Vpc) -> Option<&'a str> {
    let of = |id: &str| {
        let names = |exclusion: &&&VpcBlockPublicAccessExclusion| {
            let arn = exclusion.resource_arn.as_deref().unwrap_or_default();
            arn.rsplit('/').next() == Some(id)
        };
        let found = lookup.exclusions.iter().find(names)?;
        found.internet_gateway_exclusion_mode.as_deref()
    };
    of(&subnet.subnet_id).or_else(|| of(&vpc.vpc_id))
}
