//! The uplink, as the datapath knows it.

use super::table::open;
use super::{Datapath, Hooked, hook};
use crate::install::error::{Result, bpf};
use aya::maps::{Array, MapData};
use groundplane_abi::map;
use groundplane_abi::uplink::UplinkEntry;
use std::slice;

impl Datapath {
    /// The uplink that packets leave by; device 0 is none.
    pub fn uplink(&self) -> Result<UplinkEntry> {
        bpf(self.uplinks()?.get(&0, 0), || "read table UPLINKS".to_owned())
    }

    /// Has packets leave by another uplink from now on.
    pub fn set_uplink(&self, entry: UplinkEntry) -> Result<()> {
        bpf(self.uplinks()?.set(0, entry, 0), || "write table UPLINKS".to_owned())
    }

    fn uplinks(&self) -> Result<Array<MapData, UplinkEntry>> {
        open(&self.pins, map::UPLINKS)
    }

    /// Attaches the program for uplinks to a device, in front of all others.
    pub fn attach_uplink(&self, device: Hooked<'_>) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_UPLINK, slice::from_ref(&device))
    }

    /// Whether a device runs that program.
    pub fn is_uplink(&self, device: &str) -> Result<bool> {
        hook::is_uplink(&self.pins, device)
    }
}
