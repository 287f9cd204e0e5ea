//! Transit gateways, what is attached to them, and their route tables (semantics 18).

use super::{noun, wire};
use ipnet::IpNet;
use std::net::IpAddr;

noun! {
    pub struct TransitGateway {
        transit_gateway_id: String,
        transit_gateway_arn: Option<String>,
        owner_id: Option<String>,
        /// `pending`, `available`, `modifying`, `deleting` or `deleted`.
        state: Option<String>,
        description: Option<String>,
        creation_time: Option<String>,
        options: TransitGatewayOptions,
    }

    /// An attachment of any kind, as far as all kinds are alike.
    pub struct TransitGatewayAttachment {
        transit_gateway_attachment_id: String,
        transit_gateway_id: Option<String>,
        transit_gateway_owner_id: Option<String>,
        /// `vpc`, `vpn`, `direct-connect-gateway`, `peering`, `connect` and others.
        resource_type: Option<String>,
        resource_id: Option<String>,
        resource_owner_id: Option<String>,
        state: Option<String>,
        association: Option<AttachmentAssociation>,
        creation_time: Option<String>,
    }

    pub struct TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: String,
        transit_gateway_id: Option<String>,
        vpc_id: Option<String>,
        vpc_owner_id: Option<String>,
        /// `pendingAcceptance`, `pending`, `available` and others.
        state: Option<String>,
        /// At most one in each zone.
        subnet_ids: Vec<String>,
        options: TransitGatewayVpcAttachmentOptions,
        creation_time: Option<String>,
    }

    pub struct TransitGatewayPeeringAttachment {
        transit_gateway_attachment_id: String,
        accepter_transit_gateway_attachment_id: Option<String>,
        requester_tgw_info: PeeringTgwInfo,
        accepter_tgw_info: PeeringTgwInfo,
        state: Option<String>,
        status: Option<TransitGatewayStatus>,
        creation_time: Option<String>,
    }

    pub struct TransitGatewayConnect {
        transit_gateway_attachment_id: String,
        transport_transit_gateway_attachment_id: Option<String>,
        transit_gateway_id: Option<String>,
        state: Option<String>,
        options: TransitGatewayConnectOptions,
        creation_time: Option<String>,
    }

    pub struct TransitGatewayConnectPeer {
        transit_gateway_connect_peer_id: String,
        transit_gateway_attachment_id: Option<String>,
        state: Option<String>,
        connect_peer_configuration: ConnectPeerConfiguration,
        creation_time: Option<String>,
    }

    pub struct TransitGatewayRouteTable {
        transit_gateway_route_table_id: String,
        transit_gateway_id: Option<String>,
        state: Option<String>,
        default_association_route_table: Option<bool>,
        default_propagation_route_table: Option<bool>,
        creation_time: Option<String>,
        /// What `get-transit-gateway-route-table-associations` answers.
        associations: Vec<TransitGatewayRouteTableAssociation>,
        /// What `get-transit-gateway-route-table-propagations` answers.
        #[serde(rename = "TransitGatewayRouteTablePropagations")]
        propagations: Vec<TransitGatewayRouteTablePropagation>,
        /// What `search-transit-gateway-routes` answers.
        routes: Vec<TransitGatewayRoute>,
        /// What `get-transit-gateway-prefix-list-references` answers.
        #[serde(rename = "TransitGatewayPrefixListReferences")]
        prefix_list_references: Vec<TransitGatewayPrefixListReference>,
    }
}

wire! {
    pub struct TransitGatewayOptions {
        amazon_side_asn: Option<u32>,
        transit_gateway_cidr_blocks: Vec<IpNet>,
        /// `enable` or `disable`; likewise below.
        auto_accept_shared_attachments: Option<String>,
        default_route_table_association: Option<String>,
        association_default_route_table_id: Option<String>,
        default_route_table_propagation: Option<String>,
        propagation_default_route_table_id: Option<String>,
        vpn_ecmp_support: Option<String>,
        dns_support: Option<String>,
        security_group_referencing_support: Option<String>,
        multicast_support: Option<String>,
    }

    pub struct AttachmentAssociation {
        transit_gateway_route_table_id: Option<String>,
        state: Option<String>,
    }

    pub struct TransitGatewayVpcAttachmentOptions {
        /// `enable` or `disable`; likewise below.
        dns_support: Option<String>,
        security_group_referencing_support: Option<String>,
        ipv6_support: Option<String>,
        appliance_mode_support: Option<String>,
    }

    pub struct PeeringTgwInfo {
        transit_gateway_id: Option<String>,
        owner_id: Option<String>,
        region: Option<String>,
        core_network_id: Option<String>,
    }

    pub struct TransitGatewayStatus {
        code: Option<String>,
        message: Option<String>,
    }

    pub struct TransitGatewayConnectOptions {
        /// `gre`.
        protocol: Option<String>,
    }

    pub struct ConnectPeerConfiguration {
        transit_gateway_address: Option<IpAddr>,
        peer_address: Option<IpAddr>,
        inside_cidr_blocks: Vec<IpNet>,
        protocol: Option<String>,
        bgp_configurations: Vec<ConnectPeerBgpConfiguration>,
    }

    pub struct ConnectPeerBgpConfiguration {
        transit_gateway_asn: Option<u32>,
        peer_asn: Option<u32>,
        transit_gateway_address: Option<IpAddr>,
        peer_address: Option<IpAddr>,
        bgp_status: Option<String>,
    }

    /// An attachment whose packets the table routes.
    pub struct TransitGatewayRouteTableAssociation {
        transit_gateway_attachment_id: Option<String>,
        resource_id: Option<String>,
        resource_type: Option<String>,
        /// `associating`, `associated` and others.
        state: Option<String>,
    }

    /// An attachment whose prefixes the table takes over.
    pub struct TransitGatewayRouteTablePropagation {
        transit_gateway_attachment_id: Option<String>,
        resource_id: Option<String>,
        resource_type: Option<String>,
        /// `enabling`, `enabled` and others.
        state: Option<String>,
        transit_gateway_route_table_announcement_id: Option<String>,
    }

    pub struct TransitGatewayRoute {
        destination_cidr_block: Option<IpNet>,
        prefix_list_id: Option<String>,
        transit_gateway_route_table_announcement_id: Option<String>,
        transit_gateway_attachments: Vec<TransitGatewayRouteAttachment>,
        /// `static` or `propagated`.
        #[serde(rename = "Type")]
        route_type: Option<String>,
        /// `pending`, `active` or `blackhole`.
        state: Option<String>,
    }

    pub struct TransitGatewayRouteAttachment {
        transit_gateway_attachment_id: Option<String>,
        resource_id: Option<String>,
        resource_type: Option<String>,
    }

    pub struct TransitGatewayPrefixListReference {
        transit_gateway_route_table_id: Option<String>,
        prefix_list_id: Option<String>,
        prefix_list_owner_id: Option<String>,
        state: Option<String>,
        blackhole: Option<bool>,
        transit_gateway_attachment: Option<TransitGatewayRouteAttachment>,
    }
}
