//! Making a guest: its host side first, down and with the programs attached, then the guest's end.

use crate::install::error::{Error, Result};
use crate::install::guest;
use crate::install::kernel::{Datapath, Hooked};
use crate::install::link;
use crate::install::names::GUEST_DEVICE;
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Place, Renaming};
use crate::install::survey::Survey;
use groundplane_abi::Mac;

/// Makes the host side of a guest and notes down what it is known by. It stays down; a device that was there before
/// stays what it is, apart from its MAC, and until the configuration is in force its packets are dropped.
pub(super) fn host_side(guest: &mut GuestState, mac: Mac, survey: &Survey, netlink: &Netlink) -> Result<()> {
    if let Place::Made {
        namespace,
        inode,
        since,
    } = &mut guest.place
    {
        // Until that is written down, the name tells that it is ours, for it was free.
        let made = netns::create(namespace)?;
        (*inode, *since) = (Some(made.inode), Some(made.since));
    }
    let link = match (&guest.place, guest.place.namespace()) {
        (Place::Device { .. }, _) => {
            let link = survey
                .link(&guest.device)
                .ok_or_else(|| Error::DeviceMissing(guest.device.clone()))?;
            // Frames that guests send to their router are then addressed to this device, and handed on.
            if link.mac != Some(Mac::ROUTER) {
                netlink.set_mac(link, Mac::ROUTER)?;
            }
            link.clone()
        }
        (_, Some(namespace)) => link::create_veth(
            netlink,
            &guest.device,
            &guest.alias,
            namespace,
            guest.guest_device(),
            mac,
        )?,
        (_, None) => link::create_tap(netlink, &guest.device, &guest.alias)?,
    };
    guest.index = Some(link.device(&guest.device)?.0);
    Ok(())
}

/// How many host sides get or lose their programs before it is told how far that is.
pub(super) const AT_ONCE: usize = 128;

/// Attaches the programs to host sides.
pub(super) fn attach<'a>(
    guests: impl Iterator<Item = &'a GuestState>,
    datapath: &Datapath,
    progress: &dyn Progress,
) -> Result<()> {
    progress.step("attaching the programs");
    let host_sides: Vec<_> = guests
        .map(|GuestState { device, pin, .. }| Hooked { device, pin })
        .collect();
    for (done, some) in host_sides.chunks(AT_ONCE).enumerate() {
        progress.counted(done * AT_ONCE, host_sides.len());
        datapath.attach(some)?;
    }
    Ok(())
}

/// Configures the guest's end, if it is ours to configure.
pub(super) fn guest_side(guest: &GuestState) -> Result<()> {
    if let Some(namespace) = guest.place.namespace() {
        guest::configure(namespace, guest.guest_device(), &guest.addressing)?;
    }
    // An adopted namespace keeps its own settings, whoever made it.
    if let Place::Made { namespace, .. } = &guest.place {
        guest::enable_loopback(namespace)?;
        if guest.forwards {
            guest::set_forwarding(namespace, true)?;
        }
    }
    Ok(())
}

/// Brings a guest's host side up, and the guest's end with it.
pub(super) fn bring_up(guest: &GuestState, netlink: &Netlink) -> Result<()> {
    netlink.set_up(&guest.device)?;
    if let Some(namespace) = guest.place.namespace() {
        guest::wake(namespace, guest.guest_device());
    }
    Ok(())
}

/// Gives a guest its name, if it doesn't have it yet.
pub(super) fn rename(guest: &GuestState) -> Result<()> {
    let Some(Renaming::From(before)) = &guest.renaming else {
        return Ok(());
    };
    match &guest.place {
        Place::Made { namespace, .. } => netns::rename(before, namespace),
        Place::Adopted { namespace, .. } => guest::rename(namespace, before, GUEST_DEVICE),
        Place::Tap => {
            let netlink = Netlink::open()?;
            match netlink.find(before)? {
                Some(link) => netlink.rename(&link, &guest.device),
                None => Ok(()),
            }
        }
        Place::Device { .. } => Ok(()),
    }
}
