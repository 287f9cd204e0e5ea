//! Bringing a deployment up, wholly or not at all, and taking it down again.

use crate::install::bpffs;
use crate::install::deployment::{Deployment, is_made, kind};
use crate::install::error::{Doing as _, Error, Result};
use crate::install::kernel::{Datapath, LoadOptions};
use crate::install::link;
use crate::install::netlink::{Link, Netlink};
use crate::install::netns;
use crate::install::state::{GuestState, Place, Stage, State, Store};
use crate::plan::{Binding, Bindings};
use serde::Serialize;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where things are kept, what is loaded, and who listens.
pub struct UpOptions<'a> {
    pub state_dir: PathBuf,
    pub pins: PathBuf,
    pub load: LoadOptions<'a>,
    /// Looked at between steps; once it is set, what has been made is removed again.
    pub interrupted: &'a AtomicBool,
    /// Told of each step.
    pub progress: &'a dyn Fn(&str),
}

impl fmt::Debug for UpOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            state_dir,
            pins,
            load,
            interrupted,
            progress: _,
        } = self;
        let mut debug = f.debug_struct("UpOptions");
        debug
            .field("state_dir", state_dir)
            .field("pins", pins)
            .field("capacities", &load.capacities);
        debug.field("interrupted", interrupted).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    BroughtUp,
    /// The same deployment is up, whole and enforced; nothing was done.
    AlreadyUp,
    /// Another one was up, or this one was damaged; it was taken down first.
    Replaced,
}

/// Brings a deployment up. What stands in its way is reported before anything is changed, and when a step fails or
/// the process is interrupted, everything made so far is removed again.
pub fn up(deployment: &Deployment, options: &UpOptions<'_>) -> Result<Outcome> {
    require_root()?;
    Datapath::check_kernel()?;
    let progress = options.progress;
    let store = Store::lock(&options.state_dir, || {
        progress("waiting for another groundplane to finish")
    })?;
    let old = store.read()?;
    let prepared = prepare(deployment, options, old.as_ref());
    let state = match prepared {
        Ok(None) => return Ok(Outcome::AlreadyUp),
        Ok(Some(state)) => state,
        Err(error) if old.is_none() => return Err(with_cleanup(error, store.remove())),
        Err(error) => return Err(error),
    };
    let outcome = match &old {
        None => Outcome::BroughtUp,
        Some(old) => take_down_old(old, progress)?,
    };
    store.write(&state)?;
    build_or_undo(deployment, options, store, state).map(|()| outcome)
}

/// The journal to begin with, or nothing if nothing is to be done.
fn prepare(deployment: &Deployment, options: &UpOptions<'_>, old: Option<&State>) -> Result<Option<State>> {
    let guests = deployment.guest_states(&options.state_dir)?;
    let fingerprint = deployment.fingerprint();
    if let Some(old) = old
        && old.fingerprint == fingerprint
        && old.pins == options.pins
        && stands(old)?
    {
        return Ok(None);
    }
    // What an earlier boot made is gone, so that whatever has the same names now is not ours to replace.
    let of_this_boot = old.map(State::is_of_this_boot).transpose()?.unwrap_or(false);
    deployment.check(&guests, &options.pins, old.filter(|_| of_this_boot))?;
    State::new(fingerprint, options.pins.clone(), guests).map(Some)
}

/// Whether everything the journal names is there and enforced.
fn stands(state: &State) -> Result<bool> {
    if state.stage != Stage::Up || !state.is_of_this_boot()? {
        return Ok(false);
    }
    let datapath = match Datapath::open(&state.pins) {
        Err(error @ Error::Layout { .. }) => return Err(error),
        Err(_) => return Ok(false),
        Ok(datapath) => datapath,
    };
    let netlink = Netlink::open()?;
    let guest_stands = |guest: &GuestState| -> Result<bool> {
        let Some(link) = netlink.find(&guest.device)? else {
            return Ok(false);
        };
        let there = match guest.place.namespace() {
            Some(namespace) => netns::inode(namespace)?.is_some(),
            None => true,
        };
        let ours = link.up && link.alias.as_ref() == Some(&guest.alias);
        let known = datapath.is_configured(link.device(&guest.device)?)?;
        Ok(there && ours && known && datapath.is_attached(&guest.device)?)
    };
    state
        .guests
        .iter()
        .try_fold(true, |all, guest| Ok(all && guest_stands(guest)?))
}

fn take_down_old(old: &State, progress: &dyn Fn(&str)) -> Result<Outcome> {
    let (message, outcome) = match (old.is_of_this_boot()?, old.stage) {
        (false, _) => ("forgetting what was up before the last boot", Outcome::BroughtUp),
        (true, Stage::Building) => ("removing what an interrupted run left behind", Outcome::BroughtUp),
        (true, Stage::Up) => ("taking down what was up before", Outcome::Replaced),
    };
    progress(message);
    remove(old)?;
    Ok(outcome)
}

fn build_or_undo(deployment: &Deployment, options: &UpOptions<'_>, store: Store, mut state: State) -> Result<()> {
    let Err(error) = build(deployment, options, &store, &mut state) else {
        return Ok(());
    };
    (options.progress)("undoing what was done");
    let undone = remove(&state).and_then(|()| store.remove());
    Err(with_cleanup(error, undone))
}

fn with_cleanup(error: Error, cleanup: Result<()>) -> Error {
    match cleanup {
        Ok(()) => error,
        Err(second) => Error::Several(vec![error, second]),
    }
}

/// Devices come first, because their indices stand in the plan; they come up last, when the plan is in force.
fn build(deployment: &Deployment, options: &UpOptions<'_>, store: &Store, state: &mut State) -> Result<()> {
    (options.progress)("loading the programs");
    state.mounted_bpffs = !bpffs::is_mounted()?;
    store.write(state)?;
    bpffs::ensure_mounted()?;
    let mut datapath = Datapath::open_or_load(&state.pins, &options.load)?;
    let mut bindings = Bindings::new();
    for index in 0..state.guests.len() {
        check_interrupted(options)?;
        state.begun = index + 1;
        store.write(state)?;
        let Some(guest) = state.guests.get_mut(index) else {
            break;
        };
        (options.progress)(&format!("making {}", guest.name));
        if let Place::Made { namespace, inode } = &mut guest.place {
            // Written down with the next guest. Until then the name tells that it is ours, for it was free.
            *inode = Some(netns::create(namespace)?);
        }
        let link = create_device(deployment, guest)?;
        datapath.attach(&guest.device)?;
        let binding = Binding {
            device: link.device(&guest.device)?,
            kind: kind(&guest.place),
        };
        bindings.insert(guest.eni_id.clone(), binding);
    }
    check_interrupted(options)?;
    (options.progress)("putting the configuration in force");
    datapath.apply(&deployment.compile(&bindings)?)?;
    start(deployment, state)?;
    check_interrupted(options)?;
    state.stage = Stage::Up;
    store.write(state)
}

fn create_device(deployment: &Deployment, guest: &GuestState) -> Result<Link> {
    match guest.place.namespace() {
        None => link::create_tap(&guest.device, &guest.alias),
        Some(namespace) => {
            let mac = deployment.configuration(guest)?.mac;
            link::create_veth(&guest.device, &guest.alias, namespace, mac)
        }
    }
}

/// Sets all devices up and configures the guests.
fn start(deployment: &Deployment, state: &State) -> Result<()> {
    let netlink = Netlink::open()?;
    for guest in &state.guests {
        netlink.set_up(&guest.device)?;
        let configuration = deployment.configuration(guest)?;
        if let Some(namespace) = guest.place.namespace() {
            link::configure_guest(namespace, configuration.address)?;
        }
        // An adopted namespace keeps its own settings, whoever made it.
        if let Place::Made { namespace, .. } = &guest.place {
            link::enable_loopback(namespace)?;
            if configuration.forwards {
                link::enable_forwarding(namespace)?;
            }
        }
    }
    Ok(())
}

/// Takes down what is up and forgets it. Nothing is up: `None`. Everything is tried, and what failed is reported
/// together and kept in the journal, so that the next try knows of it.
pub fn down(state_dir: &Path, progress: &dyn Fn(&str)) -> Result<Option<State>> {
    require_root()?;
    let store = Store::lock(state_dir, || progress("waiting for another groundplane to finish"))?;
    let state = store.read()?;
    if let Some(state) = &state {
        remove(state)?;
        remove_all(&probe_directory(state_dir))?;
    }
    store.remove()?;
    Ok(state)
}

/// Where a probe keeps its servers' files.
#[must_use]
pub fn probe_directory(state_dir: &Path) -> PathBuf {
    state_dir.join("probe")
}

fn remove_all(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.doing(|| format!("remove {}", directory.display())),
    }
}

/// Removes everything a journal names, as far as it is there and ours.
fn remove(state: &State) -> Result<()> {
    if !state.is_of_this_boot()? {
        // Namespaces, devices and pins ended with the boot they were made in.
        return Ok(());
    }
    let mut errors = Vec::new();
    let unfinished = state.stage == Stage::Building;
    for guest in state.begun_guests() {
        // The device first: without its programs it must not be up, not even for the moment until it is gone.
        errors.extend(link::delete(&guest.device, &guest.alias, unfinished).err());
        errors.extend(Datapath::detach(&state.pins, &guest.device).err());
    }
    for guest in state.begun_guests() {
        errors.extend(remove_namespace(&guest.place).err());
    }
    errors.extend(Datapath::unload(&state.pins).err());
    if state.mounted_bpffs && errors.is_empty() {
        errors.extend(bpffs::unmount_if_empty().err());
    }
    Error::collect(errors)
}

fn remove_namespace(place: &Place) -> Result<()> {
    let Place::Made { namespace, .. } = place else {
        return Ok(());
    };
    let found = netns::inode(namespace)?;
    if found.is_some() && is_made(place, namespace, found) {
        netns::remove(namespace)
    } else {
        Ok(())
    }
}

pub(crate) fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(Error::NotRoot)
    }
}

fn check_interrupted(options: &UpOptions<'_>) -> Result<()> {
    if options.interrupted.load(Ordering::Relaxed) {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
