//! What the nouns look up in each other: numbers for ids, devices for ENIs, prefix lists.

use super::gateway::Gateways;
use super::number::{Numbers, components, scopes, zones};
use super::problem::{PlanProblem, Problems};
use super::security_group::GroupSets;
use super::{Binding, Bindings, GuestKind, gateway};
use crate::resources::{InterfaceType, NetworkInterface, PrefixList, Resources, SecurityGroup, Subnet};
use crate::resources::{VpcBlockPublicAccessExclusion, VpcBlockPublicAccessOptions, with_service_side};
use groundplane_abi::{Device, ScopeId};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the nouns look up in each other.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) all: &'a Resources,
    pub(super) vpcs: Numbers<'a>,
    pub(super) subnets: Numbers<'a>,
    /// Those of VPCs and of transit gateways; and, by the VPC's id, those of answers to NAT gateways of its peers.
    pub(super) route_tables: Numbers<'a>,
    pub(super) network_acls: Numbers<'a>,
    pub(super) security_groups: Numbers<'a>,
    /// By ARN.
    pub(super) target_groups: Numbers<'a>,
    /// By which each VPC with load balancers or gateway endpoints knows answers: of targets that see their clients, and
    /// of services outside.
    pub(super) returns: BTreeMap<&'a str, Device>,
    /// VPCs' attachments to transit gateways.
    pub(super) attachments: Numbers<'a>,
    /// By the id of the VPC or transit gateway.
    pub(super) scopes: BTreeMap<&'a str, ScopeId>,
    /// By id.
    pub(super) groups: BTreeMap<&'a str, &'a SecurityGroup>,
    /// The sets of groups that some ENI has.
    pub(super) group_sets: GroupSets<'a>,
    /// By the VPC's id.
    pub(super) enis: BTreeMap<&'a str, Vec<&'a NetworkInterface>>,
    /// By the zone's name.
    pub(super) zones: BTreeMap<&'a str, u16>,
    pub(super) gateways: Gateways<'a>,
    /// VPC Block Public Access: account, Region if it says one, and mode.
    pub(super) block_modes: Vec<(&'a str, Option<&'a str>, &'a str)>,
    pub(super) exclusions: Vec<&'a VpcBlockPublicAccessExclusion>,
    network_interfaces: Numbers<'a>,
    prefix_lists: BTreeMap<&'a str, &'a PrefixList>,
    bindings: BTreeMap<&'a str, Binding>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(resources: &'a Resources, bindings: &Bindings, problems: &mut Problems) -> Self {
        let all = resources;
        let mut number = |objects: Vec<(&'a str, &'a str)>| Numbers::give_out(objects.into_iter(), problems);
        let vpcs = number(all.vpcs.iter().map(|v| (&*v.vpc_id, &*v.vpc_id)).collect());
        let subnets = number(all.subnets.iter().map(|s| (&*s.subnet_id, &*s.vpc_id)).collect());
        let tables = all.transit_gateway_route_tables.iter();
        let transit_tables = tables.map(|it| (&*it.transit_gateway_route_table_id, ""));
        let tables = all.route_tables.iter().map(|t| (&*t.route_table_id, &*t.vpc_id));
        // All in one table of routes; so are those of answers, known by their VPCs.
        let vpc_ids = all.vpcs.iter().map(|vpc| (&*vpc.vpc_id, &*vpc.vpc_id));
        let route_tables = number(tables.chain(transit_tables).chain(vpc_ids).collect());
        let network_acls = number(
            all.network_acls
                .iter()
                .map(|n| (&*n.network_acl_id, &*n.vpc_id))
                .collect(),
        );
        let security_groups = number(all.security_groups.iter().map(|g| (&*g.group_id, &*g.vpc_id)).collect());
        let network_interfaces = number(
            all.network_interfaces
                .iter()
                .map(|e| (&*e.network_interface_id, &*e.vpc_id))
                .collect(),
        );
        let attachments = all.transit_gateway_vpc_attachments.iter();
        let attachments = number(attachments.map(|it| (&*it.transit_gateway_attachment_id, "")).collect());
        let target_groups = all.target_groups.iter();
        let target_groups = number(target_groups.map(|it| (&*it.target_group_arn, "")).collect());
        let (bindings, returns) = usable_bindings(resources, bindings, problems);
        Self {
            all,
            target_groups,
            returns,
            attachments,
            enis: enis(all),
            vpcs,
            subnets,
            route_tables,
            network_acls,
            security_groups,
            scopes: scopes(&scoped(all)),
            zones: zones(&all.subnets.iter().map(zone).collect()),
            gateways: Gateways::of(all),
            block_modes: all.vpc_block_public_access_options.iter().map(block_mode).collect(),
            exclusions: exclusions(all),
            groups: all
                .security_groups
                .iter()
                .map(|group| (&*group.group_id, group))
                .collect(),
            group_sets: GroupSets::of_all(&all.network_interfaces),
            network_interfaces,
            prefix_lists: prefix_lists(resources, problems),
            bindings,
        }
    }

    /// The binding of an ENI; one that answers for nothing has none.
    pub(super) fn binding(&self, network_interface_id: &str) -> Option<Binding> {
        self.bindings.get(network_interface_id).copied()
    }

    /// The device of an ENI that an object of the same VPC names: none inside if it has none.
    pub(super) fn device(
        &self,
        reference: &str,
        object: &str,
        vpc_id: &str,
        problems: &mut Problems,
    ) -> Option<Option<Device>> {
        self.network_interfaces.find(reference, object, vpc_id, problems)?;
        Some(self.binding(reference).map(|binding| binding.device))
    }

    pub(super) fn prefix_list_whole(&self, prefix_list_id: &str) -> Option<&'a PrefixList> {
        self.prefix_lists.get(prefix_list_id).copied()
    }

    /// The entries of a prefix list; of one that isn't there none.
    pub(super) fn prefix_list(&self, prefix_list_id: &str) -> &'a [IpNet] {
        self.prefix_lists.get(prefix_list_id).map_or(&[], |list| &list.entries)
    }

    /// Reports a prefix list that an object names if it isn't there.
    pub(super) fn check_prefix_list(&self, reference: &str, object: &str, problems: &mut Problems) {
        if !self.prefix_lists.contains_key(reference) {
            problems.report(PlanProblem::NotFound {
                object: object.to_owned(),
                reference: reference.to_owned(),
            });
        }
    }
}

/// The device that stands for each ENI in the rows, those of ENIs without a guest included, by id.
#[must_use]
pub fn devices(resources: &Resources, bindings: &Bindings) -> BTreeMap<String, Device> {
    let whole = with_service_side(resources);
    let resources = whole.as_ref().unwrap_or(resources);
    // Whoever compiles has reported what is wrong.
    let (usable, _) = usable_bindings(resources, bindings, &mut Problems::default());
    let devices = usable.into_iter();
    devices.map(|(id, binding)| (id.to_owned(), binding.device)).collect()
}

fn enis(all: &Resources) -> BTreeMap<&str, Vec<&NetworkInterface>> {
    let mut by_vpc: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for eni in &all.network_interfaces {
        by_vpc.entry(&*eni.vpc_id).or_default().push(eni);
    }
    by_vpc
}

fn block_mode(options: &VpcBlockPublicAccessOptions) -> (&str, Option<&str>, &str) {
    let mode = options.internet_gateway_block_mode.as_deref().unwrap_or("off");
    (&options.aws_account_id, options.aws_region.as_deref(), mode)
}

/// Those that are in force.
fn exclusions(all: &Resources) -> Vec<&VpcBlockPublicAccessExclusion> {
    const GONE: [&str; 3] = ["delete-in-progress", "delete-complete", "create-failed"];
    let all = all.vpc_block_public_access_exclusions.iter();
    all.filter(|it| it.state.as_deref().is_none_or(|state| !GONE.contains(&state)))
        .collect()
}

/// What changes on its own.
fn scoped(all: &Resources) -> BTreeSet<&str> {
    let vpcs = all.vpcs.iter().map(|vpc| &*vpc.vpc_id);
    let transit_gateways = all.transit_gateways.iter().map(|gateway| &*gateway.transit_gateway_id);
    vpcs.chain(transit_gateways).collect()
}

/// The zone of a subnet: by the name that all accounts have for it, if that is known.
pub(super) fn zone(subnet: &Subnet) -> &str {
    match &*subnet.availability_zone_id {
        "" => &subnet.availability_zone,
        id => id,
    }
}

fn prefix_lists<'a>(resources: &'a Resources, problems: &mut Problems) -> BTreeMap<&'a str, &'a PrefixList> {
    let mut by_id = BTreeMap::new();
    for list in &resources.prefix_lists {
        let id = &*list.prefix_list_id;
        if by_id.insert(id, list).is_some() {
            problems.report(PlanProblem::DuplicateId { id: id.to_owned() });
        }
    }
    by_id
}

/// The bindings of the ENIs there are, without those whose device can't stand in a row; and what VPCs with load
/// balancers or gateway endpoints have beside them.
fn usable_bindings<'a>(
    resources: &'a Resources,
    bindings: &Bindings,
    problems: &mut Problems,
) -> (BTreeMap<&'a str, Binding>, BTreeMap<&'a str, Device>) {
    let ids: BTreeSet<&str> = resources
        .network_interfaces
        .iter()
        .map(|eni| &*eni.network_interface_id)
        .collect();
    let mut owners = BTreeMap::new();
    let mut usable = BTreeMap::new();
    for id in ids {
        let Some(&binding) = bindings.get(id) else { continue };
        let device = binding.device;
        if device == Device::NONE || device > Device::MAX {
            problems.report(PlanProblem::UnusableDevice {
                network_interface_id: id.to_owned(),
                device,
            });
            continue;
        }
        if let Some(other) = owners.insert(device, id) {
            let network_interface_ids = [other.to_owned(), id.to_owned()];
            problems.report(PlanProblem::SharedDevice {
                device,
                network_interface_ids,
            });
        }
        usable.insert(id, binding);
    }
    let is_component =
        |eni: &&NetworkInterface| eni.interface_type.is_component() && !usable.contains_key(&*eni.network_interface_id);
    let all = resources.network_interfaces.iter();
    let without_guest = all.clone().filter(is_component).map(|eni| &*eni.network_interface_id);
    let nodes = all.filter(|eni| eni.interface_type == InterfaceType::NetworkLoadBalancer);
    let endpoints = gateway::gateway_endpoints(resources).filter_map(|endpoint| endpoint.vpc_id.as_deref());
    let vpcs: BTreeSet<&str> = nodes.map(|eni| &*eni.vpc_id).chain(endpoints).collect();
    let mut devices = components(&without_guest.chain(vpcs.iter().copied()).collect());
    let returns = vpcs.into_iter().filter_map(|vpc| devices.remove_entry(vpc)).collect();
    let kind = GuestKind::Veth;
    usable.extend(devices.into_iter().map(|(id, device)| (id, Binding { device, kind })));
    (usable, returns)
}
