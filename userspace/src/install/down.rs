//! Taking down what is up: exactly what the journal names, as far as it is there and ours.

use crate::install::bpffs;
use crate::install::change::with_cleanup;
use crate::install::engine::require_root;
use crate::install::error::{Error, Result};
use crate::install::kernel::Datapath;
use crate::install::link;
use crate::install::make::AT_ONCE;
use crate::install::netlink::{Link, Netlink};
use crate::install::netns;
use crate::install::progress::Progress;
use crate::install::resolver;
use crate::install::state::{GuestState, Place, Renaming, Stage, State};
use crate::install::store::Store;
use crate::install::{files, history, uplink};
use groundplane_abi::Mac;
use std::path::{Path, PathBuf};

/// Takes down what is up and forgets it. Nothing is up: `None`. Everything is tried, and what failed is reported
/// together and kept in the journal, so that the next try knows of it. Needs nothing of what is up to be whole.
pub fn down(state_dir: &Path, progress: &dyn Progress) -> Result<Option<State>> {
    require_root()?;
    let store = Store::lock(state_dir, progress)?;
    let state = store.read()?;
    everything(&store, state.as_ref(), progress).map(|()| state)
}

pub(super) fn everything(store: &Store, state: Option<&State>, progress: &dyn Progress) -> Result<()> {
    if let Some(state) = state {
        let leaving = State {
            stage: Stage::Leaving,
            ..state.clone()
        };
        // On a disk that is full, things are removed nevertheless.
        let noted = store.write(&leaving);
        remove(state, progress).map_err(|error| with_cleanup(error, noted))?;
        files::remove_all(&probe_directory(store.directory()))?;
    }
    history::remove(store.directory())?;
    store.remove()
}

/// Where a probe keeps its servers' files.
#[must_use]
pub fn probe_directory(state_dir: &Path) -> PathBuf {
    state_dir.join("probe")
}

/// Removes everything a journal names.
pub(super) fn remove(state: &State, progress: &dyn Progress) -> Result<()> {
    if !state.is_of_this_boot()? {
        // Namespaces, devices and pins ended with the boot they were made in.
        return Ok(());
    }
    let mut errors = Vec::new();
    errors.extend(uplink::remove(&state.pins, &state.uplinks).err());
    for annex in state.annexes() {
        errors.extend(annex.remove(&state.pins).err());
    }
    errors.extend(remove_guests(&state.pins, &state.guests, false, progress).err());
    errors.extend(remove_guests(&state.pins, &state.leftovers(), true, progress).err());
    errors.extend(Datapath::unload(&state.pins).err());
    if state.mounted_bpffs && errors.is_empty() {
        errors.extend(bpffs::unmount_if_empty().err());
    }
    Error::collect(errors)
}

/// Removes guests. Of those that are `passing`, nothing need be there, or it may be half made.
pub(super) fn remove_guests(pins: &Path, guests: &[GuestState], passing: bool, progress: &dyn Progress) -> Result<()> {
    if guests.is_empty() {
        return Ok(());
    }
    let netlink = Netlink::open()?;
    let mut errors = Vec::new();
    let there: Vec<_> = guests.iter().filter(|guest| !guest.is_absent()).collect();
    // The device first: without its programs it must not be up, not even for the moment until it is gone.
    progress.step("removing devices");
    for (done, guest) in there.iter().enumerate() {
        progress.counted(done, there.len());
        errors.extend(remove_device(&netlink, guest, passing).err());
    }
    progress.step("removing programs");
    for (done, some) in guests.chunks(AT_ONCE).enumerate() {
        progress.counted(done * AT_ONCE, guests.len());
        errors.extend(Datapath::detach(pins, some.iter().map(|guest| &*guest.pin)).err());
    }
    progress.step("removing namespaces");
    for (done, guest) in there.iter().enumerate() {
        progress.counted(done, there.len());
        errors.extend(restore_device(&netlink, guest).err());
        errors.extend(remove_namespaces(guest).err());
    }
    Error::collect(errors)
}

fn remove_device(netlink: &Netlink, guest: &GuestState, passing: bool) -> Result<()> {
    if let Place::Device { before } = &guest.place {
        let was_down = before.is_some_and(|before| !before.up);
        return match adopted(netlink, guest)? {
            Some(link) if was_down && link.up => netlink.set_down(&link),
            _ => Ok(()),
        };
    }
    link::delete(netlink, &guest.device, guest.index, &guest.alias, passing)
}

/// Gives a device that was there before its MAC back.
fn restore_device(netlink: &Netlink, guest: &GuestState) -> Result<()> {
    let Place::Device { before: Some(before) } = &guest.place else {
        return Ok(());
    };
    match adopted(netlink, guest)? {
        Some(link) if link.mac != Some(Mac(before.mac)) => netlink.set_mac(&link, Mac(before.mac)),
        _ => Ok(()),
    }
}

/// The device that a guest was put behind, whatever its name is by now.
fn adopted(netlink: &Netlink, guest: &GuestState) -> Result<Option<Link>> {
    match guest.index {
        Some(index) => netlink.find_index(index),
        None => netlink.find(&guest.device),
    }
}

fn remove_namespaces(guest: &GuestState) -> Result<()> {
    let Place::Made { namespace, .. } = &guest.place else {
        return Ok(());
    };
    if guest.nameless {
        return Ok(());
    }
    let before = match &guest.renaming {
        Some(Renaming::From(name)) => Some(name),
        _ => None,
    };
    for name in std::iter::once(namespace).chain(before) {
        let found = netns::identity(name)?;
        let is_ours = guest.place.is_made_as(found);
        // Who is killed while making, naming or removing a namespace leaves a file that stands for none.
        if found.is_some() && (is_ours || !netns::is_namespace(name)?) {
            netns::remove(name)?;
        }
        if let Some(address) = guest.resolver {
            resolver::remove(name, address)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::tests::guest;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Told(Mutex<Vec<(usize, usize)>>);

    impl Progress for Told {
        fn step(&self, _what: &str) {}

        fn counted(&self, done: usize, all: usize) {
            self.0.lock().unwrap().push((done, all));
        }
    }

    #[test]
    fn a_removal_tells_of_every_guest_so_that_nobody_takes_it_for_hanging() {
        let gone = |name: &str| GuestState {
            index: Some(u32::MAX >> 1),
            ..guest(name, Place::Tap)
        };
        let told = Told::default();
        let pins = std::env::temp_dir().join("no-pins-here");
        remove_guests(&pins, &[gone("a"), gone("b"), gone("c")], true, &told).unwrap();
        let told = told.0.into_inner().unwrap();
        let of_all = told.iter().filter(|told| **told == (2, 3)).count();
        assert_eq!(of_all, 2, "devices and namespaces: {told:?}");
    }
}
