//! A VPC's objects as they were resolved, each part with its place.

use crate::document::diagnostic::{Span, Spanned};
use crate::document::schema;
use crate::resources::{
    NetworkAcl, NetworkAclEntry, NetworkInterface, Resources, SecurityGroup, SecurityGroupRule, Subnet, Vpc,
};

pub(in crate::document) struct View<'a> {
    pub(super) vpc: &'a Vpc,
    pub(super) subnets: &'a [Subnet],
    pub(super) network_interfaces: &'a [NetworkInterface],
    pub(super) network_acls: Vec<Acl<'a>>,
    pub(super) security_groups: Vec<Group<'a>>,
}

/// An ACL that somebody wrote.
pub(super) struct Acl<'a> {
    pub(super) acl: &'a NetworkAcl,
    pub(super) name: Spanned<&'a str>,
    /// In order of number.
    pub(super) ingress: Vec<Part<'a, NetworkAclEntry>>,
    pub(super) egress: Vec<Part<'a, NetworkAclEntry>>,
}

/// A group that somebody wrote.
pub(super) struct Group<'a> {
    pub(super) group: &'a SecurityGroup,
    pub(super) rules: Vec<Part<'a, SecurityGroupRule>>,
}

/// A part of an object that has no name of its own, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, T> {
    pub(super) it: &'a T,
    pub(super) span: Span,
}

/// The last VPC of all, if nothing is wrong with it, as it was written.
pub(in crate::document) fn view<'a>(given: &'a schema::Vpc<'a>, resources: &'a Resources) -> Option<View<'a>> {
    let vpc = resources.vpcs.last()?;
    let id = &vpc.vpc_id;
    let acls = last(&resources.network_acls, |acl| acl.vpc_id == *id);
    let groups = last(&resources.security_groups, |group| group.vpc_id == *id);
    Some(View {
        vpc,
        subnets: last(&resources.subnets, |subnet| subnet.vpc_id == *id),
        network_interfaces: last(&resources.network_interfaces, |eni| eni.vpc_id == *id),
        network_acls: written(acls, &given.network_acls).map(acl).collect(),
        security_groups: written(groups, &given.security_groups).map(group).collect(),
    })
}

/// The last ones of a list that are of a kind.
fn last<T>(all: &[T], is_one: impl Fn(&T) -> bool) -> &[T] {
    let before = all.iter().rposition(|one| !is_one(one)).map_or(0, |last| last + 1);
    all.get(before..).unwrap_or_default()
}

/// The objects that somebody wrote, which come after those that AWS makes by itself, in the same order.
fn written<'a, T, S>(made: &'a [T], given: &'a [S]) -> impl Iterator<Item = (&'a T, &'a S)> {
    let by_itself = made.len().saturating_sub(given.len());
    made.iter().skip(by_itself).zip(given)
}

fn acl<'a>((acl, given): (&'a NetworkAcl, &'a schema::NetworkAcl<'a>)) -> Acl<'a> {
    let direction = |egress: bool, entries: Option<&[schema::NetworkAclEntry]>| {
        let made = acl.entries.iter().filter(move |entry| entry.egress == egress);
        let mut parts = parts(
            made,
            entries.map(|entries| entries.iter().map(|entry| entry.span)),
            given.name.span,
        );
        parts.sort_by_key(|part| part.it.rule_number);
        parts
    };
    Acl {
        acl,
        name: given.name,
        ingress: direction(false, given.ingress.as_deref()),
        egress: direction(true, given.egress.as_deref()),
    }
}

fn group<'a>((group, given): (&'a SecurityGroup, &'a schema::SecurityGroup<'a>)) -> Group<'a> {
    let direction = |is_egress: bool, rules: Option<&[schema::Rule<'_>]>| {
        let made = group.rules.iter().filter(move |rule| rule.is_egress == is_egress);
        parts(
            made,
            rules.map(|rules| rules.iter().map(|rule| rule.span)),
            given.name.span,
        )
    };
    let mut rules = direction(false, given.ingress.as_deref());
    rules.extend(direction(true, given.egress.as_deref()));
    Group { group, rules }
}

/// Parts with their places: those that were written, or, if none were, those AWS fills in where the object is.
fn parts<'a, T>(
    made: impl Iterator<Item = &'a T>,
    spans: Option<impl Iterator<Item = Span>>,
    owner: Span,
) -> Vec<Part<'a, T>> {
    match spans {
        Some(spans) => made.zip(spans).map(|(it, span)| Part { it, span }).collect(),
        None => made.map(|it| Part { it, span: owner }).collect(),
    }
}
