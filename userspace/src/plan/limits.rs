//! What stands for what in the rows: numbers for ids, devices for ENIs, scopes for VPCs. And how far each may go.

use super::problem::{PlanProblem, Problems};
use super::{Binding, Bindings};
use crate::resources::Resources;
use groundplane_abi::control::SCOPE_SLOTS;
use groundplane_abi::{Device, ScopeId};
use std::collections::BTreeMap;

/// Numbers of the objects of one kind, given out in order of id from 1, so that they don't depend on anything else.
#[derive(Debug)]
pub(super) struct Numbers<'a>(BTreeMap<&'a str, Numbered<'a>>);

#[derive(Clone, Copy, Debug)]
struct Numbered<'a> {
    number: u32,
    vpc_id: &'a str,
}

impl<'a> Numbers<'a> {
    /// Numbers objects, each given as its id and its VPC's id.
    fn give_out(objects: impl Iterator<Item = (&'a str, &'a str)>, problems: &mut Problems) -> Self {
        let mut numbers = BTreeMap::new();
        for (id, vpc_id) in objects {
            if numbers.insert(id, Numbered { number: 0, vpc_id }).is_some() {
                problems.report(PlanProblem::DuplicateId { id: id.to_owned() });
            }
        }
        for (number, numbered) in (1..).zip(numbers.values_mut()) {
            numbered.number = number;
        }
        Self(numbers)
    }

    /// The number behind a reference from an object of a VPC; a problem if there is none or if it is of another VPC.
    pub(super) fn find(&self, reference: &str, object: &str, vpc_id: &str, problems: &mut Problems) -> Option<u32> {
        let names = || (object.to_owned(), reference.to_owned());
        let Some(found) = self.0.get(reference) else {
            let (object, reference) = names();
            problems.report(PlanProblem::NotFound { object, reference });
            return None;
        };
        if found.vpc_id != vpc_id {
            let (object, reference) = names();
            problems.report(PlanProblem::OtherVpc { object, reference });
            return None;
        }
        Some(found.number)
    }
}

/// Everything the nouns look up in each other.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) resources: &'a Resources,
    pub(super) vpcs: Numbers<'a>,
    pub(super) subnets: Numbers<'a>,
    pub(super) route_tables: Numbers<'a>,
    pub(super) network_acls: Numbers<'a>,
    pub(super) security_groups: Numbers<'a>,
    network_interfaces: Numbers<'a>,
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
        let bindings = usable_bindings(resources, bindings, problems);
        Self {
            resources,
            vpcs,
            subnets,
            route_tables,
            network_acls,
            security_groups,
            network_interfaces,
            bindings,
        }
    }

    /// The binding of an ENI. Whatever kept it from having one has been reported.
    pub(super) fn binding(&self, network_interface_id: &str) -> Option<Binding> {
        self.bindings.get(network_interface_id).copied()
    }

    /// The device of an ENI that an object of the same VPC names.
    pub(super) fn device(
        &self,
        reference: &str,
        object: &str,
        vpc_id: &str,
        problems: &mut Problems,
    ) -> Option<Device> {
        self.network_interfaces.find(reference, object, vpc_id, problems)?;
        self.binding(reference).map(|binding| binding.device)
    }
}

/// The bindings of the ENIs there are, without those whose device can't stand in a row.
fn usable_bindings<'a>(
    resources: &'a Resources,
    bindings: &Bindings,
    problems: &mut Problems,
) -> BTreeMap<&'a str, Binding> {
    let ids: BTreeMap<&str, ()> = resources
        .network_interfaces
        .iter()
        .map(|eni| (&*eni.network_interface_id, ()))
        .collect();
    let mut owners = BTreeMap::new();
    let mut usable = BTreeMap::new();
    for id in ids.into_keys() {
        let Some(&binding) = bindings.get(id) else {
            problems.report(PlanProblem::Unbound {
                network_interface_id: id.to_owned(),
            });
            continue;
        };
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

/// The scope of the VPC with this number. 0 is no scope, and with more VPCs than slots some share one.
pub(super) fn scope(vpc_number: u32) -> ScopeId {
    let slot = vpc_number.saturating_sub(1) % (SCOPE_SLOTS - 1) + 1;
    // A slot is less than SCOPE_SLOTS, which is 1024.
    ScopeId(slot as u16)
}
