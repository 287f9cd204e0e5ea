//! The filter in front of an uplink: an XDP program, of which a device has one at most.

use super::programs::Programs;
use super::{Datapath, Hooked, count, hook};
use crate::document::Xdp as Mode;
use crate::install::bpffs;
use crate::install::error::{Error, Result, bpf};
use crate::install::kernel::table::open;
use aya::maps::{MapData, PerCpuArray};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::xdp::{XdpLink, XdpMode};
use aya::programs::{ProgramError, Xdp};
use groundplane_abi::door::FILTER_SLOTS;
use groundplane_abi::eni::Counter;
use groundplane_abi::{DropReason, map, program};
use std::collections::BTreeMap;
use std::path::Path;

/// By the driver, and by the kernel.
const FILTERS: [&str; 2] = [program::UPLINK_FILTER, program::UPLINK_GENERIC];

impl Datapath {
    /// Attaches the filter to a device that has no XDP program, by the driver or by the kernel.
    pub fn attach_filter(&self, Hooked { device, pin }: Hooked<'_>, mode: Mode) -> Result<()> {
        let directory = hook::links(&self.pins).join(pin);
        bpffs::create_directory(&directory)?;
        let (name, mode) = match mode {
            Mode::Off => return Ok(()),
            Mode::Native => (program::UPLINK_FILTER, XdpMode::Driver),
            Mode::Generic => (program::UPLINK_GENERIC, XdpMode::Skb),
        };
        let what = || format!("attach {name} to interface {device}");
        let mut program = self.programs.filter(name)?;
        let id = program.attach(device, mode).map_err(|error| refusal(device, error));
        let link: FdLink = bpf(bpf(program.take_link(id?), what)?.try_into(), what)?;
        let pin = directory.join(name);
        bpf(link.pin(&pin), || format!("pin {}", pin.display())).map(drop)
    }

    /// Takes the filter off the device whose links are pinned under a name.
    pub fn detach_filter(pins: &Path, name: &str) -> Result<()> {
        detach(&hook::links(pins).join(name))
    }

    /// The filter of the programs that run now. For tests, which run it on frames of their own.
    pub fn filter(&self) -> Result<Xdp> {
        self.programs.filter(program::UPLINK_FILTER)
    }

    /// Whether a program is the filter. While programs are being replaced there are several.
    pub fn is_filter(&self, id: u32) -> Result<bool> {
        for set in Programs::whole(&self.pins)? {
            for name in FILTERS {
                let info = set.filter(name)?.info();
                if bpf(info, || format!("look at program {name}"))?.id() == id {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// What the filter has dropped, by reason.
    pub fn filtered(&self) -> Result<BTreeMap<DropReason, Counter>> {
        let table: PerCpuArray<MapData, Counter> = open(&self.pins, map::FILTER_DROPS)?;
        let mut drops = BTreeMap::new();
        // As many as there are slots, which is 128.
        for (reason, slot) in (0..).map(DropReason).zip(0..FILTER_SLOTS) {
            let cpus = bpf(table.get(&slot, 0), || format!("read table {}", map::FILTER_DROPS))?;
            let mut sum = Counter::default();
            for counter in cpus.iter() {
                count::add(&mut sum, counter.packets, counter.bytes);
            }
            if sum.packets > 0 {
                drops.insert(reason, sum);
            }
        }
        Ok(drops)
    }
}

/// Why a device doesn't take the filter, in words for whoever asked for it.
fn refusal(device: &str, error: ProgramError) -> Error {
    if let ProgramError::SyscallError(call) = &error {
        match call.io_error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => return Error::NoXdp(device.to_owned()),
            Some(libc::EBUSY | libc::EEXIST) => return Error::XdpTaken(device.to_owned()),
            _ => {}
        }
    }
    Error::Bpf {
        what: format!("attach the filter to interface {device}"),
        error: Box::new(error),
    }
}

/// Has a device go over to the filter of other programs, between two packets.
pub(super) fn hand_over(directory: &Path, programs: &Programs) -> Result<()> {
    FILTERS
        .into_iter()
        .try_for_each(|name| replace(directory, name, programs))
}

/// Takes whichever there is off the device whose links are pinned in a directory.
pub(super) fn detach(directory: &Path) -> Result<()> {
    let mut pins = FILTERS.into_iter().map(|name| directory.join(name));
    pins.try_for_each(|pin| hook::detach_link(&pin))
}

fn replace(directory: &Path, name: &str, programs: &Programs) -> Result<()> {
    let pin = directory.join(name);
    if !pin.exists() {
        return Ok(());
    }
    let what = || format!("replace the program at {}", pin.display());
    let mut program = programs.filter(name)?;
    let link = FdLink::from(bpf(PinnedLink::from_pin(&pin), what)?);
    let link: XdpLink = bpf(link.try_into(), what)?;
    match program.attach_to_link(link) {
        Ok(id) => {
            // Ours to close, the kernel's to keep: it stays pinned.
            let link: FdLink = bpf(bpf(program.take_link(id), what)?.try_into(), what)?;
            drop(link);
            Ok(())
        }
        Err(error) if hook::is_of_no_device(&error) => Ok(()),
        Err(error) => bpf(Err(error), what),
    }
}

impl Programs {
    fn filter(&self, name: &str) -> Result<Xdp> {
        let pin = self.pin(name);
        bpf(Xdp::from_pin(pin, aya_obj::programs::XdpAttachType::Interface), || {
            format!("take program {name}")
        })
    }
}
