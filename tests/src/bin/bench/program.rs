//! Programs: those of tests/bench, and test runs of any.

use anyhow::{Context as _, Result, ensure};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
use aya::{Ebpf, EbpfLoader};
use groundplane_abi::Device;
use std::path::Path;

/// The verdict of a program that has sent the packet somewhere else.
pub(crate) const REDIRECTED: u32 = 7;
/// The verdict of a program that lets the packet pass.
pub(crate) const PASSED: u32 = 0;

/// `struct __sk_buff`, which is the kernel's stable interface: its size, and the place of `ifindex`.
const SK_BUFF_SIZE: usize = 192;
const IFINDEX: usize = 40;

/// An object made of tests/bench/`name`.c.
pub(crate) fn object(directory: &Path, name: &str) -> Result<Ebpf> {
    let path = directory.join(format!("{name}.bpf.o"));
    let bytes = std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
    EbpfLoader::new()
        .load(&bytes)
        .with_context(|| format!("creating the maps of {name}"))
}

/// A program of an object, loaded.
pub(crate) fn load<'a>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    let program = object.program_mut(name).with_context(|| format!("no program {name}"))?;
    let program: &mut SchedClassifier = program.try_into()?;
    program.load().with_context(|| format!("loading {name}"))?;
    Ok(program)
}

/// Runs a program so many times in a row on a frame that comes in by a device, and gives the nanoseconds of one run.
/// The device has to be in the caller's network namespace. Every run but the first finds the frame as the one before
/// has left it.
pub(crate) fn time(program: &SchedClassifier, frame: &[u8], device: Device, repeat: u32, verdict: u32) -> Result<f64> {
    let mut context = [0_u8; SK_BUFF_SIZE];
    context[IFINDEX..IFINDEX + 4].copy_from_slice(&device.0.to_ne_bytes());
    let result = program.test_run(TestRunOptions {
        data_in: Some(frame),
        ctx_in: Some(&context),
        repeat,
        ..TestRunOptions::new()
    })?;
    // The last run's verdict; the entries' counters say that it was that of all.
    ensure!(
        result.return_value == verdict,
        "the program's verdict is {}, and should be {verdict}",
        result.return_value
    );
    Ok(result.duration.as_secs_f64() * 1e9)
}
