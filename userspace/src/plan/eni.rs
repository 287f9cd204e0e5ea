//! ENIs, their subnets, and who holds which address (semantics 3).

use super::limits::{Lookup, scope};
use super::problem::{PlanProblem, Problems};
use super::security_group::GroupSets;
use super::{GuestKind, Plan};
use crate::resources::{NetworkInterface, Subnet};
use groundplane_abi::eni::{AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey, eni_flag};
use groundplane_abi::{Bank, Device, GroupSetId, Ip4, Mac, NaclId, RouteTableId, SubnetId, VpcId};
use ipnet::Ipv4Net;
use std::collections::BTreeMap;

const WHOLE_ADDRESS: u8 = 32;

pub(super) fn compile_subnets(lookup: &Lookup<'_>, plan: &mut Plan, problems: &mut Problems) {
    let resolvers: BTreeMap<&str, Ip4> = lookup
        .resources
        .vpcs
        .iter()
        .map(|vpc| (&*vpc.vpc_id, resolver(vpc.cidr_block)))
        .collect();
    for subnet in &lookup.resources.subnets {
        let resolver = resolvers.get(&*subnet.vpc_id).copied();
        if let Some((key, entry)) = subnet_row(lookup, subnet, resolver, problems) {
            plan.subnets.insert(key, entry);
        }
    }
}

/// The resolver's address: base+2 of the VPC's block (semantics 2.2).
fn resolver(vpc_block: Ipv4Net) -> Ip4 {
    Ip4::from_bits(Ip4::from(vpc_block.network()).to_bits().saturating_add(2))
}

fn subnet_row(
    lookup: &Lookup<'_>,
    subnet: &Subnet,
    resolver: Option<Ip4>,
    problems: &mut Problems,
) -> Option<(SubnetKey, SubnetEntry)> {
    let (id, vpc_id) = (&*subnet.subnet_id, &*subnet.vpc_id);
    // Looked up before any is asked for, so that all the references that dangle are reported.
    let number = lookup.subnets.find(id, id, vpc_id, problems);
    let vpc = lookup.vpcs.find(vpc_id, id, vpc_id, problems);
    let route_table = lookup.route_tables.find(&subnet.route_table_id, id, vpc_id, problems);
    let nacl = lookup.network_acls.find(&subnet.network_acl_id, id, vpc_id, problems);
    let key = SubnetKey {
        bank: Bank(0),
        subnet: SubnetId(number?),
    };
    let entry = SubnetEntry {
        vpc: VpcId(vpc?),
        route_table: RouteTableId(route_table?),
        nacl: NaclId(nacl?),
        network: subnet.cidr_block.network().into(),
        resolver: resolver?,
        prefix_len: subnet.cidr_block.prefix_len(),
        reserved: 0,
        scope: scope(vpc?),
    };
    Some((key, entry))
}

/// An ENI with every number its rows need.
struct Numbered<'a> {
    eni: &'a NetworkInterface,
    device: Device,
    kind: GuestKind,
    vpc: VpcId,
    subnet: SubnetId,
    group_set: GroupSetId,
}

pub(super) fn compile_enis(lookup: &Lookup<'_>, group_sets: &GroupSets<'_>, plan: &mut Plan, problems: &mut Problems) {
    let mut owners = Owners::default();
    for eni in &lookup.resources.network_interfaces {
        check_alone(eni, problems);
        if let Some(numbered) = number(lookup, group_sets, eni, problems) {
            insert_eni(&numbered, plan);
            insert_addresses(&numbered, plan, &mut owners, problems);
        }
    }
}

fn check_alone(eni: &NetworkInterface, problems: &mut Problems) {
    let network_interface_id = || eni.network_interface_id.clone();
    let mac_address = eni.mac_address;
    if mac_address.is_multicast() || mac_address == Mac::ROUTER || mac_address == Mac::default() {
        problems.report(PlanProblem::UnusableMac {
            network_interface_id: network_interface_id(),
            mac_address,
        });
    }
    if eni.private_ip_addresses.is_empty() {
        problems.report(PlanProblem::NoAddress {
            network_interface_id: network_interface_id(),
        });
    }
    if eni.groups.is_empty() {
        problems.report(PlanProblem::NoGroup {
            network_interface_id: network_interface_id(),
        });
    }
}

fn number<'a>(
    lookup: &Lookup<'_>,
    group_sets: &GroupSets<'_>,
    eni: &'a NetworkInterface,
    problems: &mut Problems,
) -> Option<Numbered<'a>> {
    let (id, vpc_id) = (&*eni.network_interface_id, &*eni.vpc_id);
    let vpc = lookup.vpcs.find(vpc_id, id, vpc_id, problems);
    let subnet = lookup.subnets.find(&eni.subnet_id, id, vpc_id, problems);
    for group in &eni.groups {
        lookup.security_groups.find(group, id, vpc_id, problems);
    }
    let binding = lookup.binding(id)?;
    Some(Numbered {
        eni,
        device: binding.device,
        kind: binding.kind,
        vpc: VpcId(vpc?),
        subnet: SubnetId(subnet?),
        group_set: group_sets.of(eni)?,
    })
}

fn insert_eni(numbered: &Numbered<'_>, plan: &mut Plan) {
    let &Numbered {
        eni,
        device,
        kind,
        vpc,
        subnet,
        group_set,
    } = numbered;
    let mut flags = 0;
    if eni.source_dest_check {
        flags |= eni_flag::SOURCE_DEST_CHECK;
    }
    if kind == GuestKind::Tap {
        flags |= eni_flag::TAP;
    }
    let entry = EniEntry {
        vpc,
        subnet,
        group_set,
        mac: eni.mac_address,
        flags,
    };
    plan.enis.insert(EniKey { bank: Bank(0), device }, entry);
}

/// Which ENI has an address or a MAC so far, to name both when a second one claims it.
#[derive(Default)]
struct Owners<'a> {
    addresses: BTreeMap<AddressKey, &'a str>,
    macs: BTreeMap<MacKey, &'a str>,
}

fn insert_addresses<'a>(numbered: &Numbered<'a>, plan: &mut Plan, owners: &mut Owners<'a>, problems: &mut Problems) {
    let &Numbered {
        eni,
        device,
        vpc,
        subnet,
        ..
    } = numbered;
    let id = &*eni.network_interface_id;
    for &address in &eni.private_ip_addresses {
        let key = AddressKey {
            bank: Bank(0),
            vpc,
            address: address.into(),
        };
        if let Some(other) = owners.addresses.insert(key, id) {
            problems.report(PlanProblem::SharedAddress {
                address,
                network_interface_ids: in_order(other, id),
            });
        }
        plan.addresses.insert((key, WHOLE_ADDRESS), device);
    }
    let mac_address = eni.mac_address;
    let key = MacKey {
        bank: Bank(0),
        subnet,
        mac: mac_address,
        reserved: 0,
    };
    if let Some(other) = owners.macs.insert(key, id) {
        problems.report(PlanProblem::SharedMac {
            mac_address,
            network_interface_ids: in_order(other, id),
        });
    }
    plan.macs.insert(key, device);
}

fn in_order(a: &str, b: &str) -> [String; 2] {
    let mut both = [a.to_owned(), b.to_owned()];
    both.sort();
    both
}
