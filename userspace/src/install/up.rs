//! Bringing a deployment up, wholly or not at all: on a host where nothing is up, or in the place of what is.

use crate::install::arrangement::{Arrangement, Member};
use crate::install::bpffs;
use crate::install::change::{Change, settle};
use crate::install::deployment::Deployment;
use crate::install::down::remove;
use crate::install::error::{Error, Result};
use crate::install::kernel::{Datapath, LoadOptions};
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::state::{GuestState, Place, Stage, State};
use crate::install::store::Store;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    BroughtUp,
    /// The same deployment is up, whole and enforced; nothing was done.
    AlreadyUp,
    /// Another one was up, or this one was damaged, and was changed in place: who is in both has gone on.
    Changed {
        /// VPC and name of each guest that was made, and of each that was removed.
        made: Vec<String>,
        removed: Vec<String>,
        /// How many guests stayed.
        stayed: usize,
    },
    /// What was up could not be changed any more; it was taken down first.
    Replaced,
}

impl Outcome {
    fn of(arrangement: &Arrangement) -> Self {
        let name = |guest: &GuestState| format!("{}/{}", guest.vpc, guest.name);
        let (stay, made): (Vec<_>, Vec<_>) = arrangement.members.iter().partition(|member| member.before.is_some());
        Self::Changed {
            made: made.into_iter().map(|Member { guest, .. }| name(guest)).collect(),
            removed: arrangement.gone.iter().map(name).collect(),
            stayed: stay.len(),
        }
    }
}

/// Brings a deployment up. What stands in its way is reported before anything is changed. When a step fails or the
/// process is interrupted before the configuration is in force, what was up before is up as it was.
pub fn up(deployment: &Deployment, options: &UpOptions<'_>) -> Result<Outcome> {
    require_root()?;
    Datapath::check_kernel()?;
    let store = Store::lock(&options.state_dir, || {
        (options.progress)("waiting for another groundplane to finish");
    })?;
    let old = store.read()?;
    if let Some(old) = &old
        && let Some(datapath) = running(old, options)?
    {
        return change(deployment, options, &store, old.clone(), datapath);
    }
    build(deployment, options, store, old)
}

/// The datapath of what is up, if that can be changed in place.
fn running(old: &State, options: &UpOptions<'_>) -> Result<Option<Datapath>> {
    if old.guests.is_empty() || old.pins != options.pins || !old.is_of_this_boot()? {
        return Ok(None);
    }
    match Datapath::open(&old.pins) {
        Err(error @ Error::Layout { .. }) => Err(error),
        other => Ok(other.ok()),
    }
}

/// Changes what is up in place.
fn change(
    deployment: &Deployment,
    options: &UpOptions<'_>,
    store: &Store,
    mut state: State,
    mut datapath: Datapath,
) -> Result<Outcome> {
    if state.stage == Stage::Up && state.fingerprint == deployment.fingerprint() && is_whole(&state, &datapath)? {
        return Ok(Outcome::AlreadyUp);
    }
    (options.progress)("comparing with what is up");
    settle(store, &mut state)?;
    let netlink = Netlink::open()?;
    let stands = |guest: &GuestState| stands(guest, &datapath, &netlink);
    let arrangement = Arrangement::new(deployment, &options.state_dir, &state.guests, stands)?;
    let outcome = Outcome::of(&arrangement);
    let before = state.clone();
    let mut change = Change {
        deployment,
        options,
        store,
        resumed: before.stage == Stage::Changing,
        state: &mut state,
    };
    if let Err(error) = change.put_in_force(arrangement, &mut datapath) {
        (options.progress)("undoing what was done");
        return Err(with_cleanup(error, change.undo(before)));
    }
    change.finish().map(|()| outcome)
}

/// Whether everything the journal names is there and enforced.
fn is_whole(state: &State, datapath: &Datapath) -> Result<bool> {
    let netlink = Netlink::open()?;
    let is_enforced = |guest: &GuestState| -> Result<bool> {
        let Some(link) = netlink.find(&guest.device)? else {
            return Ok(false);
        };
        let known = datapath.eni(link.device(&guest.device)?)?.is_some();
        Ok(link.up && known && stands(guest, datapath, &netlink)?)
    };
    let mut guests = state.guests.iter();
    guests.try_fold(true, |all, guest| Ok(all && is_enforced(guest)?))
}

/// Whether everything that was made for a guest is there.
fn stands(guest: &GuestState, datapath: &Datapath, netlink: &Netlink) -> Result<bool> {
    let Some(link) = netlink.find(&guest.device)? else {
        return Ok(false);
    };
    let place = match &guest.place {
        Place::Made { namespace, .. } => guest.place.is_made(namespace, netns::inode(namespace)?),
        Place::Adopted { namespace } => netns::inode(namespace)?.is_some(),
        Place::Tap => true,
    };
    Ok(place && link.alias.as_ref() == Some(&guest.alias) && datapath.is_attached(&guest.device)?)
}

/// Builds everything on a host where nothing is up, or where what is up can't be changed and is taken down first.
fn build(deployment: &Deployment, options: &UpOptions<'_>, store: Store, old: Option<State>) -> Result<Outcome> {
    if let Err(error) = check(deployment, options, old.as_ref()) {
        return match old {
            None => Err(with_cleanup(error, store.remove())),
            Some(_) => Err(error),
        };
    }
    let outcome = match &old {
        None => Outcome::BroughtUp,
        Some(old) => take_down(old, options.progress)?,
    };
    let mut state = State::new(options.pins.clone())?;
    store.write(&state)?;
    let built = build_into(deployment, options, &store, &mut state);
    let Err(error) = built else {
        return Ok(outcome);
    };
    (options.progress)("undoing what was done");
    let undone = remove(&state).and_then(|()| store.remove());
    Err(with_cleanup(error, undone))
}

/// What stands in the way; `old` will be taken down first.
fn check(deployment: &Deployment, options: &UpOptions<'_>, old: Option<&State>) -> Result<()> {
    // What an earlier boot made is gone, so that whatever has the same names now is not ours to replace.
    let of_this_boot = old.map(State::is_of_this_boot).transpose()?.unwrap_or(false);
    let old = old.filter(|_| of_this_boot);
    let guests: Vec<_> = old.into_iter().flat_map(State::all_guests).cloned().collect();
    let mut errors = Vec::new();
    errors.extend(Arrangement::new(deployment, &options.state_dir, &guests, |_| Ok(false)).err());
    if options.pins.exists() && old.is_none_or(|old| old.pins != options.pins) {
        errors.push(Error::PinsTaken(options.pins.clone()));
    }
    Error::collect(errors)
}

fn take_down(old: &State, progress: &dyn Fn(&str)) -> Result<Outcome> {
    let (message, outcome) = match (old.is_of_this_boot()?, old.guests.is_empty()) {
        (false, _) => ("forgetting what was up before the last boot", Outcome::BroughtUp),
        (true, true) => ("removing what an interrupted run left behind", Outcome::BroughtUp),
        (true, false) => ("taking down what was up before", Outcome::Replaced),
    };
    progress(message);
    remove(old)?;
    Ok(outcome)
}

fn build_into(deployment: &Deployment, options: &UpOptions<'_>, store: &Store, state: &mut State) -> Result<()> {
    (options.progress)("loading the programs");
    state.mounted_bpffs = !bpffs::is_mounted()?;
    store.write(state)?;
    bpffs::ensure_mounted()?;
    let mut datapath = Datapath::open_or_load(&state.pins, &options.load)?;
    let arrangement = Arrangement::new(deployment, &options.state_dir, &[], |_| Ok(false))?;
    let mut change = Change {
        deployment,
        options,
        store,
        state,
        resumed: false,
    };
    change.put_in_force(arrangement, &mut datapath)?;
    change.finish()
}

fn with_cleanup(error: Error, cleanup: Result<()>) -> Error {
    match cleanup {
        Ok(()) => error,
        Err(second) => Error::Several(vec![error, second]),
    }
}

/// Where a probe keeps its servers' files.
#[must_use]
pub fn probe_directory(state_dir: &Path) -> PathBuf {
    state_dir.join("probe")
}

pub(crate) fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(Error::NotRoot)
    }
}
