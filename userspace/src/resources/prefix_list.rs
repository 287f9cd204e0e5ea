//! A managed prefix list (semantics 12).

use super::Details;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// All its entries are of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixList {
    pub prefix_list_id: String,
    /// `PrefixListName`.
    pub name: String,
    pub address_family: AddressFamily,
    /// What a reference to the list counts as, in rules and in routes.
    pub max_entries: u32,
    pub entries: Vec<IpNet>,
    /// Of those entries that have one.
    pub descriptions: BTreeMap<IpNet, String>,
    /// Each modification makes a new one; 0 is a list that the API hasn't numbered.
    pub version: u64,
    /// The owner is `AWS` for AWS's own lists.
    pub details: Details,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    #[default]
    Ipv4,
    Ipv6,
}
