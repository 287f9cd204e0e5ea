//! Attributes of Network and Gateway Load Balancers, their listeners and target groups: which there are, and what
//! values they have (semantics 13, 16.3).

use super::context::Context;
use crate::document::diagnostic::{Problems, quote};
use crate::resources::Attribute;
use std::collections::HashSet;

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Values {
    Switch,
    /// From the first to the last.
    Number(u32, u32),
    OneOf(&'static [&'static str]),
    Any,
}

/// The keys of a kind of objects.
pub(super) type Keys = [(&'static str, Values)];

pub(super) const OF_BALANCERS: &Keys = &[
    ("access_logs.s3.bucket", Values::Any),
    ("access_logs.s3.enabled", Values::Switch),
    ("access_logs.s3.prefix", Values::Any),
    ("deletion_protection.enabled", Values::Switch),
    (
        "dns_record.client_routing_policy",
        Values::OneOf(&[
            "any_availability_zone",
            "partial_availability_zone_affinity",
            "availability_zone_affinity",
        ]),
    ),
    ("ipv6.deny_all_igw_traffic", Values::Switch),
    ("load_balancing.cross_zone.enabled", Values::Switch),
    ("secondary_ips.auto_assigned.per_subnet", Values::Number(0, 7)),
    ("zonal_shift.config.enabled", Values::Switch),
];

pub(super) const OF_GATEWAYS: &Keys = &[
    ("deletion_protection.enabled", Values::Switch),
    ("load_balancing.cross_zone.enabled", Values::Switch),
];

pub(super) const OF_LISTENERS: &Keys = &[("tcp.idle_timeout.seconds", Values::Number(60, 6000))];

pub(super) const OF_GROUPS: &Keys = &[
    ("deregistration_delay.connection_termination.enabled", Values::Switch),
    ("deregistration_delay.timeout_seconds", Values::Number(0, 3600)),
    (
        "load_balancing.cross_zone.enabled",
        Values::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("preserve_client_ip.enabled", Values::Switch),
    ("proxy_protocol_v2.enabled", Values::Switch),
    ("stickiness.enabled", Values::Switch),
    ("stickiness.type", Values::OneOf(&["source_ip"])),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        Values::Any,
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        Values::Any,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        Values::Any,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        Values::Any,
    ),
    (TERMINATION, Values::Switch),
    (
        "target_health_state.unhealthy.draining_interval_seconds",
        Values::Number(0, 360_000),
    ),
];

pub(super) const TERMINATION: &str = "target_health_state.unhealthy.connection_termination.enabled";

/// Of groups of appliances.
pub(super) const OF_GENEVE: &Keys = &[
    ("deregistration_delay.timeout_seconds", Values::Number(0, 3600)),
    (
        "load_balancing.cross_zone.enabled",
        Values::OneOf(&["true", "false", "use_load_balancer_configuration"]),
    ),
    ("stickiness.enabled", Values::Switch),
    (
        "stickiness.type",
        Values::OneOf(&["source_ip_dest_ip", "source_ip_dest_ip_proto"]),
    ),
    (ON_UNHEALTHY, Values::OneOf(&["no_rebalance", "rebalance"])),
    (ON_DEREGISTRATION, Values::OneOf(&["no_rebalance", "rebalance"])),
];

pub(super) const ON_UNHEALTHY: &str = "target_failover.on_unhealthy";
pub(super) const ON_DEREGISTRATION: &str = "target_failover.on_deregistration";

/// Checks the attributes of an object.
pub(super) fn check(all: &Context<'_>, id: &str, attributes: &[Attribute], keys: &Keys, problems: &mut Problems) {
    let mut known = HashSet::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let Attribute { key, value } = attribute;
        let mut refuse = |field: &str, message: String, help: &str| {
            let path: &[&str] = &["Attributes", &index.to_string(), field];
            all.refuse((id, path), "InvalidConfigurationRequest", message, help, problems);
        };
        if !known.insert(key) {
            refuse("Key", format!("{key} is there already"), "remove one of the two");
        }
        match keys.iter().find(|(own, _)| own == key) {
            // AWS has new ones now and then, and none of them means anything here.
            None if all.is_dumped(id) => {}
            None => {
                let names: Vec<_> = keys.iter().map(|(own, _)| *own).collect();
                let message = format!("there is no attribute {}", quote(key));
                refuse("Key", message, &format!("there are: {}", names.join(", ")));
            }
            Some((_, values)) => {
                if let Some(allowed) = values.refuse(value) {
                    let message = format!("{key} is {allowed}, not {}", quote(value));
                    refuse("Value", message, "write such a value, or leave the attribute out");
                }
            }
        }
    }
}

impl Values {
    /// What a value that isn't one of them should have been.
    fn refuse(self, value: &str) -> Option<String> {
        const SWITCH: &[&str] = &["true", "false"];
        match self {
            Self::Any => None,
            Self::Switch => Self::OneOf(SWITCH).refuse(value),
            Self::OneOf(words) => (!words.contains(&value)).then(|| words.join(" or ")),
            Self::Number(first, last) => {
                let number: Option<u32> = value.parse().ok();
                let is_one = number.is_some_and(|number| (first..=last).contains(&number));
                (!is_one).then(|| format!("a number from {first} to {last}"))
            }
        }
    }
}
