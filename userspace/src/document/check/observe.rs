//! Flow logs and traffic mirroring (semantics 24.1, 25).

use super::context::{Context, says};
use crate::document::diagnostic::Problems;
use crate::document::quotas::Quota;
use crate::resources::{FlowLog, TrafficMirrorFilterRule};
use std::collections::{HashMap, HashSet};

pub(super) fn check(all: &Context<'_>, problems: &mut Problems) {
    flow_logs(all, problems);
    mirroring(all, problems);
    mirror_filters(all, problems);
}

fn flow_logs(all: &Context<'_>, problems: &mut Problems) {
    let mut known = HashMap::new();
    for log in &all.all.flow_logs {
        let id = &*log.flow_log_id;
        let Some(resource) = log.resource_id.as_deref() else {
            let message = format!("flow log {} is missing ResourceId", all.name(id));
            let help = "name the VPC, subnet or network interface";
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
            continue;
        };
        let destination = (&log.log_destination_type, &log.log_destination, &log.log_group_name);
        if let Some(other) = known.insert((resource, &log.traffic_type, destination), id) {
            let message = format!("flow log {} says the same of {}", all.name(other), all.name(resource));
            let field: (&str, &[&str]) = (id, &["ResourceId"]);
            all.refuse(
                field,
                "FlowLogAlreadyExists",
                message,
                "remove one of the two",
                problems,
            );
        }
        interval(all, log, resource.starts_with("tgw-"), problems);
        traffic_type(all, log, resource.starts_with("tgw-"), problems);
    }
    let logs = all.all.flow_logs.iter();
    let logs = logs.filter_map(|log| Some((log.resource_id.as_deref()?, &*log.flow_log_id)));
    all.count(Quota::FlowLogs, logs, problems);
}

fn interval(all: &Context<'_>, log: &FlowLog, of_transit: bool, problems: &mut Problems) {
    let allowed: &[u32] = if of_transit { &[60] } else { &[60, 600] };
    if let Some(given) = log.max_aggregation_interval.filter(|given| !allowed.contains(given)) {
        let expected = if of_transit { "60" } else { "60 or 600" };
        let message = format!("MaxAggregationInterval is {expected}, not {given}");
        let field: (&str, &[&str]) = (&log.flow_log_id, &["MaxAggregationInterval"]);
        all.refuse(field, "InvalidParameterValue", message, "choose one of them", problems);
    }
}

fn traffic_type(all: &Context<'_>, log: &FlowLog, of_transit: bool, problems: &mut Problems) {
    let id = &*log.flow_log_id;
    let field: (&str, &[&str]) = (id, &["TrafficType"]);
    match log.traffic_type.as_deref() {
        Some(_) if of_transit => {
            let message = "a transit gateway's flow log has no TrafficType";
            all.refuse(field, "InvalidParameterCombination", message, "remove it", problems);
        }
        None if !of_transit => {
            let message = format!("flow log {} is missing TrafficType", all.name(id));
            let help = "write ACCEPT, REJECT or ALL";
            all.refuse((id, &[]), "MissingParameter", message, help, problems);
        }
        Some(other) if !["ACCEPT", "REJECT", "ALL"].contains(&other) => {
            let message = format!("TrafficType is ACCEPT, REJECT or ALL, not {other}");
            all.refuse(field, "InvalidParameterValue", message, "choose one of them", problems);
        }
        _ => {}
    }
}

fn mirroring(all: &Context<'_>, problems: &mut Problems) {
    let targets = all.all.traffic_mirror_targets.iter();
    let targets =
        targets.filter_map(|one| Some((one.network_interface_id.as_deref()?, &*one.traffic_mirror_target_id)));
    let targets: HashMap<_, _> = targets.collect();
    let mut numbers = HashSet::new();
    for session in &all.all.traffic_mirror_sessions {
        let id = &*session.traffic_mirror_session_id;
        let Some(source) = session.network_interface_id.as_deref() else {
            continue;
        };
        let name = all.name(source);
        if let Some(target) = targets.get(source) {
            let target = all.name(target);
            let message = format!("{name} is mirror target {target}, and can't be a source as well");
            let field: (&str, &[&str]) = (id, &["NetworkInterfaceId"]);
            let code = "InterfaceInUseByTrafficMirrorTarget";
            all.refuse(field, code, message, "choose another source", problems);
        }
        let number = session.session_number.unwrap_or(1);
        let field: (&str, &[&str]) = (id, &["SessionNumber"]);
        if !(1..=32_766).contains(&number) {
            let message = format!("SessionNumber is 1 to 32766, not {number}");
            all.refuse(field, "InvalidParameterValue", message, "choose another one", problems);
        } else if !numbers.insert((source, number)) {
            let message = format!("{name} has a session {number} already");
            all.refuse(
                field,
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
}

fn mirror_filters(all: &Context<'_>, problems: &mut Problems) {
    for filter in &all.all.traffic_mirror_filters {
        let id = &*filter.traffic_mirror_filter_id;
        let count = filter.ingress_filter_rules.len() + filter.egress_filter_rules.len();
        all.limit(Quota::MirrorRules, count, (id, &[]), problems);
        mirror_rules(all, (id, "IngressFilterRules"), &filter.ingress_filter_rules, problems);
        mirror_rules(all, (id, "EgressFilterRules"), &filter.egress_filter_rules, problems);
    }
}

fn mirror_rules(
    all: &Context<'_>,
    (id, list): (&str, &str),
    rules: &[TrafficMirrorFilterRule],
    problems: &mut Problems,
) {
    let mut seen = HashSet::new();
    for (index, rule) in rules.iter().enumerate() {
        let field: &[&str] = &[list, &index.to_string()];
        if rule.rule_number.is_some_and(|number| !seen.insert(number)) {
            let (message, help) = ("another rule has this number", "number rules differently");
            all.refuse((id, field), "InvalidParameterValue", message, help, problems);
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
