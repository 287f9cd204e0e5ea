//! VPC peering connections (semantics 11).

use super::{noun, wire};
use ipnet::{Ipv4Net, Ipv6Net};

noun! {
    pub struct VpcPeeringConnection {
        vpc_peering_connection_id: String,
        requester_vpc_info: PeeringVpcInfo,
        accepter_vpc_info: PeeringVpcInfo,
        status: PeeringStatus,
        expiration_time: Option<String>,
    }
}

wire! {
    /// One side of a peering connection.
    pub struct PeeringVpcInfo {
        vpc_id: Option<String>,
        owner_id: Option<String>,
        region: Option<String>,
        /// The primary block.
        cidr_block: Option<Ipv4Net>,
        cidr_block_set: Vec<CidrBlock>,
        ipv6_cidr_block_set: Vec<Ipv6CidrBlock>,
        peering_options: PeeringOptions,
    }

    pub struct CidrBlock {
        cidr_block: Option<Ipv4Net>,
    }

    pub struct Ipv6CidrBlock {
        ipv6_cidr_block: Option<Ipv6Net>,
    }

    pub struct PeeringOptions {
        allow_dns_resolution_from_remote_vpc: Option<bool>,
        allow_egress_from_local_classic_link_to_remote_vpc: Option<bool>,
        allow_egress_from_local_vpc_to_remote_classic_link: Option<bool>,
    }

    pub struct PeeringStatus {
        /// `initiating-request`, `pending-acceptance`, `provisioning`, `active`, `deleting`, `deleted`, `failed`,
        /// `rejected` or `expired`. Only `active` carries traffic.
        code: Option<String>,
        message: Option<String>,
    }
}
