//! How fast the kernel's clock ticks.

use crate::install::error::{Error, Result, bpf};
use aya::programs::{SchedClassifier, TestRun as _, TestRunOptions};
use std::thread;
use std::time::{Duration, Instant};

/// The program that reports the clock.
pub(super) const PROBE: &str = "clock_probe";

/// The values `CONFIG_HZ` can have on the machines we know.
const RATES: [u64; 4] = [100, 250, 300, 1000];

/// Enough for 12 ticks of the slowest clock: then the nearest two rates, 250 and 300, lie 6 ticks apart.
const INTERVAL: Duration = Duration::from_millis(120);

/// How exactly the moment of a reading must be known, and how often it is tried.
const PRECISION: Duration = Duration::from_millis(2);
const ATTEMPTS: u32 = 100;

/// `cb` in `struct __sk_buff`, which is the kernel's stable interface, and the struct's size.
const CB_OFFSET: usize = 48;
const SK_BUFF_SIZE: usize = 192;

/// Measures the kernel's ticks per second, which it tells nobody: by asking its clock twice.
pub(super) fn ticks_per_second(program: &SchedClassifier) -> Result<u32> {
    let (first, began) = reading(program)?;
    thread::sleep(INTERVAL);
    let (second, ended) = reading(program)?;
    rate(second.wrapping_sub(first), ended.duration_since(began))
}

/// The clock and when it was asked. On a busy machine this thread may be put aside in between; then it asks again.
fn reading(program: &SchedClassifier) -> Result<(u64, Instant)> {
    let mut attempts = 0;
    loop {
        let asked = Instant::now();
        let ticks = ticks(program)?;
        attempts += 1;
        if asked.elapsed() < PRECISION || attempts == ATTEMPTS {
            return Ok((ticks, asked));
        }
    }
}

fn ticks(program: &SchedClassifier) -> Result<u64> {
    // The shortest frame the kernel takes in a test run is an Ethernet header.
    let frame = [0_u8; 64];
    let mut context = [0_u8; SK_BUFF_SIZE];
    let options = TestRunOptions {
        data_in: Some(&frame),
        ctx_out: Some(&mut context),
        ..TestRunOptions::new()
    };
    bpf(program.test_run(options), || "read the kernel's clock".to_owned())?;
    let word = context
        .get(CB_OFFSET..CB_OFFSET + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_default();
    // Low word first, in the host's order, which for BPF is little endian.
    Ok(u64::from_le_bytes(word))
}

fn rate(ticks: u64, elapsed: Duration) -> Result<u32> {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let measured = ticks.saturating_mul(1000) / millis;
    let nearest = RATES
        .into_iter()
        .min_by_key(|rate| rate.abs_diff(measured))
        .unwrap_or(0);
    // A tick more or less at either end.
    let tolerance = nearest / 10 + 2000 / millis;
    match u32::try_from(nearest) {
        Ok(rate) if nearest.abs_diff(measured) <= tolerance => Ok(rate),
        _ => Err(Error::Clock { measured }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_too_few_or_too_many_changes_nothing() {
        for hz in RATES {
            for (millis, error) in [(120, -1), (120, 0), (120, 1), (500, 1), (121, 0)] {
                let ticks = (hz * millis / 1000).saturating_add_signed(error);
                let found = rate(ticks, Duration::from_millis(millis)).unwrap();
                assert_eq!(u64::from(found), hz, "{ticks} ticks in {millis} ms");
            }
        }
    }

    #[test]
    fn a_clock_that_stands_still_is_an_error() {
        assert!(matches!(rate(0, INTERVAL), Err(Error::Clock { measured: 0 })));
        assert!(rate(5000, INTERVAL).is_err());
    }
}
