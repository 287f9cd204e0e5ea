//! The internet's edge (semantics 9, 10): internet and egress-only gateways, Elastic IPs, NAT gateways, and what keeps
//! a VPC from being public.

use super::{noun, wire};
use std::net::Ipv4Addr;

noun! {
    pub struct InternetGateway {
        internet_gateway_id: String,
        owner_id: Option<String>,
        /// At most one.
        attachments: Vec<GatewayAttachment>,
    }

    /// IPv6 only; lets nothing in that wasn't asked for.
    pub struct EgressOnlyInternetGateway {
        egress_only_internet_gateway_id: String,
        attachments: Vec<GatewayAttachment>,
    }

    /// An Elastic IP.
    pub struct Address {
        allocation_id: String,
        public_ip: Option<Ipv4Addr>,
        /// `vpc`.
        domain: Option<String>,
        association_id: Option<String>,
        network_interface_id: Option<String>,
        network_interface_owner_id: Option<String>,
        private_ip_address: Option<Ipv4Addr>,
        instance_id: Option<String>,
        public_ipv4_pool: Option<String>,
        network_border_group: Option<String>,
        /// `alb`, `nat-gateway` and others that manage the address themselves.
        service_managed: Option<String>,
    }

    pub struct NatGateway {
        nat_gateway_id: String,
        /// `None` if it is regional.
        subnet_id: Option<String>,
        vpc_id: Option<String>,
        /// `public` or `private`.
        connectivity_type: Option<String>,
        /// `zonal` or `regional`.
        availability_mode: Option<String>,
        /// `pending`, `failed`, `available`, `deleting` or `deleted`.
        state: Option<String>,
        failure_code: Option<String>,
        failure_message: Option<String>,
        nat_gateway_addresses: Vec<NatGatewayAddress>,
        create_time: Option<String>,
        delete_time: Option<String>,
    }

    /// `VpcBlockPublicAccessOptions` of an account in a Region.
    pub struct VpcBlockPublicAccessOptions {
        aws_account_id: String,
        aws_region: Option<String>,
        /// `off`, `block-bidirectional` or `block-ingress`.
        internet_gateway_block_mode: Option<String>,
        /// `default-state`, `update-in-progress` or `update-complete`.
        state: Option<String>,
        reason: Option<String>,
        /// `allowed` or `not-allowed`.
        exclusions_allowed: Option<String>,
    }

    /// A VPC or a subnet that public access isn't blocked for.
    pub struct VpcBlockPublicAccessExclusion {
        exclusion_id: String,
        /// `allow-bidirectional` or `allow-egress`.
        internet_gateway_exclusion_mode: Option<String>,
        /// The ARN of the VPC or subnet.
        resource_arn: Option<String>,
        state: Option<String>,
        reason: Option<String>,
    }
}

wire! {
    /// Where a gateway hangs on a VPC.
    pub struct GatewayAttachment {
        vpc_id: String,
        /// `attached`, or for internet gateways `available`.
        state: Option<String>,
    }

    pub struct NatGatewayAddress {
        allocation_id: Option<String>,
        association_id: Option<String>,
        public_ip: Option<Ipv4Addr>,
        private_ip: Option<Ipv4Addr>,
        network_interface_id: Option<String>,
        is_primary: Option<bool>,
        /// `assigning`, `unassigning`, `associating`, `disassociating`, `succeeded` or `failed`.
        status: Option<String>,
        failure_message: Option<String>,
        /// Of a regional one.
        availability_zone: Option<String>,
        availability_zone_id: Option<String>,
    }
}
