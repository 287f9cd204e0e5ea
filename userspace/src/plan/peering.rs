//! VPC peering (semantics 11): answers to NAT gateways of peers, which go back whatever the tables say (semantics
//! 10.6). Routes over a peering connection are compiled like all others.

use super::Plan;
use super::lookup::Lookup;
use super::objects::Objects;
use super::route::insert;
use crate::resources::{InterfaceType, NetworkInterface, Vpc};
use groundplane_abi::eni::subnet_flag;
use groundplane_abi::route::{RouteEntry, Target};
use groundplane_abi::{Ip4, RouteTableId, VpcId};
use std::net::IpAddr;

/// The table of answers of a VPC, if it has one.
pub(super) fn return_table(lookup: &Lookup<'_>, vpc_id: &str) -> RouteTableId {
    let has_answers = answered(lookup, vpc_id).next().is_some();
    let number = lookup.route_tables.get(vpc_id).filter(|_| has_answers);
    RouteTableId(number.unwrap_or_default())
}

pub(super) fn subnet_flags(lookup: &Lookup<'_>, vpc_id: &str) -> u16 {
    if return_table(lookup, vpc_id) == RouteTableId(0) {
        0
    } else {
        subnet_flag::ANSWERS_NAT
    }
}

pub(super) fn compile(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan) {
    let table = return_table(lookup, vpc.vpc_id);
    for (peer, eni) in answered(lookup, vpc.vpc_id) {
        let Some(number) = lookup.vpcs.get(&peer.vpc_id) else {
            continue;
        };
        let is_far = lookup.gateways.is_far(vpc.vpc_id, &peer.vpc_id);
        let entry = RouteEntry::new(Target::Peering(VpcId(number), is_far));
        for &address in &eni.private_ip_addresses {
            insert::<Ip4>(plan, table, IpAddr::V4(address).into(), entry);
        }
    }
}

/// The ENIs of NAT gateways in the VPCs that one is peered with.
fn answered<'a>(lookup: &Lookup<'a>, vpc_id: &str) -> impl Iterator<Item = (&'a Vpc, &'a NetworkInterface)> {
    let enis = |peer: &'a Vpc| {
        let enis = lookup.enis.get(&*peer.vpc_id).into_iter().flatten();
        let nats = enis.filter(|eni| eni.interface_type == InterfaceType::NatGateway);
        nats.map(move |&eni| (peer, eni))
    };
    lookup.gateways.peers(vpc_id).flat_map(enis)
}
