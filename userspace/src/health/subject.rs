//! Who is to be looked after: the targets of which the document says no state, as far as a load balancer's node
//! forwards to them.

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
        let mut balancers = all.forwarding_to(group).peekable();
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::resources::{Action, Listener, TargetUse, provider};

    /// The load balancer of two zones, with a listener that forwards to its group.
    pub(in crate::health) fn all() -> Resources {
        let mut all = provider();
        all.listeners = vec![Listener {
            load_balancer_arn: Some("arn".to_owned()),
            default_actions: vec![Action {
                target_group_arn: Some("group".to_owned()),
                ..Action::default()
            }],
            ..Listener::default()
        }];
        all
    }

    /// Addresses of those who are looked after, and the nodes that do.
    fn looked_after(all: &Resources) -> Vec<(String, String)> {
        let subjects = subjects(all).into_iter();
        subjects
            .map(|subject| (subject.address.to_string(), subject.node))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        pairs.iter().map(owned).collect()
    }

    /// How it stands with the targets.
    fn standings(all: &Resources) -> Vec<Standing<'_>> {
        let group = &all.target_groups[0];
        let targets = group.target_health_descriptions.iter();
        targets.map(|described| Standing::of(all, group, described)).collect()
    }

    #[test]
    fn a_target_is_asked_by_the_node_of_its_zone_else_by_the_first() {
        let mut all = all();
        assert_eq!(looked_after(&all), pairs(&[("10.0.1.10", "n1"), ("10.0.2.10", "n2")]));
        let target = &mut all.target_groups[0].target_health_descriptions[1];
        target.target.id = "t2".to_owned();
        assert_eq!(looked_after(&all), pairs(&[("10.0.1.10", "n1"), ("10.0.2.10", "n2")]));
        // The zone's node isn't there.
        all.network_interfaces.retain(|eni| eni.network_interface_id != "n2");
        assert_eq!(looked_after(&all), pairs(&[("10.0.1.10", "n1"), ("10.0.2.10", "n1")]));
        let target = &mut all.target_groups[0].target_health_descriptions[1];
        (target.target.id, target.target.availability_zone) = ("192.168.0.1".to_owned(), Some("all".to_owned()));
        assert_eq!(looked_after(&all)[1], pairs(&[("192.168.0.1", "n1")])[0]);
    }

    #[test]
    fn who_is_registered_with_two_ports_is_two_targets() {
        let mut all = all();
        let targets = &mut all.target_groups[0].target_health_descriptions;
        let (mut other, same) = (targets[0].clone(), targets[0].clone());
        other.target.port = Some(81);
        targets.extend([other, same]);
        let ports: Vec<_> = subjects(&all)
            .iter()
            .map(|it| (it.target.id.clone(), it.target.port))
            .collect();
        let wanted = [("10.0.1.10", 80), ("10.0.2.10", 80), ("10.0.1.10", 81)];
        assert_eq!(ports, wanted.map(|(id, port)| (id.to_owned(), port)));
    }

    #[test]
    fn who_is_not_looked_after_is_so_for_a_reason() {
        let mut all = all();
        all.target_groups[0].target_health_descriptions[1].target_health.state = Some("draining".to_owned());
        assert!(matches!(standings(&all)[..], [Standing::Checked(_), Standing::Said(_)]));
        all.target_groups[0].target_health_descriptions[1].target_health.state = None;
        all.target_groups[0].target_health_descriptions[0].target.id = "i-gone".to_owned();
        assert!(matches!(standings(&all)[..], [Standing::Nowhere, Standing::Checked(_)]));
        all.load_balancers[0].availability_zones.pop();
        assert!(matches!(standings(&all)[1], Standing::OtherZone));
        all.listeners.clear();
        assert_eq!(standings(&all), [Standing::NoListener, Standing::NoListener]);
        all.target_groups[0].health_check_enabled = Some(false);
        assert_eq!(standings(&all), [Standing::Unchecked, Standing::Unchecked]);
    }

    #[test]
    fn what_was_found_out_is_laid_over_and_what_is_said_stands() {
        let mut all = all();
        all.target_groups[0].target_health_descriptions[1].target_health.state = Some("healthy".to_owned());
        let all = Arc::new(all);
        assert!(Arc::ptr_eq(&all, &with_health(&all, &BTreeSet::new())));
        let unhealthy: BTreeSet<_> = ["10.0.1.10", "10.0.2.10", "gone"]
            .map(|id| TargetId {
                group: "group".to_owned(),
                id: id.to_owned(),
                port: 80,
            })
            .into();
        let uses = |all: &Resources| -> Vec<_> { all.targets(&all.target_groups[0]).map(|it| it.takes).collect() };
        assert_eq!(
            uses(&with_health(&all, &unhealthy)),
            [TargetUse::Unhealthy, TargetUse::All]
        );
        let mut unchecked = Resources::clone(&all);
        unchecked.target_groups[0].health_check_enabled = Some(false);
        let unchecked = with_health(&Arc::new(unchecked), &unhealthy);
        assert_eq!(uses(&unchecked), [TargetUse::All, TargetUse::All]);
    }

    #[test]
    fn where_all_are_found_unhealthy_all_take_connections() {
        let all = Arc::new(all());
        let ids = subjects(&all).into_iter().map(|subject| subject.target);
        let overlaid = with_health(&all, &ids.collect());
        let (balancer, group) = (&overlaid.load_balancers[0], &overlaid.target_groups[0]);
        assert_eq!(overlaid.takers(balancer, "eu-central-1a", group).len(), 1);
    }
}
