//! Names (semantics 22): DHCP options, Route 53 hosted zones, resolver endpoints and rules.

use super::{noun, wire};
use std::net::IpAddr;

noun! {
    pub struct DhcpOptions {
        dhcp_options_id: String,
        owner_id: Option<String>,
        dhcp_configurations: Vec<DhcpConfiguration>,
    }

    pub struct HostedZone {
        /// `/hostedzone/` and an id.
        id: String,
        /// The domain, with a dot at its end.
        #[serde(rename = "Name")]
        domain: Option<String>,
        caller_reference: Option<String>,
        config: HostedZoneConfig,
        resource_record_set_count: Option<u64>,
        /// What `get-hosted-zone` answers beside the zone.
        #[serde(rename = "VPCs")]
        vpcs: Vec<HostedZoneVpc>,
        /// What `list-resource-record-sets` answers.
        resource_record_sets: Vec<ResourceRecordSet>,
    }

    pub struct ResolverEndpoint {
        id: String,
        arn: Option<String>,
        creator_request_id: Option<String>,
        /// What people call it; the API has no tag for it.
        #[serde(rename = "Name")]
        label: Option<String>,
        security_group_ids: Vec<String>,
        /// `INBOUND` or `OUTBOUND`.
        direction: Option<String>,
        ip_address_count: Option<u32>,
        #[serde(rename = "HostVPCId")]
        host_vpc_id: Option<String>,
        status: Option<String>,
        status_message: Option<String>,
        creation_time: Option<String>,
        modification_time: Option<String>,
        resolver_endpoint_type: Option<String>,
        protocols: Vec<String>,
        /// What `list-resolver-endpoint-ip-addresses` answers.
        ip_addresses: Vec<ResolverIpAddress>,
    }

    pub struct ResolverRule {
        id: String,
        arn: Option<String>,
        creator_request_id: Option<String>,
        domain_name: Option<String>,
        /// `FORWARD`, `SYSTEM` or `RECURSIVE`.
        rule_type: Option<String>,
        #[serde(rename = "Name")]
        label: Option<String>,
        target_ips: Vec<TargetAddress>,
        resolver_endpoint_id: Option<String>,
        owner_id: Option<String>,
        share_status: Option<String>,
        status: Option<String>,
        status_message: Option<String>,
        creation_time: Option<String>,
        modification_time: Option<String>,
    }

    /// A rule that is in force in a VPC.
    pub struct ResolverRuleAssociation {
        id: String,
        resolver_rule_id: Option<String>,
        #[serde(rename = "Name")]
        label: Option<String>,
        #[serde(rename = "VPCId")]
        vpc_id: Option<String>,
        status: Option<String>,
        status_message: Option<String>,
    }
}

wire! {
    pub struct DhcpConfiguration {
        /// `domain-name`, `domain-name-servers` and others.
        key: String,
        values: Vec<DhcpValue>,
    }

    pub struct DhcpValue {
        value: String,
    }

    pub struct HostedZoneConfig {
        comment: Option<String>,
        private_zone: Option<bool>,
    }

    pub struct HostedZoneVpc {
        #[serde(rename = "VPCRegion")]
        vpc_region: Option<String>,
        #[serde(rename = "VPCId")]
        vpc_id: Option<String>,
    }

    pub struct ResourceRecordSet {
        name: String,
        #[serde(rename = "Type")]
        record_type: String,
        #[serde(rename = "TTL")]
        ttl: Option<u32>,
        resource_records: Vec<ResourceRecord>,
        alias_target: Option<AliasTarget>,
        set_identifier: Option<String>,
        weight: Option<u32>,
    }

    pub struct ResourceRecord {
        value: String,
    }

    pub struct AliasTarget {
        hosted_zone_id: Option<String>,
        #[serde(rename = "DNSName")]
        dns_name: Option<String>,
        evaluate_target_health: Option<bool>,
    }

    pub struct ResolverIpAddress {
        ip_id: Option<String>,
        subnet_id: Option<String>,
        ip: Option<IpAddr>,
        ipv6: Option<IpAddr>,
        status: Option<String>,
        status_message: Option<String>,
        creation_time: Option<String>,
        modification_time: Option<String>,
    }

    /// Where a rule sends queries.
    pub struct TargetAddress {
        ip: Option<IpAddr>,
        ipv6: Option<IpAddr>,
        port: Option<u16>,
        protocol: Option<String>,
    }
}
