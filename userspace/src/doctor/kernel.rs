//! What the kernel can do.

use super::Check;
use super::files::{exists, line, number};
use crate::install::bpffs::{self, MOUNT_POINT};
use crate::install::kernel::Datapath;
use aya::programs::{SchedClassifier, TcAttachType};

pub(super) fn checks() -> Vec<Check> {
    let checks = [
        Some(version()),
        Some(architecture()),
        tcx(),
        Some(btf()),
        Some(jit()),
        Some(bpffs_mounted()),
        Some(unprivileged()),
        statistics(),
        ipv6(),
    ];
    checks.into_iter().flatten().collect()
}

fn release() -> String {
    line("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned())
}

fn version() -> Check {
    let found = format!("Linux {}", release());
    match Datapath::check_kernel() {
        Ok(()) => Check::ok(
            "kernel",
            found,
            "has what attaching the programs takes, which came with 6.6",
        ),
        Err(_) => Check::failure(
            "kernel",
            found,
            "the programs load from 6.1 on, but are attached by tcx, which came with 6.6",
            "run Linux 6.6 or newer",
        ),
    }
}

fn architecture() -> Check {
    let found = std::env::consts::ARCH;
    if found == "x86_64" {
        return Check::ok("architecture", found, "what this is tested on");
    }
    let meaning = "nobody has tried this one";
    Check::warning("architecture", found, meaning, "use x86-64 where it matters")
}

/// Asks the kernel for the programs at a hook; one that doesn't know the hook refuses.
fn tcx() -> Option<Check> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    Some(match SchedClassifier::query_tcx("lo", TcAttachType::Ingress) {
        Ok(_) => Check::ok("tcx", "the kernel answers", "programs can be attached to devices"),
        Err(error) => Check::failure(
            "tcx",
            format!("the kernel refuses: {error}"),
            "programs can't be attached to devices",
            "run Linux 6.6 or newer, with CONFIG_NET_XGRESS",
        ),
    })
}

fn btf() -> Check {
    const PATH: &str = "/sys/kernel/btf/vmlinux";
    if exists(PATH) {
        return Check::ok("BTF", PATH, "the kernel's own types are known");
    }
    Check::warning(
        "BTF",
        format!("no {PATH}"),
        "programs may be refused, and what the verifier says of them is hard to read",
        "run a kernel with CONFIG_DEBUG_INFO_BTF",
    )
}

fn jit() -> Check {
    const PATH: &str = "/proc/sys/net/core/bpf_jit_enable";
    match (number(PATH), exists(PATH)) {
        (Some(0), _) => Check::warning(
            "JIT",
            "off",
            "programs are interpreted, which costs a packet several times as much",
            "sysctl net.core.bpf_jit_enable=1",
        ),
        (Some(_), _) => match number("/proc/sys/net/core/bpf_jit_harden") {
            Some(2) => Check::warning(
                "JIT",
                "on, hardened for all",
                "constants in programs are blinded, which costs every packet something",
                "sysctl net.core.bpf_jit_harden=1, unless somebody you don't trust may load programs",
            ),
            _ => Check::ok("JIT", "on", "programs run as machine code"),
        },
        (None, true) => Check::warning(
            "JIT",
            "only root can tell",
            "it can't be found out",
            "run doctor as root",
        ),
        (None, false) => Check::warning(
            "JIT",
            format!("no {PATH} here"),
            "it can't be found out: only the host's own network namespace tells it",
            "run doctor outside of network namespaces",
        ),
    }
}

fn bpffs_mounted() -> Check {
    match bpffs::is_mounted() {
        Ok(true) => Check::ok(
            "BPF file system",
            format!("mounted at {MOUNT_POINT}"),
            "programs outlive processes",
        ),
        Ok(false) => Check::warning(
            "BPF file system",
            format!("not mounted at {MOUNT_POINT}"),
            "it is mounted when something is brought up, but not after a reboot before then",
            format!("add to /etc/fstab: bpf {MOUNT_POINT} bpf mode=0700 0 0"),
        ),
        Err(error) => Check::failure(
            "BPF file system",
            error.to_string(),
            "programs would end with the process that loads them",
            "run a kernel with CONFIG_BPF_SYSCALL, outside of containers that hide /sys",
        ),
    }
}

fn unprivileged() -> Check {
    const NAME: &str = "unprivileged BPF";
    match number("/proc/sys/kernel/unprivileged_bpf_disabled") {
        Some(0) => Check::warning(
            NAME,
            "allowed",
            "any user of this host may load programs; guests can't, but a process of the host could attack the kernel",
            "sysctl kernel.unprivileged_bpf_disabled=1",
        ),
        Some(_) => Check::ok(NAME, "not allowed", "only root loads programs"),
        None => Check::warning(
            NAME,
            "unknown",
            "it can't be found out",
            "run doctor outside of containers",
        ),
    }
}

/// Seldom switched on, and only then worth a word.
fn statistics() -> Option<Check> {
    (number("/proc/sys/kernel/bpf_stats_enabled")? != 0).then(|| {
        Check::warning(
            "BPF statistics",
            "on",
            "the kernel takes the time of every program, which costs each packet tens of nanoseconds",
            "sysctl kernel.bpf_stats_enabled=0",
        )
    })
}

/// New namespaces may take over that the host has switched IPv6 off.
fn ipv6() -> Option<Check> {
    let is_off = |which: &str| number(&format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6")) == Some(1);
    let inherited = number("/proc/sys/net/core/devconf_inherit_init_net") == Some(1);
    if !exists("/proc/sys/net/ipv6") {
        return Some(Check::warning(
            "IPv6",
            "this kernel has none",
            "guests in network namespaces have no IPv6, whatever a document says",
            "start the kernel without ipv6.disable=1",
        ));
    }
    (inherited && is_off("default")).then(|| {
        Check::warning(
            "IPv6",
            "off by default, and new network namespaces inherit it",
            "guests have no IPv6, whatever a document says",
            "sysctl net.core.devconf_inherit_init_net=0",
        )
    })
}
