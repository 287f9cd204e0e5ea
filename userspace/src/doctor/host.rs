//! What the host gives, and who else works on it.

use super::Check;
use super::files::{exists, field, number, size};
use std::fs;
use std::path::{Path, PathBuf};

/// What the tables of a host take that are there from the beginning, whatever is in them, and as much again for what is
/// filled in.
const MEMORY: u64 = 512 << 20;

/// What each capability is needed for, by its number.
const CAPABILITIES: [(u32, &str, &str); 3] = [
    (12, "CAP_NET_ADMIN", "make devices and attach programs to them"),
    (
        21,
        "CAP_SYS_ADMIN",
        "make and enter network namespaces, and mount the BPF file system",
    ),
    (39, "CAP_BPF", "load programs and make tables"),
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![capabilities(), memory()];
    checks.extend(cgroup());
    checks.extend(namespaces());
    checks.push(reverse_path());
    checks.extend(others());
    checks.push(tools());
    checks
}

fn capabilities() -> Check {
    const NAME: &str = "capabilities";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
        .unwrap_or(0);
    let lacks = |(number, _, _): &&(u32, &str, &str)| effective & (1 << number) == 0;
    let missing: Vec<_> = CAPABILITIES.iter().filter(lacks).collect();
    if missing.is_empty() {
        return Check::ok(NAME, "all that are needed", "this user may bring networks up");
    }
    let what: Vec<_> = missing
        .iter()
        .map(|(_, name, what)| format!("{name} to {what}"))
        .collect();
    Check::warning(
        NAME,
        format!("this process lacks {}", what.join(", ")),
        "as who you are now you can check documents, and nothing else",
        "run as root; as root in a container, give it these capabilities",
    )
}

fn memory() -> Check {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = field(&text, "MemAvailable").unwrap_or(0) << 10;
    let found = format!("{} available", size(available));
    let needed = format!("tables take up to {} with their usual sizes", size(MEMORY));
    if available >= MEMORY {
        Check::ok("memory", found, needed)
    } else {
        Check::warning(
            "memory",
            found,
            needed,
            "free some, or give tables smaller capacities in config.toml",
        )
    }
}

/// Tables are charged to the control group of whoever loads them.
fn cgroup() -> Option<Check> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut group = PathBuf::from("/sys/fs/cgroup").join(path.trim_start_matches('/'));
    let mut least = None;
    while group.starts_with("/sys/fs/cgroup") {
        let limit = number(&group.join("memory.max").to_string_lossy());
        least = least.into_iter().chain(limit).min();
        if !group.pop() {
            break;
        }
    }
    let limit = least?;
    let found = format!("this process and its like may use {}", size(limit));
    Some(if limit >= MEMORY {
        Check::ok("memory limit", found, "enough for the tables")
    } else {
        Check::warning(
            "memory limit",
            found,
            "tables are charged to whoever loads them, and making them may fail",
            "raise memory.max of the control group, or MemoryMax= of the unit",
        )
    })
}

fn namespaces() -> Option<Check> {
    const FEW: u64 = 64;
    let limit = number("/proc/sys/user/max_net_namespaces")?;
    (limit < FEW).then(|| {
        Check::warning(
            "network namespaces",
            format!("at most {limit}"),
            "guests that are to be made may not fit",
            "sysctl user.max_net_namespaces=4096",
        )
    })
}

fn reverse_path() -> Check {
    let value = number("/proc/sys/net/ipv4/conf/all/rp_filter").unwrap_or(0);
    Check::ok(
        "rp_filter, forwarding",
        format!("rp_filter is {value}"),
        "neither matters between guests: their packets don't go through the host's own stack",
    )
}

/// Other software that works on devices.
fn others() -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, path) in [("firewalld", "/run/firewalld"), ("Docker", "/sys/class/net/docker0")] {
        if exists(path) {
            let meaning = "its rules see no packet between guests, and can neither let one through nor stop one";
            checks.push(Check::ok(name, "is here", meaning));
        }
    }
    if exists("/run/NetworkManager") && !is_left_alone(Path::new("/etc/NetworkManager/conf.d")) {
        checks.push(Check::warning(
            "NetworkManager",
            "is here",
            "it may take the host's end of a guest's veth pair for a network to connect to",
            "in /etc/NetworkManager/conf.d/groundplane.conf: [keyfile] unmanaged-devices=interface-name:gp*",
        ));
    }
    if exists("/run/systemd/netif") && matches_everything(Path::new("/etc/systemd/network")) {
        checks.push(Check::warning(
            "systemd-networkd",
            "a .network file matches every device",
            "it may configure the host's end of a guest's veth pair",
            "match by name or type there, and not gp*",
        ));
    }
    checks
}

/// Whether a file of a directory has such a text.
fn any_file(directory: &Path, is_it: impl Fn(&str) -> bool) -> bool {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .any(|text| is_it(&text))
}

fn is_left_alone(directory: &Path) -> bool {
    any_file(directory, |text| {
        text.contains("unmanaged-devices") && text.contains("gp*")
    })
}

fn matches_everything(directory: &Path) -> bool {
    any_file(directory, |text| text.lines().any(|line| line.trim() == "Name=*"))
}

/// What `up --probe` runs.
fn tools() -> Check {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::env::split_paths(&path).collect();
    let is_here = |tool: &&str| directories.iter().any(|directory| directory.join(tool).is_file());
    let missing: Vec<_> = ["ip", "ping", "curl", "nginx", "iperf3"]
        .into_iter()
        .filter(|tool| !is_here(tool))
        .collect();
    if missing.is_empty() {
        return Check::ok(
            "tools",
            "ip, ping, curl, nginx, iperf3",
            "up --probe can try who reaches whom",
        );
    }
    let meaning = "only up --probe needs them; nothing else runs tools";
    let advice = "install them, or do without the probe";
    Check::warning("tools", format!("missing: {}", missing.join(", ")), meaning, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_without_root_is_checked_everywhere() {
        let names: Vec<_> = checks().iter().map(|check| check.name).collect();
        for name in ["capabilities", "memory", "rp_filter, forwarding", "tools"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }
}
