//! The devices of an ENI: its host side, which the programs are attached to, and for a namespace the guest's end.

use crate::install::error::{Doing as _, Error, Result};
use crate::install::names::GUEST_DEVICE;
use crate::install::netlink::{Link, Netlink, Veth};
use crate::install::{netns, tap};
use groundplane_abi::Mac;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::path::Path;

/// What AWS gives instances (semantics 3). It has to be on both ends: `bpf_redirect_peer` looks at neither.
pub const MTU: u32 = 9001;

/// What the guest's kernel is told about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestAddress {
    pub address: Ipv4Addr,
    pub subnet: Ipv4Net,
}

impl GuestAddress {
    /// The implicit router: the subnet's base address plus one.
    #[must_use]
    pub fn router(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.subnet.network()).wrapping_add(1))
    }
}

/// Makes a veth pair into a namespace. Both ends stay down.
pub fn create_veth(host: &str, alias: &str, namespace: &str, guest_mac: Mac) -> Result<Link> {
    let netlink = Netlink::open()?;
    let guest_namespace = netns::open(namespace)?;
    netlink.add_veth(&Veth {
        host,
        // Frames that guests send to their router are then addressed to this device: the kernel marks them as its own
        // and not as a stranger's, which it would refuse to hand on.
        host_mac: Mac::ROUTER,
        guest: GUEST_DEVICE,
        guest_mac,
        guest_namespace: &guest_namespace,
        mtu: MTU,
    })?;
    finish(&netlink, host, alias)
}

/// Makes a tap, down.
pub fn create_tap(name: &str, alias: &str) -> Result<Link> {
    tap::create(name)?;
    let netlink = Netlink::open()?;
    netlink.set_mac_and_mtu(&netlink.get(name)?, Mac::ROUTER, MTU)?;
    finish(&netlink, name, alias)
}

/// What both kinds have in common: whose it is, and that the host's IPv6 doesn't speak on it.
fn finish(netlink: &Netlink, name: &str, alias: &str) -> Result<Link> {
    netlink.set_alias(&netlink.get(name)?, alias)?;
    disable_ipv6(name)?;
    netlink.get(name)
}

/// Configures the guest's end of a veth pair, inside its namespace: address and default route.
pub fn configure_guest(namespace: &str, guest: GuestAddress) -> Result<()> {
    let configure = || {
        let netlink = Netlink::open()?;
        let link = netlink.get(GUEST_DEVICE)?;
        disable_ipv6(GUEST_DEVICE)?;
        netlink.add_address(&link, guest.address, guest.subnet.prefix_len())?;
        netlink.set_up(GUEST_DEVICE)?;
        netlink.add_route(&link, Ipv4Net::default(), guest.router())
    };
    netns::run(namespace, configure).map_err(|error| inside(namespace, error))
}

/// Starts the loopback device of a namespace that was just made.
pub fn enable_loopback(namespace: &str) -> Result<()> {
    netns::run(namespace, || Netlink::open()?.set_up("lo"))
}

/// Lets a guest pass on packets that are not its own, as a middlebox does. It need not tell senders of a shorter way:
/// theirs leads through it on purpose.
pub fn enable_forwarding(namespace: &str) -> Result<()> {
    let settings = [
        ("ip_forward", "1"),
        ("conf/all/send_redirects", "0"),
        ("conf/eth0/send_redirects", "0"),
    ];
    netns::run(namespace, || {
        settings.iter().try_for_each(|(file, value)| {
            let path = Path::new("/proc/sys/net/ipv4").join(file);
            std::fs::write(&path, value).doing(|| format!("in network namespace {namespace}: set {}", path.display()))
        })
    })
}

/// Whether a namespace has a device of the name the guest's end gets.
pub fn guest_device_exists(namespace: &str) -> Result<bool> {
    netns::run(namespace, || Ok(Netlink::open()?.find(GUEST_DEVICE)?.is_some()))
}

/// Deletes a host side, and with it the guest's end. A device of another owner is left alone and reported; one that
/// isn't there is no error. `unfinished` tells that the device may have been made but not yet been given its alias.
pub fn delete(name: &str, alias: &str, unfinished: bool) -> Result<()> {
    let netlink = Netlink::open()?;
    let Some(link) = netlink.find(name)? else { return Ok(()) };
    let ours = match &link.alias {
        Some(found) => found == alias,
        None => unfinished,
    };
    if ours {
        netlink.delete(name, &link)
    } else {
        Err(Error::DeviceTaken {
            device: name.to_owned(),
            alias: link.alias,
        })
    }
}

/// Guests have no IPv6 yet, and the host must not announce itself to them.
fn disable_ipv6(device: &str) -> Result<()> {
    let directory = Path::new("/proc/sys/net/ipv6/conf").join(device);
    if !directory.exists() {
        // A kernel without IPv6 has nothing to switch off.
        return Ok(());
    }
    for (file, value) in [("addr_gen_mode", "1"), ("disable_ipv6", "1")] {
        std::fs::write(directory.join(file), value).doing(|| format!("set {file} of interface {device}"))?;
    }
    Ok(())
}

fn inside(namespace: &str, error: Error) -> Error {
    match error {
        Error::Io { what, error } => Error::Io {
            what: format!("in network namespace {namespace}: {what}"),
            error,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_router_is_the_subnets_first_address() {
        let subnet = "10.0.1.128/25".parse().unwrap();
        let guest = GuestAddress {
            address: Ipv4Addr::new(10, 0, 1, 200),
            subnet,
        };
        assert_eq!(guest.router(), Ipv4Addr::new(10, 0, 1, 129));
    }
}
