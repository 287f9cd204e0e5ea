//! A subnet (semantics 2.2).

use super::Details;
use ipnet::{Ipv4Net, Ipv6Net};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    pub subnet_id: String,
    pub name: String,
    pub vpc_id: String,
    pub cidr_block: Ipv4Net,
    pub ipv6_cidr_block: Option<Ipv6Net>,
    /// Such as `eu-central-1a`, which each account has its own order of.
    pub availability_zone: String,
    /// Such as `euc1-az2`, the same for all accounts.
    pub availability_zone_id: String,
    pub map_public_ip_on_launch: bool,
    pub assign_ipv6_address_on_creation: bool,
    pub enable_dns64: bool,
    pub default_for_az: bool,
    /// The table in use: the explicit association, else the main one.
    pub route_table_id: String,
    pub network_acl_id: String,
    pub details: Details,
}
