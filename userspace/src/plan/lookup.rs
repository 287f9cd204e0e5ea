//! What the nouns look up in each other: numbers for ids, devices for ENIs, prefix lists.

use super::number::{Numbers, scopes};
use super::problem::{PlanProblem, Problems};
use super::security_group::GroupSets;
use super::{Binding, Bindings};
use crate::resources::{PrefixList, Resources, SecurityGroup};
use groundplane_abi::{Device, ScopeId};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Everything the nouns look up in each other.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) vpcs: Numbers<'a>,
    pub(super) subnets: Numbers<'a>,
    pub(super) route_tables: Numbers<'a>,
    pub(super) network_acls: Numbers<'a>,
    pub(super) security_groups: Numbers<'a>,
    /// By the VPC's id.
    pub(super) scopes: BTreeMap<&'a str, ScopeId>,
    /// By id.
    pub(super) groups: BTreeMap<&'a str, &'a SecurityGroup>,
    /// The sets of groups that some ENI has.
    pub(super) group_sets: GroupSets<'a>,
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
        let route_tables = number(
            all.route_tables
                .iter()
                .map(|t| (&*t.route_table_id, &*t.vpc_id))
                .collect(),
        );
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
        Self {
            vpcs,
            subnets,
            route_tables,
            network_acls,
            security_groups,
            scopes: scopes(&all.vpcs.iter().map(|vpc| &*vpc.vpc_id).collect()),
            groups: all
                .security_groups
                .iter()
                .map(|group| (&*group.group_id, group))
                .collect(),
            group_sets: GroupSets::of_all(&all.network_interfaces),
            network_interfaces,
            prefix_lists: prefix_lists(resources, problems),
            bindings: usable_bindings(resources, bindings, problems),
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

/// The bindings of the ENIs there are, without those whose device can't stand in a row.
fn usable_bindings<'a>(
    resources: &'a Resources,
    bindings: &Bindings,
    problems: &mut Problems,
) -> BTreeMap<&'a str, Binding> {
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
    usable
}
