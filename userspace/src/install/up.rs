//! Bringing a deployment up, wholly or not at all: on a host where nothing is up, or in the place of what is.

use crate::document::Source;
use crate::install::arrangement::{Arrangement, Member};
use crate::install::bpffs;
use crate::install::change::{Changing, settle};
use crate::install::deployment::Deployment;
use crate::install::down::remove;
use crate::install::engine::{Applied, Change, Engine, EngineOptions};
use crate::install::error::{Error, Result};
use crate::install::kernel::Datapath;
use crate::install::netlink::Netlink;
use crate::install::netns;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Place, Stage, State};
use std::path::{Path, PathBuf};

impl Change {
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
pub(super) fn up(
    engine: &mut Engine,
    sources: &[Source],
    deployment: &Deployment,
    rollback_to: Option<u64>,
    progress: &dyn Progress,
) -> Result<Change> {
    let wanted = Wanted {
        sources,
        deployment,
        rollback_to,
    };
    if engine.state.is_some() && engine.datapath.is_some() {
        return change(engine, &wanted, progress);
    }
    build(engine, &wanted, progress)
}

/// What is to be put in force.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) sources: &'a [Source],
    pub(super) deployment: &'a Deployment,
    pub(super) rollback_to: Option<u64>,
}

/// The datapath of what is up, if that can be changed in place.
pub(super) fn running(old: &State, options: &EngineOptions) -> Result<Option<Datapath>> {
    if old.guests.is_empty() || old.pins != options.pins(Some(old)) || !old.is_of_this_boot()? {
        return Ok(None);
    }
    match Datapath::open(&old.pins) {
        Err(error @ Error::Layout { .. }) => Err(error),
        other => Ok(other.ok()),
    }
}

/// Changes what is up in place.
fn change(engine: &mut Engine, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Change> {
    let (Some(state), Some(datapath)) = (&mut engine.state, &mut engine.datapath) else {
        return Err(Error::NothingUp);
    };
    let is_same = |applied: &Applied| applied.deployment == *wanted.deployment && applied.sources == wanted.sources;
    if state.stage == Stage::Up && engine.applied.as_ref().is_some_and(is_same) && is_whole(state, datapath)? {
        return Ok(Change::AlreadyUp);
    }
    progress.step("comparing with what is up");
    settle(&engine.store, state)?;
    let netlink = Netlink::open()?;
    let stands = |guest: &GuestState| stands(guest, datapath, &netlink);
    let arrangement = Arrangement::new(wanted.deployment, &engine.options.state_dir, &state.guests, stands)?;
    let outcome = Change::of(&arrangement);
    let before = state.clone();
    let mut change = Changing {
        wanted,
        progress,
        store: &engine.store,
        history: &mut engine.history,
        resumed: before.stage == Stage::Changing,
        state,
    };
    if let Err(error) = change.put_in_force(arrangement, datapath) {
        progress.step("undoing what was done");
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
fn build(engine: &mut Engine, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Change> {
    check(wanted.deployment, &engine.options, engine.state.as_ref())?;
    let outcome = match &engine.state {
        None => Change::BroughtUp,
        Some(old) => take_down(old, progress)?,
    };
    let pins = engine.options.pins(engine.state.as_ref());
    let state = engine.state.insert(State::new(pins)?);
    engine.store.write(state)?;
    let Err(error) = build_into(engine, wanted, progress) else {
        return Ok(outcome);
    };
    progress.step("undoing what was done");
    Err(with_cleanup(error, engine.forget()))
}

/// What stands in the way; `old` will be taken down first.
fn check(deployment: &Deployment, options: &EngineOptions, old: Option<&State>) -> Result<()> {
    // What an earlier boot made is gone, so that whatever has the same names now is not ours to replace.
    let of_this_boot = old.map(State::is_of_this_boot).transpose()?.unwrap_or(false);
    let old = old.filter(|_| of_this_boot);
    let guests: Vec<_> = old.into_iter().flat_map(State::all_guests).cloned().collect();
    let mut errors = Vec::new();
    errors.extend(Arrangement::new(deployment, &options.state_dir, &guests, |_| Ok(false)).err());
    let pins = options.pins(old);
    if pins.exists() && old.is_none_or(|old| old.pins != pins) {
        errors.push(Error::PinsTaken(pins));
    }
    Error::collect(errors)
}

fn take_down(old: &State, progress: &dyn Progress) -> Result<Change> {
    let (message, outcome) = match (old.is_of_this_boot()?, old.guests.is_empty()) {
        (false, _) => ("forgetting what was up before the last boot", Change::BroughtUp),
        (true, true) => ("removing what an interrupted run left behind", Change::BroughtUp),
        (true, false) => ("taking down what was up before", Change::Replaced),
    };
    progress.step(message);
    remove(old)?;
    Ok(outcome)
}

fn build_into(engine: &mut Engine, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<()> {
    let Some(state) = &mut engine.state else {
        return Err(Error::NothingUp);
    };
    progress.step("loading the programs");
    state.mounted_bpffs = !bpffs::is_mounted()?;
    engine.store.write(state)?;
    bpffs::ensure_mounted()?;
    let datapath = engine
        .datapath
        .insert(Datapath::open_or_load(&state.pins, &engine.options.load)?);
    let arrangement = Arrangement::new(wanted.deployment, &engine.options.state_dir, &[], |_| Ok(false))?;
    let mut change = Changing {
        wanted,
        progress,
        store: &engine.store,
        history: &mut engine.history,
        state,
        resumed: false,
    };
    change.put_in_force(arrangement, datapath)?;
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
