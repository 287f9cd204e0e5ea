//! Who stays, who is made and who goes when a deployment takes the place of what is up; and whether the host has room
//! for it.

use crate::install::deployment::Deployment;
use crate::install::error::{Error, Result};
use crate::install::guest;
use crate::install::names::{self, GUEST_DEVICE};
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::state::{GuestState, Place, Renaming};
use std::collections::BTreeSet;
use std::path::Path;

/// What becomes of every guest. Found before anything is changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Of the next configuration, in the order of the document.
    pub(super) members: Vec<Member>,
    /// Of the one before, to be removed when the next one is in force.
    pub(super) gone: Vec<GuestState>,
}

/// A guest of the next configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) guest: GuestState,
    /// As it is now, if it stays: its devices, its namespace and whatever runs there remain.
    pub(super) before: Option<GuestState>,
}

impl Arrangement {
    /// Arranges a deployment's guests around the old ones, of which those may stay that `stands` says are whole.
    /// Everything that stands in the way is reported together.
    pub(super) fn new(
        deployment: &Deployment,
        state_dir: &Path,
        old: &[GuestState],
        stands: impl Fn(&GuestState) -> Result<bool>,
    ) -> Result<Self> {
        let wanted = deployment.guest_states()?;
        let mut errors = Vec::new();
        errors.extend(deployment.check_plan(&wanted).err());
        errors.extend(check_namespaces(&wanted).err());
        let mut arrangement = Self::compare(wanted, old, stands)?;
        errors.extend(arrangement.make_room(state_dir).err());
        Error::collect(errors).map(|()| arrangement)
    }

    fn compare(
        wanted: Vec<GuestState>,
        old: &[GuestState],
        stands: impl Fn(&GuestState) -> Result<bool>,
    ) -> Result<Self> {
        let mut arrangement = Self::default();
        for guest in wanted {
            let before = old.iter().find(|before| is_same(before, &guest));
            let whole = before.map_or(Ok(false), &stands)?;
            let before = before.filter(|_| whole);
            arrangement.members.push(match before {
                Some(before) => Member {
                    guest: staying(guest, before),
                    before: Some(before.clone()),
                },
                None => Member { guest, before: None },
            });
        }
        let stays = |old: &GuestState| arrangement.members.iter().any(|it| it.before.as_ref() == Some(old));
        let gone = old.iter().filter(|old| !stays(old)).cloned().collect();
        Ok(Self { gone, ..arrangement })
    }

    /// Names what is to be made, around what goes only later and around what is not ours.
    fn make_room(&mut self, state_dir: &Path) -> Result<()> {
        let netlink = Netlink::open()?;
        let mut errors = Vec::new();
        for member in self.members.iter_mut().filter(|member| member.before.is_none()) {
            let guest = &mut member.guest;
            guest.pin = unused_pin(state_dir, &guest.eni_id, &self.gone);
            let result = match guest.place.clone() {
                Place::Tap => find_tap(guest, &mut self.gone, &netlink),
                Place::Made { namespace, .. } => find_namespace(guest, &namespace, &mut self.gone),
                Place::Adopted { namespace } => find_adopted(guest, &namespace, &self.gone),
            };
            errors.extend(result.err());
            if !matches!(guest.place, Place::Tap) {
                guest.device.clone_from(&guest.pin);
                errors.extend(check_device(&netlink, &guest.device).err());
            }
        }
        Error::collect(errors)
    }
}

/// Whether an old guest can become a new one with everything it has.
fn is_same(old: &GuestState, new: &GuestState) -> bool {
    let same_place = match (&old.place, &new.place) {
        (Place::Tap, Place::Tap) => old.device == new.device,
        (Place::Made { namespace: old, .. }, Place::Made { namespace: new, .. })
        | (Place::Adopted { namespace: old }, Place::Adopted { namespace: new }) => old == new,
        _ => false,
    };
    same_place && old.eni_id == new.eni_id && old.mac_address == new.mac_address && old.renaming.is_none()
}

/// A new guest with what an old one has on the host.
fn staying(new: GuestState, old: &GuestState) -> GuestState {
    GuestState {
        device: old.device.clone(),
        pin: old.pin.clone(),
        place: old.place.clone(),
        ..new
    }
}

fn check_namespaces(guests: &[GuestState]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let namespaces = guests.iter().filter_map(|guest| guest.place.namespace());
    let twice = namespaces.filter(|namespace| !seen.insert(*namespace));
    Error::collect(
        twice
            .map(|namespace| Error::NamespaceTwice(namespace.to_owned()))
            .collect(),
    )
}

/// A name for the host side and its pins that none of those has who go only later.
fn unused_pin(state_dir: &Path, eni_id: &str, gone: &[GuestState]) -> String {
    let mut pins = (0..=u8::MAX).map(|attempt| names::host_device(state_dir, eni_id, attempt));
    // Of one ENI only one device goes, so that the second name is free at the latest.
    pins.find(|pin| gone.iter().all(|gone| gone.pin != *pin))
        .unwrap_or_default()
}

fn find_tap(guest: &mut GuestState, gone: &mut [GuestState], netlink: &Netlink) -> Result<()> {
    let Some(found) = netlink.find(&guest.device)? else {
        let had_it = gone.iter_mut().filter(|gone| gone.device == guest.device);
        had_it.for_each(|gone| gone.nameless = true);
        return Ok(());
    };
    let is_found =
        |gone: &GuestState| gone.device == guest.device && found.alias.as_ref().is_none_or(|it| *it == gone.alias);
    if !gone.iter().any(is_found) {
        return Err(Error::DeviceTaken {
            device: guest.device.clone(),
            alias: found.alias,
        });
    }
    let name = std::mem::replace(&mut guest.device, guest.pin.clone());
    guest.renaming = Some(Renaming::To(name));
    check_device(netlink, &guest.device)
}

fn find_namespace(guest: &mut GuestState, namespace: &str, gone: &mut [GuestState]) -> Result<()> {
    let Some(inode) = netns::inode(namespace)? else {
        let had_it = gone.iter_mut().filter(|gone| gone.place.namespace() == Some(namespace));
        had_it.for_each(|gone| gone.nameless = true);
        return Ok(());
    };
    if !gone.iter().any(|gone| gone.place.is_made(namespace, Some(inode))) {
        return Err(Error::NamespaceTaken(namespace.to_owned()));
    }
    guest.place = Place::Made {
        namespace: guest.pin.clone(),
        inode: None,
    };
    guest.renaming = Some(Renaming::To(namespace.to_owned()));
    match netns::inode(&guest.pin)? {
        Some(_) => Err(Error::NamespaceTaken(guest.pin.clone())),
        None => Ok(()),
    }
}

fn find_adopted(guest: &mut GuestState, namespace: &str, gone: &[GuestState]) -> Result<()> {
    let inode = netns::inode(namespace)?;
    if inode.is_none() || gone.iter().any(|gone| gone.place.is_made(namespace, inode)) {
        return Err(Error::NamespaceMissing(namespace.to_owned()));
    }
    if !guest::has_device(namespace, GUEST_DEVICE)? {
        return Ok(());
    }
    if gone.iter().any(|gone| gone.place.namespace() == Some(namespace)) {
        guest.renaming = Some(Renaming::To(GUEST_DEVICE.to_owned()));
        return Ok(());
    }
    Err(Error::GuestDeviceTaken {
        namespace: namespace.to_owned(),
    })
}

fn check_device(netlink: &Netlink, device: &str) -> Result<()> {
    match netlink.find(device)? {
        None => Ok(()),
        Some(found) => Err(Error::DeviceTaken {
            device: device.to_owned(),
            alias: found.alias,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::tests::{adopted, guest, made};

    fn compare(wanted: Vec<GuestState>, old: &[GuestState]) -> (Vec<bool>, Vec<String>) {
        let arrangement = Arrangement::compare(wanted, old, |_| Ok(true)).unwrap();
        let stays = arrangement
            .members
            .iter()
            .map(|member| member.before.is_some())
            .collect();
        (stays, arrangement.gone.into_iter().map(|gone| gone.name).collect())
    }

    #[test]
    fn who_has_the_same_eni_and_place_stays_whatever_else_changes() {
        let old = [guest("web", made("web", Some(7))), guest("vm", Place::Tap)];
        let mut moved = guest("web", made("web", None));
        moved.subnet = "b".to_owned();
        moved.address = [10, 0, 9, 9].into();
        let (stays, gone) = compare(
            vec![guest("vm", Place::Tap), moved, guest("db", made("db", None))],
            &old,
        );
        assert_eq!(stays, [true, true, false]);
        assert_eq!(gone, [""; 0]);
    }

    #[test]
    fn who_stays_keeps_its_devices_and_its_namespace() {
        let old = GuestState {
            device: "gpold".to_owned(),
            pin: "gpold".to_owned(),
            ..guest("web", made("web", Some(7)))
        };
        let arrangement = Arrangement::compare(
            vec![guest("web", made("web", None))],
            std::slice::from_ref(&old),
            |_| Ok(true),
        )
        .unwrap();
        let [member] = &*arrangement.members else {
            panic!("one guest")
        };
        assert_eq!((&*member.guest.device, &*member.guest.pin), ("gpold", "gpold"));
        assert_eq!(member.guest.place, old.place);
    }

    #[test]
    fn another_place_another_eni_or_damage_makes_a_guest_anew() {
        let old = [guest("web", made("web", Some(7)))];
        for wanted in [
            guest("web", made("elsewhere", None)),
            guest("web", adopted("web")),
            guest("web", Place::Tap),
            guest("db", made("web", None)),
        ] {
            assert_eq!(compare(vec![wanted], &old), (vec![false], vec!["web".to_owned()]));
        }
        let damaged = Arrangement::compare(vec![guest("web", made("web", None))], &old, |_| Ok(false)).unwrap();
        assert_eq!((damaged.members[0].before.is_none(), damaged.gone.len()), (true, 1));
    }

    #[test]
    fn one_namespace_is_for_one_guest() {
        let twice = [guest("a", made("ns", None)), guest("b", adopted("ns"))];
        assert!(matches!(check_namespaces(&twice), Err(Error::NamespaceTwice(_))));
    }

    #[test]
    fn an_eni_that_is_made_anew_gets_another_pin() {
        let first = names::host_device(Path::new("/a"), "eni-web", 0);
        let gone = GuestState {
            pin: first.clone(),
            ..guest("web", Place::Tap)
        };
        assert_eq!(unused_pin(Path::new("/a"), "eni-web", &[]), first);
        assert_ne!(unused_pin(Path::new("/a"), "eni-web", &[gone]), first);
    }
}
