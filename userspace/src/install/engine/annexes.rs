//! The annexes that the configuration in force needs and the datapath is told of: the service port and the finisher.

use super::Engine;
use crate::install::annex::{self, Annex, Place, Purpose};
use crate::install::deployment::Deployment;
use crate::install::error::{Error, Result};
use crate::install::netlink::Netlink;
use crate::install::{finisher, service};

/// An annex with where the datapath has it, and whether anybody needs it.
struct Told {
    purpose: &'static Purpose,
    place: Place,
    is_needed: fn(&Deployment) -> bool,
}

static ANNEXES: [Told; 2] = [
    Told {
        purpose: &service::SERVICE,
        place: service::told,
        is_needed: service::is_needed,
    },
    Told {
        purpose: &finisher::FINISHER,
        place: finisher::told,
        is_needed: finisher::is_needed,
    },
];

impl Engine {
    /// Sees to it that each is there if it is needed. Says what was not as it should be.
    pub(super) fn see_to_annexes(&mut self) -> Result<Vec<String>> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &mut self.state, &self.datapath) else {
            return Ok(Vec::new());
        };
        let netlink = &Netlink::open()?;
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        for told in &ANNEXES {
            let annex = Annex {
                purpose: told.purpose,
                store: &self.store,
                state,
                datapath,
                netlink,
            };
            match annex.settle(told.place, (told.is_needed)(&applied.deployment)) {
                Ok(finding) => findings.extend(finding),
                Err(error) => errors.push(error),
            }
        }
        Error::collect(errors).map(|()| findings)
    }

    /// Whether each is there as far as it is needed.
    pub(super) fn has_annexes(&self, netlink: &Netlink) -> Result<bool> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &self.state, &self.datapath) else {
            return Ok(true);
        };
        let mut state = state.clone();
        for Told {
            purpose,
            place,
            is_needed,
        } in &ANNEXES
        {
            let is_needed = is_needed(&applied.deployment);
            let noted = (purpose.noted)(&mut state).as_ref();
            if !annex::stands(purpose, *place, (is_needed, noted), datapath, netlink)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
