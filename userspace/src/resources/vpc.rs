//! A VPC (semantics 2.1).

use super::Details;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpc {
    pub vpc_id: String,
    /// The name in the document, or the `Name` tag of a dump; likewise for every other object.
    pub name: String,
    /// The primary block, which the resolver's address is taken from.
    pub cidr_block: Ipv4Net,
    /// The other blocks of `CidrBlockAssociationSet`.
    pub secondary_cidr_blocks: Vec<Ipv4Net>,
    pub ipv6_cidr_blocks: Vec<Ipv6Net>,
    /// The VPC that comes with the Region (semantics 1.2).
    pub is_default: bool,
    pub enable_dns_support: bool,
    pub enable_dns_hostnames: bool,
    /// `None` is the Region's default set.
    pub dhcp_options_id: Option<String>,
    /// Such as `eu-central-1`. AWS's API says it by where it answers, not in the object.
    pub region: String,
    pub details: Details,
}

impl Default for Vpc {
    fn default() -> Self {
        Self {
            vpc_id: String::new(),
            name: String::new(),
            cidr_block: Ipv4Net::default(),
            secondary_cidr_blocks: Vec::new(),
            ipv6_cidr_blocks: Vec::new(),
            is_default: false,
            enable_dns_support: true,
            enable_dns_hostnames: false,
            dhcp_options_id: None,
            region: String::new(),
            details: Details::default(),
        }
    }
}

impl Vpc {
    /// Every block of the VPC, of both families; each has a local route in every table (semantics 2.1).
    pub fn blocks(&self) -> impl Iterator<Item = IpNet> + '_ {
        let primary = std::iter::once(IpNet::V4(self.cidr_block));
        let secondary = self.secondary_cidr_blocks.iter().copied().map(IpNet::V4);
        let ipv6 = self.ipv6_cidr_blocks.iter().copied().map(IpNet::V6);
        primary.chain(secondary).chain(ipv6)
    }
}
