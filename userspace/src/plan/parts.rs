//! A plan in parts, one for each VPC, so that a change in one VPC costs what that VPC costs.

use super::lookup::Lookup;
use super::objects::Objects;
use super::problem::Problems;
use super::{Bindings, Plan, PlanProblem, eni, limits, nacl, route, security_group};
use crate::resources::{PrefixList, Resources};
use groundplane_abi::ScopeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The rows of each VPC, by its id. Those that a change leaves alone are shared with the plan before it.
pub type Parts = BTreeMap<String, Arc<Plan>>;

/// A plan, and what it was made of: enough to make the next one of what differs.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    pub resources: Arc<Resources>,
    pub parts: Parts,
    outside: BTreeMap<String, Outside>,
}

/// What the rows of a VPC depend on beside its own objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outside {
    scope: Option<ScopeId>,
    /// Of its objects and of their groups' sets, in order, and the devices of its ENIs.
    numbers: Vec<Option<u32>>,
}

impl Compiled {
    /// Compiles resources, and takes over the parts of the VPCs for which nothing has changed.
    pub fn next(&self, resources: Arc<Resources>, bindings: &Bindings) -> Result<Self, Vec<PlanProblem>> {
        let mut problems = Problems::default();
        let mut parts = Parts::new();
        let mut outsides = BTreeMap::new();
        {
            let lookup = Lookup::new(&resources, bindings, &mut problems);
            let mut before = Objects::by_vpc(&self.resources);
            let lists_before: BTreeMap<_, _> = by_id(&self.resources);
            for (vpc_id, objects) in Objects::by_vpc(&resources) {
                let outside = Outside::of(&lookup, &objects);
                let same = before.remove(vpc_id).filter(|before| *before == objects);
                let lists = |_: &Objects<'_>| {
                    let mut named = objects.prefix_lists().into_iter();
                    named.all(|id| lookup.prefix_list_whole(id) == lists_before.get(id).copied())
                };
                let same = same
                    .filter(lists)
                    .filter(|_| self.outside.get(vpc_id) == Some(&outside));
                let part = match same.and_then(|_| self.parts.get(vpc_id)) {
                    Some(part) => part.clone(),
                    None => Arc::new(part(&lookup, &objects, &mut problems)),
                };
                parts.insert(vpc_id.to_owned(), part);
                outsides.insert(vpc_id.to_owned(), outside);
            }
        }
        limits::check(parts.values().map(|part| &**part), &mut problems);
        problems.into_result(Self {
            resources,
            parts,
            outside: outsides,
        })
    }

    /// All rows in one.
    #[must_use]
    pub fn plan(&self) -> Plan {
        merged(&self.parts)
    }
}

/// All rows in one.
#[must_use]
pub fn merged(parts: &Parts) -> Plan {
    let mut whole = Plan::default();
    for part in parts.values() {
        whole.extend(part);
    }
    whole
}

fn by_id(resources: &Resources) -> BTreeMap<&str, &PrefixList> {
    let lists = resources.prefix_lists.iter();
    lists.map(|list| (&*list.prefix_list_id, list)).collect()
}

fn part(lookup: &Lookup<'_>, objects: &Objects<'_>, problems: &mut Problems) -> Plan {
    let scope = lookup.scopes.get(objects.vpc_id);
    let mut plan = Plan {
        scopes: scope
            .map(|&scope| (objects.vpc_id.to_owned(), scope))
            .into_iter()
            .collect(),
        ..Plan::default()
    };
    route::compile(lookup, objects, &mut plan, problems);
    nacl::compile(lookup, objects, &mut plan, problems);
    security_group::compile(lookup, objects, &mut plan, problems);
    eni::compile_subnets(lookup, objects, &mut plan, problems);
    eni::compile_enis(lookup, objects, &mut plan, problems);
    plan
}

impl Outside {
    fn of(lookup: &Lookup<'_>, objects: &Objects<'_>) -> Self {
        let mut numbers = vec![lookup.vpcs.get(objects.vpc_id)];
        numbers.extend(objects.subnets.iter().map(|it| lookup.subnets.get(&it.subnet_id)));
        numbers.extend(
            objects
                .route_tables
                .iter()
                .map(|it| lookup.route_tables.get(&it.route_table_id)),
        );
        numbers.extend(
            objects
                .network_acls
                .iter()
                .map(|it| lookup.network_acls.get(&it.network_acl_id)),
        );
        for eni in &objects.network_interfaces {
            let binding = lookup.binding(&eni.network_interface_id);
            numbers.push(binding.map(|binding| binding.device.0));
            numbers.push(binding.map(|binding| binding.kind as u32));
            numbers.push(lookup.group_sets.of(eni).map(|set| set.0));
        }
        Self {
            scope: lookup.scopes.get(objects.vpc_id).copied(),
            numbers,
        }
    }
}
