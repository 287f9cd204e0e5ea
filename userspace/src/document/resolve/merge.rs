//! VPCs together: what they share, and what there can be one of in all of them.

use super::part::Part;
use super::{Context, Output, Whole, binding, derive, integration, limit, place, uplink};
use crate::document::diagnostic::{Problem, Problems, Span};
use crate::document::ids::Macs;
use crate::document::places::Places;
use crate::document::quotas::{Limit, Quota};
use crate::document::schema::{Binding, Integration, Uplink};
use crate::document::source::SourceMap;
use crate::document::{Host, check};
use crate::resources::Resources;
use groundplane_abi::Mac;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the parts have in common.
pub(super) struct Together<'a> {
    pub(super) context: &'a Context,
    pub(super) bindings: &'a [Binding<'a>],
    pub(super) uplinks: &'a [Uplink<'a>],
    pub(super) integrations: &'a [Integration<'a>],
    /// `None` if it isn't known.
    pub(super) host: Option<&'a Host>,
    pub(super) sources: &'a SourceMap<'a>,
}

/// Puts the parts and what is in none of them together.
pub(super) fn merge(parts: Vec<Arc<Part>>, outside: Output, with: &Together<'_>, problems: &mut Problems) -> Whole {
    let context = with.context;
    let vpcs: Vec<_> = parts.iter().map(|part| part.span).collect();
    let vpcs = context
        .quotas
        .limit(Quota::Vpcs)
        .apply(0, &vpcs, |span| *span, problems);
    let parts: Vec<_> = parts.into_iter().take(vpcs.len()).collect();
    let mut resources = outside.resources;
    let mut guests = Vec::new();
    let mut places = Places::new(with.sources);
    places.add(&outside.places, problems);
    for part in &parts {
        problems.extend(&part.problems);
        places.add(&part.output.places, problems);
        guests.extend(part.output.guests.iter().cloned());
        add(&mut resources, &part.output.resources);
    }
    check_totals(&parts, context, problems);
    let bound = binding::resolve(with.bindings, &resources, &mut guests, problems);
    let taken = parts.iter().flat_map(|part| &part.output.taken).chain(&bound);
    place::check_all(taken.clone(), with.host, problems);
    let given = derive::Given {
        context,
        wishes: parts.iter().flat_map(|part| &part.output.wishes).collect(),
        dumped: &outside.dumped,
        guests: &guests,
    };
    derive::complete(&mut resources, &given, &mut places, problems);
    let around = uplink::Around {
        resources: &resources,
        taken: taken.collect(),
        host: with.host,
    };
    let uplinks = uplink::resolve(with.uplinks, &around, problems);
    let integrations = integration::resolve(with.integrations, &resources, problems);
    places.add(&integration::found(with.integrations), problems);
    give_macs(&parts, &mut resources, &places, problems);
    check_defaults(&resources, &places, problems);
    resources.sort();
    let checked = check::Context::new(&resources, &integrations, &context.quotas, &places, &outside.dumped);
    check::configuration(&checked, problems);
    // After the checks, which tell what the document says from what follows.
    derive::settle(&mut resources);
    Whole {
        resources,
        guests,
        uplinks,
        integrations,
        parts,
    }
}

fn add(all: &mut Resources, part: &Resources) {
    all.vpcs.extend(part.vpcs.iter().cloned());
    all.subnets.extend(part.subnets.iter().cloned());
    all.route_tables.extend(part.route_tables.iter().cloned());
    all.network_acls.extend(part.network_acls.iter().cloned());
    all.security_groups.extend(part.security_groups.iter().cloned());
    all.network_interfaces.extend(part.network_interfaces.iter().cloned());
}

/// Checks how many there are in all VPCs. Too many in one of them have been reported and left out.
fn check_totals(parts: &[Arc<Part>], context: &Context, problems: &mut Problems) {
    let mut check = |limit: Limit, of: fn(&Part) -> &Vec<Span>| {
        let all: Vec<Span> = parts.iter().flat_map(|part| of(part)).copied().collect();
        limit.apply(0, &all, |span| *span, problems);
    };
    check(limit::ALL_SUBNETS, |part| &part.subnets);
    check(context.quotas.limit(Quota::SecurityGroups), |part| {
        &part.security_groups
    });
    check(limit::INSTANCES, |part| &part.instances);
}

/// Gives every network interface an address that no other has.
fn give_macs(parts: &[Arc<Part>], resources: &mut Resources, places: &Places<'_>, problems: &mut Problems) {
    let own: HashSet<&str> = parts
        .iter()
        .flat_map(|part| &part.output.own_macs)
        .map(String::as_str)
        .collect();
    let mut owners: HashMap<Mac, &str> = HashMap::new();
    let mut macs = Macs::default();
    for eni in &resources.network_interfaces {
        let id = &*eni.network_interface_id;
        if !own.contains(id) {
            continue;
        }
        macs.take(eni.mac_address);
        if let Some(other) = owners.insert(eni.mac_address, id) {
            let message = format!("{} is another network interface's MAC address", eni.mac_address);
            let problem = Problem::error(places.field(id, &["MacAddress"]), message);
            let problem = problem.code("InvalidParameterValue").help("give each its own");
            problems.report(problem.other(places.field(other, &["MacAddress"])));
        }
    }
    for eni in &mut resources.network_interfaces {
        if !own.contains(&*eni.network_interface_id) {
            eni.mac_address = macs.of(&eni.network_interface_id);
        }
    }
}

/// There is one default VPC in a Region of an account (semantics 1.2).
fn check_defaults(resources: &Resources, places: &Places<'_>, problems: &mut Problems) {
    let mut seen = HashMap::new();
    for vpc in resources.vpcs.iter().filter(|vpc| vpc.is_default) {
        let at = (&vpc.details.owner_id, &vpc.region);
        if let Some(other) = seen.insert(at, &vpc.vpc_id) {
            let place = |id: &str| places.field(id, &["IsDefault"]);
            let message = format!("{} has a default VPC already", vpc.region);
            let problem = Problem::error(place(&vpc.vpc_id), message).code("DefaultVpcAlreadyExists");
            problems.report(problem.other(place(other)).help("remove IsDefault from one of the two"));
        }
    }
}
