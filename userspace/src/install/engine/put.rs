//! Putting a configuration in force.

use super::{Applied, ApplyOptions, Change, Engine, Outcome};
use crate::document::Source;
use crate::health::with_health;
use crate::install::arrangement::{Arrangement, Fate, Member, Missing, staying};
use crate::install::bpffs;
use crate::install::change::{Changing, Wanted, bindings, with_cleanup};
use crate::install::deployment::Deployment;
use crate::install::down::remove;
use crate::install::error::{Error, Result};
use crate::install::kernel::Datapath;
use crate::install::netlink::Netlink;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Stage, State};
use crate::install::survey::Survey;
use crate::install::uplink::{self, UplinkState};
use groundplane_abi::control::Generation;
use std::path::PathBuf;

impl Engine {
    pub(super) fn put(
        &mut self,
        sources: Vec<Source>,
        deployment: Deployment,
        rollback_to: Option<u64>,
        options: ApplyOptions,
        progress: &dyn Progress,
    ) -> Result<Outcome> {
        self.check_pins()?;
        if let Some(applied) = &self.applied {
            deployment.check_follows(&applied.deployment)?;
        }
        let wanted = Wanted {
            sources: &sources,
            deployment: &deployment,
            rollback_to,
        };
        let change = match self.enforce(&wanted, progress) {
            Err(error) if !error.is_in_force() => return Err(error),
            enforced => enforced,
        };
        // Whatever could not be done after that: this is what packets meet from now on.
        let generation = self.datapath.as_ref().map(|datapath| datapath.generation().0);
        let manifest = self.history.in_force(generation).cloned().ok_or(Error::NothingUp)?;
        let generation = manifest.generation;
        self.applied = Some(Applied {
            manifest,
            sources,
            deployment,
        });
        let change = change?;
        progress.step("seeing to the uplinks");
        let surroundings = self.see_to_surroundings();
        surroundings.map_err(|error| Error::Unfinished(Box::new(error)))?;
        let cut = options.cut.then(|| self.cut(progress)).transpose()?;
        Ok(Outcome {
            generation,
            cut,
            change,
        })
    }

    /// Programs and tables stay where they are pinned as long as something is up.
    fn check_pins(&self) -> Result<()> {
        let asked = self.options.pins(self.state.as_ref());
        match &self.state {
            Some(state) if state.pins != asked && state.is_of_this_boot()? => Err(Error::OtherPins {
                pins: state.pins.clone(),
                asked,
            }),
            _ => Ok(()),
        }
    }

    fn enforce(&mut self, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Change> {
        if self.datapath.is_none() {
            return self.build(wanted, progress);
        }
        match self.finish_earlier(progress) {
            // What stands in its way must not stand in the way of another configuration.
            Err(error) if !error.is_in_force() => return Err(error),
            _ => {}
        }
        if self.is_up(wanted) {
            return Ok(Change::AlreadyUp);
        }
        self.check_uplinks(wanted)?;
        self.change(wanted, progress)
    }

    /// Whether exactly this is up, whole and enforced.
    fn is_up(&self, wanted: &Wanted<'_>) -> bool {
        let is_applied =
            |applied: &Applied| applied.sources == wanted.sources && applied.deployment == *wanted.deployment;
        let is_whole = |state: &State| state.stage == Stage::Up && !state.guests.iter().any(GuestState::is_absent);
        self.damaged.is_empty()
            && self.applied.as_ref().is_some_and(is_applied)
            && self.state.as_ref().is_some_and(is_whole)
    }

    /// Changes what is up in place.
    fn change(&mut self, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Change> {
        let guests = wanted.deployment.guest_states()?;
        if self.has_exactly(&guests) {
            let stayed = guests.len();
            self.change_tables(wanted, progress)?;
            return Ok(Change::Changed {
                made: Vec::new(),
                removed: Vec::new(),
                stayed,
            });
        }
        progress.step("comparing with what is up");
        let netlink = Netlink::open()?;
        let survey = Survey::take(&netlink)?;
        let state = self.state.as_ref().ok_or(Error::NothingUp)?;
        // What an earlier change could not remove is still to go.
        let is_left = |guest: &GuestState| state.passing.iter().any(|left| left.pin == guest.pin);
        let stands = |guest: &GuestState| {
            survey.stands(guest) && !self.damaged.contains(&guest.pin) && (state.passing.is_empty() || !is_left(guest))
        };
        let directory = &self.options.state_dir;
        let old: Vec<_> = state.all_guests().cloned().collect();
        let arrangement = Arrangement::new(guests, directory, &old, &survey, Missing::Made, stands)?;
        let change = Change::of(&arrangement);
        self.run(wanted, arrangement, (&survey, &netlink), false, progress)?;
        Ok(change)
    }

    /// Whether these guests are there and nothing of them is to be changed.
    fn has_exactly(&self, guests: &[GuestState]) -> bool {
        let Some(state) = &self.state else { return false };
        let is_same = |(wanted, old): (&GuestState, &GuestState)| {
            !old.is_absent() && wanted.eni_id == old.eni_id && wanted.is_at(old) && staying(wanted.clone(), old) == *old
        };
        self.damaged.is_empty()
            && state.stage == Stage::Up
            && guests.len() == state.guests.len()
            && guests.iter().zip(&state.guests).all(is_same)
    }

    /// What stands in the way of the uplinks, if they are not as they are wanted already.
    fn check_uplinks(&self, wanted: &Wanted<'_>) -> Result<()> {
        let before = self.state.as_ref().map_or(&[][..], |state| &state.uplinks);
        let wanted = UplinkState::wanted(wanted.deployment, &self.options.state_dir);
        if uplink::are(wanted.clone(), before) {
            return Ok(());
        }
        uplink::check(&wanted, self.state.as_ref(), &self.store)
    }

    /// Puts in force what changes no guest.
    pub(super) fn change_tables(&mut self, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<usize> {
        let (Some(state), Some(datapath)) = (&self.state, &mut self.datapath) else {
            return Err(Error::NothingUp);
        };
        let resources = with_health(&wanted.deployment.resources, &state.unhealthy);
        let compiled = self.compiled.next(resources, &bindings(state.guests.iter()));
        let compiled = compiled.map_err(Error::Plan)?;
        if progress.is_interrupted() {
            return Err(Error::Interrupted);
        }
        progress.step("putting the configuration in force");
        let next = datapath.next_generation(Generation(self.history.last_generation()));
        self.history.announce(next.0, wanted.sources, wanted.rollback_to)?;
        let rows = match datapath.apply_parts(&compiled.parts, next) {
            Ok(rows) => rows,
            Err(error) => return Err(with_cleanup(error, self.history.withdraw())),
        };
        self.compiled = compiled;
        let confirmed = self.history.confirm();
        confirmed.map_err(|error| Error::Unfinished(Box::new(error)))?;
        Ok(rows)
    }

    /// Changes guests and tables.
    pub(super) fn run(
        &mut self,
        wanted: &Wanted<'_>,
        arrangement: Arrangement,
        (survey, netlink): (&Survey, &Netlink),
        resumed: bool,
        progress: &dyn Progress,
    ) -> Result<()> {
        let (Some(state), Some(datapath)) = (&mut self.state, &mut self.datapath) else {
            return Err(Error::NothingUp);
        };
        let changing = Changing {
            wanted,
            progress,
            store: &self.store,
            history: &mut self.history,
            state,
            datapath,
            compiled: &mut self.compiled,
            survey,
            netlink,
            resumed,
        };
        changing.run(arrangement)?;
        self.damaged.clear();
        Ok(())
    }

    /// Builds everything on a host where nothing is up, or where what is up can't be changed and is taken down first.
    fn build(&mut self, wanted: &Wanted<'_>, progress: &dyn Progress) -> Result<Change> {
        let netlink = Netlink::open()?;
        let survey = Survey::take(&netlink)?;
        self.check(wanted, &survey)?;
        let change = match &self.state {
            None => Change::BroughtUp,
            Some(old) => {
                progress.step("taking down what was up before");
                remove(old, progress)?;
                let pins = self.options.pins(self.state.as_ref());
                self.state = Some(State::new(pins)?);
                Change::Replaced
            }
        };
        let built = self
            .load(progress)
            .and_then(|()| self.install(wanted, Missing::Made, &netlink, progress));
        match built {
            Ok(_) => Ok(change),
            Err(error) if error.is_in_force() => Err(error),
            Err(error) => Err(with_cleanup(error, self.forget(progress))),
        }
    }

    /// What stands in the way; what is up will be taken down first.
    fn check(&self, wanted: &Wanted<'_>, survey: &Survey) -> Result<()> {
        let old = self.state.as_ref();
        let guests: Vec<_> = old.into_iter().flat_map(State::all_guests).cloned().collect();
        let directory = &self.options.state_dir;
        let mut errors = Vec::new();
        match wanted.deployment.guest_states() {
            Ok(wanted) => {
                errors.extend(Arrangement::new(wanted, directory, &guests, survey, Missing::Made, |_| false).err());
            }
            Err(error) => errors.push(error),
        }
        errors.extend(self.check_uplinks(wanted).err());
        let pins = self.options.pins(old);
        if pins.exists() && old.is_none_or(|old| old.pins != pins) {
            errors.push(Error::PinsTaken(pins));
        }
        Error::collect(errors)
    }

    /// Loads programs and tables. The journal goes on to name what was made in this boot, if anything was.
    pub(super) fn load(&mut self, progress: &dyn Progress) -> Result<()> {
        let pins = self.options.pins(self.state.as_ref());
        let state = loading(self.state.clone(), pins)?;
        let state = self.state.insert(state);
        self.store.write(state)?;
        progress.step("loading the programs");
        state.mounted_bpffs |= !bpffs::is_mounted()?;
        self.store.write(state)?;
        bpffs::ensure_mounted()?;
        self.datapath = Some(Datapath::open_or_load(&state.pins, &self.options.load)?);
        Ok(())
    }

    /// Makes the guests and puts the configuration in force, where programs and tables are loaded. Says why guests are
    /// absent.
    pub(super) fn install(
        &mut self,
        wanted: &Wanted<'_>,
        missing: Missing,
        netlink: &Netlink,
        progress: &dyn Progress,
    ) -> Result<Vec<String>> {
        // What was taken down is gone by now.
        let survey = Survey::take(netlink)?;
        let guests = wanted.deployment.guest_states()?;
        let arrangement = Arrangement::new(guests, &self.options.state_dir, &[], &survey, missing, |_| false)?;
        let reasons = arrangement.reasons.clone();
        self.run(wanted, arrangement, (&survey, netlink), false, progress)?;
        Ok(reasons)
    }
}

/// The journal of a host on which programs are about to be loaded, by the one before.
fn loading(before: Option<State>, pins: PathBuf) -> Result<State> {
    match before {
        Some(before) if before.is_of_this_boot()? => Ok(State {
            stage: Stage::Changing,
            pins,
            ..before
        }),
        _ => State::new(pins),
    }
}

impl Change {
    fn of(arrangement: &Arrangement) -> Self {
        let name = |guest: &GuestState| format!("{}/{}", guest.vpc, guest.name);
        let made = arrangement.members.iter().filter(|member| member.fate == Fate::Made);
        let stays = |member: &&Member| matches!(member.fate, Fate::Stays(_));
        Self::Changed {
            made: made.map(|Member { guest, .. }| name(guest)).collect(),
            removed: arrangement.gone.iter().map(name).collect(),
            stayed: arrangement.members.iter().filter(stays).count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::state::tests::{guest, made};

    #[test]
    fn what_was_made_in_this_boot_stays_in_the_journal_while_programs_are_loaded() {
        let before = State {
            stage: Stage::Up,
            mounted_bpffs: true,
            guests: vec![guest("web", made("web", Some(7)))],
            passing: vec![guest("old", made("old", Some(8)))],
            ..State::new(PathBuf::from("/pins")).unwrap()
        };
        let wanted = State {
            stage: Stage::Changing,
            ..before.clone()
        };
        assert_eq!(loading(Some(before.clone()), PathBuf::from("/pins")).unwrap(), wanted);
        let of_another_boot = State {
            boot_id: "another".to_owned(),
            ..before
        };
        let after = loading(Some(of_another_boot), PathBuf::from("/pins")).unwrap();
        assert_eq!(after, State::new(PathBuf::from("/pins")).unwrap());
    }
}
