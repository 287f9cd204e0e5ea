//! Site-to-site and client VPN (semantics 19, 20).

use super::internet::GatewayAttachment;
use super::{noun, wire};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

noun! {
    pub struct VpnGateway {
        vpn_gateway_id: String,
        state: Option<String>,
        #[serde(rename = "Type")]
        gateway_type: Option<String>,
        availability_zone: Option<String>,
        amazon_side_asn: Option<u32>,
        #[serde(rename = "VpcAttachments")]
        attachments: Vec<GatewayAttachment>,
    }

    /// What AWS knows of the device at the other end.
    pub struct CustomerGateway {
        customer_gateway_id: String,
        state: Option<String>,
        #[serde(rename = "Type")]
        gateway_type: Option<String>,
        /// `None` with a certificate.
        ip_address: Option<IpAddr>,
        /// The API prints a number in quotation marks.
        bgp_asn: Option<String>,
        bgp_asn_extended: Option<String>,
        certificate_arn: Option<String>,
        device_name: Option<String>,
    }

    pub struct VpnConnection {
        vpn_connection_id: String,
        customer_gateway_id: Option<String>,
        /// One of the two.
        vpn_gateway_id: Option<String>,
        transit_gateway_id: Option<String>,
        state: Option<String>,
        #[serde(rename = "Type")]
        connection_type: Option<String>,
        category: Option<String>,
        customer_gateway_configuration: Option<String>,
        options: VpnConnectionOptions,
        routes: Vec<VpnStaticRoute>,
        vgw_telemetry: Vec<VgwTelemetry>,
    }

    pub struct ClientVpnEndpoint {
        client_vpn_endpoint_id: String,
        description: Option<String>,
        status: Option<ClientVpnStatus>,
        creation_time: Option<String>,
        dns_name: Option<String>,
        client_cidr_block: Option<IpNet>,
        dns_servers: Vec<String>,
        split_tunnel: Option<bool>,
        vpn_protocol: Option<String>,
        /// `udp` or `tcp`.
        transport_protocol: Option<String>,
        vpn_port: Option<u16>,
        server_certificate_arn: Option<String>,
        security_group_ids: Vec<String>,
        vpc_id: Option<String>,
        session_timeout_hours: Option<u32>,
        /// What `describe-client-vpn-target-networks` answers.
        client_vpn_target_networks: Vec<TargetNetwork>,
        /// What `describe-client-vpn-routes` answers.
        routes: Vec<ClientVpnRoute>,
        /// What `describe-client-vpn-authorization-rules` answers.
        authorization_rules: Vec<AuthorizationRule>,
    }
}

wire! {
    pub struct VpnConnectionOptions {
        enable_acceleration: Option<bool>,
        static_routes_only: Option<bool>,
        local_ipv4_network_cidr: Option<IpNet>,
        remote_ipv4_network_cidr: Option<IpNet>,
        local_ipv6_network_cidr: Option<IpNet>,
        remote_ipv6_network_cidr: Option<IpNet>,
        outside_ip_address_type: Option<String>,
        transport_transit_gateway_attachment_id: Option<String>,
        /// `ipv4` or `ipv6`.
        tunnel_inside_ip_version: Option<String>,
        tunnel_options: Vec<TunnelOption>,
    }

    pub struct TunnelOption {
        outside_ip_address: Option<Ipv4Addr>,
        tunnel_inside_cidr: Option<IpNet>,
        tunnel_inside_ipv6_cidr: Option<IpNet>,
        pre_shared_key: Option<String>,
        phase1_lifetime_seconds: Option<u32>,
        phase2_lifetime_seconds: Option<u32>,
        rekey_margin_time_seconds: Option<u32>,
        rekey_fuzz_percentage: Option<u32>,
        replay_window_size: Option<u32>,
        dpd_timeout_seconds: Option<u32>,
        dpd_timeout_action: Option<String>,
        startup_action: Option<String>,
        ike_versions: Vec<TextValue>,
        #[serde(rename = "Phase1DHGroupNumbers")]
        phase1_dh_group_numbers: Vec<NumberValue>,
        #[serde(rename = "Phase2DHGroupNumbers")]
        phase2_dh_group_numbers: Vec<NumberValue>,
        phase1_encryption_algorithms: Vec<TextValue>,
        phase2_encryption_algorithms: Vec<TextValue>,
        phase1_integrity_algorithms: Vec<TextValue>,
        phase2_integrity_algorithms: Vec<TextValue>,
    }

    pub struct TextValue {
        value: String,
    }

    pub struct NumberValue {
        value: u32,
    }

    pub struct VpnStaticRoute {
        destination_cidr_block: Option<IpNet>,
        source: Option<String>,
        state: Option<String>,
    }

    /// The state of a tunnel.
    pub struct VgwTelemetry {
        outside_ip_address: Option<Ipv4Addr>,
        /// `UP` or `DOWN`.
        status: Option<String>,
        status_message: Option<String>,
        accepted_route_count: Option<u32>,
        last_status_change: Option<String>,
        certificate_arn: Option<String>,
    }

    pub struct ClientVpnStatus {
        code: Option<String>,
        message: Option<String>,
    }

    /// A subnet that clients get into.
    pub struct TargetNetwork {
        association_id: Option<String>,
        vpc_id: Option<String>,
        /// The subnet.
        target_network_id: Option<String>,
        client_vpn_endpoint_id: Option<String>,
        status: Option<ClientVpnStatus>,
        security_groups: Vec<String>,
    }

    pub struct ClientVpnRoute {
        client_vpn_endpoint_id: Option<String>,
        destination_cidr: Option<IpNet>,
        /// A subnet, or `local` for other clients.
        target_subnet: Option<String>,
        #[serde(rename = "Type")]
        route_type: Option<String>,
        /// `associate` or `add-route`.
        origin: Option<String>,
        status: Option<ClientVpnStatus>,
        description: Option<String>,
    }

    pub struct AuthorizationRule {
        client_vpn_endpoint_id: Option<String>,
        description: Option<String>,
        group_id: Option<String>,
        access_all: Option<bool>,
        destination_cidr: Option<IpNet>,
        status: Option<ClientVpnStatus>,
    }
}
