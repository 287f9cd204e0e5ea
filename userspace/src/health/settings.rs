//! How a target is checked.

use super::matcher::Matcher;
use crate::resources::TargetGroup;
use std::time::Duration;

/// Where an appliance is asked.
const APPLIANCE_PORT: u16 = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Http,
    Https,
}

/// What a target group says, with the defaults of semantics 13.5, or 16.3 for appliances. What is out of its range
/// counts as the next that isn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub protocol: Protocol,
    pub port: u16,
    pub path: String,
    pub matcher: Matcher,
    pub interval: Duration,
    pub timeout: Duration,
    /// How many checks in a row make a target healthy again, and how many unhealthy.
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    /// Whether a header comes first, as in front of clients' streams (semantics 13.7).
    pub has_header: bool,
}

impl Settings {
    /// Of a target with this port.
    #[must_use]
    pub fn of(group: &TargetGroup, traffic_port: u16) -> Self {
        let protocol = match group.health_check_protocol.as_deref() {
            Some("HTTP") => Protocol::Http,
            Some("HTTPS") => Protocol::Https,
            _ => Protocol::Tcp,
        };
        let (interval, timeout) = match protocol {
            _ if group.is_geneve() => (10, 5),
            Protocol::Http => (30, 6),
            Protocol::Tcp | Protocol::Https => (30, 10),
        };
        let number =
            |given: Option<u32>, default: u32, least: u32, most: u32| given.unwrap_or(default).clamp(least, most);
        let seconds = |given, default, least, most| Duration::from_secs(u64::from(number(given, default, least, most)));
        let codes = group.matcher.as_ref().and_then(|matcher| matcher.http_code.as_deref());
        Self {
            protocol,
            port: port_of(group, traffic_port),
            path: group.health_check_path.clone().unwrap_or_else(|| "/".to_owned()),
            matcher: codes.and_then(Matcher::parse).unwrap_or_default(),
            interval: seconds(group.health_check_interval_seconds, interval, 5, 300),
            timeout: seconds(group.health_check_timeout_seconds, timeout, 2, 120),
            healthy_threshold: number(group.healthy_threshold_count, 5, 2, 10),
            unhealthy_threshold: number(group.unhealthy_threshold_count, 2, 2, 10),
            has_header: group.has_proxy_protocol(),
        }
    }
}

/// The port that is asked: a number, or `traffic-port`, which is the target's own. At that of appliances nobody answers
/// TCP, so it has to be said.
pub(super) fn port_of(group: &TargetGroup, traffic_port: u16) -> u16 {
    let said = group.health_check_port.as_deref().and_then(|port| port.parse().ok());
    match group.health_check_port {
        None if group.is_geneve() => APPLIANCE_PORT,
        _ => said.unwrap_or(traffic_port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_at_aws() {
        let of = |protocol: Option<&str>| {
            let group = TargetGroup {
                health_check_protocol: protocol.map(str::to_owned),
                ..TargetGroup::default()
            };
            Settings::of(&group, 443)
        };
        let tcp = of(None);
        assert_eq!((tcp.protocol, tcp.port), (Protocol::Tcp, 443));
        assert_eq!((tcp.interval.as_secs(), tcp.timeout.as_secs()), (30, 10));
        assert_eq!((tcp.healthy_threshold, tcp.unhealthy_threshold), (5, 2));
        assert_eq!(of(Some("HTTP")).timeout.as_secs(), 6);
        assert_eq!(of(Some("HTTPS")).timeout.as_secs(), 10);
        assert_eq!(of(Some("HTTPS")).path, "/");
    }

    #[test]
    fn appliances_are_asked_more_often_and_at_a_port_of_their_own() {
        let mut group = TargetGroup {
            protocol: Some("GENEVE".to_owned()),
            ..TargetGroup::default()
        };
        let settings = Settings::of(&group, 6081);
        assert_eq!((settings.protocol, settings.port), (Protocol::Tcp, 80));
        assert_eq!((settings.interval.as_secs(), settings.timeout.as_secs()), (10, 5));
        assert_eq!((settings.healthy_threshold, settings.unhealthy_threshold), (5, 2));
        group.health_check_protocol = Some("HTTP".to_owned());
        assert_eq!(Settings::of(&group, 6081).timeout.as_secs(), 5);
        group.health_check_port = Some("traffic-port".to_owned());
        assert_eq!(Settings::of(&group, 6081).port, 6081);
    }

    #[test]
    fn what_is_said_counts_within_its_range() {
        let group = TargetGroup {
            health_check_port: Some("8080".to_owned()),
            health_check_interval_seconds: Some(1),
            health_check_timeout_seconds: Some(500),
            healthy_threshold_count: Some(1),
            unhealthy_threshold_count: Some(11),
            ..TargetGroup::default()
        };
        let settings = Settings::of(&group, 443);
        assert_eq!(settings.port, 8080);
        assert_eq!((settings.interval.as_secs(), settings.timeout.as_secs()), (5, 120));
        assert_eq!((settings.healthy_threshold, settings.unhealthy_threshold), (2, 10));
        let group = TargetGroup {
            health_check_port: Some("traffic-port".to_owned()),
            ..TargetGroup::default()
        };
        assert_eq!(Settings::of(&group, 443).port, 443);
    }
}
