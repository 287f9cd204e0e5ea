//! The guest's end of an ENI, inside its namespace: addresses, routes, and what its kernel is to do by itself.
//!
//! An end in use is changed in two steps, so that a configuration that is never put in force takes nothing away:
//! [`widen`] adds what the next one needs, [`narrow`] takes out what only the one before needed.

use crate::install::error::{Doing as _, Error, Result};
use crate::install::names::GUEST_DEVICE;
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::resources::{NetworkInterface, Subnet};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The implicit router's link-local address, the same in every subnet (semantics 3.1).
pub const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0xec2, 0, 0, 0, 0, 0, 1);

/// What a guest's kernel is told about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressing {
    /// Each with the length of the block that is reached without the router.
    pub addresses: BTreeSet<IpNet>,
    /// The default routes, one for each family.
    pub routers: BTreeSet<IpAddr>,
}

impl Addressing {
    /// Of an ENI. Addresses in its delegated prefixes are the guest's to hand on, so none of them is configured.
    #[must_use]
    pub fn of(eni: &NetworkInterface, subnet: &Subnet) -> Self {
        let mut addressing = Self::default();
        let mut lens = std::iter::once(subnet.cidr_block.prefix_len())
            .chain(std::iter::repeat(Ipv4Net::default().max_prefix_len()));
        // The first address has the subnet behind it; the others would only repeat the route to it.
        for (address, len) in eni.private_ip_addresses.iter().zip(&mut lens) {
            addressing
                .addresses
                .extend(Ipv4Net::new(*address, len).map(IpNet::V4).ok());
        }
        if !eni.private_ip_addresses.is_empty() {
            addressing.routers.insert(router(subnet.cidr_block).into());
        }
        if let Some(block) = subnet.ipv6_cidr_block {
            let net = |address: &Ipv6Addr| Ipv6Net::new(*address, block.prefix_len()).map(IpNet::V6).ok();
            addressing.addresses.extend(eni.ipv6_addresses.iter().filter_map(net));
        }
        if !(eni.ipv6_addresses.is_empty() && eni.ipv6_prefixes.is_empty()) {
            addressing.routers.insert(ROUTER6.into());
        }
        addressing
    }

    /// Whether the guest takes part in IPv6 at all; an ENI without it stays silent there.
    fn has_ipv6(&self) -> bool {
        self.routers.iter().any(IpAddr::is_ipv6)
    }

    /// What either has.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            addresses: self.addresses.union(&other.addresses).copied().collect(),
            routers: self.routers.union(&other.routers).copied().collect(),
        }
    }
}

/// The implicit router: the subnet's base address plus one.
fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()).wrapping_add(1))
}

/// Configures an end that was just made, and is called `device` for now.
pub fn configure(namespace: &str, device: &str, wanted: &Addressing) -> Result<()> {
    in_namespace(namespace, || {
        let netlink = Netlink::open()?;
        let link = netlink.get(device)?;
        set(device, "ipv4", "promote_secondaries", "1")?;
        set_ipv6(device, wanted.has_ipv6())?;
        netlink.set_up(device)?;
        wanted
            .addresses
            .iter()
            .try_for_each(|address| netlink.add_address(&link, *address))?;
        wanted
            .routers
            .iter()
            .try_for_each(|router| netlink.set_default_route(&link, *router))
    })
}

/// Makes an end carry packets whose host side has just come up. That one of them has gone meanwhile is for others to
/// find: it has nothing to send.
pub fn wake(namespace: &str, device: &str) {
    let _ = in_namespace(namespace, || Netlink::open()?.wake(device));
}

/// Adds what an end in use lacks.
pub fn widen(namespace: &str, wanted: &Addressing) -> Result<()> {
    in_namespace(namespace, || {
        let netlink = Netlink::open()?;
        let link = netlink.get(GUEST_DEVICE)?;
        if wanted.has_ipv6() {
            set_ipv6(GUEST_DEVICE, true)?;
        }
        let mut addresses = wanted.addresses.iter();
        addresses.try_for_each(|address| netlink.add_address(&link, *address))
    })
}

/// Takes from an end in use what it is not to have any more, and leads its routes anew. An end that its user has given
/// another name is his.
pub fn narrow(namespace: &str, before: &Addressing, wanted: &Addressing) -> Result<()> {
    in_namespace(namespace, || {
        let netlink = Netlink::open()?;
        let Some(link) = netlink.find(GUEST_DEVICE)? else {
            return Ok(());
        };
        let mut gone = before.addresses.difference(&wanted.addresses);
        gone.try_for_each(|address| netlink.delete_address(&link, *address))?;
        if before.has_ipv6() && !wanted.has_ipv6() {
            set_ipv6(GUEST_DEVICE, false)?;
        }
        wanted
            .routers
            .iter()
            .try_for_each(|router| netlink.set_default_route(&link, *router))
    })
}

/// Gives an end the name it is to have, which nobody has any more.
pub fn rename(namespace: &str, from: &str, to: &str) -> Result<()> {
    in_namespace(namespace, || {
        let netlink = Netlink::open()?;
        match netlink.find(from)? {
            Some(link) => netlink.rename(&link, to),
            None => Ok(()),
        }
    })
}

/// Starts the loopback device of a namespace that was just made.
pub fn enable_loopback(namespace: &str) -> Result<()> {
    in_namespace(namespace, || Netlink::open()?.set_up("lo"))
}

/// Says whether a guest passes on packets that are not its own, as a middlebox does. It need not tell senders of a
/// shorter way: theirs leads through it on purpose.
pub fn set_forwarding(namespace: &str, forwards: bool) -> Result<()> {
    let value = if forwards { "1" } else { "0" };
    in_namespace(namespace, || {
        set("all", "ipv4", "forwarding", value)?;
        set("all", "ipv4", "send_redirects", "0")?;
        set(GUEST_DEVICE, "ipv4", "send_redirects", "0")?;
        set("all", "ipv6", "forwarding", value)
    })
}

/// Whether a namespace has a device of this name.
pub fn has_device(namespace: &str, device: &str) -> Result<bool> {
    in_namespace(namespace, || Ok(Netlink::open()?.find(device)?.is_some()))
}

/// Switches IPv6 on, with nothing but what is configured here, or off.
fn set_ipv6(device: &str, on: bool) -> Result<()> {
    for (setting, value) in [
        ("accept_ra", "0"),
        ("autoconf", "0"),
        ("dad_transmits", "0"),
        ("accept_dad", "0"),
    ] {
        set(device, "ipv6", setting, value)?;
    }
    set(device, "ipv6", "disable_ipv6", if on { "0" } else { "1" })
}

/// Writes one of the kernel's settings of a device of this thread's namespace.
pub(super) fn set(device: &str, family: &str, setting: &str, value: &str) -> Result<()> {
    let directory = Path::new("/proc/sys/net").join(family).join("conf").join(device);
    if family == "ipv6" && !directory.exists() {
        // A kernel without IPv6 has nothing to switch.
        return Ok(());
    }
    let path = directory.join(setting);
    std::fs::write(&path, value).doing(|| format!("set {} to {value}", path.display()))
}

/// Runs something inside a namespace; an error says in which.
pub(super) fn in_namespace<T: Send>(namespace: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    netns::run(namespace, work).map_err(|error| match error {
        Error::Io { what, error } => Error::Io {
            what: format!("in network namespace {namespace}: {what}"),
            error,
        },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Allowance, ConnectionTracking, InterfaceType};
    use groundplane_abi::Mac;

    fn addressing(addresses: &[&str], prefixes: &[&str]) -> Addressing {
        let subnet = Subnet {
            subnet_id: "subnet-1".to_owned(),
            name: "a".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            cidr_block: "10.0.1.128/25".parse().unwrap(),
            ipv6_cidr_block: Some("2001:db8:0:1::/64".parse().unwrap()),
            route_table_id: "rtb-1".to_owned(),
            network_acl_id: "acl-1".to_owned(),
            ..Subnet::default()
        };
        let eni = NetworkInterface {
            network_interface_id: "eni-1".to_owned(),
            name: "web".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            subnet_id: "subnet-1".to_owned(),
            mac_address: Mac([2, 0, 0, 0, 0, 1]),
            private_ip_addresses: addresses.iter().filter_map(|it| it.parse().ok()).collect(),
            ipv6_addresses: addresses.iter().filter_map(|it| it.parse().ok()).collect(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: prefixes.iter().map(|it| it.parse().unwrap()).collect(),
            groups: vec!["sg-1".to_owned()],
            source_dest_check: true,
            interface_type: InterfaceType::Interface,
            connection_tracking: ConnectionTracking::default(),
            allowance: Allowance::default(),
            ..NetworkInterface::default()
        };
        Addressing::of(&eni, &subnet)
    }

    fn words(addressing: &Addressing) -> String {
        let addresses = addressing.addresses.iter().map(ToString::to_string);
        let routers = addressing.routers.iter().map(ToString::to_string);
        addresses.chain(routers).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_guest_has_all_addresses_of_its_eni_and_the_routers_of_their_families() {
        assert_eq!(
            words(&addressing(&["10.0.1.200", "10.0.1.140"], &[])),
            "10.0.1.140/32 10.0.1.200/25 10.0.1.129"
        );
        assert_eq!(
            words(&addressing(&["10.0.1.200", "2001:db8:0:1::5"], &[])),
            "10.0.1.200/25 2001:db8:0:1::5/64 10.0.1.129 fe80:ec2::1"
        );
    }

    #[test]
    fn a_delegated_prefix_is_routed_to_a_guest_and_none_of_its_addresses_is_configured() {
        assert_eq!(
            words(&addressing(&["10.0.1.200"], &["2001:db8:0:1:1::/80"])),
            "10.0.1.200/25 10.0.1.129 fe80:ec2::1"
        );
    }
}
