//! Taking over what is there: what another process has put in force, what one that was killed has left, and what there
//! was before the host was started anew.

use super::{Adopted, Applied, Engine};
use crate::health::with_health;
use crate::install::arrangement::{Arrangement, Fate, Missing, staying};
use crate::install::change::{Wanted, bindings, settle};
use crate::install::error::{Error, Result};
use crate::install::history::Manifest;
use crate::install::kernel::Datapath;
use crate::install::make;
use crate::install::netlink::Netlink;
use crate::install::progress::Progress;
use crate::install::state::{GuestState, Place, Stage, State};
use crate::install::survey::Survey;
use crate::plan::Parts;
use std::collections::BTreeSet;

impl Engine {
    pub(super) fn adopt(&mut self, progress: &dyn Progress) -> Result<Adopted> {
        let mut findings = Vec::new();
        let Some(state) = &self.state else {
            return Ok(Adopted::default());
        };
        if state.stage == Stage::Leaving {
            findings.push("a removal that was begun is finished".to_owned());
            self.forget(progress)?;
            return Ok(Adopted {
                findings,
                ..Adopted::default()
            });
        }
        let of_this_boot = state.is_of_this_boot()?;
        let same_pins = state.pins == self.options.pins(Some(state));
        if of_this_boot && same_pins {
            self.datapath = match Datapath::open(&state.pins) {
                Err(Error::NotLoaded(_)) => None,
                // It may well be at work: nothing is touched.
                other => Some(other?),
            };
        }
        let generation = self.datapath.as_ref().map(|datapath| datapath.generation().0);
        match self.history.settle(generation)? {
            None => {}
            Some(true) => {
                findings.push("a run was killed after its configuration was in force, which it stays".to_owned())
            }
            Some(false) => {
                findings
                    .push("a run was killed before its configuration was in force; the one before stays".to_owned());
            }
        }
        if self.history.newest().is_none() {
            findings.push("what a first run that was killed had made is removed".to_owned());
            self.forget(progress)?;
            return Ok(Adopted {
                findings,
                ..Adopted::default()
            });
        }
        self.applied = self.last_readable(&mut findings);
        let taken = if self.applied.is_none() {
            self.leave_alone(&mut findings)
        } else if self.datapath.is_some() {
            self.take_over(&mut findings, progress)
        } else if same_pins {
            self.restore(of_this_boot, &mut findings, progress)
        } else {
            Ok(())
        };
        match taken {
            Err(error) if error.is_in_force() => findings.push(error.to_string()),
            other => other?,
        }
        // What is in force is so without them.
        match self.see_to_surroundings() {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(error.to_string()),
        }
        // Whoever looked after targets has ended.
        if let Err(error) = self.set_unhealthy(BTreeSet::new(), progress) {
            findings.push(error.to_string());
        }
        self.note_manifest();
        Ok(Adopted {
            generation: self.datapath.as_ref().map(|datapath| datapath.generation().0),
            guests: self.state.as_ref().map_or(0, |state| state.guests.len()),
            findings,
        })
    }

    /// The configuration to go on with. That may be one that an older program has taken and this one refuses; then what
    /// runs is left as it is, for nobody is to lose the network by it. Where nothing runs any more, the last one that
    /// can be read is better than none.
    fn last_readable(&mut self, findings: &mut Vec<String>) -> Option<Applied> {
        let manifests: Vec<_> = self.history.manifests().cloned().collect();
        let all = if self.datapath.is_some() { 1 } else { manifests.len() };
        for manifest in manifests.into_iter().take(all) {
            match self.recall(manifest) {
                Ok(applied) => return Some(applied),
                Err(error) => findings.push(error.to_string()),
            }
        }
        None
    }

    /// Leaves what is in force in force, although nobody knows what it says.
    fn leave_alone(&mut self, findings: &mut Vec<String>) -> Result<()> {
        let Some(datapath) = &mut self.datapath else {
            findings.push("nothing is in force".to_owned());
            return Ok(());
        };
        datapath.learn(&Parts::default())?;
        findings.push("what is in force stays in force; apply a document to change it".to_owned());
        Ok(())
    }

    /// The configuration of a manifest.
    pub(super) fn recall(&mut self, manifest: Manifest) -> Result<Applied> {
        let sources = self.history.sources(&manifest)?;
        let resolved = self
            .cache
            .read(&sources, None)
            .map_err(|problems| Error::UnreadableGeneration {
                generation: manifest.generation,
                problems: problems.to_string(),
            })?;
        Ok(Applied {
            manifest,
            sources,
            deployment: resolved.into(),
        })
    }

    /// Takes over what runs: compares it with what should, and repairs what differs.
    fn take_over(&mut self, findings: &mut Vec<String>, progress: &dyn Progress) -> Result<()> {
        let (Some(applied), Some(state), Some(datapath)) = (self.applied.clone(), &mut self.state, &mut self.datapath)
        else {
            return Err(Error::NothingUp);
        };
        let wanted = Wanted::again(&applied);
        let guests = applied.deployment.guest_states()?;
        let netlink = Netlink::open()?;
        let survey = Survey::take(&netlink)?;
        let bare = rearm(state, datapath, (&survey, &netlink), progress)?;
        findings.extend(
            bare.iter()
                .map(|it| format!("interface {} had lost its programs and has them again", it.device)),
        );
        if state.stage == Stage::Changing {
            findings.extend(self.finish_earlier(progress)?);
            return Ok(());
        }
        let stands = |guest: &GuestState| survey.stands(guest) && datapath.is_attached(&guest.device).unwrap_or(false);
        // Names and groups may have been changed by a run that was killed before it could note them down.
        for (old, wanted) in state
            .guests
            .iter_mut()
            .zip(guests)
            .filter(|(old, wanted)| old.eni_id == wanted.eni_id)
        {
            *old = staying(wanted, old);
        }
        let is_damaged = |guest: &&GuestState| {
            !guest.is_absent() && (!stands(guest) || survey.link(&guest.device).is_none_or(|link| !link.up))
        };
        for guest in state.guests.iter().filter(is_damaged) {
            findings.push(format!("{}/{} is not whole", guest.vpc, guest.name));
            self.damaged.insert(guest.pin.clone());
        }
        if !self.learn()? {
            findings.push("the tables did not hold what they should, and are written anew".to_owned());
            self.change_tables(&wanted, progress)?;
        }
        let was_up = |guest: &&GuestState| survey.link(&guest.device).is_some_and(|link| link.up);
        let mut were_up = bare.iter().filter(was_up);
        were_up.try_for_each(|guest| make::bring_up(guest, &netlink))
    }

    /// Does what an earlier change has left undone, if it has: brings up who is in force, and removes who isn't. Says
    /// why guests are absent.
    pub(super) fn finish_earlier(&mut self, progress: &dyn Progress) -> Result<Vec<String>> {
        let (Some(applied), Some(state), Some(datapath)) = (self.applied.clone(), &mut self.state, &self.datapath)
        else {
            return Ok(Vec::new());
        };
        if state.stage != Stage::Changing {
            return Ok(Vec::new());
        }
        if state.guests.iter().any(|guest| guest.renaming.is_some()) {
            // They are those of the configuration in force by then, and all that is passing is gone.
            let settled = settle(&self.store, state, progress);
            settled.map_err(|error| Error::Unfinished(Box::new(error)))?;
        }
        let guests = applied.deployment.guest_states()?;
        let netlink = Netlink::open()?;
        let survey = Survey::take(&netlink)?;
        let old: Vec<_> = state.all_guests().cloned().collect();
        let (directory, missing) = (&self.options.state_dir, Missing::MadeIfPossible);
        let stands = |guest: &GuestState| survey.stands(guest) && datapath.is_attached(&guest.device).unwrap_or(false);
        let arrangement = Arrangement::new(guests, directory, &old, &survey, missing, stands)?;
        let reasons = arrangement.reasons.clone();
        hand_over(state, &arrangement);
        self.learn()?;
        let wanted = Wanted::again(&applied);
        let done = self.run(&wanted, arrangement, (&survey, &netlink), true, progress);
        self.note_manifest();
        done.map(|()| reasons)
    }

    /// Finds out what the tables hold, and whether that is what was applied.
    fn learn(&mut self) -> Result<bool> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &self.state, &mut self.datapath) else {
            return Err(Error::NothingUp);
        };
        let resources = with_health(&applied.deployment.resources, &state.unhealthy);
        let compiled = self.compiled.next(resources, &bindings(state.guests.iter()));
        self.compiled = compiled.map_err(Error::Plan)?;
        Ok(datapath.learn(&self.compiled.parts)?.in_force)
    }

    /// Puts the last configuration in force again, after what held it has gone: with the boot, or with its pins.
    fn restore(&mut self, of_this_boot: bool, findings: &mut Vec<String>, progress: &dyn Progress) -> Result<()> {
        let (Some(applied), Some(state)) = (self.applied.clone(), self.state.clone()) else {
            return Err(Error::NothingUp);
        };
        let wanted = Wanted::again(&applied);
        let netlink = Netlink::open()?;
        if !of_this_boot {
            findings.push("the host was started anew; the last configuration is put in force again".to_owned());
            self.load(progress)?;
            findings.extend(self.install(&wanted, Missing::MadeIfPossible, &netlink, progress)?);
            return Ok(());
        }
        findings.push(
            "the programs were gone; they are loaded again, and the last configuration is put in force".to_owned(),
        );
        let survey = Survey::take(&netlink)?;
        // Without programs a device must not be up. Of those that pass, a device that was there before is given back.
        let was_in_force = state.guests.iter();
        let was_made = state
            .passing
            .iter()
            .filter(|guest| !matches!(guest.place, Place::Device { .. }));
        for link in was_in_force.chain(was_made).filter_map(|guest| survey.known(guest)) {
            netlink.set_down(link)?;
        }
        self.load(progress)?;
        let old: Vec<_> = state.all_guests().cloned().collect();
        let guests = applied.deployment.guest_states()?;
        let (directory, missing) = (&self.options.state_dir, Missing::MadeIfPossible);
        let arrangement = Arrangement::new(guests, directory, &old, &survey, missing, |guest| survey.stands(guest))?;
        findings.extend(arrangement.reasons.iter().cloned());
        let (Some(state), Some(datapath)) = (&mut self.state, &mut self.datapath) else {
            return Err(Error::NothingUp);
        };
        hand_over(state, &arrangement);
        for link in state.guests.iter().filter_map(|guest| survey.known(guest)) {
            netlink.set_down(link)?;
        }
        make::attach(state.guests.iter(), datapath, progress)?;
        self.run(&wanted, arrangement, (&survey, &netlink), true, progress)
    }
}

/// Gives host sides that have lost their programs the programs again: until then they are down. Says which.
fn rearm(
    state: &State,
    datapath: &Datapath,
    (survey, netlink): (&Survey, &Netlink),
    progress: &dyn Progress,
) -> Result<Vec<GuestState>> {
    let is_bare = |guest: &&GuestState| {
        survey.host_side(guest).is_some() && !datapath.is_attached(&guest.device).unwrap_or(false)
    };
    let bare: Vec<_> = state.guests.iter().filter(is_bare).collect();
    if bare.is_empty() {
        return Ok(Vec::new());
    }
    for link in bare.iter().filter_map(|guest| survey.known(guest)) {
        netlink.set_down(link)?;
    }
    // What is pinned there is not attached any more, and would be taken for what is.
    Datapath::detach(&state.pins, bare.iter().map(|guest| &*guest.pin))?;
    make::attach(bare.iter().copied(), datapath, progress)?;
    Ok(bare.into_iter().cloned().collect())
}

/// Notes down as guests those that stay, wherever in the journal they were, and as passing those that go.
fn hand_over(state: &mut State, arrangement: &Arrangement) {
    let stay = arrangement.members.iter().filter_map(|member| match &member.fate {
        Fate::Stays(before) => Some((**before).clone()),
        Fate::Made | Fate::Absent => None,
    });
    state.guests = stay.collect();
    state.passing = arrangement.gone.clone();
    state.stage = Stage::Changing;
}
