//! The service port, who is spoken with by it, and what comes of looking after targets.

use super::Engine;
use crate::health::{TargetId, with_health};
use crate::install::AnnexState;
use crate::install::change::{Wanted, bindings};
use crate::install::error::Result;
use crate::install::progress::Progress;
use crate::install::service::Aliases;
use crate::install::state::Stage;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Engine {
    /// The service port, if there is one.
    #[must_use]
    pub fn service_port(&self) -> Option<&AnnexState> {
        self.state.as_ref()?.service.as_ref()
    }

    /// Who is to be spoken with by the service port, where the datapath now knows them.
    pub fn aliases(&self) -> Result<Aliases> {
        let (Some(applied), Some(state), Some(datapath)) = (&self.applied, &self.state, &self.datapath) else {
            return Ok(Aliases::default());
        };
        let bindings = bindings(state.guests.iter());
        let mut aliases = match &state.service {
            Some(_) => Aliases::of(&applied.deployment, &bindings),
            None => Aliases::default(),
        };
        datapath.set_aliases(&aliases.entries)?;
        if !aliases.orders.ports.is_empty() {
            aliases.orders.clients = Some(Arc::new(datapath.clients()?));
        }
        Ok(aliases)
    }

    /// Puts it in force that these targets are unhealthy, and no others are that the document says nothing of. Whether
    /// it wasn't.
    pub fn set_unhealthy(&mut self, unhealthy: BTreeSet<TargetId>, progress: &dyn Progress) -> Result<bool> {
        let (Some(applied), Some(state)) = (self.applied.clone(), &mut self.state) else {
            return Ok(false);
        };
        if state.unhealthy == unhealthy || self.datapath.is_none() {
            return Ok(false);
        }
        let resources = with_health(&applied.deployment.resources, &unhealthy);
        let is_in_force = *resources == *self.compiled.resources;
        let before = std::mem::replace(&mut state.unhealthy, unhealthy);
        // A change that was left half done brings it along when it is finished.
        let waits = state.stage != Stage::Up;
        self.store.write(state)?;
        if is_in_force || waits {
            return Ok(false);
        }
        match self.change_tables(&Wanted::again(&applied), progress) {
            Err(error) if !error.is_in_force() => {
                if let Some(state) = &mut self.state {
                    state.unhealthy = before;
                    self.store.write(state)?;
                }
                return Err(error);
            }
            done => done?,
        };
        self.note_manifest();
        Ok(true)
    }
}
