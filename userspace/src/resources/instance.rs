//! Instances as far as ENIs and states matter, and the zones they are in.

use super::{noun, wire};
use std::net::Ipv4Addr;

noun! {
    /// Instances that were launched together.
    pub struct Reservation {
        reservation_id: String,
        owner_id: Option<String>,
        requester_id: Option<String>,
        instances: Vec<Instance>,
    }

    pub struct AvailabilityZone {
        /// Such as `euc1-az2`, the same for all accounts.
        zone_id: String,
        /// Such as `eu-central-1a`.
        zone_name: Option<String>,
        region_name: Option<String>,
        state: Option<String>,
        zone_type: Option<String>,
        group_name: Option<String>,
        network_border_group: Option<String>,
        opt_in_status: Option<String>,
    }
}

wire! {
    pub struct Instance {
        instance_id: String,
        instance_type: Option<String>,
        state: InstanceState,
        vpc_id: Option<String>,
        subnet_id: Option<String>,
        private_ip_address: Option<Ipv4Addr>,
        public_ip_address: Option<Ipv4Addr>,
        private_dns_name: Option<String>,
        public_dns_name: Option<String>,
        source_dest_check: Option<bool>,
        network_interfaces: Vec<InstanceNetworkInterface>,
        placement: Placement,
    }

    pub struct InstanceState {
        code: Option<u32>,
        /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
        name: Option<String>,
    }

    pub struct InstanceNetworkInterface {
        network_interface_id: Option<String>,
        subnet_id: Option<String>,
        vpc_id: Option<String>,
        status: Option<String>,
    }

    pub struct Placement {
        availability_zone: Option<String>,
        availability_zone_id: Option<String>,
        tenancy: Option<String>,
    }
}
