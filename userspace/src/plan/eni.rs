//! ENIs, their subnets, and who holds which address (semantics 3).

use super::lookup::{Lookup, zone};
use super::objects::Objects;
use super::prefix::Nest;
use super::problem::{PlanProblem, Problems};
use super::{Family, GuestKind, Plan, internet, peering};
use crate::resources::{InterfaceType, NetworkInterface, Subnet};
use groundplane_abi::eni::{AddressEntry, AddressKey, EniEntry, EniKey, MacKey, SubnetEntry, SubnetKey, eni_flag};
use groundplane_abi::{Bank, Device, GroupSetId, Ip4, Ip6, Mac, NaclId, RouteTableId, SubnetId, VpcId};
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) fn compile_subnets(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan, problems: &mut Problems) {
    let resolver = vpc.vpc.map(|vpc| resolver(vpc.cidr_block));
    for subnet in &vpc.subnets {
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
    let block6 = subnet
        .ipv6_cidr_block
        .map(|block| (block.network().into(), block.prefix_len()));
    let (network6, prefix_len6) = block6.unwrap_or_default();
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
        network6,
        prefix_len: subnet.cidr_block.prefix_len(),
        prefix_len6,
        scope: *lookup.scopes.get(vpc_id)?,
        zone: lookup.zones.get(zone(subnet)).copied().unwrap_or_default(),
        flags: internet::subnet_flags(lookup, subnet) | peering::subnet_flags(lookup, vpc_id),
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

pub(super) fn compile_enis(lookup: &Lookup<'_>, vpc: &Objects<'_>, plan: &mut Plan, problems: &mut Problems) {
    let mut owners = Owners::default();
    for eni in &vpc.network_interfaces {
        check_alone(eni, problems);
        if let Some(numbered) = number(lookup, eni, problems) {
            insert_eni(&numbered, lookup.returns.contains_key(&*eni.vpc_id), plan);
            insert_mac(&numbered, plan, &mut owners.macs, problems);
            insert_addresses(&numbered, plan, &mut owners.ip4, problems);
            insert_addresses(&numbered, plan, &mut owners.ip6, problems);
        }
    }
    check_nested(&owners.ip4, problems);
    check_nested(&owners.ip6, problems);
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
    if eni.groups.is_empty() && !eni.interface_type.is_without_groups() {
        problems.report(PlanProblem::NoGroup {
            network_interface_id: network_interface_id(),
        });
    }
    let timeouts = &eni.connection_tracking;
    for (timeout, seconds, range) in [
        ("TCP", timeouts.tcp_established_timeout, (60, 432_000)),
        ("UDP stream", timeouts.udp_stream_timeout, (60, 180)),
        ("UDP", timeouts.udp_timeout, (30, 60)),
    ] {
        if !(range.0..=range.1).contains(&seconds) {
            problems.report(PlanProblem::UnusableTimeout {
                network_interface_id: network_interface_id(),
                timeout,
                seconds,
                range,
            });
        }
    }
}

fn number<'a>(lookup: &Lookup<'_>, eni: &'a NetworkInterface, problems: &mut Problems) -> Option<Numbered<'a>> {
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
        // A component without groups asks none, and is nobody's member.
        group_set: if eni.interface_type.is_component() && eni.groups.is_empty() {
            GroupSetId::NONE
        } else {
            lookup.group_sets.of(eni)?
        },
    })
}

fn insert_eni(numbered: &Numbered<'_>, is_balanced: bool, plan: &mut Plan) {
    let &Numbered {
        eni,
        device,
        kind,
        vpc,
        subnet,
        group_set,
    } = numbered;
    let mut flags = 0;
    for (flag, is_set) in [
        (
            eni_flag::SOURCE_DEST_CHECK,
            // What it is there for has others' addresses (semantics 3.2).
            eni.source_dest_check && eni.interface_type != InterfaceType::GatewayLoadBalancerEndpoint,
        ),
        (eni_flag::TAP, kind == GuestKind::Tap),
        (
            eni_flag::AUTOMATICALLY_TRACKED,
            eni.interface_type.is_automatically_tracked(),
        ),
        (eni_flag::NAT, eni.interface_type == InterfaceType::NatGateway),
        (eni_flag::INTERNET_DENIED, eni.deny_all_igw_traffic),
        (eni_flag::PUBLIC, !eni.associations.is_empty()),
        // What arrives at a VPC link's is looked at as an answer to a node is.
        (
            eni_flag::BALANCER,
            matches!(
                eni.interface_type,
                InterfaceType::NetworkLoadBalancer | InterfaceType::ApiGatewayManaged
            ),
        ),
        (eni_flag::LINK, eni.interface_type == InterfaceType::ApiGatewayManaged),
        (eni_flag::ENDPOINT, eni.interface_type == InterfaceType::VpcEndpoint),
        (eni_flag::BALANCED, is_balanced),
        (
            eni_flag::INSPECTION,
            eni.interface_type == InterfaceType::GatewayLoadBalancerEndpoint,
        ),
        (
            eni_flag::GATEWAY_BALANCER,
            eni.interface_type == InterfaceType::GatewayLoadBalancer,
        ),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    // What doesn't fit has been reported.
    let seconds = |timeout| u16::try_from(timeout).unwrap_or(u16::MAX);
    let entry = EniEntry {
        vpc,
        subnet,
        group_set,
        // Of what no guest is behind, the router answers: a frame to it goes on, so it is none that is switched.
        mac: if is_door(eni) { Mac::ROUTER } else { eni.mac_address },
        flags,
        tcp_established_timeout: eni.connection_tracking.tcp_established_timeout,
        udp_stream_timeout: seconds(eni.connection_tracking.udp_stream_timeout),
        udp_timeout: seconds(eni.connection_tracking.udp_timeout),
        connections: eni.allowance.connections,
        first_packets: eni.allowance.first_packets,
        first_packets_burst: eni.allowance.first_packets_burst,
    };
    plan.enis.insert(EniKey { bank: Bank(0), device }, entry);
}

/// A node of a load balancer, an interface endpoint, or what a VPC link has in a subnet.
fn is_door(eni: &NetworkInterface) -> bool {
    matches!(
        eni.interface_type,
        InterfaceType::NetworkLoadBalancer
            | InterfaceType::VpcEndpoint
            | InterfaceType::GatewayLoadBalancer
            | InterfaceType::GatewayLoadBalancerEndpoint
            | InterfaceType::ApiGatewayManaged
    )
}

/// Which ENI has an address or a MAC so far, to name both when a second one claims it.
#[derive(Default)]
struct Owners<'a> {
    ip4: Addresses<'a, Ip4>,
    ip6: Addresses<'a, Ip6>,
    macs: BTreeMap<MacKey, &'a str>,
}

/// Owners of addresses and delegated prefixes, which differ in length only.
type Addresses<'a, I> = BTreeMap<(AddressKey<I>, u8), &'a str>;

fn insert_mac<'a>(
    numbered: &Numbered<'a>,
    plan: &mut Plan,
    owners: &mut BTreeMap<MacKey, &'a str>,
    problems: &mut Problems,
) {
    let (id, mac_address) = (&*numbered.eni.network_interface_id, numbered.eni.mac_address);
    if is_door(numbered.eni) {
        return;
    }
    let key = MacKey {
        bank: Bank(0),
        subnet: numbered.subnet,
        mac: mac_address,
        reserved: 0,
    };
    if let Some(other) = owners.insert(key, id) {
        problems.report(PlanProblem::SharedMac {
            mac_address,
            network_interface_ids: in_order(other, id),
        });
    }
    plan.macs.insert(key, numbered.device);
}

/// All blocks of an ENI, addresses among them.
pub(super) fn blocks(eni: &NetworkInterface) -> impl Iterator<Item = IpNet> {
    let ip4 = eni
        .private_ip_addresses
        .iter()
        .map(|&address| IpAddr::V4(address).into());
    let ip6 = eni.ipv6_addresses.iter().map(|&address| IpAddr::V6(address).into());
    let prefixes4 = eni.ipv4_prefixes.iter().copied().map(IpNet::V4);
    let prefixes6 = eni.ipv6_prefixes.iter().copied().map(IpNet::V6);
    ip4.chain(ip6).chain(prefixes4).chain(prefixes6)
}

/// Notes who has which addresses of a family.
fn insert_addresses<'a, I: Family>(
    numbered: &Numbered<'a>,
    plan: &mut Plan,
    owners: &mut Addresses<'a, I>,
    problems: &mut Problems,
) {
    let id = &*numbered.eni.network_interface_id;
    for (address, prefix_len) in blocks(numbered.eni).filter_map(I::block) {
        let key = AddressKey {
            bank: Bank(0),
            vpc: numbered.vpc,
            address,
        };
        let row = (key, prefix_len);
        if let Some(other) = owners.insert(row, id) {
            report_shared(address, other, id, problems);
        }
        let entry = AddressEntry {
            device: numbered.device,
            public: I::public(numbered.eni, (address, prefix_len)),
        };
        I::rows_mut(plan).addresses.insert(row, entry);
    }
}

/// Reports addresses of one ENI in a prefix delegated to another.
fn check_nested<I: Family>(owners: &Addresses<'_, I>, problems: &mut Problems) {
    let mut vpc = VpcId::default();
    let mut nest = Nest::default();
    for (&(key, prefix_len), &id) in owners {
        if key.vpc != vpc {
            vpc = key.vpc;
            nest = Nest::default();
        }
        nest.enter((key.address, prefix_len), |outer| {
            if let Some(other) = outer.filter(|&other| other != id) {
                report_shared(key.address, other, id, problems);
            }
            id
        });
    }
}

fn report_shared<I: Family>(address: I, one: &str, other: &str, problems: &mut Problems) {
    problems.report(PlanProblem::SharedAddress {
        address: address.into(),
        network_interface_ids: in_order(one, other),
    });
}

fn in_order(a: &str, b: &str) -> [String; 2] {
    let mut both = [a.to_owned(), b.to_owned()];
    both.sort();
    both
}
