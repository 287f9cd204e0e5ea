//! The journal of what is up. It is written before anything is made, so that whatever a killed `up` leaves behind has
//! a name in it.

use crate::health::TargetId;
use crate::install::annex::AnnexState;
use crate::install::error::{Doing as _, Result};
use crate::install::guest::Addressing;
use crate::install::names::GUEST_DEVICE;
use crate::install::netns::Identity;
use crate::install::uplink::UplinkState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Raised when a field changes its meaning.
pub(super) const VERSION: u32 = 3;

/// Everything `up` makes, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub version: u32,
    /// The boot it was made in: after the next one, nothing of it exists, and a thing of the same name is another's.
    pub boot_id: String,
    pub stage: Stage,
    pub pins: PathBuf,
    /// Whether `up` mounted the BPF file system.
    pub mounted_bpffs: bool,
    /// The guests of the configuration in force, all of which are made.
    pub guests: Vec<GuestState>,
    /// Guests that are being made for the next configuration, or were left by the one before: each thing named here
    /// may exist or not.
    #[serde(default)]
    pub passing: Vec<GuestState>,
    /// The uplinks of the configuration in force, and those that are being removed: each thing named here may exist or
    /// not.
    #[serde(default)]
    pub uplinks: Vec<UplinkState>,
    /// What makes fragments of what is larger than they take, if there is one.
    #[serde(default)]
    pub cutter: Option<AnnexState>,
    /// By which the agent speaks with guests, if there is need.
    #[serde(default)]
    pub service: Option<AnnexState>,
    /// By way of which packets go to appliances, if there is need.
    #[serde(default)]
    pub finisher: Option<AnnexState>,
    /// The targets that the rows in force say are unhealthy.
    #[serde(default)]
    pub unhealthy: BTreeSet<TargetId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Being brought up or changed, or left so by an `up` that was killed. The configuration in force is then whole,
    /// but it may be the one before or the next.
    Changing,
    Up,
    /// Being taken down, or left so by a `down` that failed or was killed: nothing of it is put in force again.
    Leaving,
}

/// One ENI and the things made for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestState {
    pub eni_id: String,
    /// Names in the document.
    pub name: String,
    pub vpc: String,
    pub subnet: String,
    /// The subnet's.
    pub network_acl: Named,
    pub groups: Vec<Named>,
    /// The primary one.
    pub address: Ipv4Addr,
    /// What its kernel is told, or may have been told by a change under way.
    pub addressing: Addressing,
    /// Whether it passes on packets that are not its own, which `SourceDestCheck` off is for.
    pub forwards: bool,
    /// Which a tap's machine has to be given by whoever starts it.
    pub mac_address: String,
    /// The host side.
    pub device: String,
    /// Its number in the rows in force; none while nobody is behind the ENI.
    #[serde(default)]
    pub index: Option<u32>,
    /// What its `/etc/resolv.conf` names, if it is made.
    #[serde(default)]
    pub resolver: Option<Ipv4Addr>,
    pub alias: String,
    /// The name that the links of its programs are pinned under. No guest had it before.
    pub pin: String,
    pub place: Place,
    #[serde(default)]
    pub renaming: Option<Renaming>,
    /// Set when its tap or its namespace is found gone: whoever has the name next is another, even if the kernel gives
    /// the namespace the same inode.
    #[serde(default)]
    pub nameless: bool,
}

/// An object and its name in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// A guest that is made while another one still has its name: of a tap, of a namespace, or of the interface in an
/// adopted namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renaming {
    /// It is to have this name as soon as that is free.
    To(String),
    /// It has its name, or still this one.
    From(String),
}

/// What is at the other end of an ENI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A namespace that `up` makes, known by its inode, and by when it got that, once it is made.
    Made {
        namespace: String,
        inode: Option<u64>,
        #[serde(default)]
        since: Option<i64>,
    },
    /// A namespace that was there before.
    Adopted {
        namespace: String,
        #[serde(default)]
        inode: Option<u64>,
    },
    /// A tap, for a virtual machine.
    Tap,
    /// A device that was there before, and what it was like then. Whatever is behind it is somebody else's business.
    Device { before: Option<HostSide> },
}

/// What is changed of a device that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSide {
    pub mac: [u8; 6],
    pub up: bool,
}

impl Place {
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Made { namespace, .. } | Self::Adopted { namespace, .. } => Some(namespace),
            Self::Tap | Self::Device { .. } => None,
        }
    }

    /// Whether the namespace found under a name is the one that was made.
    pub(super) fn is_made(&self, name: &str, found: Option<Identity>) -> bool {
        self.namespace() == Some(name) && self.is_made_as(found)
    }

    /// The same whatever its name is.
    pub(super) fn is_made_as(&self, found: Option<Identity>) -> bool {
        match self {
            // Until it is noted down the name tells.
            Self::Made { inode: None, .. } => true,
            Self::Made { inode, since, .. } => {
                found.is_some_and(|found| *inode == Some(found.inode) && since.is_none_or(|since| since == found.since))
            }
            Self::Adopted { .. } | Self::Tap | Self::Device { .. } => false,
        }
    }
}

impl GuestState {
    /// Whether nothing of it is on the host, because there is no place for it.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.index.is_none() && self.nameless
    }

    /// Whether a guest of a configuration is to be where one of the journal is.
    #[must_use]
    pub fn is_at(&self, old: &Self) -> bool {
        match (&old.place, &self.place) {
            (Place::Tap, Place::Tap) | (Place::Device { .. }, Place::Device { .. }) => old.device == self.device,
            // One that somebody else has made again, after ours was gone, is taken for ours.
            (Place::Made { namespace: old, .. }, Place::Made { namespace: new, .. })
            | (
                Place::Adopted { namespace: old, .. },
                Place::Adopted { namespace: new, .. } | Place::Made { namespace: new, .. },
            ) => old == new,
            _ => false,
        }
    }

    /// What its end in the namespace is called.
    #[must_use]
    pub fn guest_device(&self) -> &str {
        match (&self.place, &self.renaming) {
            (Place::Adopted { .. }, Some(Renaming::To(_))) => &self.pin,
            _ => GUEST_DEVICE,
        }
    }

    /// Begins to give it the name it waits for. Whatever happens from now on, it has the one or the other.
    pub(super) fn take_name(&mut self) {
        let Some(Renaming::To(name)) = self.renaming.clone() else {
            return;
        };
        let before = match &mut self.place {
            Place::Tap => std::mem::replace(&mut self.device, name),
            Place::Made { namespace, .. } => std::mem::replace(namespace, name),
            Place::Adopted { .. } => self.pin.clone(),
            // Its name is its owner's.
            Place::Device { .. } => return,
        };
        self.renaming = Some(Renaming::From(before));
    }
}

impl State {
    /// Of a host on which nothing has been made yet.
    pub fn new(pins: PathBuf) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            boot_id: current_boot()?,
            stage: Stage::Changing,
            pins,
            mounted_bpffs: false,
            guests: Vec::new(),
            passing: Vec::new(),
            uplinks: Vec::new(),
            cutter: None,
            service: None,
            finisher: None,
            unhealthy: BTreeSet::new(),
        })
    }

    /// Every guest for which anything may have been made.
    pub fn all_guests(&self) -> impl Iterator<Item = &GuestState> {
        self.guests.iter().chain(&self.passing)
    }

    /// The namespaces in which nobody lives.
    pub fn annexes(&self) -> impl Iterator<Item = &AnnexState> {
        self.cutter.iter().chain(&self.service).chain(&self.finisher)
    }

    /// What is to be removed of the guests that are passing: a device may pass from one ENI to another with its
    /// programs.
    pub(super) fn leftovers(&self) -> Vec<GuestState> {
        let pins: BTreeSet<_> = self.guests.iter().map(|guest| &*guest.pin).collect();
        let left = self.passing.iter().filter(|guest| !pins.contains(&*guest.pin));
        left.cloned().collect()
    }

    /// Whether the host has been started anew since.
    pub fn is_of_this_boot(&self) -> Result<bool> {
        Ok(self.boot_id == current_boot()?)
    }
}

fn current_boot() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    std::fs::read_to_string(PATH)
        .map(|id| id.trim().to_owned())
        .doing(|| format!("read {PATH}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A guest in a place, with everything else made up.
    pub(crate) fn guest(name: &str, place: Place) -> GuestState {
        let named = |kind: &str| Named {
            id: format!("{kind}-{name}"),
            name: name.to_owned(),
        };
        GuestState {
            eni_id: format!("eni-{name}"),
            name: name.to_owned(),
            vpc: "blue".to_owned(),
            subnet: "a".to_owned(),
            network_acl: named("acl"),
            groups: vec![named("sg")],
            address: Ipv4Addr::new(10, 0, 0, 4),
            addressing: Addressing::default(),
            forwards: false,
            mac_address: "02:00:00:00:00:04".to_owned(),
            device: format!("gp{name}"),
            index: Some(7),
            resolver: None,
            alias: format!("groundplane:eni-{name}"),
            pin: format!("gp{name}"),
            place,
            renaming: None,
            nameless: false,
        }
    }

    pub(crate) fn made(namespace: &str, inode: Option<u64>) -> Place {
        Place::Made {
            namespace: namespace.to_owned(),
            inode,
            since: inode.map(|_| 1),
        }
    }

    pub(crate) fn adopted(namespace: &str) -> Place {
        Place::Adopted {
            namespace: namespace.to_owned(),
            inode: Some(8),
        }
    }

    #[test]
    fn a_namespace_is_ours_by_its_inode_and_its_time_not_by_its_name() {
        let found = |inode, since| Some(Identity { inode, since });
        assert!(made("web", Some(7)).is_made("web", found(7, 1)));
        assert!(!made("web", Some(7)).is_made("web", found(8, 1)));
        assert!(
            !made("web", Some(7)).is_made("web", found(7, 2)),
            "ours was deleted, and another one has got its inode"
        );
        assert!(!made("web", Some(7)).is_made("db", found(7, 1)));
        assert!(
            made("web", None).is_made("web", found(8, 1)),
            "killed before the inode was noted down"
        );
        assert!(!adopted("web").is_made("web", found(7, 1)));
    }

    #[test]
    fn who_takes_a_name_is_known_by_both_until_it_has_it() {
        let waiting = |place, name: &str| GuestState {
            renaming: Some(Renaming::To(name.to_owned())),
            ..guest("new", place)
        };
        let mut namespace = waiting(made("gpnew", Some(7)), "web");
        namespace.take_name();
        assert_eq!(namespace.place, made("web", Some(7)));
        let mut tap = waiting(Place::Tap, "vm0");
        tap.take_name();
        assert_eq!(tap.device, "vm0");
        let mut end = waiting(adopted("web"), "eth0");
        assert_eq!(end.guest_device(), "gpnew");
        end.take_name();
        assert_eq!(end.guest_device(), "eth0");
        for mut guest in [namespace, tap, end] {
            guest.take_name();
            assert_eq!(guest.renaming, Some(Renaming::From("gpnew".to_owned())));
        }
    }

    #[test]
    fn another_boot_is_told_from_this_one() {
        let state = State::new(PathBuf::from("/sys/fs/bpf/groundplane")).unwrap();
        assert!(state.is_of_this_boot().unwrap());
        let old = State {
            boot_id: "another".to_owned(),
            ..state
        };
        assert!(!old.is_of_this_boot().unwrap());
    }
}
