//! Direct Connect (semantics 21), whose API writes its fields in camelCase.

use super::{noun, wire};
use ipnet::IpNet;

noun! {
    camelCase
    pub struct DirectConnectGateway {
        direct_connect_gateway_id: String,
        direct_connect_gateway_name: Option<String>,
        amazon_side_asn: Option<u32>,
        owner_account: Option<String>,
        direct_connect_gateway_state: Option<String>,
        state_change_error: Option<String>,
    }

    pub struct VirtualInterface {
        virtual_interface_id: String,
        owner_account: Option<String>,
        connection_id: Option<String>,
        location: Option<String>,
        /// `private`, `transit` or `public`.
        virtual_interface_type: Option<String>,
        virtual_interface_name: Option<String>,
        vlan: Option<u16>,
        asn: Option<u32>,
        amazon_side_asn: Option<u32>,
        auth_key: Option<String>,
        amazon_address: Option<String>,
        customer_address: Option<String>,
        /// `ipv4` or `ipv6`.
        address_family: Option<String>,
        virtual_interface_state: Option<String>,
        customer_router_config: Option<String>,
        mtu: Option<u32>,
        jumbo_frame_capable: Option<bool>,
        virtual_gateway_id: Option<String>,
        direct_connect_gateway_id: Option<String>,
        route_filter_prefixes: Vec<RouteFilterPrefix>,
        bgp_peers: Vec<BgpPeer>,
        region: Option<String>,
        site_link_enabled: Option<bool>,
    }

    /// Joins a Direct Connect gateway with a virtual private gateway or a transit gateway.
    pub struct DirectConnectGatewayAssociation {
        association_id: String,
        direct_connect_gateway_id: Option<String>,
        direct_connect_gateway_owner_account: Option<String>,
        association_state: Option<String>,
        state_change_error: Option<String>,
        associated_gateway: AssociatedGateway,
        allowed_prefixes_to_direct_connect_gateway: Vec<RouteFilterPrefix>,
        virtual_gateway_id: Option<String>,
        virtual_gateway_region: Option<String>,
        virtual_gateway_owner_account: Option<String>,
    }
}

wire! {
    camelCase
    pub struct RouteFilterPrefix {
        cidr: Option<IpNet>,
    }

    pub struct BgpPeer {
        bgp_peer_id: Option<String>,
        asn: Option<u32>,
        auth_key: Option<String>,
        address_family: Option<String>,
        amazon_address: Option<String>,
        customer_address: Option<String>,
        bgp_peer_state: Option<String>,
        /// `up`, `down` or `unknown`.
        bgp_status: Option<String>,
    }

    pub struct AssociatedGateway {
        id: Option<String>,
        /// `virtualPrivateGateway` or `transitGateway`.
        #[serde(rename = "type")]
        gateway_type: Option<String>,
        owner_account: Option<String>,
        region: Option<String>,
    }
}
