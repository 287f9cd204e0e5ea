//! Who is to be looked after: the targets of which the document says no state, as far as a load balancer's node forwards to
//! them.

use super::settings::Settings;
use crate::resources::{
    LoadBalancer, Resources, Target, TargetGroup, TargetHealth, TargetHealthDescription, TargetPlace,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// A target of a group: whoever is registered with several ports is several targets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetId {
    /// The group's ARN.
    pub group: String,
    /// As it is registered.
    pub id: String,
    pub port: u16,
}

/// A target to be looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub target: TargetId,
    pub settings: Settings,
    /// The network interface of the node that asks it: one in its own zone, if there is one.
    pub node: String,
    pub address: IpAddr,
}

/// How it stands with a registered target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// As the document says.
    Said(&'a TargetHealth),
    /// Its group is not checked.
    Unchecked,
    /// No listener forwards to its group.
    NoListener,
    /// No node is in its zone.
    OtherZone,
    /// It is nowhere.
    Nowhere,
    Checked(Box<Subject>),
}

impl TargetId {
    /// Of a target that has a port, by itself or by its group.
    #[must_use]
    pub fn of(group: &TargetGroup, target: &Target) -> Option<Self> {
        Some(Self {
            group: group.target_group_arn.clone(),
            id: target.id.clone(),
            port: target.port.or(group.port)?,
        })
    }
}

impl<'a> Standing<'a> {
    #[must_use]
    pub fn of(all: &Resources, group: &TargetGroup, described: &'a TargetHealthDescription) -> Self {
        if described.target_health.state.is_some() {
            return Self::Said(&described.target_health);
        }
        if group.health_check_enabled == Some(false) {
            return Self::Unchecked;
        }
        let mut balancers = balancers(all, group).peekable();
        if balancers.peek().is_none() {
            return Self::NoListener;
        }
        let place = all.target(group, described);
        let (Some(target), Some(place)) = (TargetId::of(group, &described.target), place) else {
            return Self::Nowhere;
        };
        match balancers.find_map(|balancer| node(all, balancer, &place)) {
            None => Self::OtherZone,
            Some(node) => Self::Checked(Box::new(Subject {
                settings: Settings::of(group, target.port),
                target,
                node: node.to_owned(),
                address: place.address,
            })),
        }
    }
}

/// The load balancers whose listeners forward to a group.
fn balancers<'a>(all: &'a Resources, group: &'a TargetGroup) -> impl Iterator<Item = &'a LoadBalancer> {
    let forwards = move |balancer: &&LoadBalancer| {
        let mut listeners = all.listeners_of(balancer);
        listeners.any(|listener| listener.forwards_to() == Some(&group.target_group_arn))
    };
    let there = all.load_balancers.iter().filter(|one| one.is_network_and_there());
    there.filter(forwards)
}

/// The node that asks a target: one in its zone, else the first, if the target's zone is one of the load balancer's.
fn node<'a>(all: &'a Resources, balancer: &LoadBalancer, place: &TargetPlace<'_>) -> Option<&'a str> {
    let zone_of = |subnet: &str| all.subnets.iter().find(|it| it.subnet_id == subnet);
    let mut zones = all.zones_of(balancer);
    if !zones.any(|zone| place.zone.is_in(zone)) {
        return None;
    }
    let nodes: Vec<_> = balancer
        .availability_zones
        .iter()
        .filter_map(|zone| all.node(zone))
        .collect();
    let near = nodes.iter().find(|node| {
        let subnet = zone_of(&node.subnet_id);
        subnet.is_some_and(|subnet| place.zone.is_in(&subnet.availability_zone))
    });
    near.or(nodes.first()).map(|node| &*node.network_interface_id)
}

/// All who are to be looked after. A target that is registered twice is one.
#[must_use]
pub fn subjects(all: &Resources) -> Vec<Subject> {
    let mut known = BTreeSet::new();
    let mut subjects = Vec::new();
    for group in &all.target_groups {
        for described in &group.target_health_descriptions {
            if let Standing::Checked(subject) = Standing::of(all, group, described)
                && known.insert(subject.target.clone())
            {
                subjects.push(*subject);
            }
        }
    }
    subjects
}

/// Resources in which these targets are unhealthy, unless the document says what they are.
#[must_use]
pub fn with_health(all: &Arc<Resources>, unhealthy: &BTreeSet<TargetId>) -> Arc<Resources> {
    if unhealthy.is_empty() {
        return Arc::clone(all);
    }
    let mut all = Resources::clone(all);
    for group in &mut all.target_groups {
        if group.health_check_enabled == Some(false) {
            continue;
        }
        let (arn, port) = (&group.target_group_arn, group.port);
        for described in &mut group.target_health_descriptions {
            let Some(port) = described.target.port.or(port) else {
                continue;
            };
            let target = TargetId {
                group: arn.clone(),
                id: described.target.id.clone(),
                port,
            };
            if described.target_health.state.is_none() && unhealthy.contains(&target) {
                described.target_health.state = Some("unhealthy".to_owned());
            }
        }
    }
    Arc::new(all)
}
