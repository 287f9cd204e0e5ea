//! Who stays, who is made and who goes when a deployment takes the place of what is up; and whether the host has room
//! for it.

use crate::install::error::{Error, Result};
use crate::install::guest;
use crate::install::names::{self, GUEST_DEVICE};
use crate::install::netlink::Link;
use crate::install::state::{GuestState, HostSide, Place, Renaming};
use crate::install::survey::Survey;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What becomes of every guest. Found before anything is changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrangement {
    /// Of the next configuration, in the order of the document.
    pub(super) members: Vec<Member>,
    /// Of the one before, to be removed when the next one is in force.
    pub(super) gone: Vec<GuestState>,
    /// Why guests that are absent can't be there.
    pub(super) reasons: Vec<String>,
}

/// A guest of the next configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) guest: GuestState,
    pub(super) fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// As it is now: its devices, its namespace and whatever runs there remain.
    Stays(Box<GuestState>),
    Made,
    /// There is no place for it yet. Its ENI answers for nothing.
    Absent,
}

/// What is done about guests that aren't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// They are made, and whatever keeps them from being made is an error.
    Made,
    /// They are made as far as they can be.
    MadeIfPossible,
    /// Those whose place somebody else has made anew are put there.
    Rebound,
}

impl Arrangement {
    /// Arranges guests around the old ones, of which those may stay that `stands` says are whole. Everything that
    /// stands in the way is reported together.
    pub(super) fn new(
        wanted: Vec<GuestState>,
        state_dir: &Path,
        old: &[GuestState],
        survey: &Survey,
        missing: Missing,
        stands: impl Fn(&GuestState) -> bool,
    ) -> Result<Self> {
        let mut errors = Vec::new();
        errors.extend(check_places(&wanted).err());
        let mut arrangement = Self::compare(wanted, old, stands);
        for member in arrangement
            .members
            .iter_mut()
            .filter(|member| member.fate == Fate::Made)
        {
            let mut room = Room {
                state_dir,
                survey,
                missing,
                gone: &mut arrangement.gone,
            };
            match room.make(&mut member.guest) {
                Ok(()) => {}
                // Whose place has gone while it was in force must not hold up a change of something else.
                Err(error) if missing == Missing::Made && !(error.is_missing() && was_there(&member.guest, old)) => {
                    errors.push(error);
                }
                Err(error) => {
                    arrangement.reasons.push(format!("{}: {error}", member.guest.name));
                    member.fate = Fate::Absent;
                    member.guest.nameless = true;
                }
            }
        }
        Error::collect(errors).map(|()| arrangement)
    }

    fn compare(wanted: Vec<GuestState>, old: &[GuestState], stands: impl Fn(&GuestState) -> bool) -> Self {
        // Of two with one id the one that is passing comes last, and is taken only if the other doesn't stand.
        let mut standing: BTreeMap<&str, &GuestState> = BTreeMap::new();
        for guest in old.iter().rev().filter(|guest| stands(guest)) {
            standing.insert(&guest.eni_id, guest);
        }
        let mut members = Vec::new();
        let mut staying_pins = BTreeSet::new();
        for guest in wanted {
            let before = standing.get(&*guest.eni_id).filter(|before| is_same(before, &guest));
            members.push(match before {
                Some(before) => {
                    staying_pins.insert(&*before.pin);
                    Member {
                        guest: staying(guest, before),
                        fate: Fate::Stays(Box::new((*before).clone())),
                    }
                }
                None => Member {
                    guest,
                    fate: Fate::Made,
                },
            });
        }
        let gone = old
            .iter()
            .filter(|old| !old.is_absent() && !staying_pins.contains(&*old.pin));
        Self {
            members,
            gone: gone.cloned().collect(),
            reasons: Vec::new(),
        }
    }

    pub(super) fn newcomers(&mut self) -> impl Iterator<Item = &mut GuestState> {
        let made = self.members.iter_mut().filter(|member| member.fate == Fate::Made);
        made.map(|member| &mut member.guest)
    }
}

/// Whether a guest was in force at this place, whatever has become of it.
fn was_there(new: &GuestState, old: &[GuestState]) -> bool {
    old.iter().any(|old| old.eni_id == new.eni_id && new.is_at(old))
}

/// Whether an old guest can become a new one with everything it has.
fn is_same(old: &GuestState, new: &GuestState) -> bool {
    new.is_at(old) && old.eni_id == new.eni_id && old.mac_address == new.mac_address && old.renaming.is_none()
}

/// A new guest with what an old one has on the host.
pub(super) fn staying(new: GuestState, old: &GuestState) -> GuestState {
    GuestState {
        device: old.device.clone(),
        index: old.index,
        alias: old.alias.clone(),
        pin: old.pin.clone(),
        place: old.place.clone(),
        ..new
    }
}

/// One namespace and one device are for one guest.
fn check_places(guests: &[GuestState]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let namespaces = guests.iter().filter_map(|guest| guest.place.namespace());
    let twice = namespaces.filter(|namespace| !seen.insert(*namespace));
    Error::collect(
        twice
            .map(|namespace| Error::NamespaceTwice(namespace.to_owned()))
            .collect(),
    )
}

/// The host, around what goes only later and around what is not ours.
struct Room<'a> {
    state_dir: &'a Path,
    survey: &'a Survey,
    missing: Missing,
    gone: &'a mut Vec<GuestState>,
}

impl Room<'_> {
    /// Names what is to be made for a guest.
    fn make(&mut self, guest: &mut GuestState) -> Result<()> {
        guest.pin = unused_pin(self.state_dir, &guest.eni_id, self.gone);
        match guest.place.clone() {
            Place::Tap => return self.find_tap(guest),
            Place::Device { .. } => return self.find_device(guest),
            Place::Made { namespace, .. } => self.find_namespace(guest, &namespace)?,
            Place::Adopted { namespace, .. } => self.find_adopted(guest, &namespace)?,
        }
        guest.device.clone_from(&guest.pin);
        self.check_device(&guest.device)
    }

    fn find_tap(&mut self, guest: &mut GuestState) -> Result<()> {
        let Some(found) = self.survey.link(&guest.device) else {
            if self.missing == Missing::Rebound {
                return Err(Error::DeviceMissing(guest.device.clone()));
            }
            let had_it = self.gone.iter_mut().filter(|gone| gone.device == guest.device);
            had_it.for_each(|gone| gone.nameless = true);
            return Ok(());
        };
        let is_found = |gone: &GuestState| {
            gone.device == guest.device
                && gone.index.is_none_or(|index| index == found.index)
                && found.alias.as_ref().is_none_or(|alias| *alias == gone.alias)
        };
        if !self.gone.iter().any(is_found) {
            return Err(taken(&guest.device, found));
        }
        let name = std::mem::replace(&mut guest.device, guest.pin.clone());
        guest.renaming = Some(Renaming::To(name));
        self.check_device(&guest.device)
    }

    /// A device that is there before. One that passes from another ENI keeps its programs, and what it is known to have
    /// been like before that.
    fn find_device(&mut self, guest: &mut GuestState) -> Result<()> {
        let missing = || Error::DeviceMissing(guest.device.clone());
        let link = self.survey.link(&guest.device).ok_or_else(missing)?;
        let has_it = |gone: &GuestState| {
            let is_device = matches!(gone.place, Place::Device { before: Some(_) });
            is_device && gone.device == guest.device && gone.index == Some(link.index)
        };
        if let Some(at) = self.gone.iter().position(has_it) {
            let gone = self.gone.remove(at);
            (guest.pin, guest.place) = (gone.pin, gone.place);
            return Ok(());
        }
        let mac = link.mac.ok_or_else(|| Error::NotEthernet(guest.device.clone()))?;
        let before = HostSide {
            mac: mac.0,
            up: link.up,
        };
        guest.place = Place::Device { before: Some(before) };
        Ok(())
    }

    fn find_namespace(&mut self, guest: &mut GuestState, namespace: &str) -> Result<()> {
        let Some(found) = self.survey.namespace(namespace) else {
            if self.missing == Missing::Rebound {
                return Err(Error::NamespaceMissing(namespace.to_owned()));
            }
            let had_it = self
                .gone
                .iter_mut()
                .filter(|gone| gone.place.namespace() == Some(namespace));
            had_it.for_each(|gone| gone.nameless = true);
            return Ok(());
        };
        if !self.gone.iter().any(|gone| gone.place.is_made(namespace, Some(found))) {
            if self.missing == Missing::Rebound {
                let had_it = self
                    .gone
                    .iter_mut()
                    .filter(|gone| gone.place.namespace() == Some(namespace));
                had_it.for_each(|gone| gone.nameless = true);
                return self.find_adopted(guest, namespace);
            }
            return Err(Error::NamespaceTaken(namespace.to_owned()));
        }
        guest.place = Place::Made {
            namespace: guest.pin.clone(),
            inode: None,
            since: None,
        };
        guest.renaming = Some(Renaming::To(namespace.to_owned()));
        match self.survey.namespace(&guest.pin) {
            Some(_) => Err(Error::NamespaceTaken(guest.pin.clone())),
            None => Ok(()),
        }
    }

    fn find_adopted(&self, guest: &mut GuestState, namespace: &str) -> Result<()> {
        let found = self.survey.namespace(namespace);
        if found.is_none()
            || self
                .gone
                .iter()
                .any(|gone| !gone.nameless && gone.place.is_made(namespace, found))
        {
            return Err(Error::NamespaceMissing(namespace.to_owned()));
        }
        guest.place = Place::Adopted {
            namespace: namespace.to_owned(),
            inode: found.map(|found| found.inode),
        };
        if !guest::has_device(namespace, GUEST_DEVICE)? {
            return Ok(());
        }
        // A pair goes as a whole: where the host side is gone, that interface is another.
        let has_it = |gone: &GuestState| gone.place.namespace() == Some(namespace) && self.survey.known(gone).is_some();
        if self.gone.iter().any(has_it) {
            guest.renaming = Some(Renaming::To(GUEST_DEVICE.to_owned()));
            return Ok(());
        }
        Err(Error::GuestDeviceTaken {
            namespace: namespace.to_owned(),
        })
    }

    fn check_device(&self, device: &str) -> Result<()> {
        self.survey
            .link(device)
            .map_or(Ok(()), |found| Err(taken(device, found)))
    }
}

fn taken(device: &str, found: &Link) -> Error {
    Error::DeviceTaken {
        device: device.to_owned(),
        alias: found.alias.clone(),
    }
}

/// A name for the host side and its pins that none of those has who go only later.
fn unused_pin(state_dir: &Path, eni_id: &str, gone: &[GuestState]) -> String {
    let mut pins = (0..=u8::MAX).map(|attempt| names::host_device(state_dir, eni_id, attempt));
    // Of one ENI only few devices go, so that a name is free soon.
    pins.find(|pin| gone.iter().all(|gone| gone.pin != *pin))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::tests::{adopted, guest, made};

    fn compare(wanted: Vec<GuestState>, old: &[GuestState]) -> (Vec<bool>, Vec<String>) {
        let arrangement = Arrangement::compare(wanted, old, |_| true);
        let stays = arrangement
            .members
            .iter()
            .map(|member| matches!(member.fate, Fate::Stays(_)))
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
            |_| true,
        );
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
            guest("web", Place::Device { before: None }),
            guest("web", Place::Tap),
            guest("db", made("web", None)),
        ] {
            assert_eq!(compare(vec![wanted], &old), (vec![false], vec!["web".to_owned()]));
        }
        let damaged = Arrangement::compare(vec![guest("web", made("web", None))], &old, |_| false);
        assert_eq!((&damaged.members[0].fate, damaged.gone.len()), (&Fate::Made, 1));
    }

    #[test]
    fn one_namespace_is_for_one_guest() {
        let twice = [guest("a", made("ns", None)), guest("b", adopted("ns"))];
        assert!(matches!(check_places(&twice), Err(Error::NamespaceTwice(_))));
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
