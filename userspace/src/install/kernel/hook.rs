//! The programs at a device's hooks.

use crate::install::bpffs;
use crate::install::error::{Result, bpf};
use aya::programs::links::FdLink;
use aya::programs::tc::TcAttachOptions;
use aya::programs::{LinkOrder, SchedClassifier, TcAttachType};
use groundplane_abi::program;
use std::path::{Path, PathBuf};

/// Each program and its hook.
const HOOKS: [(&str, TcAttachType); 2] = [
    (program::ENI_EGRESS, TcAttachType::Ingress),
    (program::ENI_GUARD, TcAttachType::Egress),
];

/// Attaches both programs in front of all others, and pins the links, so that they stay when this process ends. A
/// hook that has its program keeps it.
pub(super) fn attach(pins: &Path, device: &str, pin: &str) -> Result<()> {
    let directory = links(pins).join(pin);
    bpffs::create_directory(&directory)?;
    for (name, hook) in HOOKS {
        let pin = directory.join(name);
        if pin.exists() {
            continue;
        }
        let what = || format!("attach {name} to interface {device}");
        let mut program = bpf(SchedClassifier::from_pin(pins.join(name)), what)?;
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        let id = bpf(program.attach_with_options(device, hook, order), what)?;
        let link: FdLink = bpf(bpf(program.take_link(id), what)?.try_into(), what)?;
        bpf(link.pin(&pin), || format!("pin {}", pin.display()))?;
    }
    Ok(())
}

/// Detaches both programs. A device that is gone already is no error.
pub(super) fn detach(pins: &Path, pin: &str) -> Result<()> {
    let directory = links(pins).join(pin);
    for (name, _) in HOOKS {
        bpffs::unpin(&directory.join(name))?;
    }
    bpffs::remove_directory(&directory)
}

/// Whether both hooks really run our programs before any other: the kernel is asked, not the pins.
pub(super) fn is_attached(pins: &Path, device: &str) -> Result<bool> {
    for (name, hook) in HOOKS {
        let what = || format!("ask for the programs of interface {device}");
        let ours = bpf(bpf(SchedClassifier::from_pin(pins.join(name)), what)?.info(), what)?.id();
        let (_, programs) = bpf(SchedClassifier::query_tcx(device, hook), what)?;
        if programs.first().is_none_or(|first| first.id() != ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where links are pinned, a directory for each device.
pub(super) fn links(pins: &Path) -> PathBuf {
    pins.join("links")
}
