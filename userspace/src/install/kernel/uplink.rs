//! Uplinks, as the datapath knows them.

use super::table::open;
use super::{Datapath, Hooked, hook};
use crate::install::error::{Result, bpf};
use crate::plan::UplinkRows;
use aya::Pod;
use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, MapData, MapError};
use groundplane_abi::uplink::{UPLINK_SLOTS, UplinkEntry, UplinkRouteKey};
use groundplane_abi::{Device, Ip, map};
use std::collections::BTreeMap;
use std::path::Path;
use std::slice;

impl Datapath {
    /// The uplinks that packets leave by.
    pub fn uplinks(&self) -> Result<UplinkRows> {
        let table = self.uplink_table()?;
        let mut rows = UplinkRows {
            ip4: Routes::open(&self.pins, map::ip4::UPLINK_ROUTES)?.rows()?,
            ip6: Routes::open(&self.pins, map::ip6::UPLINK_ROUTES)?.rows()?,
            ..UplinkRows::default()
        };
        for (slot, entry) in (0..).zip(&mut rows.entries) {
            *entry = bpf(table.get(&slot, 0), || format!("read table {}", map::UPLINKS))?;
        }
        Ok(rows)
    }

    /// Whether a device is the cutter's host side, as far as an uplink has one.
    pub(super) fn leads_to_cutter(&self, device: Device) -> Result<bool> {
        let table = self.uplink_table()?;
        for slot in 0..UPLINK_SLOTS {
            if bpf(table.get(&slot, 0), || format!("read table {}", map::UPLINKS))?.cutter == device {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has packets leave by other uplinks from now on. None of them meets a route to a slot that isn't filled yet, or
    /// misses the one it needs: the first slot says whether routes are asked, so it changes between the new ones and
    /// the old ones.
    pub fn set_uplinks(&self, before: &UplinkRows, rows: &UplinkRows) -> Result<()> {
        let mut routes4 = Routes::open(&self.pins, map::ip4::UPLINK_ROUTES)?;
        let mut routes6 = Routes::open(&self.pins, map::ip6::UPLINK_ROUTES)?;
        self.set_slots(before, rows, |slot, entry| slot != 0 && entry.device != Device::NONE)?;
        routes4.put(&before.ip4, &rows.ip4)?;
        routes6.put(&before.ip6, &rows.ip6)?;
        self.set_slots(before, rows, |slot, _| slot == 0)?;
        routes4.delete(&before.ip4, &rows.ip4)?;
        routes6.delete(&before.ip6, &rows.ip6)?;
        self.set_slots(before, rows, |slot, entry| slot != 0 && entry.device == Device::NONE)
    }

    /// Writes those slots of some that change.
    fn set_slots(&self, before: &UplinkRows, rows: &UplinkRows, which: fn(u32, &UplinkEntry) -> bool) -> Result<()> {
        let mut table = self.uplink_table()?;
        for (slot, (before, entry)) in (0..).zip(before.entries.iter().zip(&rows.entries)) {
            if before != entry && which(slot, entry) {
                bpf(table.set(slot, *entry, 0), || format!("write table {}", map::UPLINKS))?;
            }
        }
        Ok(())
    }

    fn uplink_table(&self) -> Result<Array<MapData, UplinkEntry>> {
        open(&self.pins, map::UPLINKS)
    }

    /// Attaches the program for uplinks to a device, in front of all others.
    pub fn attach_uplink(&self, device: Hooked<'_>) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_UPLINK, slice::from_ref(&device))
    }

    /// Whether a device runs that program.
    pub fn is_uplink(&self, device: &str) -> Result<bool> {
        hook::has(&self.pins, device, &hook::OF_UPLINK)
    }

    /// Attaches the program for the cutter to its host side.
    pub fn attach_cutter(&self, device: Hooked<'_>) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_CUTTER, slice::from_ref(&device))
    }

    /// Whether a device runs that program.
    pub fn is_cutter(&self, device: &str) -> Result<bool> {
        hook::has(&self.pins, device, &hook::OF_CUTTER)
    }
}

/// The routes of a family.
struct Routes<I>
where
    UplinkRouteKey<I>: Pod,
{
    name: &'static str,
    map: LpmTrie<MapData, UplinkRouteKey<I>, u32>,
}

/// Slots by prefix.
type Rows<I> = BTreeMap<(I, u8), u32>;

impl<I: Ip> Routes<I>
where
    UplinkRouteKey<I>: Pod,
{
    fn open(pins: &Path, name: &'static str) -> Result<Self> {
        let map = open(pins, name)?;
        Ok(Self { name, map })
    }

    fn rows(&self) -> Result<Rows<I>> {
        let row = |row: std::result::Result<(Key<UplinkRouteKey<I>>, u32), MapError>| {
            let (key, slot) = row?;
            let UplinkRouteKey { destination, .. } = key.data();
            let prefix_len = key.prefix_len().saturating_sub(UplinkRouteKey::<I>::FIXED_BITS);
            Ok(((destination, u8::try_from(prefix_len).unwrap_or(u8::MAX)), slot))
        };
        let rows: std::result::Result<_, MapError> = self.map.iter().map(row).collect();
        bpf(rows, || format!("read table {}", self.name))
    }

    fn put(&mut self, before: &Rows<I>, rows: &Rows<I>) -> Result<()> {
        for (key, slot) in rows.iter().filter(|(key, slot)| before.get(key) != Some(slot)) {
            let put = self.map.insert(&prefix(*key), slot, 0);
            bpf(put, || format!("write to table {}", self.name))?;
        }
        Ok(())
    }

    fn delete(&mut self, before: &Rows<I>, rows: &Rows<I>) -> Result<()> {
        for key in before.keys().filter(|key| !rows.contains_key(key)) {
            let deleted = self.map.remove(&prefix(*key));
            bpf(deleted, || format!("delete from table {}", self.name))?;
        }
        Ok(())
    }
}

fn prefix<I: Ip>((destination, prefix_len): (I, u8)) -> Key<UplinkRouteKey<I>>
where
    UplinkRouteKey<I>: Pod,
{
    let bits = UplinkRouteKey::<I>::FIXED_BITS + u32::from(prefix_len);
    Key::new(bits, UplinkRouteKey::new(destination))
}
