//! The BPF object inside this binary.

use std::{error, fmt};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/groundplane.bpf.o"));

/// The crate was compiled without the BPF object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectMissing;

impl fmt::Display for ObjectMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the BPF object was not built; run `cargo xtask build`")
    }
}

impl error::Error for ObjectMissing {}

/// The programs and maps, as an ELF file.
pub fn object() -> Result<&'static [u8], ObjectMissing> {
    if OBJECT.is_empty() {
        Err(ObjectMissing)
    } else {
        Ok(OBJECT)
    }
}
