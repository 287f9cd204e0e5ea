//! The devices of an ENI: its host side, which the programs are attached to, and for a namespace the guest's end.

use crate::install::error::{Error, Result};
use crate::install::guest::set;
use crate::install::netlink::{Link, Netlink, Veth};
use crate::install::{netns, tap};
use groundplane_abi::Mac;
use std::{fs, io};

/// What AWS gives instances (semantics 23). It has to be on both ends: `bpf_redirect_peer` looks at neither.
pub const MTU: u32 = 9001;

/// What the devices of this thread's network namespace are called. Of a thousand it takes 2 ms to read them here and 13
/// to ask for them by netlink, which is also what `if_nameindex` does: the kernel then tells all there is to know of
/// each.
pub fn names() -> io::Result<Vec<String>> {
    let devices = fs::read("/proc/thread-self/net/dev")?;
    let devices = String::from_utf8_lossy(&devices);
    let rows = devices.lines().filter_map(|row| row.split_once(':'));
    Ok(rows.map(|(name, _)| name.trim_start().to_owned()).collect())
}

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

/// Deletes a host side, and with it the guest's end. One whose number is known is found by it, whatever its name is by
/// now: whoever has the name then is another. A device of another owner is left alone and reported; one that isn't
/// there is no error. `unfinished` tells that a device without a known number may have been made but not yet been given
/// its alias.
pub fn delete(netlink: &Netlink, name: &str, index: Option<u32>, alias: &str, unfinished: bool) -> Result<()> {
    let found = match index {
        Some(index) => netlink.find_index(index)?,
        None => netlink.find(name)?,
    };
    let Some(link) = found else { return Ok(()) };
    if is_ours(&link, index, alias, unfinished) {
        netlink.delete(&link)
    } else {
        Err(Error::DeviceTaken {
            device: link.name,
            alias: link.alias,
        })
    }
}

fn is_ours(link: &Link, index: Option<u32>, alias: &str, unfinished: bool) -> bool {
    match &link.alias {
        Some(found) => found == alias,
        // Its number is noted down after its alias is written.
        None => unfinished && index.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_an_alias_is_ours_only_as_long_as_its_number_is_not_known() {
        let link = |alias: Option<&str>| Link {
            index: 7,
            name: "vm0".to_owned(),
            alias: alias.map(str::to_owned),
            up: false,
            mac: None,
            native_xdp: None,
            generic_xdp: None,
        };
        assert!(is_ours(&link(None), None, "ours", true));
        assert!(!is_ours(&link(None), None, "ours", false));
        assert!(!is_ours(&link(None), Some(7), "ours", true));
        assert!(is_ours(&link(Some("ours")), Some(7), "ours", false));
        assert!(!is_ours(&link(Some("theirs")), Some(7), "ours", true));
    }
}
