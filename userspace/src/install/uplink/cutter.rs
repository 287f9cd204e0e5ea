//! The cutter: an annex of which the kernel does nothing but forward what comes in by its only device, out by the same
//! one. What is larger than an uplink takes goes there and comes back in fragments, its checksum finished; a program
//! can do neither. It has no address, asks for no neighbour and is no hop, for the datapath has raised the TTL before.
//!
//! It is seen to with the uplinks, by the same comparison. Without it they lead out all the same.

use super::{UplinkState, Uplinks};
use crate::install::annex::{self, Annex, AnnexState, Purpose};
use crate::install::error::Result;
use crate::install::kernel::Datapath;
use crate::install::names;
use crate::install::netlink::Netlink;
use groundplane_abi::{Device, Mac};
use std::path::Path;

/// What AWS lets through an internet gateway (semantics 23).
const MTU: u32 = 1500;

static CUTTER: Purpose = Purpose {
    name: "cutter",
    end: "cutter",
    mac: Mac::CUTTER,
    named: names::cutter,
    attach: Datapath::attach_cutter,
    is_attached: Datapath::is_cutter,
    prepare: annex::needs_nothing,
    is_prepared: annex::is_as_made,
    settle: || annex::forward(CUTTER.end, MTU),
    noted: |state| &mut state.cutter,
};

impl Uplinks<'_> {
    /// The cutter's host side, as far as one is needed, and what it lacked.
    pub(super) fn ensure_cutter(&mut self) -> Result<(Device, Option<String>)> {
        if is_needed(&self.state.uplinks) {
            self.cutter().ensure()
        } else {
            Ok((Device::NONE, None))
        }
    }

    /// Removes it once nothing is led there any more.
    pub(super) fn remove_idle_cutter(&mut self) -> Result<()> {
        if is_needed(&self.state.uplinks) {
            Ok(())
        } else {
            self.cutter().remove()
        }
    }

    fn cutter(&mut self) -> Annex<'_> {
        Annex {
            purpose: &CUTTER,
            store: self.store,
            state: self.state,
            datapath: self.datapath,
            netlink: self.netlink,
        }
    }
}

/// Whether any packet of IPv4 leaves by these uplinks; those of IPv6 are never fragmented on their way.
fn is_needed(uplinks: &[UplinkState]) -> bool {
    uplinks.iter().any(UplinkState::owns_ipv4)
}

/// Checks that nobody else has the names of the cutter, if one is to be made.
pub(super) fn check(wanted: &[UplinkState], state_dir: &Path, netlink: &Netlink) -> Result<()> {
    if is_needed(wanted) {
        annex::check(&CUTTER, state_dir, netlink)
    } else {
        Ok(())
    }
}

/// The number of the cutter's host side, if one is needed and it is whole. None means that there is something to be
/// done.
pub(super) fn standing(
    uplinks: &[UplinkState],
    cutter: Option<&AnnexState>,
    datapath: &Datapath,
    netlink: &Netlink,
) -> Result<Option<Device>> {
    annex::standing(&CUTTER, is_needed(uplinks), cutter, datapath, netlink)
}

/// Whether it is there, up, and runs the program.
pub(crate) fn is_whole(cutter: &AnnexState, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    cutter.is_whole(&CUTTER, datapath, netlink)
}
