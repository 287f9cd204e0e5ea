//! Load balancers of all types, their listeners and targets (semantics 13, 16).

use super::{noun, wire};
use std::net::{Ipv4Addr, Ipv6Addr};

noun! {
    pub struct LoadBalancer {
        load_balancer_arn: String,
        load_balancer_name: Option<String>,
        #[serde(rename = "DNSName")]
        dns_name: Option<String>,
        canonical_hosted_zone_id: Option<String>,
        created_time: Option<String>,
        /// `internet-facing` or `internal`.
        scheme: Option<String>,
        vpc_id: Option<String>,
        state: Option<LoadBalancerState>,
        /// `network`, `gateway` or `application`.
        #[serde(rename = "Type")]
        load_balancer_type: Option<String>,
        availability_zones: Vec<LoadBalancerZone>,
        security_groups: Vec<String>,
        /// `ipv4` or `dualstack`.
        ip_address_type: Option<String>,
        enforce_security_group_inbound_rules_on_private_link_traffic: Option<String>,
        /// What `describe-load-balancer-attributes` answers.
        attributes: Vec<Attribute>,
    }

    pub struct Listener {
        listener_arn: String,
        load_balancer_arn: Option<String>,
        port: Option<u16>,
        /// `TCP`, `TLS`, `UDP`, `TCP_UDP` and others.
        protocol: Option<String>,
        default_actions: Vec<Action>,
        ssl_policy: Option<String>,
        alpn_policy: Vec<String>,
        /// What `describe-listener-attributes` answers.
        attributes: Vec<Attribute>,
    }

    pub struct TargetGroup {
        target_group_arn: String,
        target_group_name: Option<String>,
        protocol: Option<String>,
        port: Option<u16>,
        vpc_id: Option<String>,
        health_check_protocol: Option<String>,
        /// A number, or `traffic-port`.
        health_check_port: Option<String>,
        health_check_enabled: Option<bool>,
        health_check_interval_seconds: Option<u32>,
        health_check_timeout_seconds: Option<u32>,
        healthy_threshold_count: Option<u32>,
        unhealthy_threshold_count: Option<u32>,
        health_check_path: Option<String>,
        matcher: Option<Matcher>,
        load_balancer_arns: Vec<String>,
        /// `instance`, `ip`, `alb` or `lambda`.
        target_type: Option<String>,
        protocol_version: Option<String>,
        ip_address_type: Option<String>,
        /// What `describe-target-group-attributes` answers.
        attributes: Vec<Attribute>,
        /// What `describe-target-health` answers.
        target_health_descriptions: Vec<TargetHealthDescription>,
    }
}

wire! {
    pub struct LoadBalancerState {
        /// `provisioning`, `active`, `active_impaired` or `failed`.
        code: Option<String>,
        reason: Option<String>,
    }

    pub struct LoadBalancerZone {
        zone_name: Option<String>,
        subnet_id: Option<String>,
        load_balancer_addresses: Vec<LoadBalancerAddress>,
        source_nat_ipv6_prefixes: Vec<String>,
    }

    pub struct LoadBalancerAddress {
        ip_address: Option<Ipv4Addr>,
        allocation_id: Option<String>,
        #[serde(rename = "PrivateIPv4Address")]
        private_ipv4_address: Option<Ipv4Addr>,
        #[serde(rename = "IPv6Address")]
        ipv6_address: Option<Ipv6Addr>,
    }

    /// Such as `deregistration_delay.timeout_seconds`.
    pub struct Attribute {
        key: String,
        value: String,
    }

    pub struct Action {
        /// `forward`.
        #[serde(rename = "Type")]
        action_type: Option<String>,
        target_group_arn: Option<String>,
        order: Option<u32>,
        forward_config: Option<ForwardConfig>,
    }

    pub struct ForwardConfig {
        target_groups: Vec<TargetGroupTuple>,
    }

    pub struct TargetGroupTuple {
        target_group_arn: Option<String>,
        weight: Option<u32>,
    }

    pub struct Matcher {
        http_code: Option<String>,
        grpc_code: Option<String>,
    }

    pub struct TargetHealthDescription {
        target: Target,
        health_check_port: Option<String>,
        target_health: TargetHealth,
    }

    pub struct Target {
        /// An instance's id, an address, or an ARN.
        id: String,
        port: Option<u16>,
        /// `all` for targets outside the VPC.
        availability_zone: Option<String>,
    }

    pub struct TargetHealth {
        /// `initial`, `healthy`, `unhealthy`, `unused`, `draining` or `unavailable`.
        state: Option<String>,
        reason: Option<String>,
        description: Option<String>,
    }
}
