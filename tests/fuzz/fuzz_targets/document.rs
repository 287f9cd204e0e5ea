//! Arbitrary bytes as the documents of a configuration, divided by zeros: resources or problems, never a panic, and
//! problems can always be printed.
#![no_main]

use groundplane::document::{Source, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let texts = bytes.split(|byte| *byte == 0).enumerate();
    let sources: Vec<_> = texts.map(|(index, text)| Source::new(index.to_string(), text)).collect();
    if let Err(problems) = read(&sources, None) {
        assert!(!problems.render(false).is_empty());
    }
});
