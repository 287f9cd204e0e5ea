//! Addresses that nobody gets without choosing them: those that NAT gateways, load balancers and
//! endpoints choose, and reservations (semantics 2.2).

use crate::resources::Resources;
use ipnet::IpNet;
use std::collections::HashMap;

/// Blocks by the ids of subnets.
#[derive(Debug, Default)]
pub(super) struct Reserved(HashMap<String, Vec<IpNet>>);

impl Reserved {
    /// What is reserved by objects outside of VPCs.
    pub(super) fn of(outside: &Resources) -> Self {
        let mut all: HashMap<String, Vec<IpNet>> = HashMap::new();
        let mut add = |subnet: &Option<String>, block: Option<IpNet>| {
            if let (Some(subnet), Some(block)) = (subnet, block) {
                all.entry(subnet.clone()).or_default().push(block);
            }
        };
        for nat in &outside.nat_gateways {
            for address in &nat.nat_gateway_addresses {
                add(&nat.subnet_id, address.private_ip.map(|ip| IpNet::V4(ip.into())));
            }
        }
        for zone in outside.load_balancers.iter().flat_map(|one| &one.availability_zones) {
            add(&zone.subnet_id, zone.node_address().map(|ip| IpNet::V4(ip.into())));
            add(&zone.subnet_id, zone.node_ipv6_address().map(|ip| IpNet::V6(ip.into())));
        }
        for chosen in outside.vpc_endpoints.iter().flat_map(|one| &one.subnet_configurations) {
            add(&chosen.subnet_id, chosen.ipv4.map(|ip| IpNet::V4(ip.into())));
            add(&chosen.subnet_id, chosen.ipv6.map(|ip| IpNet::V6(ip.into())));
        }
        let ipv4 = outside.subnet_ipv4_cidr_reservations.iter();
        for reservation in ipv4.chain(&outside.subnet_ipv6_cidr_reservations) {
            add(&reservation.subnet_id, reservation.cidr);
        }
        Self(all)
    }

    pub(super) fn of_subnet(&self, subnet_id: &str) -> &[IpNet] {
        self.0.get(subnet_id).map_or(&[], Vec::as_slice)
    }
}
