//! Where addresses come from (semantics 26), and what of a subnet is kept back (semantics 2.2).

use super::{noun, wire};
use ipnet::IpNet;

noun! {
    pub struct Ipam {
        ipam_id: String,
        ipam_arn: Option<String>,
        ipam_region: Option<String>,
        owner_id: Option<String>,
        public_default_scope_id: Option<String>,
        private_default_scope_id: Option<String>,
        scope_count: Option<u32>,
        description: Option<String>,
        operating_regions: Vec<OperatingRegion>,
        state: Option<String>,
        tier: Option<String>,
    }

    pub struct IpamScope {
        ipam_scope_id: String,
        ipam_scope_arn: Option<String>,
        ipam_arn: Option<String>,
        ipam_region: Option<String>,
        owner_id: Option<String>,
        /// `public` or `private`.
        ipam_scope_type: Option<String>,
        is_default: Option<bool>,
        description: Option<String>,
        pool_count: Option<u32>,
        state: Option<String>,
    }

    pub struct IpamPool {
        ipam_pool_id: String,
        ipam_pool_arn: Option<String>,
        /// The pool that this one is a part of.
        source_ipam_pool_id: Option<String>,
        ipam_scope_arn: Option<String>,
        ipam_scope_type: Option<String>,
        ipam_arn: Option<String>,
        ipam_region: Option<String>,
        owner_id: Option<String>,
        /// The Region whose resources may take from it, or `None`.
        locale: Option<String>,
        pool_depth: Option<u32>,
        state: Option<String>,
        description: Option<String>,
        auto_import: Option<bool>,
        publicly_advertisable: Option<bool>,
        /// `ipv4` or `ipv6`.
        address_family: Option<String>,
        allocation_min_netmask_length: Option<u8>,
        allocation_max_netmask_length: Option<u8>,
        allocation_default_netmask_length: Option<u8>,
        allocation_resource_tags: Vec<ResourceTag>,
        aws_service: Option<String>,
        public_ip_source: Option<String>,
        /// What `get-ipam-pool-cidrs` answers.
        ipam_pool_cidrs: Vec<IpamPoolCidr>,
        /// What `get-ipam-pool-allocations` answers.
        ipam_pool_allocations: Vec<IpamPoolAllocation>,
    }

    /// Addresses of a subnet that aren't given out automatically.
    pub struct SubnetCidrReservation {
        subnet_cidr_reservation_id: String,
        subnet_id: Option<String>,
        cidr: Option<IpNet>,
        /// `prefix` or `explicit`.
        reservation_type: Option<String>,
        owner_id: Option<String>,
        description: Option<String>,
    }
}

wire! {
    pub struct OperatingRegion {
        region_name: Option<String>,
    }

    /// A tag that a resource must have.
    pub struct ResourceTag {
        key: String,
        value: String,
    }

    pub struct IpamPoolCidr {
        cidr: Option<IpNet>,
        state: Option<String>,
        ipam_pool_cidr_id: Option<String>,
        netmask_length: Option<u8>,
    }

    pub struct IpamPoolAllocation {
        cidr: Option<IpNet>,
        ipam_pool_allocation_id: Option<String>,
        description: Option<String>,
        resource_id: Option<String>,
        /// `ipam-pool`, `vpc`, `ec2-public-ipv4-pool`, `custom`, `subnet`, `eip` or `anycast-ip-list`.
        resource_type: Option<String>,
        resource_region: Option<String>,
        resource_owner: Option<String>,
    }
}
