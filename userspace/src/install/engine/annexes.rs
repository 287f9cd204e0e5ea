//! The annexes that the configuration in force needs and the datapath is told of: the service port and the finisher.

use super::Engine;
use crate::install::annex::{self, Annex, Place, Purpose};
use crate::install::error::{Error, Result};
use crate::install::netlink::Netlink;
use crate::install::{finisher, service};
use crate::resources::Resources;

/// What each is for, where the datapath has it, and whether anybody needs it.
const ANNEXES: [(&Purpose, Place, fn(&Resources) -> bool); 2] = [
    (&service::SERVICE, service::told, service::is_needed),
    (&finisher::FINISHER, finisher::told, finisher::is_needed),
];

impl Engine {
    /// Sees to it that each is there if it is needed. Says what was not as it should be.
    pub(super) fn see_to_annexes(&mut self) -> Result<Vec<String>> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &mut self.state, &self.datapath) else {
            return Ok(Vec::new());
        };
        let netlink = &Netlink::open()?;
        let (mut findings, mut errors) = (Vec::new(), Vec::new());
        for (purpose, place, is_needed) in ANNEXES {
            let annex = Annex {
                purpose,
                store: &self.store,
                state,
                datapath,
                netlink,
            };
            match annex.settle(place, is_needed(&applied.deployment.resources)) {
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
        for (purpose, place, is_needed) in ANNEXES {
            let is_needed = is_needed(&applied.deployment.resources);
            let noted = (purpose.noted)(&mut state.clone()).clone();
            if !annex::stands(purpose, place, (is_needed, noted.as_ref()), datapath, netlink)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
