//! The pair of devices between the datapath and the host's stack, and how the host finds public addresses by it.

use super::state::{HostLink, UplinkState};
use crate::install::error::{Error, Result};
use crate::install::guest::set;
use crate::install::netlink::{End, Link, Netlink, Route};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What AWS lets through an internet gateway (semantics 23).
const MTU: u32 = 1500;

/// Both ends of a pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) ours: Link,
    pub(super) hosts: Link,
}

/// The pair, if it is there as it was made.
pub(super) fn find(netlink: &Netlink, uplink: &UplinkState, link: &HostLink) -> Result<Option<Pair>> {
    let ours = netlink.find(&uplink.device)?;
    let ours = ours.filter(|found| found.alias.as_ref() == Some(&link.alias) && found.mac == Some(HostLink::our_mac()));
    let hosts = netlink.find(&link.end)?;
    let hosts = hosts.filter(|found| found.mac == Some(HostLink::hosts_mac()));
    let is_known = |ours: &Link| uplink.index.is_none_or(|index| index == ours.index);
    Ok(match (ours, hosts) {
        (Some(ours), Some(hosts)) if is_known(&ours) => Some(Pair { ours, hosts }),
        _ => None,
    })
}

/// Makes the pair, down.
pub(super) fn make(netlink: &Netlink, uplink: &UplinkState, link: &HostLink) -> Result<Pair> {
    let end = |name, mac| End { name, mac };
    netlink.add_pair(
        end(&uplink.device, HostLink::our_mac()),
        end(&link.end, HostLink::hosts_mac()),
        MTU,
    )?;
    netlink.set_alias(&netlink.get(&uplink.device)?, &link.alias)?;
    Ok(Pair {
        ours: netlink.get(&uplink.device)?,
        hosts: netlink.get(&link.end)?,
    })
}

/// Sees to it that the host hands packets on by its end and that its stack takes nothing at ours: what comes there and
/// is not for us is nobody's.
pub(super) fn configure(netlink: &Netlink, pair: &Pair, uplink: &UplinkState) -> Result<()> {
    let (ours, hosts) = (&*pair.ours.name, &*pair.hosts.name);
    set(ours, "ipv6", "disable_ipv6", "1")?;
    // No source that comes there is reached by it.
    set(ours, "ipv4", "rp_filter", "1")?;
    set(ours, "ipv4", "forwarding", "0")?;
    set(hosts, "ipv4", "forwarding", "1")?;
    set(hosts, "ipv4", "send_redirects", "0")?;
    set(hosts, "ipv4", "accept_redirects", "0")?;
    for (setting, value) in [
        ("addr_gen_mode", "1"),
        ("accept_ra", "0"),
        ("accept_redirects", "0"),
        ("accept_dad", "0"),
        ("disable_ipv6", if uplink.owns_ipv6() { "0" } else { "1" }),
    ] {
        set(hosts, "ipv6", setting, value)?;
    }
    if uplink.owns_ipv6() {
        set(hosts, "ipv6", "forwarding", "1")?;
    }
    for end in [&pair.ours, &pair.hosts].into_iter().filter(|end| !end.up) {
        netlink.set_up(&end.name)?;
    }
    [ours, hosts].into_iter().try_for_each(|end| netlink.wake(end))
}

/// Leads the blocks to our end, and those that aren't ours any more not there. Packets of connections that go on meet
/// their route all the while.
pub(super) fn lead(netlink: &Netlink, pair: &Pair, uplink: &UplinkState, link: &HostLink) -> Result<()> {
    let hosts = &pair.hosts;
    let all = netlink.routes()?;
    let there: Vec<_> = all.iter().filter(|route| route.device == Some(hosts.index)).collect();
    let mut addresses = BTreeSet::new();
    for block in uplink.owned.iter().copied().filter(is_spoken) {
        let (gateway, source) = (HostLink::gateway(block), link.source(block));
        if addresses.insert(source) {
            netlink.add_own_address(hosts, source)?;
            netlink.set_neighbour(hosts, gateway, HostLink::our_mac())?;
        }
        let before = there.iter().find(|route| route.block == block);
        let is_right = |route: &&&Route| route.gateway == Some(gateway) && route.source == Some(source);
        if before.filter(is_right).is_none() {
            netlink.add_route(hosts, block, gateway, source, before.is_some())?;
        }
    }
    let is_ours = |route: &&&Route| route.gateway == Some(HostLink::gateway(route.block));
    for stale in there
        .iter()
        .filter(is_ours)
        .filter(|route| !uplink.owned.contains(&route.block))
    {
        netlink.delete_route(hosts, stale.block)?;
    }
    let before = netlink.all_addresses()?.into_iter();
    let of_end = before
        .filter(|(device, _)| *device == hosts.index)
        .map(|(_, address)| address);
    for stale in of_end.filter(|address| !addresses.contains(address)) {
        netlink.delete_address(hosts, IpNet::from(stale))?;
    }
    Ok(())
}

/// Whether this kernel knows the family of a block at all.
fn is_spoken(block: &IpNet) -> bool {
    block.addr().is_ipv4() || std::path::Path::new("/proc/sys/net/ipv6").exists()
}

/// Checks that nobody else has what is to be ours: the names of the devices, the addresses, and the ways to them.
pub(super) fn check(netlink: &Netlink, uplink: &UplinkState) -> Vec<Error> {
    let mut errors = Vec::new();
    let hosts = match uplink.host() {
        Some(link) => netlink.find(&link.end),
        None => Ok(None),
    };
    let end = match hosts {
        Ok(found) => found.map(|found| found.index),
        Err(error) => return vec![error],
    };
    match netlink.all_addresses() {
        Ok(addresses) => {
            let others = addresses.into_iter().filter(|(device, _)| Some(*device) != end);
            let own: BTreeSet<IpAddr> = others.map(|(_, address)| address).collect();
            let taken = own
                .into_iter()
                .filter(|own| uplink.owned.iter().any(|block| block.contains(own)));
            errors.extend(taken.map(Error::OwnAddress));
        }
        Err(error) => errors.push(error),
    }
    if uplink.host().is_some() {
        match netlink.routes() {
            Ok(routes) => {
                let others = routes.into_iter().filter(|route| route.device != end || end.is_none());
                let taken = others.filter(|route| uplink.owned.contains(&route.block));
                errors.extend(taken.map(|route| Error::RouteTaken(route.block)));
            }
            Err(error) => errors.push(error),
        }
    }
    errors
}
