//! Arbitrary bytes as frames of several guests: no panic, and a dropped frame is as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| groundplane_tests::fuzz::fuzz_process(bytes));
