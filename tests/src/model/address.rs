//! Addresses with a meaning of their own (semantics 2.2, 3.1, 3.3).

use super::header::{Header, Selector};
use super::world::{Eni, World};
use groundplane::resources::Subnet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of the control protocol that goes with an address.
pub(super) const fn icmp_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 58,
    }
}

/// 2.2: "+1 implicit router", of the family of `like`.
pub(super) fn router_of(subnet: &Subnet, like: IpAddr) -> Option<IpAddr> {
    match like {
        IpAddr::V4(_) => Some(Ipv4Addr::from(u32::from(subnet.cidr_block.network()) + 1).into()),
        IpAddr::V6(_) => {
            let first = u128::from(subnet.ipv6_cidr_block?.network());
            Some(Ipv6Addr::from(first + 1).into())
        }
    }
}

/// That, and "also answers on fe80:ec2::1 and an EUI-64 link-local".
pub(super) fn is_router(world: &World, eni: Eni, address: IpAddr) -> bool {
    let subnet = world.subnet(world.subnet_of(eni));
    let is_link_local = matches!(address, IpAddr::V6(address) if is_routers_link_local(address));
    router_of(subnet, address) == Some(address) || is_link_local
}

pub(super) fn is_routers_link_local(address: Ipv6Addr) -> bool {
    matches!(
        address.segments(),
        [0xfe80, 0x0ec2, 0, 0, 0, 0, 0, 1] | [0xfe80, 0, 0, 0, 0x0067, 0x70ff, 0xfe00, 0x0001]
    )
}

/// 3.3: "Reachable from every ENI", and DHCP's first words, which are for everybody.
pub(super) fn is_link_local_service(world: &World, eni: Eni, header: &Header) -> bool {
    let udp_to = |port| header.protocol == 17 && matches!(header.selector, Selector::Ports { dst, .. } if dst == port);
    match header.dst {
        IpAddr::V4(dst) => {
            let resolver = Ipv4Addr::from(u32::from(world.vpc(world.vpc_of(eni)).cidr_block.network()) + 2);
            dst.is_link_local() || dst == resolver || dst.is_broadcast() && udp_to(67)
        }
        IpAddr::V6(dst) => {
            let all_dhcp_servers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
            dst.segments()[..2] == [0xfd00, 0x0ec2] || dst == all_dhcp_servers && udp_to(547)
        }
    }
}

/// This network, loopback, reserved; link-local, which only discovery and the router go by.
pub(super) fn is_nobodys(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets()[0], 0 | 127 | 240..),
        // With unspecified, loopback and IPv4 in disguise (RFC 4291).
        IpAddr::V6(address) => address.segments()[..4] == [0; 4] || address.is_unicast_link_local(),
    }
}

/// 9.2: "Destination in RFC 1918".
pub(super) fn is_private(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_private())
}

/// "or 100.64.0.0/10".
pub(super) fn is_shared(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if matches!(address.octets(), [100, 64..=127, ..]))
}

/// The 32-bit words of an address.
pub(super) fn as_words(address: IpAddr) -> Vec<u32> {
    match address {
        IpAddr::V4(address) => vec![address.into()],
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            [96, 64, 32, 0].map(|shift| (bits >> shift) as u32).to_vec()
        }
    }
}
