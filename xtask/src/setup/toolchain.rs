//! The compiler for the BPF object.
//!
//! The kernel programs need `core` for `bpfel-unknown-none`, which no stable toolchain ships. Debian does (packages
//! `rustc-web` and `libstd-rust-web-dev-bpf`); elsewhere a nightly toolchain builds it from source.

use super::apt;
use crate::command::{cargo, cargo_bin, cargo_path, find, program, read, run};
use crate::step::note;
use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way to build for BPF that works on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Toolchain {
    pub(crate) way: Way,
    pub(crate) linker: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Debian's compiler with its prebuilt `core`.
    Debian,
    /// rustup's nightly, which builds `core` from source.
    Nightly,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way {
            Way::Debian => "Debian's rustc",
            Way::Nightly => "rustup's nightly rustc",
        })
    }
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";
const DEBIAN_CORE: &str = "/usr/lib/rustlib/bpfel-unknown-none/lib";
const DEBIAN_COMPILER: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];
const DEBIAN_LLVM: [&str; 4] = ["llvm-22-dev", "libpolly-22-dev", "zlib1g-dev", "libzstd-dev"];
/// Newest first; the linker must be at least as new as the compiler whose output it reads.
const LLVM_VERSIONS: [u32; 3] = [23, 22, 21];

/// The toolchain that is installed completely, if there is one.
pub(crate) fn find_installed() -> Option<Toolchain> {
    let linker = find("bpf-linker")?;
    let way = if debian_core_is_here() {
        Way::Debian
    } else if nightly_is_here() {
        Way::Nightly
    } else {
        return None;
    };
    Some(Toolchain { way, linker })
}

/// Installs a toolchain, the Debian way if there is one.
pub(crate) fn install() -> Result<Toolchain> {
    let debian: Vec<&str> = DEBIAN_COMPILER.into_iter().chain(DEBIAN_LLVM).collect();
    let way = if debian_core_is_here() || (apt::is_here() && apt::can_install(&debian)?) {
        install_debian()?;
        Way::Debian
    } else if find("rustup").is_some() {
        install_nightly()?;
        Way::Nightly
    } else {
        bail!("{}", NO_WAY.trim());
    };
    let linker = find("bpf-linker").context("bpf-linker was installed, but is not where cargo installs programs")?;
    Ok(Toolchain { way, linker })
}

const NO_WAY: &str = "
there is no way to build the kernel programs on this system. One of these is needed:
  - Debian with the packages rustc-web, libstd-rust-web-dev-bpf and llvm-22-dev (bookworm-security has them), as root
  - rustup (then a nightly toolchain with rust-src is installed) and the development files of LLVM 21, 22 or 23
Everything that runs without root and without BPF works all the same: cargo build, cargo test
";

impl Toolchain {
    /// Cargo, set up so that it compiles with this toolchain's compiler and nothing in between.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = match self.way {
            Way::Debian => with_debian_rustc(cargo()),
            Way::Nightly => nightly_cargo(),
        };
        // An empty wrapper is none, and wins over the one in somebody's configuration file.
        command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
        command
    }

    /// `cargo clippy` with this toolchain's own lints: they can read only this compiler's `core`.
    pub(crate) fn clippy(&self) -> Command {
        let mut command = match self.way {
            Way::Debian => with_debian_rustc(program(DEBIAN_CLIPPY)),
            Way::Nightly => nightly_cargo(),
        };
        command.arg("clippy").env("RUSTC_WRAPPER", "");
        command
    }

    pub(crate) fn has_clippy(&self) -> bool {
        match self.way {
            Way::Debian => Path::new(DEBIAN_CLIPPY).is_file(),
            Way::Nightly => read(program("rustup").args(["run", "nightly", "clippy-driver", "--version"])).is_ok(),
        }
    }

    pub(crate) fn install_clippy(&self) -> Result<()> {
        note("clippy for the BPF object has to be of the same version as its compiler");
        match self.way {
            Way::Debian => apt::install(&["rust-web-clippy"]),
            Way::Nightly => run(program("rustup").args(["component", "add", "--toolchain", "nightly", "clippy"])),
        }
    }

    /// What cargo must be told besides the target.
    pub(crate) fn arguments(&self) -> &'static [&'static str] {
        match self.way {
            Way::Debian => &[],
            Way::Nightly => &["-Z", "build-std=core"],
        }
    }
}

fn with_debian_rustc(mut command: Command) -> Command {
    // The prebuilt core is of use only to a compiler that admits unstable features.
    command
        .env("CARGO", cargo_path())
        .env("RUSTC", DEBIAN_RUSTC)
        .env("RUSTC_BOOTSTRAP", "1");
    command
}

fn nightly_cargo() -> Command {
    let mut command = program("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .env_remove("RUSTC")
        .env_remove("CARGO");
    command
}

fn debian_core_is_here() -> bool {
    let has_core = |folder: std::fs::ReadDir| {
        folder
            .flatten()
            .any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
    };
    Path::new(DEBIAN_RUSTC).is_file() && std::fs::read_dir(DEBIAN_CORE).is_ok_and(has_core)
}

fn nightly_is_here() -> bool {
    let sysroot = program("rustup")
        .args(["run", "nightly", "rustc", "--print", "sysroot"])
        .output();
    let Ok(sysroot) = sysroot else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    sysroot.join("lib/rustlib/src/rust/library/core").is_dir()
}

fn install_debian() -> Result<()> {
    if !debian_core_is_here() {
        note("the BPF object needs a compiler with a core library for BPF: Debian's rustc-web");
        apt::install(&DEBIAN_COMPILER)?;
    }
    if find("bpf-linker").is_none() {
        apt::install(&DEBIAN_LLVM)?;
        install_linker(22, Path::new("/usr/lib/llvm-22"))?;
    }
    Ok(())
}

fn install_nightly() -> Result<()> {
    if !nightly_is_here() {
        note("the BPF object needs a compiler that can build the core library for BPF: rustup's nightly with rust-src");
        let mut command = program("rustup");
        command.args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ]);
        run(&mut command).context("can't fetch the nightly toolchain, which is the only way on this system")?;
    }
    if find("bpf-linker").is_none() {
        let Some((version, prefix)) = find_llvm() else {
            bail!("bpf-linker needs the development files of LLVM 21, 22 or 23, and llvm-config finds none of them");
        };
        install_linker(version, &prefix)?;
    }
    Ok(())
}

fn install_linker(llvm: u32, prefix: &Path) -> Result<()> {
    note(format_args!(
        "building bpf-linker, which links BPF objects, with LLVM {llvm} (about a minute)"
    ));
    let mut command = cargo();
    command.args([
        "install",
        "--quiet",
        "bpf-linker",
        "--no-default-features",
        "--features",
        &format!("llvm-{llvm}"),
    ]);
    command
        .env("LLVM_PREFIX", prefix)
        .env(format!("LLVM_SYS_{llvm}1_PREFIX"), prefix);
    command.env("CARGO_TARGET_DIR", crate::command::target().join("tools"));
    run(&mut command)?;
    let folder = cargo_bin().context("there is no home folder to install programs into")?;
    note(format_args!("bpf-linker is in {}", folder.display()));
    Ok(())
}

/// The newest usable LLVM and where it is.
fn find_llvm() -> Option<(u32, PathBuf)> {
    LLVM_VERSIONS.iter().find_map(|version| {
        let names = [format!("llvm-config-{version}"), "llvm-config".to_owned()];
        let config = names.iter().find(|name| llvm_version(name) == Some(*version))?;
        let prefix = read(program(config).arg("--prefix")).ok()?;
        Some((*version, PathBuf::from(prefix.trim())))
    })
}

fn llvm_version(config: &str) -> Option<u32> {
    read(program(config).arg("--version"))
        .ok()?
        .split('.')
        .next()?
        .parse()
        .ok()
}
