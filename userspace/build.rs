//! Finds the BPF object, which `cargo xtask build` made, for [`object.rs`](src/object.rs) to embed.
//!
//! It doesn't build the object: that needs a compiler of its own, and a plain `cargo build` must work without.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=GROUNDPLANE_BPF_OBJECT");
    let object = match env::var_os("GROUNDPLANE_BPF_OBJECT") {
        Some(path) => PathBuf::from(path),
        None => default_object()?,
    };
    println!("cargo::rerun-if-changed={}", object.display());
    let bytes = fs::read(&object).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("can't read the BPF object {}: {error}", object.display()),
        )
    })?;
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(out.join("groundplane.bpf.o"), bytes)
}

/// The place where `cargo xtask build` puts the object.
fn default_object() -> io::Result<PathBuf> {
    // Asked for now: a target directory may have been copied from another checkout with this script in it.
    let package = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("cargo sets CARGO_MANIFEST_DIR"))?;
    let target = Path::new(&package).join("../target");
    let object = target.join("groundplane.bpf.o");
    if !object.exists() {
        // An empty file stands for "not built". It has to exist: cargo runs this script, and compiles the crate, anew
        // each time if a file it is to watch is missing.
        fs::create_dir_all(&target)?;
        fs::write(&object, [])?;
    }
    Ok(object)
}
