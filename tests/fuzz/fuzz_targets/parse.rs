//! Arbitrary bytes as a frame: the parser only reads, and says something of every one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| groundplane_tests::fuzz::fuzz_parse(bytes));
