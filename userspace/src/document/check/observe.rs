//! Flow logs and traffic mirroring (semantics 24.1, 25).

use super::context::{Context, says};
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use std::collections::{HashMap, HashSet};

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    flow_logs(all, problems);
    mirroring(all, problems);
}

fn flow_logs(all: &Context<'_>, problems: &mut Problems) {
    let mut known = HashMap::new();
    for log in &all.all.flow_logs {
        let id = &*log.flow_log_id;
        let Some(resource) = log.resource_id.as_deref() else {
            let message = format!("flow log {} is missing ResourceId", all.name(id));
            all.refuse(
                (id, &[]),
                "MissingParameter",
                message,
                "name the VPC, subnet or network interface",
                problems,
            );
            continue;
        };
        let content = (
            resource,
            &log.traffic_type,
            &log.log_destination_type,
            &log.log_destination,
            &log.log_group_name,
        );
        if let Some(other) = known.insert(content, id) {
            let message = format!("flow log {} says the same of {}", all.name(other), all.name(resource));
            all.refuse(
                (id, &["ResourceId"]),
                "FlowLogAlreadyExists",
                message,
                "remove one of the two",
                problems,
            );
        }
        let of_transit = resource.starts_with("tgw-");
        let interval = log
            .max_aggregation_interval
            .unwrap_or(if of_transit { 60 } else { 600 });
        if interval != 60 && (of_transit || interval != 600) {
            let expected = if of_transit { "60" } else { "60 or 600" };
            let message = format!("MaxAggregationInterval is {expected}, not {interval}");
            all.refuse(
                (id, &["MaxAggregationInterval"]),
                "InvalidParameterValue",
                message,
                "choose one of them",
                problems,
            );
        }
        let words = ["ACCEPT", "REJECT", "ALL"];
        match log.traffic_type.as_deref() {
            Some(_) if of_transit => {
                let message = "a transit gateway's flow log has no TrafficType";
                all.refuse(
                    (id, &["TrafficType"]),
                    "InvalidParameterCombination",
                    message,
                    "remove it",
                    problems,
                );
            }
            None if !of_transit => {
                let message = format!("flow log {} is missing TrafficType", all.name(id));
                all.refuse(
                    (id, &[]),
                    "MissingParameter",
                    message,
                    "write ACCEPT, REJECT or ALL",
                    problems,
                );
            }
            Some(other) if !words.contains(&other) => {
                let message = format!("TrafficType is ACCEPT, REJECT or ALL, not {other}");
                all.refuse(
                    (id, &["TrafficType"]),
                    "InvalidParameterValue",
                    message,
                    "choose one of them",
                    problems,
                );
            }
            _ => {}
        }
    }
    let logs = all
        .all
        .flow_logs
        .iter()
        .filter_map(|log| Some((log.resource_id.as_deref()?, &*log.flow_log_id)));
    all.count(Quota::FlowLogs, logs, problems);
}

fn mirroring(all: &Context<'_>, problems: &mut Problems) {
    let targets: HashMap<_, _> = all
        .all
        .traffic_mirror_targets
        .iter()
        .filter_map(|target| {
            Some((
                target.network_interface_id.as_deref()?,
                &*target.traffic_mirror_target_id,
            ))
        })
        .collect();
    let mut numbers = HashSet::new();
    for session in &all.all.traffic_mirror_sessions {
        let id = &*session.traffic_mirror_session_id;
        let Some(source) = session.network_interface_id.as_deref() else {
            continue;
        };
        if let Some(target) = targets.get(source) {
            let message = format!(
                "{} is mirror target {}, and can't be a source as well",
                all.name(source),
                all.name(target)
            );
            let field: (&str, &[&str]) = (id, &["NetworkInterfaceId"]);
            all.refuse(
                field,
                "InterfaceInUseByTrafficMirrorTarget",
                message,
                "choose another source",
                problems,
            );
        }
        let number = session.session_number.unwrap_or(1);
        if !(1..=32_766).contains(&number) {
            let message = format!("SessionNumber is 1 to 32766, not {number}");
            all.refuse(
                (id, &["SessionNumber"]),
                "InvalidParameterValue",
                message,
                "choose another one",
                problems,
            );
        } else if !numbers.insert((source, number)) {
            let message = format!("{} has a session {number} already", all.name(source));
            all.refuse(
                (id, &["SessionNumber"]),
                "InvalidParameterValue",
                message,
                "number its sessions differently",
                problems,
            );
        }
    }
    let sources = all.all.traffic_mirror_sessions.iter();
    let sources =
        sources.filter_map(|one| Some((one.network_interface_id.as_deref()?, &*one.traffic_mirror_session_id)));
    all.count(Quota::MirrorSessions, sources, problems);
    for filter in &all.all.traffic_mirror_filters {
        let rules = filter.ingress_filter_rules.len() + filter.egress_filter_rules.len();
        all.limit(
            Quota::MirrorRules,
            rules,
            (&filter.traffic_mirror_filter_id, &[]),
            problems,
        );
        let lists = [
            ("IngressFilterRules", &filter.ingress_filter_rules),
            ("EgressFilterRules", &filter.egress_filter_rules),
        ];
        for (list, rules) in lists {
            let mut seen = HashSet::new();
            for (index, rule) in rules.iter().enumerate() {
                let field: &[&str] = &[list, &index.to_string()];
                let id = &*filter.traffic_mirror_filter_id;
                if rule.rule_number.is_some_and(|number| !seen.insert(number)) {
                    all.refuse(
                        (id, field),
                        "InvalidParameterValue",
                        "another rule has this number",
                        "number rules differently",
                        problems,
                    );
                }
                let action = rule.rule_action.as_deref();
                if action.is_some() && !says(action, "accept") && !says(action, "reject") {
                    let message = "RuleAction is accept or reject";
                    all.refuse(
                        (id, field),
                        "InvalidParameterValue",
                        message,
                        "choose one of the two",
                        problems,
                    );
                }
            }
        }
    }
}
