//! What watches a VPC: flow logs, traffic mirroring, reachability analyses (semantics 24, 25, 28).

use super::{noun, wire};
use ipnet::IpNet;

noun! {
    pub struct FlowLog {
        flow_log_id: String,
        creation_time: Option<String>,
        deliver_logs_error_message: Option<String>,
        deliver_logs_permission_arn: Option<String>,
        deliver_cross_account_role: Option<String>,
        /// `SUCCESS` or `FAILED`.
        deliver_logs_status: Option<String>,
        /// `ACTIVE`.
        flow_log_status: Option<String>,
        log_group_name: Option<String>,
        /// A VPC, a subnet, an ENI, a transit gateway or an attachment of one.
        resource_id: Option<String>,
        /// `ACCEPT`, `REJECT` or `ALL`.
        traffic_type: Option<String>,
        /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
        log_destination_type: Option<String>,
        log_destination: Option<String>,
        log_format: Option<String>,
        /// 60 or 600 seconds.
        max_aggregation_interval: Option<u32>,
    }

    pub struct TrafficMirrorSession {
        traffic_mirror_session_id: String,
        traffic_mirror_target_id: Option<String>,
        traffic_mirror_filter_id: Option<String>,
        /// The source.
        network_interface_id: Option<String>,
        owner_id: Option<String>,
        packet_length: Option<u32>,
        session_number: Option<u32>,
        virtual_network_id: Option<u32>,
        description: Option<String>,
    }

    pub struct TrafficMirrorFilter {
        traffic_mirror_filter_id: String,
        ingress_filter_rules: Vec<TrafficMirrorFilterRule>,
        egress_filter_rules: Vec<TrafficMirrorFilterRule>,
        /// `amazon-dns`.
        network_services: Vec<String>,
        description: Option<String>,
    }

    pub struct TrafficMirrorTarget {
        traffic_mirror_target_id: String,
        network_interface_id: Option<String>,
        network_load_balancer_arn: Option<String>,
        gateway_load_balancer_endpoint_id: Option<String>,
        /// `network-interface`, `network-load-balancer` or `gateway-load-balancer-endpoint`.
        #[serde(rename = "Type")]
        target_type: Option<String>,
        description: Option<String>,
        owner_id: Option<String>,
    }

    /// A question to the reachability analysis.
    pub struct NetworkInsightsPath {
        network_insights_path_id: String,
        network_insights_path_arn: Option<String>,
        created_date: Option<String>,
        source: Option<String>,
        destination: Option<String>,
        source_ip: Option<String>,
        destination_ip: Option<String>,
        /// `tcp` or `udp`.
        protocol: Option<String>,
        destination_port: Option<u16>,
    }

    /// The answer to one.
    pub struct NetworkInsightsAnalysis {
        network_insights_analysis_id: String,
        network_insights_analysis_arn: Option<String>,
        network_insights_path_id: Option<String>,
        start_date: Option<String>,
        /// `running`, `succeeded` or `failed`.
        status: Option<String>,
        status_message: Option<String>,
        network_path_found: Option<bool>,
    }
}

wire! {
    pub struct TrafficMirrorFilterRule {
        traffic_mirror_filter_rule_id: Option<String>,
        traffic_mirror_filter_id: Option<String>,
        /// `ingress` or `egress`.
        traffic_direction: Option<String>,
        rule_number: Option<u32>,
        /// `accept` or `reject`.
        rule_action: Option<String>,
        protocol: Option<u8>,
        destination_port_range: Option<PortRange>,
        source_port_range: Option<PortRange>,
        destination_cidr_block: Option<IpNet>,
        source_cidr_block: Option<IpNet>,
        description: Option<String>,
    }

    pub struct PortRange {
        from_port: Option<u16>,
        to_port: Option<u16>,
    }
}
