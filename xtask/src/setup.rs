//! Installs what a command needs and finds out what is there already.
//!
//! Looking is cheap (files only, no package manager), so every command looks each time. Packages are installed the
//! Debian way; elsewhere people are told which programs are missing.

pub(crate) mod apt;
mod nginx;
mod toolchain;

use crate::command::{cargo, find, is_root, program, run, target};
use crate::step::{note, step};
use anyhow::{Context as _, Result, bail};
pub(crate) use toolchain::Toolchain;

/// What the machine is to be made fit for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Up,
    Test,
    Check,
    Verify,
    Fuzz,
    Bench,
}

/// A program of the system, the package that has it on Debian, and what it is for.
struct Tool {
    command: &'static str,
    package: &'static str,
    why: &'static str,
    purposes: &'static [Purpose],
}

use Purpose::{Bench, Check, Fuzz, Test, Up, Verify};

const TOOLS: &[Tool] = &[
    Tool {
        command: "ip",
        package: "iproute2",
        why: "to look around",
        purposes: &[Up, Test, Bench],
    },
    Tool {
        command: "ping",
        package: "iputils-ping",
        why: "probes between guests",
        purposes: &[Up, Test],
    },
    Tool {
        command: "curl",
        package: "curl",
        why: "probes between guests",
        purposes: &[Up, Test],
    },
    Tool {
        command: "iperf3",
        package: "iperf3",
        why: "probes between guests",
        purposes: &[Up, Test, Bench],
    },
    Tool {
        command: "nginx",
        package: "nginx-light",
        why: "a web server in a guest",
        purposes: &[Up, Test],
    },
    Tool {
        command: "openssl",
        package: "openssl",
        why: "tests: health checks over TLS",
        purposes: &[Test],
    },
    Tool {
        command: "nft",
        package: "nftables",
        why: "an uplink to the host",
        purposes: &[Up, Test, Bench],
    },
    Tool {
        command: "iptables",
        package: "iptables",
        why: "tests: uplinks beside Docker's rules",
        purposes: &[Test],
    },
    Tool {
        command: "nmap",
        package: "nmap",
        why: "tests: scans",
        purposes: &[Test],
    },
    Tool {
        command: "hping3",
        package: "hping3",
        why: "probes with forged packets",
        purposes: &[Up, Test],
    },
    Tool {
        command: "tcpdump",
        package: "tcpdump",
        why: "tests: what is seen on a wire",
        purposes: &[Test],
    },
    Tool {
        command: "ethtool",
        package: "ethtool",
        why: "tests: checksums made in software",
        purposes: &[Test],
    },
    Tool {
        command: "traceroute",
        package: "traceroute",
        why: "tests: which gateways are hops",
        purposes: &[Test],
    },
    Tool {
        command: "dig",
        package: "dnsutils",
        why: "tests: UDP by a real client",
        purposes: &[Test],
    },
    Tool {
        command: "bpftool",
        package: "bpftool",
        why: "tests: the kernel's own view",
        purposes: &[Test],
    },
    Tool {
        command: "systemd-analyze",
        package: "systemd",
        why: "tests: the agent's unit",
        purposes: &[Test],
    },
    Tool {
        command: "clang",
        package: "clang",
        why: "what is measured against is in C; fuzzing",
        purposes: &[Test, Fuzz, Bench],
    },
    Tool {
        command: "busybox",
        package: "busybox-static",
        why: "the older kernel's user space",
        purposes: &[Verify],
    },
    Tool {
        command: "cpio",
        package: "cpio",
        why: "the older kernel's file system",
        purposes: &[Verify],
    },
];

/// Sees to it that everything for the purposes, and for building, is there.
pub(crate) fn run_for(purposes: &[Purpose]) -> Result<Toolchain> {
    let tools = TOOLS
        .iter()
        .filter(|tool| tool.purposes.iter().any(|purpose| purposes.contains(purpose)));
    let missing: Vec<&Tool> = tools.filter(|tool| find(tool.command).is_none()).collect();
    let bpffs = purposes
        .iter()
        .any(|purpose| matches!(purpose, Up | Test | Verify | Bench))
        && !bpffs_is_mounted()?;
    let toolchain = toolchain::find_installed();
    let clippy = purposes.contains(&Check);
    let complete = toolchain.clone().filter(|toolchain| !clippy || toolchain.has_clippy());
    if let (true, false, Some(toolchain)) = (missing.is_empty(), bpffs, complete) {
        return Ok(toolchain);
    }
    step("set up this machine", || {
        install_tools(&missing)?;
        if bpffs {
            mount_bpffs()?;
        }
        let toolchain = toolchain.map_or_else(toolchain::install, Ok)?;
        if clippy && !toolchain.has_clippy() {
            toolchain.install_clippy()?;
        }
        Ok(toolchain)
    })
}

/// `cargo xtask setup`: everything for every purpose.
pub(crate) fn run_all() -> Result<()> {
    let toolchain = run_for(&[Up, Test, Check, Verify, Fuzz, Bench])?;
    note(format_args!(
        "everything is there; the BPF object is built with {toolchain}"
    ));
    Ok(())
}

fn install_tools(missing: &[&Tool]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    for tool in missing {
        note(format_args!(
            "missing: {} (package {}), {}",
            tool.command, tool.package, tool.why
        ));
    }
    if !apt::is_here() {
        bail!("this system has no apt-get, so please install the programs above by its own package manager");
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    nginx::kept_off(|| apt::install(&packages))
}

fn bpffs_is_mounted() -> Result<bool> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("can't read the list of mounts")?;
    Ok(mounts.lines().any(|line| {
        let mut words = line.split(' ').skip(1);
        words.next() == Some("/sys/fs/bpf") && words.next() == Some("bpf")
    }))
}

fn mount_bpffs() -> Result<()> {
    note("mounting the BPF file system at /sys/fs/bpf, where maps and programs stay when the agent stops");
    need_root("mounting the BPF file system")?;
    run(program("mount").args(["-t", "bpf", "bpf", "/sys/fs/bpf"])).context("is this kernel built without BPF?")
}

/// Sees to it that a tool of cargo's own is there.
pub(crate) fn need_cargo_tool(name: &str, why: &str) -> Result<()> {
    if find(name).is_some() {
        return Ok(());
    }
    step(&format!("install {name}"), || install_with_cargo(name, why))
}

/// Builds a tool of cargo's own and puts it where cargo keeps such tools.
fn install_with_cargo(name: &str, why: &str) -> Result<()> {
    note(format_args!("building {name}: {why} (a few minutes, once)"));
    let mut command = cargo();
    command.args(["install", "--quiet", "--locked", name]);
    command.env("CARGO_TARGET_DIR", target().join("tools"));
    // Compiling it faster matters more than a check that runs a second less.
    command
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off");
    command
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    run(&mut command)
}

/// Ends with one plain sentence if we are not root.
pub(crate) fn need_root(what: &str) -> Result<()> {
    if !is_root() {
        bail!("{what} needs root; run the same command as root");
    }
    Ok(())
}
