//! What goes wrong while the host is changed, always with the name of the thing it went wrong with.

use crate::install::names;
use crate::plan::PlanProblem;
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("groundplane must run as root: it makes network namespaces and devices and loads BPF programs")]
    NotRoot,
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
    #[error("{what}: {}", chain(&**error))]
    Bpf {
        what: String,
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("this kernel has no BPF file system, so it can't run BPF programs that stay: {0}")]
    NoBpf(io::Error),
    #[error("this is Linux {0}, and attaching the programs takes 6.6 or newer")]
    OldKernel(String),
    #[error("{} is not on a BPF file system; choose a --pin-dir under {}", .0.display(), super::bpffs::MOUNT_POINT)]
    NotBpffs(PathBuf),
    #[error("{} holds tables of layout {found}, and this program works with layout {}: run `groundplane down` and bring the \
             deployment up again, which ends its connections; or go on with the program that brought it up",
            pins.display(), groundplane_abi::LAYOUT_VERSION)]
    Layout { pins: PathBuf, found: u32 },
    #[error("what is up is pinned at {}; take it down before something is pinned at {}", pins.display(), asked.display())]
    OtherPins { pins: PathBuf, asked: PathBuf },
    #[error("nothing is up")]
    NothingUp,
    #[error("another groundplane has {} in hand and doesn't finish; if it is an agent, name its socket with --socket",
            .0.display())]
    InOtherHands(PathBuf),
    #[error("{} is not what was written there", .0.display())]
    DamagedDocument(PathBuf),
    #[error("the configuration of generation {generation} can't be read any more: {problems}")]
    UnreadableGeneration { generation: u64, problems: String },
    #[error("there is no configuration before the one in force")]
    NothingBefore,
    #[error("nothing is loaded at {}", .0.display())]
    NotLoaded(PathBuf),
    #[error("the BPF object has no program {0}")]
    NoProgram(&'static str),
    #[error("the clock runs at {measured} ticks a second, which is no rate a kernel has")]
    Clock { measured: u64 },
    #[error("network namespace {0} exists already and is not ours; rename the instance's namespace or remove it")]
    NamespaceTaken(String),
    #[error("network namespace {0} doesn't exist")]
    NamespaceMissing(String),
    #[error("network namespace {0} is used by two instances")]
    NamespaceTwice(String),
    #[error("{0:?} can't name a network namespace")]
    NamespaceName(String),
    #[error("network namespace {namespace} has an interface {} already", names::GUEST_DEVICE)]
    GuestDeviceTaken { namespace: String },
    #[error("interface {device} exists already and is not ours{}", described(.alias))]
    DeviceTaken { device: String, alias: Option<String> },
    #[error("interface {device} has index {index}, and a flow key holds 24 bits of it")]
    DeviceIndex { device: String, index: u32 },
    #[error("interface {0} doesn't exist")]
    DeviceMissing(String),
    #[error("interface {0} has no Ethernet address, so it can't lead to a guest")]
    NotEthernet(String),
    #[error(
        "interface {0} can't run XDP programs by its driver: say xdp: generic, which every device can, or xdp: off"
    )]
    NoXdp(String),
    #[error(
        "interface {0} runs an XDP program already, and a device runs one at most: remove that one, or say xdp: off"
    )]
    XdpTaken(String),
    #[error("{tool} isn't installed, and an uplink to the host needs it: install the package {package}")]
    ToolMissing { tool: &'static str, package: &'static str },
    #[error("{what}: {said}")]
    Tool { what: String, said: String },
    #[error("{0} is this host's own address, so it can't be a public address of the configuration")]
    OwnAddress(IpAddr),
    #[error(
        "the host has a route to {0} already, which is in the configuration; remove the route, or use another address"
    )]
    RouteTaken(IpNet),
    #[error("network interface {0} has no address")]
    NoAddress(String),
    #[error("{} was written by another version of groundplane ({found})", path.display())]
    StateVersion { path: PathBuf, found: u32 },
    #[error("{} exists already and is not ours; if nothing uses it, remove it, else choose another --pin-dir", .0.display())]
    PinsTaken(PathBuf),
    #[error(
        "BadRequestException: VPC link {0} is in force, and its subnets and security groups can't be changed: remove it and add \
             it again, or give the changed one another name and let integrations name that"
    )]
    ImmutableLink(String),
    #[error("{0} is named in the configuration, but isn't there")]
    Missing(String),
    #[error("{}", listed(.0))]
    Plan(Vec<PlanProblem>),
    #[error("the configuration is in force, but not everything after that could be done, and is tried again: {0}")]
    Unfinished(Box<Error>),
    #[error("interrupted")]
    Interrupted,
    #[error("{}", listed(.0))]
    Several(Vec<Error>),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether it is the place of a guest that isn't there.
    pub(super) const fn is_missing(&self) -> bool {
        matches!(self, Self::NamespaceMissing(_) | Self::DeviceMissing(_))
    }

    /// One error, several, or none.
    pub fn collect(mut errors: Vec<Self>) -> Result<()> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// Whether the configuration is in force all the same.
    #[must_use]
    pub const fn is_in_force(&self) -> bool {
        matches!(self, Self::Unfinished(_))
    }

    /// Whether the kernel said so.
    #[must_use]
    pub fn is(&self, kind: io::ErrorKind) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == kind)
    }
}

fn described(alias: &Option<String>) -> String {
    alias
        .as_ref()
        .map(|alias| format!(" (its alias is {alias:?})"))
        .unwrap_or_default()
}

/// An error with its causes, as far as it doesn't say them itself.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// One as it is, several on a line each: some have semicolons in them.
fn listed<T: fmt::Display>(errors: &[T]) -> String {
    match errors {
        [error] => error.to_string(),
        _ => {
            let lines = errors.iter().map(|error| format!("\n  - {error}"));
            format!("{} problems:{}", errors.len(), lines.collect::<String>())
        }
    }
}

/// Adds what was being done to an error of the system.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Io { what: what(), error })
    }
}

impl<T> Doing<T> for nix::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(io::Error::from).doing(what)
    }
}

impl<T> Doing<T> for std::result::Result<T, rtnetlink::Error> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| match error {
            rtnetlink::Error::NetlinkError(message) => message.to_io(),
            other => io::Error::other(other.to_string()),
        })
        .doing(what)
    }
}

/// The same for aya's many errors, which are kept as they are.
pub(crate) fn bpf<T, E>(result: std::result::Result<T, E>, what: impl FnOnce() -> String) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    result.map_err(|error| Error::Bpf {
        what: what(),
        error: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_problems_have_a_line_each() {
        let missing = |name: &str| Error::NamespaceMissing(name.to_owned());
        let one = Error::Several(vec![missing("a")]);
        assert_eq!(one.to_string(), "network namespace a doesn't exist");
        let two = Error::Several(vec![missing("a"), missing("b")]);
        assert_eq!(
            two.to_string(),
            "2 problems:\n  - network namespace a doesn't exist\n  - network namespace b doesn't exist"
        );
    }
}
