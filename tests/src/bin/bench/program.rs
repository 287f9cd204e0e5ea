//! Programs: those of tests/bench, and test runs of any.

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, MapData, ProgramArray};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader};
use bytemuck::{Pod, Zeroable};
use groundplane_abi::{Device, map};
use groundplane_tests::kernel::LoadedKernel;
use nix::time::ClockId;
use std::path::Path;
use std::time::Duration;

/// The verdict of a program that has sent the packet somewhere else.
pub(crate) const REDIRECTED: u32 = 7;
/// The verdict of a program that lets the packet pass.
pub(crate) const PASSED: u32 = 0;

/// `struct __sk_buff`, which is the kernel's stable interface: its size, and the place of `ifindex`.
const SK_BUFF_SIZE: usize = 192;
const IFINDEX: usize = 40;

/// Runs in a row, beside which a system call is nothing.
const MANY: u32 = 100_000;

/// The tables that the floor has for itself, and whose size they have.
const OWN_TABLES: [(&str, &str); 6] = [
    ("FLOOR_FLOWS4", map::ip4::FLOWS),
    ("FLOOR_FLOWS6", map::ip6::FLOWS),
    ("FLOOR_EMBRYOS4", map::ip4::EMBRYOS),
    ("FLOOR_EMBRYOS6", map::ip6::EMBRYOS),
    ("FLOOR_RING4", map::ip4::RING),
    ("FLOOR_RING6", map::ip6::RING),
];

const FLOOR_PROGRAMS: [&str; 6] = [
    "established",
    "translated",
    "translated_back",
    "first",
    "reply",
    "empty",
];

/// An object made of tests/bench/`name`.c, with its maps.
pub(crate) fn object(directory: &Path, name: &str) -> Result<Ebpf> {
    load_object(&mut EbpfLoader::new(), directory, name)
}

/// The floor programs, over a datapath's own tables.
pub(crate) fn floor(directory: &Path, kernel: &LoadedKernel) -> Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    for name in map::all() {
        loader.map_pin_path(name, kernel.pins().join(name));
    }
    for (own, ours) in OWN_TABLES {
        loader.map_max_entries(own, capacity(kernel, ours)?);
    }
    let mut floor = load_object(&mut loader, directory, "floor")?;
    for program in FLOOR_PROGRAMS {
        load(&mut floor, program)?;
    }
    Ok(floor)
}

fn load_object(loader: &mut EbpfLoader<'_>, directory: &Path, name: &str) -> Result<Ebpf> {
    let path = directory.join(format!("{name}.bpf.o"));
    let bytes = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    loader
        .load(&bytes)
        .with_context(|| format!("creating the maps of {name}"))
}

fn capacity(kernel: &LoadedKernel, name: &str) -> Result<u32> {
    Ok(MapData::from_pin(kernel.pins().join(name))?.info()?.max_entries())
}

/// A program of an object, loaded.
pub(crate) fn load<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    let program = object.program_mut(name).with_context(|| format!("no program {name}"))?;
    let program: &mut SchedClassifier = program.try_into()?;
    program.load().with_context(|| format!("loading {name}"))?;
    Ok(program)
}

/// A program of an object that has been loaded already.
pub(crate) fn loaded<'a>(object: &'a Ebpf, name: &str) -> Result<&'a SchedClassifier> {
    let program = object.program(name).with_context(|| format!("no program {name}"))?;
    Ok(program.try_into()?)
}

/// The same, to attach it.
pub(crate) fn loaded_mut<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    let program = object.program_mut(name).with_context(|| format!("no program {name}"))?;
    Ok(program.try_into()?)
}

/// The same of one for XDP.
pub(crate) fn xdp<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut Xdp> {
    let program = object.program_mut(name).with_context(|| format!("no program {name}"))?;
    let program: &mut Xdp = program.try_into()?;
    program.load().with_context(|| format!("loading {name}"))?;
    Ok(program)
}

/// Makes many packets of one frame (tests/bench/vary.c).
pub(crate) struct Vary {
    object: Ebpf,
    ports: Array<MapData, Ports>,
    measured: ProgramArray<MapData>,
}

/// How the packets differ. The same struct is in vary.c.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Ports {
    /// The number of the first connection, or how many there are to choose from.
    pub(crate) number: u32,
    pub(crate) base: u16,
    pub(crate) answers: u16,
}

// SAFETY: plain data without padding, as bytemuck has checked; aya's marker says the same thing again.
unsafe impl aya::Pod for Ports {}

/// Which packet comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    AtRandom,
    InTurn,
}

impl Vary {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let mut object = object(directory, "vary")?;
        load(&mut object, "at_random")?;
        load(&mut object, "in_turn")?;
        let ports = object.take_map("PORTS").context("no map PORTS")?;
        let measured = object.take_map("MEASURED").context("no map MEASURED")?;
        Ok(Self {
            object,
            ports: ports.try_into()?,
            measured: measured.try_into()?,
        })
    }

    /// The nanoseconds a program takes for each of so many packets.
    pub(crate) fn time(&mut self, program: &SchedClassifier, next: Next, ports: Ports, run: Run<'_>) -> Result<f64> {
        self.ports.set(0, ports, 0)?;
        self.measured.set(0, program.fd()?, 0)?;
        let name = match next {
            Next::AtRandom => "at_random",
            Next::InTurn => "in_turn",
        };
        time(
            loaded(&self.object, name)?,
            run.frame,
            run.device,
            run.repeat,
            run.verdict,
        )
    }
}

/// Gives every run the same frame (tests/bench/restore.c).
pub(crate) struct Restore {
    object: Ebpf,
    headers: Array<MapData, Headers>,
    measured: ProgramArray<MapData>,
}

/// What is put back. The same struct is in restore.c.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Headers {
    bytes: [u8; 56],
    written: u64,
}

// SAFETY: as above.
unsafe impl aya::Pod for Headers {}

impl Restore {
    pub(crate) fn new(directory: &Path) -> Result<Self> {
        let mut object = object(directory, "restore")?;
        load(&mut object, "restore")?;
        let headers = object.take_map("HEADERS").context("no map HEADERS")?;
        let measured = object.take_map("MEASURED").context("no map MEASURED")?;
        Ok(Self {
            object,
            headers: headers.try_into()?,
            measured: measured.try_into()?,
        })
    }

    /// The nanoseconds a program takes for a frame, and putting its headers back.
    pub(crate) fn time(&mut self, program: &SchedClassifier, run: Run<'_>) -> Result<f64> {
        let bytes = run.frame.first_chunk().context("the frame is too short")?;
        let headers = Headers {
            bytes: *bytes,
            written: 0,
        };
        self.headers.set(0, headers, 0)?;
        self.measured.set(0, program.fd()?, 0)?;
        time(
            loaded(&self.object, "restore")?,
            run.frame,
            run.device,
            run.repeat,
            run.verdict,
        )
    }
}

pub(crate) const FRAME_LEN: usize = 60;

/// What is sent, and out of which device. The same struct is in packets.c.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Frame {
    pub(crate) bytes: [u8; FRAME_LEN],
    pub(crate) out: u32,
}

// SAFETY: as above.
unsafe impl aya::Pod for Frame {}

/// The frame as a program leaves it.
pub(crate) fn output(program: &SchedClassifier, frame: &[u8], device: Device) -> Result<Vec<u8>> {
    let context = context_of(device);
    let mut bytes = vec![0; frame.len()];
    program.test_run(TestRunOptions {
        data_in: Some(frame),
        data_out: Some(&mut bytes),
        ctx_in: Some(&context),
        ..TestRunOptions::default()
    })?;
    Ok(bytes)
}

fn context_of(device: Device) -> [u8; SK_BUFF_SIZE] {
    let mut context = [0_u8; SK_BUFF_SIZE];
    context[IFINDEX..IFINDEX + 4].copy_from_slice(&device.0.to_ne_bytes());
    context
}

/// What a program is run on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) frame: &'a [u8],
    pub(crate) device: Device,
    pub(crate) repeat: u32,
    pub(crate) verdict: u32,
}

/// Runs a program so many times in a row on a frame that comes in by a device, and gives the nanoseconds of one run.
/// The device has to be in the caller's network namespace. Every run but the first finds the frame as the one before
/// has left it.
pub(crate) fn time(program: &SchedClassifier, frame: &[u8], device: Device, repeat: u32, verdict: u32) -> Result<f64> {
    let context = context_of(device);
    let clock = ClockId::CLOCK_THREAD_CPUTIME_ID;
    let began = Duration::from(clock.now()?);
    let result = program.test_run(TestRunOptions {
        data_in: Some(frame),
        ctx_in: Some(&context),
        repeat,
        ..TestRunOptions::new()
    })?;
    let taken = Duration::from(clock.now()?) - began;
    // The last run's verdict; what the entries have counted says that it was that of all.
    ensure!(
        result.return_value == verdict,
        "the program's verdict is {}, and should be {verdict}",
        result.return_value
    );
    // The kernel gives whole nanoseconds, too coarse for the difference of two programs; but of few runs the system
    // call would be most of what this thread took.
    Ok(if repeat < MANY {
        result.duration.as_secs_f64() * 1e9
    } else {
        taken.as_secs_f64() * 1e9 / f64::from(repeat)
    })
}
