//! The service port and the finisher, as the datapath knows them, and the aliases by which the agent names whom it
//! speaks with.

use super::table::open;
use super::{Datapath, Hooked, hook};
use crate::install::error::{Result, bpf};
use aya::maps::{Array, HashMap, MapData, MapError};
use groundplane_abi::control::Settings;
use groundplane_abi::service::{AliasEntry, AliasKey};
use groundplane_abi::{Ip4, map};
use std::collections::BTreeMap;
use std::slice;

impl Datapath {
    /// Attaches the program for the service port to its host side.
    pub fn attach_service(&self, device: Hooked<'_>) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_SERVICE, slice::from_ref(&device))
    }

    /// Whether a device runs that program.
    pub fn is_service(&self, device: &str) -> Result<bool> {
        hook::has(&self.pins, device, &hook::OF_SERVICE)
    }

    /// Attaches the program for the finisher to its host side.
    pub fn attach_finisher(&self, device: Hooked<'_>) -> Result<()> {
        hook::attach(&self.pins, &self.programs, &hook::OF_FINISHER, slice::from_ref(&device))
    }

    /// Whether a device runs that program.
    pub fn is_finisher(&self, device: &str) -> Result<bool> {
        hook::has(&self.pins, device, &hook::OF_FINISHER)
    }

    /// Changes the settings, of which each word is read by itself.
    pub fn set_settings(&self, settings: Settings) -> Result<()> {
        let mut table: Array<MapData, Settings> = open(&self.pins, map::SETTINGS)?;
        bpf(table.set(0, settings, 0), || "write table SETTINGS".to_owned())
    }

    /// Has an alias stand for an address, seen from a component.
    pub fn set_alias(&self, alias: Ip4, entry: AliasEntry<Ip4>) -> Result<()> {
        let put = self.aliases()?.insert(AliasKey { address: alias }, entry, 0);
        bpf(put, || format!("write to table {}", map::ip4::ALIASES))
    }

    /// Takes an alias out; one that isn't there is no error.
    pub fn remove_alias(&self, alias: Ip4) -> Result<()> {
        match self.aliases()?.remove(&AliasKey { address: alias }) {
            Err(MapError::KeyNotFound) => Ok(()),
            other => bpf(other, || format!("delete from table {}", map::ip4::ALIASES)),
        }
    }

    /// Has exactly these aliases stand for something. What goes is taken out first, so that there is room.
    pub fn set_aliases(&self, wanted: &BTreeMap<Ip4, AliasEntry<Ip4>>) -> Result<()> {
        let rows = self.aliases()?;
        let found = rows.iter().collect::<std::result::Result<Vec<_>, _>>();
        let found = bpf(found, || format!("read table {}", map::ip4::ALIASES))?;
        let found: BTreeMap<_, _> = found.into_iter().map(|(key, entry)| (key.address, entry)).collect();
        for alias in found.keys().filter(|alias| !wanted.contains_key(alias)) {
            self.remove_alias(*alias)?;
        }
        for (alias, entry) in wanted.iter().filter(|(alias, entry)| found.get(alias) != Some(entry)) {
            self.set_alias(*alias, *entry)?;
        }
        Ok(())
    }

    fn aliases(&self) -> Result<HashMap<MapData, AliasKey<Ip4>, AliasEntry<Ip4>>> {
        open(&self.pins, map::ip4::ALIASES)
    }
}
