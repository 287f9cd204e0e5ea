//! Sets of programs: those of one BPF object that call each other, and the tables that are theirs alone.
//!
//! A set has a directory of its own under the pins, named by a number. Other programs come as a new set beside the old
//! one; devices go over to it one by one, and then the old one is removed. Whoever is killed meanwhile leaves two sets,
//! both of them whole for whoever still runs them.

use super::table::open;
use crate::install::bpffs;
use crate::install::error::{Doing as _, Error, Result, bpf};
use aya::maps::ProgramArray;
use aya::programs::{ProgramError, ProgramInfo, SchedClassifier, Xdp};
use aya::{Ebpf, EbpfLoader};
use groundplane_abi::{map, program};
use nix::sys::signal::{SigSet, SigmaskHow};
use std::io;
use std::path::{Path, PathBuf};

/// What is pinned of a set: first what is called, then what is attached, so that a set which has all is whole.
const PINNED: [&str; 15] = [
    program::STAGES[0],
    program::STAGES[1],
    program::STAGES[2],
    program::STAGES[3],
    program::STAGES[4],
    program::RETIRE_IP4,
    program::RETIRE_IP6,
    program::UPLINK_GENERIC,
    program::UPLINK_FILTER,
    program::UPLINK_INGRESS,
    program::CUTTER_INGRESS,
    program::SERVICE_INGRESS,
    program::FINISHER_INGRESS,
    program::ENI_GUARD,
    program::ENI_EGRESS,
];

/// What is loaded, and how large its tables are.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions<'a> {
    pub object: &'a [u8],
    /// Sizes other than the object's own, by the map's name. A table that is there already keeps its size.
    pub capacities: Vec<(&'a str, u32)>,
}

/// A set of programs in the kernel.
#[derive(Debug)]
pub(super) struct Programs {
    directory: PathBuf,
    number: u32,
}

impl Programs {
    /// The newest set that is whole.
    pub(super) fn newest(pins: &Path) -> Result<Option<Self>> {
        Ok(Self::whole(pins)?.pop())
    }

    /// All sets that are whole, the newest last: those that devices may run.
    pub(super) fn whole(pins: &Path) -> Result<Vec<Self>> {
        let mut sets = Self::all(pins)?;
        sets.retain(Self::is_whole);
        Ok(sets)
    }

    /// All sets, whole or not, the newest last.
    pub(super) fn all(pins: &Path) -> Result<Vec<Self>> {
        let home = home(pins);
        let what = || format!("read {}", home.display());
        let entries = match std::fs::read_dir(&home) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.doing(what)?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.doing(what)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| Self::at(pins, number)).collect())
    }

    fn at(pins: &Path, number: u32) -> Self {
        Self {
            directory: home(pins).join(number.to_string()),
            number,
        }
    }

    fn is_whole(&self) -> bool {
        PINNED.iter().all(|name| self.directory.join(name).exists())
    }

    /// Loads an object's programs as the set after all others. Shared tables that are pinned already are used, the
    /// others made. The object is returned, for what is run but not kept.
    pub(super) fn load(pins: &Path, options: &LoadOptions<'_>) -> Result<(Self, Ebpf)> {
        let newest = Self::all(pins)?.last().map_or(0, |last| last.number);
        let set = Self::at(pins, newest.saturating_add(1));
        bpffs::create_directory(&set.directory)?;
        let loaded = set.load_into(pins, options);
        if loaded.is_err() {
            // The error to report is the one that kept it from being loaded.
            let _ = set.remove();
        }
        loaded.map(|object| (set, object))
    }

    fn load_into(&self, pins: &Path, options: &LoadOptions<'_>) -> Result<Ebpf> {
        let mut loader = EbpfLoader::new();
        for name in map::all() {
            loader.map_pin_path(name, pins.join(name));
        }
        for name in map::OF_PROGRAMS {
            loader.map_pin_path(name, self.directory.join(name));
        }
        for (name, capacity) in &options.capacities {
            loader.map_max_entries(name, *capacity);
        }
        let mut object = bpf(loader.load(options.object), || "load the BPF object".to_owned())?;
        // Its parts before the program itself: without them it drops.
        let mut stages: ProgramArray<_> = open(&self.directory, map::PROGRAMS)?;
        for (slot, name) in (0..).zip(program::STAGES) {
            let stage = loaded(&mut object, name)?;
            let descriptor = bpf(stage.fd(), || format!("take program {name}"))?;
            bpf(stages.set(slot, descriptor, 0), || "write table PROGRAMS".to_owned())?;
        }
        for name in PINNED {
            let pin = self.directory.join(name);
            let pinned = match name {
                program::UPLINK_FILTER | program::UPLINK_GENERIC => filter(&mut object, name)?.pin(&pin),
                _ if program::STAGES.contains(&name) => program_of(&mut object, name)?.pin(&pin),
                _ => loaded(&mut object, name)?.pin(&pin),
            };
            bpf(pinned, || format!("pin {}", pin.display()))?;
        }
        Ok(object)
    }

    pub(super) fn program(&self, name: &str) -> Result<SchedClassifier> {
        bpf(SchedClassifier::from_pin(self.pin(name)), || {
            format!("take program {name}")
        })
    }

    /// Where a program is pinned.
    pub(super) fn pin(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether another set has the same programs, instruction for instruction.
    pub(super) fn is_same(&self, other: &Self) -> Result<bool> {
        for name in PINNED {
            let tag = |set: &Self| -> Result<u64> {
                let info = ProgramInfo::from_pin(set.pin(name));
                Ok(bpf(info, || format!("look at program {name}"))?.tag())
            };
            if tag(self)? != tag(other)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the set's pins; what still runs it goes on, except that the parts of `eni_egress` are gone with their
    /// table.
    pub(super) fn remove(&self) -> Result<()> {
        let mut errors = Vec::new();
        // What is attached first: what is left if this is killed isn't taken for a whole set.
        for name in PINNED.into_iter().rev().chain(map::OF_PROGRAMS) {
            errors.extend(bpffs::unpin(&self.directory.join(name)).err());
        }
        errors.extend(bpffs::remove_directory(&self.directory).err());
        Error::collect(errors)
    }
}

fn home(pins: &Path) -> PathBuf {
    pins.join("programs")
}

/// A program of the object, loaded into the kernel.
pub(super) fn loaded<'a>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a mut SchedClassifier> {
    let program = program_of(object, name)?;
    bpf(load(|| program.load()), || format!("load program {name}"))?;
    Ok(program)
}

/// A filter of uplinks, loaded.
fn filter<'a>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Xdp> {
    let program = object.program_mut(name).ok_or(Error::NoProgram(name))?;
    let program: &mut Xdp = bpf(program.try_into(), || format!("take program {name}"))?;
    bpf(load(|| program.load()), || format!("load program {name}"))?;
    Ok(program)
}

fn program_of<'a>(object: &'a mut Ebpf, name: &'static str) -> Result<&'a mut SchedClassifier> {
    let program = object.program_mut(name).ok_or(Error::NoProgram(name))?;
    bpf(program.try_into(), || format!("take program {name}"))
}

/// Loads a program. The kernel gives up verifying when a signal comes in, which says nothing about the program. So this
/// thread takes none meanwhile, not even that of another thread's child that has ended; and should it be told to look
/// up for another reason, the kernel is asked again.
fn load(mut load: impl FnMut() -> std::result::Result<(), ProgramError>) -> std::result::Result<(), ProgramError> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let loaded = attempt(&mut load);
    // A mask that came from the kernel is one that it takes.
    let _ = before.map(|before| before.thread_set_mask());
    loaded
}

fn attempt(mut load: impl FnMut() -> std::result::Result<(), ProgramError>) -> std::result::Result<(), ProgramError> {
    const ATTEMPTS: u32 = 10;
    for _ in 1..ATTEMPTS {
        match load() {
            Err(ProgramError::LoadError { io_error, .. }) if io_error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
    load()
}
