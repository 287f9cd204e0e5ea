//! Taking down what is up: exactly what the journal names, as far as it is there and ours.

use crate::install::bpffs;
use crate::install::engine::require_root;
use crate::install::error::{Error, Result};
use crate::install::kernel::Datapath;
use crate::install::link;
use crate::install::netns;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Place, Renaming, State};
use crate::install::store::Store;
use crate::install::up::probe_directory;
use crate::install::{files, history};
use std::path::Path;

/// Takes down what is up and forgets it. Nothing is up: `None`. Everything is tried, and what failed is reported
/// together and kept in the journal, so that the next try knows of it. Needs nothing of what is up to be whole.
pub fn down(state_dir: &Path, progress: &dyn Progress) -> Result<Option<State>> {
    require_root()?;
    let store = Store::lock(state_dir, || {
        progress.step("waiting for another groundplane to finish");
    })?;
    let state = store.read()?;
    everything(&store, state.as_ref()).map(|()| state)
}

pub(super) fn everything(store: &Store, state: Option<&State>) -> Result<()> {
    if let Some(state) = state {
        remove(state)?;
        files::remove_all(&probe_directory(store.directory()))?;
    }
    history::remove(store.directory())?;
    store.remove()
}

/// Removes everything a journal names.
pub(super) fn remove(state: &State) -> Result<()> {
    if !state.is_of_this_boot()? {
        // Namespaces, devices and pins ended with the boot they were made in.
        return Ok(());
    }
    let mut errors = Vec::new();
    errors.extend(remove_guests(&state.pins, &state.guests, false).err());
    errors.extend(remove_guests(&state.pins, &state.passing, true).err());
    errors.extend(Datapath::unload(&state.pins).err());
    if state.mounted_bpffs && errors.is_empty() {
        errors.extend(bpffs::unmount_if_empty().err());
    }
    Error::collect(errors)
}

/// Removes guests. Of those that are `passing`, nothing need be there, or it may be half made.
pub(super) fn remove_guests(pins: &Path, guests: &[GuestState], passing: bool) -> Result<()> {
    let mut errors = Vec::new();
    for guest in guests {
        // The device first: without its programs it must not be up, not even for the moment until it is gone.
        if !(guest.nameless && guest.place == Place::Tap) {
            errors.extend(link::delete(&guest.device, &guest.alias, passing).err());
        }
        if let (Place::Tap, Some(Renaming::From(name))) = (&guest.place, &guest.renaming) {
            errors.extend(link::delete(name, &guest.alias, passing).err());
        }
        errors.extend(Datapath::detach(pins, &guest.pin).err());
    }
    for guest in guests {
        errors.extend(remove_namespaces(guest).err());
    }
    Error::collect(errors)
}

fn remove_namespaces(guest: &GuestState) -> Result<()> {
    let Place::Made { namespace, inode } = &guest.place else {
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
        let found = netns::inode(name)?;
        let is_ours = inode.is_none() || *inode == found;
        // Who is killed while naming a namespace leaves a file that stands for none.
        if found.is_some() && (is_ours || before.is_some() && !netns::is_namespace(name)?) {
            netns::remove(name)?;
        }
    }
    Ok(())
}
