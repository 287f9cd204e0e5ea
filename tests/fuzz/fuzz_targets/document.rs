//! Arbitrary bytes as a VPC document: resources or problems, never a panic, and problems can always be printed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(problems) = groundplane::document::parse("fuzz.yaml", bytes) {
        assert!(!problems.render(false).is_empty());
    }
});
