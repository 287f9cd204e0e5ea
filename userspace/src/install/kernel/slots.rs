//! The table of IPv4's doors: rows in slots that their keys say.

use super::table::{Table, open};
use crate::install::error::Result;
use aya::maps::{Array, MapData, MapError};
use groundplane_abi::door::{DOOR_SLOTS, DoorEntry, DoorKey, DoorSlot};
use groundplane_abi::{Bank, Ip4};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

pub(super) struct Slots {
    name: &'static str,
    map: Array<MapData, DoorSlot>,
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Slots {
    pub(super) fn open(pins: &Path, name: &'static str) -> Result<Self> {
        Ok(Self {
            name,
            map: open(pins, name)?,
        })
    }

    fn found(&self, key: &DoorKey<Ip4>) -> std::result::Result<DoorKey<Ip4>, MapError> {
        Ok(self.map.get(&key.slot(), 0)?.key)
    }
}

impl Table for Slots {
    type Key = DoorKey<Ip4>;
    type Value = DoorEntry;

    fn name(&self) -> &'static str {
        self.name
    }

    fn bank_of(key: &Self::Key) -> Bank {
        key.bank
    }

    fn moved(key: Self::Key, bank: Bank) -> Self::Key {
        DoorKey { bank, ..key }
    }

    fn rows(&self) -> std::result::Result<BTreeMap<Self::Key, DoorEntry>, MapError> {
        let slots = (0..DOOR_SLOTS).map(|slot| self.map.get(&slot, 0));
        let is_taken = |slot: &DoorSlot| *slot != DoorSlot::default();
        slots
            .filter(|slot| slot.as_ref().map_or(true, is_taken))
            .map(|slot| slot.map(|slot| (slot.key, slot.entry)))
            .collect()
    }

    /// Whoever has the slot keeps it.
    fn put(&mut self, key: Self::Key, entry: DoorEntry) -> std::result::Result<(), MapError> {
        let found = self.found(&key)?;
        if found != key && found != DoorKey::default() {
            return Ok(());
        }
        self.map.set(key.slot(), DoorSlot { key, entry }, 0)
    }

    fn delete(&mut self, key: Self::Key) -> std::result::Result<(), MapError> {
        if self.found(&key)? == key {
            self.map.set(key.slot(), DoorSlot::default(), 0)?;
        }
        Ok(())
    }
}
