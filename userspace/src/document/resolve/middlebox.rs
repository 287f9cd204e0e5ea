//! Rules that name a group although a middlebox is on the way: legal, and hardly what was meant (semantics 5.4).
//!
//! A packet that a middlebox has passed on comes from the middlebox's ENI, so it is none of its sender's groups' any
//! more.

use super::subnet::{self, Associations};
use super::{Scope, security_group};
use crate::document::diagnostic::{Problem, Problems, Span, Spanned, quote};
use crate::document::schema;
use ipnet::IpNet;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Warns of the rules of a VPC's groups that a middlebox keeps from matching.
pub(super) fn warn<'a>(
    scope: &Scope<'a>,
    tables: &[schema::RouteTable<'a>],
    associations: &Associations<'a>,
    problems: &mut Problems,
) {
    let ways = Ways::of(scope, tables, associations);
    if ways.through_middlebox.is_empty() {
        return;
    }
    let members = members(scope);
    let mut known = HashMap::new();
    let mut between = |group: &'a str, other: &'a str| -> Option<(usize, usize)> {
        *known
            .entry((group, other))
            .or_insert_with(|| ways.between(members.get(group)?, members.get(other)?))
    };
    for group in scope.security_groups {
        let rules = group.ingress.iter().chain(&group.egress).flatten();
        for Spanned { value, span } in rules.filter_map(|rule| rule.peer) {
            let schema::Peer::Group(other) = value else { continue };
            if let Some(way) = between(group.name.value, other) {
                report(scope, way, span, "this rule", problems);
            }
        }
    }
    if let Some(way) = between(security_group::DEFAULT, security_group::DEFAULT) {
        warn_of_default(scope, way, problems);
    }
}

/// The rule of the VPC's own group that admits its members stands nowhere, so an instance it is meant for is shown.
fn warn_of_default(scope: &Scope<'_>, way: (usize, usize), problems: &mut Problems) {
    let default = security_group::DEFAULT;
    let given = scope.security_groups.iter().find(|group| group.name.value == default);
    if given.is_some_and(|group| group.ingress.is_some()) {
        return;
    }
    let subnet = scope.subnets.get(way.0).map(|subnet| subnet.name.value);
    let mut instances = scope.instances.iter();
    let is_there = |instance: &&schema::Instance<'_>| {
        instance.subnet.map(|name| name.value) == subnet && groups(instance).any(|group| group == default)
    };
    if let Some(instance) = instances.find(is_there) {
        let what = "the rule of the VPC's own group, default, that admits its members,";
        report(scope, way, instance.name.span, what, problems);
    }
}

fn report(scope: &Scope<'_>, (from, to): (usize, usize), span: Span, what: &str, problems: &mut Problems) {
    let name = |index: usize| scope.subnets.get(index).map_or("", |subnet| subnet.name.value);
    let message = format!(
        "{what} matches nothing between subnets {} and {}: a route leads through an instance, and what it passes on is \
         in no other's group",
        quote(name(from)),
        quote(name(to))
    );
    let help = "admit by address, with CidrIpv4 or CidrIpv6";
    problems.report(Problem::warning(span, message).number("M12").help(help));
}

/// An instance's groups by name.
fn groups<'a>(instance: &schema::Instance<'a>) -> impl Iterator<Item = &'a str> {
    let default = instance.groups.is_none().then_some(security_group::DEFAULT);
    let given = instance.groups.iter().flatten().map(|group| group.value);
    given.chain(default).collect::<Vec<_>>().into_iter()
}

/// The subnets, by index, in which a group has members.
fn members<'a>(scope: &Scope<'a>) -> HashMap<&'a str, BTreeSet<usize>> {
    let names = scope.subnets.iter().map(|subnet| subnet.name.value);
    let indices: HashMap<&str, usize> = names.zip(0..).collect();
    let mut members: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    for instance in scope.instances {
        let Some(&index) = instance.subnet.and_then(|subnet| indices.get(subnet.value)) else {
            continue;
        };
        for group in groups(instance) {
            members.entry(group).or_default().insert(index);
        }
    }
    members
}

/// From which subnet to which a middlebox is on the way, by their indices.
struct Ways {
    through_middlebox: HashSet<(usize, usize)>,
}

impl Ways {
    fn of<'a>(scope: &Scope<'a>, tables: &[schema::RouteTable<'a>], associations: &Associations<'a>) -> Self {
        let destinations: HashMap<&str, HashSet<IpNet>> = tables
            .iter()
            .map(|table| (table.name.value, destinations(scope, table)))
            .collect();
        let mut through_middlebox = HashSet::new();
        for (from, sender) in scope.subnets.iter().enumerate() {
            let Some(routes) = destinations.get(associations.of(sender.name.value)) else {
                continue;
            };
            // A route leads to a whole subnet or to a whole block of the VPC; anything else has been refused.
            let leads_to = |receiver: &schema::Subnet<'_>| {
                subnet::blocks(receiver).any(|Spanned { value: block, .. }| {
                    let around = scope.blocks.around(block);
                    routes.contains(&block) || around.is_some_and(|vpc| routes.contains(&vpc))
                })
            };
            let receivers = scope.subnets.iter().enumerate();
            let receivers = receivers.filter(|(to, receiver)| *to != from && leads_to(receiver));
            through_middlebox.extend(receivers.map(|(to, _)| (from, to)));
        }
        Self { through_middlebox }
    }

    /// Two subnets out of two sets with a middlebox on the way from the one to the other or back.
    fn between(&self, some: &BTreeSet<usize>, others: &BTreeSet<usize>) -> Option<(usize, usize)> {
        let pairs = some.iter().flat_map(|&a| others.iter().map(move |&b| (a, b)));
        let ways = |&(a, b): &(usize, usize)| {
            self.through_middlebox.contains(&(a, b)) || self.through_middlebox.contains(&(b, a))
        };
        pairs.into_iter().find(ways)
    }
}

/// What a table's own routes lead through an instance.
fn destinations(scope: &Scope<'_>, table: &schema::RouteTable<'_>) -> HashSet<IpNet> {
    let is_instance = |route: &&schema::Route<'_>| {
        route
            .target
            .is_some_and(|target| target.value.kind == schema::TargetKind::Instance)
    };
    let destinations = table.routes.iter().filter(is_instance);
    let destinations = destinations.filter_map(|route| route.destination);
    let blocks = |Spanned { value, .. }: Spanned<schema::Destination<'_>>| match value {
        schema::Destination::Cidr(block) => vec![block],
        // To a whole block of the VPC, the local route is preferred to a list's.
        schema::Destination::PrefixList(name) => {
            let entries = scope.common.prefix_lists.entries(name);
            let entries = entries.iter().copied();
            entries
                .filter(|&block| scope.blocks.around(block) != Some(block))
                .collect()
        }
    };
    destinations.flat_map(blocks).collect()
}
