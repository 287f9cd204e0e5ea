//! Changing what is up into what is wanted: new guests are made beside the old ones, one store puts the next
//! configuration in force, then the gone ones are removed.
//!
//! Until that store nothing is taken from anybody, and an error is undone. After it there is only forward. The journal
//! says before each step what may be there after it, so that a killed run is finished or removed by the next. Where no
//! guest changes nothing is said, and nothing but the tables is touched.

use crate::document::Source;
use crate::health::with_health;
use crate::install::arrangement::{Arrangement, Fate, Member};
use crate::install::deployment::{Deployment, binding};
use crate::install::down::remove_guests;
use crate::install::engine::Applied;
use crate::install::error::{Error, Result};
use crate::install::guest;
use crate::install::history::History;
use crate::install::kernel::Datapath;
use crate::install::make::{self, rename};
use crate::install::netlink::Netlink;
use crate::install::progress::Progress;
use crate::install::resolver;
use crate::install::state::{GuestState, Place, Stage, State};
use crate::install::store::Store;
use crate::install::survey::Survey;
use crate::plan::{Bindings, Compiled};
use groundplane_abi::Device;
use groundplane_abi::control::Generation;
use std::collections::BTreeMap;

/// What is to be put in force.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) sources: &'a [Source],
    pub(super) deployment: &'a Deployment,
    pub(super) rollback_to: Option<u64>,
}

impl<'a> Wanted<'a> {
    /// What is in force already.
    pub(super) fn again(applied: &'a Applied) -> Self {
        Self {
            sources: &applied.sources,
            deployment: &applied.deployment,
            rollback_to: applied.manifest.rollback_to,
        }
    }
}

/// A change under way.
pub(super) struct Changing<'a> {
    pub(super) wanted: &'a Wanted<'a>,
    pub(super) progress: &'a dyn Progress,
    pub(super) store: &'a Store,
    pub(super) history: &'a mut History,
    pub(super) state: &'a mut State,
    pub(super) datapath: &'a mut Datapath,
    /// What is in force.
    pub(super) compiled: &'a mut Compiled,
    pub(super) survey: &'a Survey,
    pub(super) netlink: &'a Netlink,
    /// Whether an earlier change was left half done, so that guests may lack what the journal says they have.
    pub(super) resumed: bool,
}

impl Changing<'_> {
    /// Makes the change, or undoes what it did if it fails before the configuration is in force.
    pub(super) fn run(mut self, arrangement: Arrangement) -> Result<()> {
        let before = self.state.clone();
        match self.put_in_force(arrangement) {
            Ok(compiled) => {
                *self.compiled = compiled;
                let finished = self.finish(&before);
                finished.map_err(|error| Error::Unfinished(Box::new(error)))
            }
            Err(error) => {
                self.progress.step("undoing what was done");
                Err(with_cleanup(error, self.undo(before)))
            }
        }
    }

    /// Everything up to and with the configuration's being put in force.
    fn put_in_force(&mut self, mut arrangement: Arrangement) -> Result<Compiled> {
        // Nothing is to be made in vain.
        let mut compiled = self.compile(provisional(&arrangement))?;
        self.announce(&arrangement)?;
        self.widen(&arrangement)?;
        if arrangement.newcomers().next().is_some() {
            self.make(&mut arrangement)?;
            compiled = self.compile(bindings(arrangement.members.iter().map(|it| &it.guest)))?;
        }
        self.check_interrupted()?;
        self.progress.step("putting the configuration in force");
        let next = self
            .datapath
            .next_generation(Generation(self.history.last_generation()));
        self.history
            .announce(next.0, self.wanted.sources, self.wanted.rollback_to)?;
        self.datapath.apply_parts(&compiled.parts, next)?;
        self.state.guests = arrangement.members.into_iter().map(in_force).collect();
        self.state.passing = arrangement.gone;
        Ok(compiled)
    }

    fn compile(&self, bindings: Bindings) -> Result<Compiled> {
        let resources = with_health(&self.wanted.deployment.resources, &self.state.unhealthy);
        self.compiled.next(resources, &bindings).map_err(Error::Plan)
    }

    /// Notes down what is to be made, and what guests that stay may be told from now on.
    fn announce(&mut self, arrangement: &Arrangement) -> Result<()> {
        let mut noted: BTreeMap<_, _> = self
            .state
            .guests
            .iter_mut()
            .map(|guest| (guest.pin.clone(), guest))
            .collect();
        let mut changes = !arrangement.gone.is_empty();
        for Member { guest, fate } in &arrangement.members {
            if let Fate::Stays(before) = fate
                && let Some(noted) = noted.get_mut(&before.pin)
            {
                changes |= noted.addressing != guest.addressing || noted.forwards != guest.forwards;
                noted.addressing = before.addressing.union(&guest.addressing);
                noted.forwards = before.forwards || guest.forwards;
            }
        }
        drop(noted);
        let made = arrangement.members.iter().filter(|member| member.fate == Fate::Made);
        let made: Vec<_> = made.map(|member| member.guest.clone()).collect();
        if !changes && made.is_empty() {
            return Ok(());
        }
        self.state.passing.extend(made);
        self.state.stage = Stage::Changing;
        self.store.write(self.state)
    }

    /// Makes the new guests. Their host sides stay down, so that nothing leaves them yet.
    fn make(&mut self, arrangement: &mut Arrangement) -> Result<()> {
        let deployment = self.wanted.deployment;
        let macs: BTreeMap<_, _> = deployment
            .resources
            .network_interfaces
            .iter()
            .map(|eni| (&*eni.network_interface_id, eni.mac_address))
            .collect();
        let all = arrangement.newcomers().count();
        for (done, guest) in arrangement.newcomers().enumerate() {
            self.check_interrupted()?;
            self.progress.step(&format!("making {}", guest.name));
            self.progress.counted(done, all);
            let mac = macs
                .get(&*guest.eni_id)
                .ok_or_else(|| Error::Missing(guest.eni_id.clone()))?;
            make::host_side(guest, *mac, self.survey, self.netlink)?;
        }
        make::attach(
            arrangement.newcomers().map(|guest| &*guest),
            self.datapath,
            self.progress,
        )?;
        self.progress.step("configuring guests");
        for (done, guest) in arrangement.newcomers().enumerate() {
            self.check_interrupted()?;
            self.progress.counted(done, all);
            make::guest_side(guest)?;
        }
        let mut made: BTreeMap<_, _> = arrangement.newcomers().map(|guest| (&*guest.pin, &*guest)).collect();
        for noted in &mut self.state.passing {
            if let Some(guest) = made.remove(&*noted.pin) {
                noted.clone_from(guest);
            }
        }
        self.store.write(self.state)
    }

    /// Takes back what [`Self::put_in_force`] did before it failed: `before` is the journal as it was.
    fn undo(&mut self, before: State) -> Result<()> {
        let mut errors = Vec::new();
        errors.extend(self.history.withdraw().err());
        if *self.state == before {
            return Error::collect(errors);
        }
        let pins: BTreeMap<_, _> = before.guests.iter().map(|guest| (&*guest.pin, guest)).collect();
        for noted in &self.state.guests {
            let guest = pins.get(&*noted.pin);
            errors.extend(guest.and_then(|guest| self.narrow(noted, guest).err()));
        }
        errors.extend(remove_guests(&self.state.pins, &self.state.leftovers(), true, self.progress).err());
        if errors.is_empty() {
            *self.state = before;
            errors.extend(self.store.write(self.state).err());
        }
        Error::collect(errors)
    }

    /// Everything after the configuration's being put in force: guests come up, and what is gone is removed.
    fn finish(&mut self, before: &State) -> Result<()> {
        self.history.confirm()?;
        let wanted = self.wanted.deployment.guest_states()?;
        let changes = self.resumed || self.state.stage == Stage::Changing;
        if changes {
            self.store.write(self.state)?;
        }
        let there = self.state.guests.iter().zip(&wanted).enumerate();
        for (done, (guest, wanted)) in there.filter(|(_, (guest, _))| !guest.is_absent()) {
            self.progress.counted(done, self.state.guests.len());
            if self.resumed || self.survey.link(&guest.device).is_none_or(|link| !link.up) {
                make::bring_up(guest, self.netlink)?;
            }
            self.narrow(guest, wanted)?;
        }
        for (noted, wanted) in self.state.guests.iter_mut().zip(wanted) {
            noted.addressing = wanted.addressing;
            noted.forwards = wanted.forwards;
        }
        if changes {
            settle(self.store, self.state, self.progress)?;
        }
        self.state.stage = Stage::Up;
        if changes || *before != *self.state {
            self.store.write(self.state)?;
        }
        Ok(())
    }

    /// Gives guests that stay what they lack.
    fn widen(&self, arrangement: &Arrangement) -> Result<()> {
        for (done, Member { guest, fate }) in arrangement.members.iter().enumerate() {
            let Fate::Stays(before) = fate else { continue };
            self.progress.counted(done, arrangement.members.len());
            if let Some(namespace) = guest.place.namespace()
                && (self.resumed || before.addressing != guest.addressing)
            {
                self.check_interrupted()?;
                guest::widen(namespace, &guest.addressing)?;
            }
            if let Place::Made { namespace, .. } = &guest.place
                && guest.forwards
                && (self.resumed || !before.forwards)
            {
                guest::set_forwarding(namespace, true)?;
            }
        }
        Ok(())
    }

    /// Takes from a guest that stays what it is not to have any more.
    fn narrow(&self, before: &GuestState, wanted: &GuestState) -> Result<()> {
        if let Some(namespace) = before.place.namespace()
            && (self.resumed || before.addressing != wanted.addressing)
        {
            guest::narrow(namespace, &before.addressing, &wanted.addressing)?;
        }
        if let Place::Made { namespace, .. } = &before.place
            && before.forwards
            && !wanted.forwards
        {
            guest::set_forwarding(namespace, false)?;
        }
        Ok(())
    }

    fn check_interrupted(&self) -> Result<()> {
        if self.progress.is_interrupted() {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// The devices of an arrangement before its new guests are made: theirs are numbers that nobody has.
fn provisional(arrangement: &Arrangement) -> Bindings {
    let mut unused = (1..=Device::MAX.0).rev().map(Device);
    let mut bindings = bindings(arrangement.members.iter().map(|member| &member.guest));
    for Member { guest, fate } in &arrangement.members {
        if *fate == Fate::Made
            && let Some(device) = unused.next()
        {
            bindings.insert(guest.eni_id.clone(), binding(guest, device));
        }
    }
    bindings
}

/// The devices of guests that have one.
pub(super) fn bindings<'a>(guests: impl Iterator<Item = &'a GuestState>) -> Bindings {
    let bound = guests.filter_map(|guest| Some((guest, guest.index?)));
    bound
        .map(|(guest, index)| (guest.eni_id.clone(), binding(guest, Device(index))))
        .collect()
}

/// A member as the journal knows it from the moment its configuration is in force: one that stays may still have what
/// it had.
fn in_force(member: Member) -> GuestState {
    let Member { mut guest, fate } = member;
    if let Fate::Stays(before) = fate {
        guest.addressing = before.addressing.union(&guest.addressing);
        guest.forwards |= before.forwards;
    }
    guest
}

/// Removes who is gone, or was never in force, and gives the names that become free to who waits for them.
pub(super) fn settle(store: &Store, state: &mut State, progress: &dyn Progress) -> Result<()> {
    if !state.passing.is_empty() {
        remove_guests(&state.pins, &state.leftovers(), true, progress)?;
        state.passing.clear();
        store.write(state)?;
    }
    for index in 0..state.guests.len() {
        progress.counted(index, state.guests.len());
        let Some(guest) = state.guests.get_mut(index).filter(|guest| guest.renaming.is_some()) else {
            continue;
        };
        guest.take_name();
        store.write(state)?;
        if let Some(guest) = state.guests.get_mut(index) {
            rename(guest)?;
            guest.renaming = None;
        }
        store.write(state)?;
    }
    let made = state.guests.iter().enumerate();
    for (done, guest) in made.filter(|(_, guest)| !guest.is_absent()) {
        progress.counted(done, state.guests.len());
        if let (Place::Made { namespace, .. }, Some(address)) = (&guest.place, guest.resolver) {
            resolver::write(namespace, address)?;
        }
    }
    Ok(())
}

pub(super) fn with_cleanup(error: Error, cleanup: Result<()>) -> Error {
    match cleanup {
        Ok(()) => error,
        Err(second) => Error::Several(vec![error, second]),
    }
}
