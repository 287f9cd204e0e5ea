//! Guests that go and come back while the configuration stays what it is.

use super::Engine;
use crate::install::arrangement::{Arrangement, Fate, Missing};
use crate::install::change::Wanted;
use crate::install::error::{Error, Result};
use crate::install::netlink::Netlink;
use crate::install::progress::Progress;
use crate::install::state::GuestState;
use crate::install::survey::Survey;
use crate::install::uplink::{self, UplinkState, Uplinks};
use serde::Serialize;

/// A guest that has gone or come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rebound {
    /// The VPC's name and the guest's.
    pub name: String,
    pub network_interface_id: String,
    pub whereabouts: Whereabouts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Its ENI answers for nothing.
    Gone,
    /// It is bound again, to a new device, and its connections begin anew.
    Back,
}

impl Engine {
    /// Compares the guests with what the host has: the ENI of one that is gone answers for nothing, one that has come
    /// back is bound again. Where nothing has changed nothing is done.
    pub fn reconcile(&mut self, progress: &dyn Progress) -> Result<Vec<Rebound>> {
        if self.datapath.is_none() {
            return Ok(Vec::new());
        }
        self.finish_earlier(progress)?;
        let (Some(state), Some(datapath)) = (&self.state, &self.datapath) else {
            return Ok(Vec::new());
        };
        let netlink = Netlink::open()?;
        if !uplink::stand(state, datapath, &netlink)? {
            self.see_to_uplinks()?;
        }
        if !self.has_annexes(&netlink)? {
            self.see_to_annexes()?;
        }
        let (Some(applied), Some(state)) = (&self.applied, &self.state) else {
            return Ok(Vec::new());
        };
        let survey = Survey::take(&netlink)?;
        let stands = |guest: &GuestState| survey.host_side(guest).is_some();
        if state.guests.iter().all(stands) {
            return Ok(Vec::new());
        }
        let guests = applied.deployment.guest_states()?;
        let (directory, missing) = (&self.options.state_dir, Missing::Rebound);
        let arrangement = Arrangement::new(guests, directory, &state.guests, &survey, missing, stands)?;
        let rebound = changes(&arrangement, &state.guests);
        if rebound.is_empty() {
            return Ok(rebound);
        }
        let applied = applied.clone();
        let wanted = Wanted::again(&applied);
        let done = self.run(&wanted, arrangement, (&survey, &netlink), false, progress);
        self.note_manifest();
        done.map(|()| rebound)
    }

    /// Sees to it that what is there beside the guests is as it is to be. Says what was not.
    pub fn see_to_surroundings(&mut self) -> Result<Vec<String>> {
        let (uplinks, annexes) = (self.see_to_uplinks(), self.see_to_annexes());
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        match uplinks {
            Ok(found) => findings.extend(found),
            Err(error) => errors.push(error),
        }
        match annexes {
            Ok(found) => findings.extend(found),
            Err(error) => errors.push(error),
        }
        Error::collect(errors).map(|()| findings)
    }

    /// Sees to it that the uplinks of the configuration in force are there with all they need of the host, which others
    /// change as well: whoever loads their own rules may have thrown ours away. Says what was not as it should be.
    pub(super) fn see_to_uplinks(&mut self) -> Result<Vec<String>> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &mut self.state, &self.datapath) else {
            return Ok(Vec::new());
        };
        let wanted = UplinkState::wanted(&applied.deployment, &self.options.state_dir);
        if wanted.is_empty() && state.uplinks.is_empty() && state.cutter.is_none() {
            return Ok(Vec::new());
        }
        let mut uplinks = Uplinks {
            store: &self.store,
            state,
            datapath,
            netlink: &Netlink::open()?,
        };
        uplinks.settle(wanted)
    }
}

/// Who has gone and who has come back; one that did both has come back.
fn changes(arrangement: &Arrangement, before: &[GuestState]) -> Vec<Rebound> {
    let was_absent = |id: &str| before.iter().any(|guest| guest.eni_id == id && guest.is_absent());
    let changed = arrangement.members.iter().filter_map(|member| {
        let guest = &member.guest;
        let whereabouts = match member.fate {
            Fate::Stays(_) => return None,
            Fate::Made => Whereabouts::Back,
            Fate::Absent if was_absent(&guest.eni_id) => return None,
            Fate::Absent => Whereabouts::Gone,
        };
        Some(Rebound {
            name: format!("{}/{}", guest.vpc, guest.name),
            network_interface_id: guest.eni_id.clone(),
            whereabouts,
        })
    });
    changed.collect()
}
