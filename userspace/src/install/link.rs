//! The devices of an ENI: its host side, which the programs are attached to, and for a namespace the guest's end.

use crate::install::error::{Error, Result};
use crate::install::guest::set;
use crate::install::netlink::{Link, Netlink, Veth};
use crate::install::{netns, tap};
use groundplane_abi::Mac;

/// What AWS gives instances (semantics 23). It has to be on both ends: `bpf_redirect_peer` looks at neither.
pub const MTU: u32 = 9001;

/// Makes a veth pair into a namespace, where its end is called `guest`. Both ends stay down.
pub fn create_veth(
    netlink: &Netlink,
    host: &str,
    alias: &str,
    namespace: &str,
    guest: &str,
    guest_mac: Mac,
) -> Result<Link> {
    let guest_namespace = netns::open(namespace)?;
    netlink.add_veth(&Veth {
        host,
        // Frames that guests send to their router are then addressed to this device: the kernel marks them as its own
        // and not as a stranger's, which it would refuse to hand on.
        host_mac: Mac::ROUTER,
        guest,
        guest_mac,
        guest_namespace: &guest_namespace,
        mtu: MTU,
    })?;
    finish(netlink, host, alias)
}

/// Makes a tap, down.
pub fn create_tap(netlink: &Netlink, name: &str, alias: &str) -> Result<Link> {
    tap::create(name)?;
    netlink.set_mac_and_mtu(&netlink.get(name)?, Mac::ROUTER, MTU)?;
    finish(netlink, name, alias)
}

/// What both kinds have in common: whose it is, and that the host's IPv6 doesn't speak on it.
fn finish(netlink: &Netlink, name: &str, alias: &str) -> Result<Link> {
    netlink.set_alias(&netlink.get(name)?, alias)?;
    set(name, "ipv6", "addr_gen_mode", "1")?;
    set(name, "ipv6", "disable_ipv6", "1")?;
    netlink.get(name)
}

/// Deletes a host side, and with it the guest's end. A device of another owner is left alone and reported; one that
/// isn't there is no error. `unfinished` tells that the device may have been made but not yet been given its alias.
pub fn delete(netlink: &Netlink, name: &str, alias: &str, unfinished: bool) -> Result<()> {
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
