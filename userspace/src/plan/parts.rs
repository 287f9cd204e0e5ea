//! A plan in parts, one for each VPC, so that a change in one VPC costs what that VPC costs.

use super::lookup::Lookup;
use super::objects::Objects;
use super::problem::Problems;
use super::{
    Bindings, Plan, PlanProblem, balancer, door, eni, internet, limits, nacl, nat, peering, route, security_group,
    transit,
};
use crate::resources::{PrefixList, Resources, TargetGroup, TargetHealth, with_service_side};
use groundplane_abi::ScopeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The rows of each VPC and each transit gateway, by its id, and those that no VPC has alone. Those that a change
/// leaves alone are shared with the plan before it.
pub type Parts = BTreeMap<String, Arc<Plan>>;

/// A plan, and what it was made of: enough to make the next one of what differs.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    pub resources: Arc<Resources>,
    /// With what they hide.
    whole: Arc<Resources>,
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
        let whole = with_service_side(&resources).map_or_else(|| Arc::clone(&resources), Arc::new);
        let mut problems = Problems::default();
        let mut parts = Parts::new();
        let mut outsides = BTreeMap::new();
        {
            let lookup = Lookup::new(&whole, bindings, &mut problems);
            let before = Objects::by_vpc(&self.whole);
            let all = Objects::by_vpc(&whole);
            let groups = TargetGroups::between(&self.whole, &whole);
            let edges_stay = groups.stay && have_same_edges(&self.whole, &whole);
            let changed = changed(&before, &all);
            let lists_before: BTreeMap<_, _> = by_id(&self.whole);
            for (vpc_id, objects) in all {
                let outside = Outside::of(&lookup, &objects);
                let lists = || {
                    let mut named = objects.prefix_lists().into_iter();
                    named.all(|id| lookup.prefix_list_whole(id) == lists_before.get(id).copied())
                };
                // What is beyond its gateways may be in its rows, too.
                let stay = || edges_stay && lookup.gateways.known_by(vpc_id).is_disjoint(&changed);
                let is_same = !changed.contains(vpc_id)
                    && !groups.judged_anew.contains(vpc_id)
                    && lists()
                    && stay()
                    && self.outside.get(vpc_id) == Some(&outside);
                let part = match self.parts.get(vpc_id).filter(|_| is_same) {
                    Some(part) => part.clone(),
                    None => Arc::new(part(&lookup, &objects, &mut problems)),
                };
                parts.insert(vpc_id.to_owned(), part);
                outsides.insert(vpc_id.to_owned(), outside);
            }
            parts.extend(shared(&self.parts, edges(&lookup, &whole)));
        }
        limits::check(parts.values().map(|part| &**part), &mut problems);
        problems.into_result(Self {
            resources,
            whole,
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

/// What no VPC has alone, such as what is public and nobody's, has a part of its own.
const INTERNET: &str = "internet";

/// The parts that are no VPC's.
fn edges<'a>(lookup: &Lookup<'a>, resources: &'a Resources) -> Parts {
    let mut parts = Parts::new();
    for gateway in &resources.transit_gateways {
        let mut plan = Plan::default();
        transit::compile(lookup, resources, gateway, &mut plan);
        parts.insert(gateway.transit_gateway_id.clone(), Arc::new(plan));
    }
    let mut plan = Plan::default();
    internet::compile_unassociated(resources, &mut plan);
    internet::compile_clients(lookup, resources, &mut plan);
    balancer::compile_clients(resources, &mut plan);
    door::compile_unassociated(resources, &mut plan);
    parts.insert(INTERNET.to_owned(), Arc::new(plan));
    parts
}

/// The same parts, and those before in the place of their equals.
fn shared(before: &Parts, parts: Parts) -> Parts {
    let old = |(id, part): (String, Arc<Plan>)| match before.get(&id) {
        Some(old) if **old == *part => (id, old.clone()),
        _ => (id, part),
    };
    parts.into_iter().map(old).collect()
}

/// What has changed about target groups. How targets are changes often, and only the VPCs of the load balancers that
/// forward to them have rows that depend on it.
#[derive(Debug)]
struct TargetGroups<'a> {
    /// Whether they are the same but for how their targets are.
    stay: bool,
    /// The VPCs of load balancers some of whose targets have another state.
    judged_anew: BTreeSet<&'a str>,
}

impl<'a> TargetGroups<'a> {
    fn between(old: &Resources, new: &'a Resources) -> Self {
        let mut groups = Self {
            stay: old.target_groups.len() == new.target_groups.len(),
            judged_anew: BTreeSet::new(),
        };
        let pairs = old.target_groups.iter().zip(&new.target_groups);
        for (old, group) in pairs.filter(|(old, new)| old != new) {
            groups.stay &= without_health(old) == without_health(group);
            let vpcs = new
                .forwarding_to(group)
                .filter_map(|balancer| balancer.vpc_id.as_deref());
            groups.judged_anew.extend(vpcs);
        }
        groups
    }
}

fn without_health(group: &TargetGroup) -> TargetGroup {
    let mut group = group.clone();
    let targets = &mut group.target_health_descriptions;
    targets
        .iter_mut()
        .for_each(|it| it.target_health = TargetHealth::default());
    group
}

/// Whether nothing has changed around the VPCs.
fn have_same_edges(old: &Resources, new: &Resources) -> bool {
    old.internet_gateways == new.internet_gateways
        && old.egress_only_internet_gateways == new.egress_only_internet_gateways
        && old.nat_gateways == new.nat_gateways
        && old.load_balancers == new.load_balancers
        && old.listeners == new.listeners
        && old.vpc_endpoints == new.vpc_endpoints
        && old.vpc_endpoint_services == new.vpc_endpoint_services
        && old.vpc_peering_connections == new.vpc_peering_connections
        && old.transit_gateways == new.transit_gateways
        && old.transit_gateway_vpc_attachments == new.transit_gateway_vpc_attachments
        && old.transit_gateway_route_tables == new.transit_gateway_route_tables
        && old.vpc_block_public_access_options == new.vpc_block_public_access_options
        && old.vpc_block_public_access_exclusions == new.vpc_block_public_access_exclusions
}

/// The VPCs of which anything has changed.
fn changed<'a>(old: &BTreeMap<&'a str, Objects<'_>>, new: &BTreeMap<&'a str, Objects<'_>>) -> BTreeSet<&'a str> {
    let ids = old.keys().chain(new.keys()).copied();
    ids.filter(|id| old.get(id) != new.get(id)).collect()
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
    peering::compile(lookup, objects, &mut plan);
    nacl::compile(lookup, objects, &mut plan, problems);
    security_group::compile(lookup, objects, &mut plan, problems);
    eni::compile_subnets(lookup, objects, &mut plan, problems);
    eni::compile_enis(lookup, objects, &mut plan, problems);
    nat::compile(lookup, objects, &mut plan);
    balancer::compile(lookup, objects, &mut plan);
    internet::compile(lookup, objects, &mut plan);
    door::compile(lookup, objects, &mut plan);
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
