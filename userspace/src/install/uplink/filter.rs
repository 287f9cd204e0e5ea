//! The filter in front of a device, if it is to have one.

use super::Uplinks;
use super::state::UplinkState;
use crate::document::Xdp;
use crate::install::error::{Error, Result};
use crate::install::kernel::{Datapath, Hooked};
use crate::install::netlink::{Link, Netlink};

impl Uplinks<'_> {
    /// Attaches the filter or takes it off, as it is to be. Whether it wasn't.
    pub(super) fn filter(&self, uplink: &UplinkState) -> Result<bool> {
        let found = self.netlink.get(&uplink.device)?;
        if is_right(uplink, &found, self.datapath)? {
            return Ok(false);
        }
        Datapath::detach_filter(&self.state.pins, &uplink.pin)?;
        let hooked = Hooked {
            device: &uplink.device,
            pin: &uplink.pin,
        };
        self.datapath.attach_filter(hooked, uplink.xdp())?;
        Ok(true)
    }
}

/// Checks that nobody else's program is in its place. One of ours is as long as the device was noted down with a
/// filter.
pub(super) fn check(netlink: &Netlink, uplink: &UplinkState, before: &[UplinkState]) -> Result<()> {
    let has_filter = |it: &&UplinkState| it.device == uplink.device && it.xdp() != Xdp::Off;
    if !has_filter(&uplink) || before.iter().any(|before| has_filter(&before)) {
        return Ok(());
    }
    match netlink.find(&uplink.device)? {
        Some(found) if found.has_xdp() => Err(Error::XdpTaken(found.name)),
        _ => Ok(()),
    }
}

/// Whether the device's filter is as it is to be.
pub(super) fn is_right(uplink: &UplinkState, found: &Link, datapath: &Datapath) -> Result<bool> {
    let (wanted, other) = match uplink.xdp() {
        Xdp::Off => (None, [found.native_xdp, found.generic_xdp]),
        Xdp::Native => (found.native_xdp, [found.generic_xdp, None]),
        Xdp::Generic => (found.generic_xdp, [found.native_xdp, None]),
    };
    for other in other.into_iter().flatten() {
        // Somebody else's is none of our business.
        if datapath.is_filter(other)? {
            return Ok(false);
        }
    }
    match wanted {
        Some(program) => datapath.is_filter(program),
        None => Ok(uplink.xdp() == Xdp::Off),
    }
}
