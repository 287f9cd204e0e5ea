//! Public addresses for those who choose none, out of 203.0.113.0/24, which is nobody's (RFC 5737).

use super::Given;
use crate::document::diagnostic::{Problem, Span};
use crate::document::resolve::public::Wanted;
use crate::resources::Resources;
use ipnet::Ipv4Net;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

const BLOCK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24);

#[derive(Debug)]
pub(super) struct Pool {
    taken: HashSet<Ipv4Addr>,
}

impl Pool {
    /// What is left besides the addresses that somebody chose.
    pub(super) fn of(resources: &Resources, given: &Given<'_>) -> Self {
        let of_addresses = resources.addresses.iter().filter_map(|address| address.public_ip);
        let enis = resources.network_interfaces.iter();
        let of_enis = enis.flat_map(|eni| &eni.associations).map(|one| one.public_ip);
        let nats = resources.nat_gateways.iter().flat_map(|nat| &nat.nat_gateway_addresses);
        let wishes = given.wishes.iter().filter_map(|wish| match wish.what {
            Wanted::Lent(address) => Some(address),
            Wanted::ElasticIp(_) | Wanted::AnyLent => None,
        });
        let of_customers = resources.customer_gateways.iter();
        let of_customers = of_customers.filter_map(|gateway| match gateway.ip_address? {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let taken = of_addresses
            .chain(of_enis)
            .chain(nats.filter_map(|address| address.public_ip))
            .chain(wishes)
            .chain(of_customers);
        Self { taken: taken.collect() }
    }

    /// The lowest that is free.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        BLOCK.hosts().find(|address| self.taken.insert(*address))
    }
}

/// That there is none left.
pub(super) fn exhausted(span: Span) -> Problem {
    let message = format!("no address of {BLOCK} is free, out of which those get one who choose none");
    let problem = Problem::error(span, message).code("InsufficientAddressCapacity");
    problem.help("choose another public address")
}

/// Whether the world can have such an address: not what only hosts of a network or of nobody have.
pub(super) fn is_public(address: Ipv4Addr) -> bool {
    const SHARED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
    const NOWHERE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8);
    const RESERVED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4);
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || [SHARED, NOWHERE, RESERVED].iter().any(|block| block.contains(&address));
    !is_special
}
