//! The rows that the datapath itself writes to, one for each device: what an ENI has sent, what it tracks, its drops.

use super::{Datapath, all};
use crate::install::error::{Doing as _, Error, Result, bpf};
use aya::maps::{MapError, PerCpuValues};
use aya::util::nr_cpus;
use groundplane_abi::eni::{EniState, EniTotals};
use groundplane_abi::{Device, map};
use std::collections::BTreeSet;

impl Datapath {
    /// Gives devices their rows; those that have theirs keep them.
    pub(super) fn add_devices(&mut self, devices: &BTreeSet<Device>) -> Result<()> {
        const NO_EXIST: u64 = 1;
        let cpus = nr_cpus().map_err(|(file, error)| Error::Io {
            what: format!("read {file}"),
            error,
        })?;
        for &device in devices {
            let zeros = vec![EniTotals::default(); cpus];
            let zeros = PerCpuValues::try_from(zeros).doing(|| "count the CPUs".to_owned())?;
            let inserted = unless(self.totals.insert(device, zeros, NO_EXIST), libc::EEXIST);
            bpf(inserted, || format!("write table {}", map::ENI_TOTALS))?;
            let inserted = unless(self.states.insert(device, EniState::default(), NO_EXIST), libc::EEXIST);
            bpf(inserted, || format!("write table {}", map::ENI_STATES))?;
        }
        Ok(())
    }

    /// Takes the rows of devices that are gone away. A device's number doesn't come again, so the tables would fill up.
    pub(super) fn forget_devices(&mut self, gone: &BTreeSet<Device>) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        for device in gone {
            let removed = unless(self.totals.remove(device), libc::ENOENT);
            bpf(removed, || format!("delete from table {}", map::ENI_TOTALS))?;
            let removed = unless(self.states.remove(device), libc::ENOENT);
            bpf(removed, || format!("delete from table {}", map::ENI_STATES))?;
        }
        let drops = all(&self.drops, self.drops.iter(), map::DROPS)?;
        for key in drops.into_keys().filter(|key| gone.contains(&key.device)) {
            let removed = unless(self.drops.remove(&key), libc::ENOENT);
            bpf(removed, || format!("delete from table {}", map::DROPS))?;
        }
        Ok(())
    }

    /// Sees to it that exactly these devices have rows, whatever a killed run has left. Says how many were wrong.
    pub(super) fn settle_devices(&mut self, devices: &BTreeSet<Device>) -> Result<usize> {
        let totals = all(&self.totals, self.totals.iter(), map::ENI_TOTALS)?;
        let states = all(&self.states, self.states.iter(), map::ENI_STATES)?;
        let drops = all(&self.drops, self.drops.iter(), map::DROPS)?;
        let known = totals.keys().chain(states.keys()).copied();
        let known: BTreeSet<_> = known.chain(drops.keys().map(|key| key.device)).collect();
        let gone = &known - devices;
        let is_whole = |device: &&Device| totals.contains_key(device) && states.contains_key(device);
        let whole: BTreeSet<_> = devices.iter().filter(is_whole).copied().collect();
        let lacking = devices - &whole;
        self.forget_devices(&gone)?;
        self.add_devices(&lacking)?;
        Ok(gone.len() + lacking.len())
    }
}

/// What came of a system call, where one answer means that it was so already.
fn unless(result: std::result::Result<(), MapError>, so_already: i32) -> std::result::Result<(), MapError> {
    match result {
        Err(MapError::KeyNotFound) if so_already == libc::ENOENT => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(so_already) => Ok(()),
        other => other,
    }
}
