//! How a target group says its targets are checked (semantics 13.5).

use super::context::Context;
use crate::document::diagnostic::{Problems, quote};
use crate::health::Matcher;
use crate::resources::TargetGroup;
use std::ops::RangeInclusive;

const PROTOCOLS: [&str; 3] = ["TCP", "HTTP", "HTTPS"];
/// The status codes that a matcher may have.
const CODES: RangeInclusive<u16> = 200..=599;

pub(super) fn check(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    let id = &*group.target_group_arn;
    let mut refuse = |field: &[&str], message: String, help: &str| {
        all.refuse((id, field), "InvalidConfigurationRequest", message, help, problems);
    };
    let protocol = group.health_check_protocol.as_deref();
    if let Some(protocol) = protocol.filter(|protocol| !PROTOCOLS.contains(protocol)) {
        let message = format!("targets are checked by TCP, HTTP or HTTPS, not by {}", quote(protocol));
        refuse(&["HealthCheckProtocol"], message, "choose one of the three");
    }
    let port = group.health_check_port.as_deref();
    let is_port = |port: &str| port == "traffic-port" || port.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some(port) = port.filter(|port| !is_port(port)) {
        let message = format!(
            "HealthCheckPort is traffic-port or a number from 1 to 65535, not {}",
            quote(port)
        );
        let help = "traffic-port, as when it is left out, is the port of the target";
        refuse(&["HealthCheckPort"], message, help);
    }
    let codes = group.matcher.as_ref().and_then(|matcher| matcher.http_code.as_deref());
    let are_codes = |codes: &str| Matcher::parse(codes).is_some_and(|matcher| matcher.is_within(&CODES));
    if let Some(codes) = codes.filter(|codes| !are_codes(codes)) {
        let message = format!(
            "HttpCode has codes and ranges of codes from 200 to 599, not {}",
            quote(codes)
        );
        refuse(&["Matcher", "HttpCode"], message, "write them as in \"200-299,404\"");
    }
    numbers(all, group, problems);
}

fn numbers(all: &Context<'_>, group: &TargetGroup, problems: &mut Problems) {
    for (field, number, range) in [
        (
            "HealthCheckIntervalSeconds",
            group.health_check_interval_seconds,
            5..=300,
        ),
        ("HealthCheckTimeoutSeconds", group.health_check_timeout_seconds, 2..=120),
        ("HealthyThresholdCount", group.healthy_threshold_count, 2..=10),
        ("UnhealthyThresholdCount", group.unhealthy_threshold_count, 2..=10),
    ] {
        if let Some(number) = number.filter(|number| !range.contains(number)) {
            let (first, last) = range.into_inner();
            let message = format!("{field} is a number from {first} to {last}, not {number}");
            let help = "write such a number, or leave the field out";
            let field: (&str, &[&str]) = (&group.target_group_arn, &[field]);
            all.refuse(field, "InvalidConfigurationRequest", message, help, problems);
        }
    }
}
