//! The programs at devices' hooks.

use super::expedited::Expedited;
use super::filter;
use super::programs::Programs;
use crate::install::bpffs;
use crate::install::error::{Doing as _, Error, Result, bpf};
use aya::programs::links::{FdLink, PinnedLink};
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions};
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType};
use groundplane_abi::program;
use std::io;
use std::path::{Path, PathBuf};

/// A program and its hook.
type Hook = (&'static str, TcAttachType);

/// What is attached to an ENI's host side.
pub(super) const OF_ENI: [Hook; 2] = [
    (program::ENI_EGRESS, TcAttachType::Ingress),
    (program::ENI_GUARD, TcAttachType::Egress),
];

/// What is attached to an uplink.
pub(super) const OF_UPLINK: [Hook; 1] = [(program::UPLINK_INGRESS, TcAttachType::Ingress)];

/// What is attached to the cutter's host side.
pub(super) const OF_CUTTER: [Hook; 1] = [(program::CUTTER_INGRESS, TcAttachType::Ingress)];

/// What is attached to the service port's host side.
pub(super) const OF_SERVICE: [Hook; 1] = [(program::SERVICE_INGRESS, TcAttachType::Ingress)];

/// What is attached to the finisher's host side.
pub(super) const OF_FINISHER: [Hook; 1] = [(program::FINISHER_INGRESS, TcAttachType::Ingress)];

/// All that may be attached to a device.
const HOOKS: [Hook; 6] = [
    OF_ENI[0],
    OF_ENI[1],
    OF_UPLINK[0],
    OF_CUTTER[0],
    OF_SERVICE[0],
    OF_FINISHER[0],
];

/// A device and the name its links are pinned under.
#[derive(Clone, Copy, Debug)]
pub struct Hooked<'a> {
    pub device: &'a str,
    pub pin: &'a str,
}

/// Attaches programs to each device in front of all others, and pins the links, so that they stay when this process
/// ends. A hook that has its program keeps it.
pub(super) fn attach(pins: &Path, programs: &Programs, hooks: &[Hook], devices: &[Hooked<'_>]) -> Result<()> {
    let _expedited = Expedited::for_many(pins, hooks.len() * devices.len());
    for &(name, hook) in hooks {
        let mut program = programs.program(name)?;
        for Hooked { device, pin } in devices {
            let directory = links(pins).join(pin);
            bpffs::create_directory(&directory)?;
            let pin = directory.join(name);
            if pin.exists() {
                continue;
            }
            let what = || format!("attach {name} to interface {device}");
            let order = TcAttachOptions::TcxOrder(LinkOrder::first());
            let id = bpf(program.attach_with_options(device, hook, order), what)?;
            let link: FdLink = bpf(bpf(program.take_link(id), what)?.try_into(), what)?;
            bpf(link.pin(&pin), || format!("pin {}", pin.display()))?;
        }
    }
    Ok(())
}

/// Hands every device over to these programs. Each hook changes between two packets: none is lost, none sees both. A
/// link whose device is gone has nothing to change.
pub(super) fn hand_over(pins: &Path, programs: &Programs) -> Result<usize> {
    let pinned = pinned_links(pins)?;
    let _expedited = Expedited::for_many(pins, HOOKS.len() * pinned.len());
    for (name, _) in HOOKS {
        let mut program = programs.program(name)?;
        for directory in &pinned {
            replace(&directory.join(name), &mut program)?;
        }
    }
    for directory in &pinned {
        filter::hand_over(directory, programs)?;
    }
    Ok(pinned.len())
}

fn replace(pin: &Path, program: &mut SchedClassifier) -> Result<()> {
    let what = || format!("replace the program at {}", pin.display());
    if !pin.exists() {
        return Ok(());
    }
    let link = FdLink::from(bpf(PinnedLink::from_pin(pin), what)?);
    let link: SchedClassifierLink = bpf(link.try_into(), what)?;
    match program.attach_to_link(link) {
        Ok(id) => {
            // Ours to close, the kernel's to keep: it stays pinned.
            let link: FdLink = bpf(bpf(program.take_link(id), what)?.try_into(), what)?;
            drop(link);
            Ok(())
        }
        Err(error) if is_of_no_device(&error) => Ok(()),
        Err(error) => bpf(Err(error), what),
    }
}

/// What the kernel says of a link whose device is gone.
pub(super) fn is_of_no_device(error: &aya::programs::ProgramError) -> bool {
    use aya::programs::ProgramError::SyscallError;
    matches!(error, SyscallError(call) if call.io_error.raw_os_error() == Some(nix::errno::Errno::ENOLINK as i32))
}

/// Detaches all programs from each device. A device that is gone already is no error.
pub(super) fn detach(pins: &Path, names: &[&str]) -> Result<()> {
    let _expedited = Expedited::for_many(pins, HOOKS.len() * names.len());
    let mut errors = Vec::new();
    for name in names {
        errors.extend(detach_one(&links(pins).join(name)).err());
    }
    Error::collect(errors)
}

fn detach_one(directory: &Path) -> Result<()> {
    for (name, _) in HOOKS {
        detach_link(&directory.join(name))?;
    }
    filter::detach(directory)?;
    bpffs::remove_directory(directory)
}

/// The kernel detaches at once when a descriptor that is the last to know the link is closed, and some time later when
/// it was only unpinned.
pub(super) fn detach_link(pin: &Path) -> Result<()> {
    let link = pin.exists().then(|| PinnedLink::from_pin(pin).ok()).flatten();
    bpffs::unpin(pin)?;
    drop(link);
    Ok(())
}

/// Whether both hooks of an ENI's host side really run programs of ours before any other: the kernel is asked, not the
/// pins. While programs are being replaced, which programs are ours is a matter of several sets.
pub(super) fn is_attached(pins: &Path, device: &str) -> Result<bool> {
    let sets = Programs::whole(pins)?;
    for (name, hook) in OF_ENI {
        let first = running(device, hook)?.into_iter().next();
        match first {
            Some(first) if ours(&sets, name)?.contains(&first) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether a device runs our programs at these hooks. Others may be before them: an uplink's device is somebody else's.
pub(super) fn has(pins: &Path, device: &str, hooks: &[Hook]) -> Result<bool> {
    let sets = Programs::whole(pins)?;
    for (name, hook) in hooks {
        let ours = ours(&sets, name)?;
        if !running(device, *hook)?.iter().any(|id| ours.contains(id)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The programs at a hook, in their order.
fn running(device: &str, hook: TcAttachType) -> Result<Vec<u32>> {
    let (_, programs) = bpf(SchedClassifier::query_tcx(device, hook), || {
        format!("ask for the programs of interface {device}")
    })?;
    Ok(programs.iter().map(aya::programs::ProgramInfo::id).collect())
}

/// A program of each set.
fn ours(sets: &[Programs], name: &str) -> Result<Vec<u32>> {
    let id = |set: &Programs| Ok(bpf(set.program(name)?.info(), || format!("look at program {name}"))?.id());
    sets.iter().map(id).collect()
}

/// Where links are pinned, a directory for each device.
pub(super) fn links(pins: &Path) -> PathBuf {
    pins.join("links")
}

fn pinned_links(pins: &Path) -> Result<Vec<PathBuf>> {
    let links = links(pins);
    let what = || format!("read {}", links.display());
    let entries = match std::fs::read_dir(&links) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.doing(what)?,
    };
    let mut directories = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .doing(what)?;
    directories.sort();
    Ok(directories)
}
