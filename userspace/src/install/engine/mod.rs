//! The one way to change a host: what is up, what a configuration would change, and putting it in force.

mod adopt;
mod annexes;
mod health;
mod put;
mod reconcile;

pub use reconcile::{Rebound, Whereabouts};

use crate::document::{Cache, Diagnostics, Host, Resolved, Source};
use crate::install::deployment::Deployment;
use crate::install::down;
use crate::install::error::{Error, Result};
use crate::install::history::{History, Manifest};
use crate::install::kernel::{DEFAULT_PINS, Datapath, LoadOptions, Upgrade};
use crate::install::progress::Progress;
use crate::install::state::{Place, State};
use crate::install::store::Store;
use crate::install::{link, netns};
use crate::plan::Compiled;
use crate::preview::{self, Preview};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where things are kept, and what is loaded.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    pub state_dir: PathBuf,
    /// Where programs and tables are pinned, if not where they are already, or at [`DEFAULT_PINS`].
    pub pins: Option<PathBuf>,
    pub load: LoadOptions<'static>,
}

/// A host under one hand: as long as it lives, nobody else changes it.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    store: Store,
    history: History,
    state: Option<State>,
    datapath: Option<Datapath>,
    applied: Option<Applied>,
    cache: Cache,
    /// What the rows in force were made of: the resources with the health of targets laid over them.
    compiled: Compiled,
    /// Pins of guests that lacked something when they were last looked at.
    damaged: BTreeSet<String>,
}

/// What was found when a host was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// The generation in force; none if nothing is up.
    pub generation: Option<u64>,
    pub guests: usize,
    /// What was not as it should be, and what was done about it.
    pub findings: Vec<String>,
}

/// The configuration in force.
#[derive(Clone, Debug)]
pub struct Applied {
    pub manifest: Manifest,
    pub sources: Vec<Source>,
    pub deployment: Deployment,
}

/// A configuration that has been read and found good.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub sources: Vec<Source>,
    pub deployment: Deployment,
    /// What AWS would accept as well, but hardly does what it is meant to do.
    pub warnings: Diagnostics,
}

/// How a candidate is to be put in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Whether connections end that the new configuration would not admit.
    pub cut: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The generation in force now.
    pub generation: u64,
    /// How many connections were cut, if they were to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<usize>,
    #[serde(flatten)]
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Change {
    BroughtUp,
    /// The same configuration is up, whole and enforced; nothing was done.
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

impl Candidate {
    #[must_use]
    pub fn new(sources: Vec<Source>, resolved: Resolved) -> Self {
        let warnings = resolved.warnings.clone();
        Self {
            sources,
            deployment: resolved.into(),
            warnings,
        }
    }
}

impl Engine {
    /// Takes a host over: waits for whoever changes it now, and finds out what is up and what a killed run has left.
    pub fn open(options: EngineOptions, progress: &dyn Progress) -> Result<(Self, Adopted)> {
        require_root()?;
        Datapath::check_kernel()?;
        let store = Store::lock(&options.state_dir, progress)?;
        let mut engine = Self {
            history: History::open(&options.state_dir)?,
            state: store.read()?,
            options,
            store,
            datapath: None,
            applied: None,
            cache: Cache::default(),
            compiled: Compiled::default(),
            damaged: BTreeSet::new(),
        };
        let adopted = engine.adopt(progress)?;
        Ok((engine, adopted))
    }

    /// The configuration in force.
    #[must_use]
    pub fn applied(&self) -> Option<&Applied> {
        self.applied.as_ref()
    }

    /// Configurations that are or were in force, the newest first.
    pub fn generations(&self) -> impl Iterator<Item = &Manifest> {
        self.history.manifests()
    }

    /// The journal of what is up.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// The programs and tables, if they are loaded.
    #[must_use]
    pub fn datapath(&self) -> Option<&Datapath> {
        self.datapath.as_ref()
    }

    pub fn datapath_mut(&mut self) -> Option<&mut Datapath> {
        self.datapath.as_mut()
    }

    /// Reads a configuration for this host.
    pub fn read(&mut self, sources: Vec<Source>) -> std::result::Result<Candidate, Diagnostics> {
        let host = self.host();
        let resolved = self.cache.read(&sources, Some(&host))?;
        Ok(Candidate::new(sources, resolved))
    }

    /// What there is to be adopted. What guests in force have adopted counts as well: that it has gone meanwhile must
    /// not hold up a change of something else.
    fn host(&self) -> Host {
        // What can't be listed is found missing, which is then told.
        let mut host = Host {
            namespaces: netns::list().unwrap_or_default(),
            devices: link::names().unwrap_or_default(),
        };
        let uplinks = self.state.iter().flat_map(|state| &state.uplinks);
        host.devices.extend(uplinks.map(|uplink| uplink.device.clone()));
        for guest in self.state.iter().flat_map(|state| &state.guests) {
            match &guest.place {
                Place::Adopted { namespace, .. } => host.namespaces.push(namespace.clone()),
                Place::Device { .. } => host.devices.push(guest.device.clone()),
                Place::Made { .. } | Place::Tap => {}
            }
        }
        host
    }

    /// What a candidate would change, with the names of so many connections that it would end. Nothing is touched.
    pub fn plan(&self, candidate: &Candidate, named: usize) -> Result<Preview> {
        Preview::of(self, candidate, named)
    }

    /// Puts a candidate in force. What stands in its way is reported before anything is changed. When a step fails or
    /// is interrupted before the configuration is in force, what was up before is up as it was.
    pub fn apply(&mut self, candidate: Candidate, options: ApplyOptions, progress: &dyn Progress) -> Result<Outcome> {
        self.put(candidate.sources, candidate.deployment, None, options, progress)
    }

    /// Puts the configuration before the one in force into force again, under a new generation.
    pub fn rollback(&mut self, options: ApplyOptions, progress: &dyn Progress) -> Result<Outcome> {
        let before = self.history.before().cloned().ok_or(Error::NothingBefore)?;
        let Applied {
            manifest,
            sources,
            deployment,
        } = self.recall(before)?;
        self.put(sources, deployment, Some(manifest.generation), options, progress)
    }

    /// Takes down what is up and forgets it: exactly what the journal names.
    pub fn down(mut self, progress: &dyn Progress) -> Result<Option<State>> {
        let state = self.state.clone();
        self.forget(progress).map(|()| state)
    }

    /// The same configuration is in force under another generation.
    fn note_manifest(&mut self) {
        let generation = self.datapath.as_ref().map(|datapath| datapath.generation().0);
        if let (Some(applied), Some(manifest)) = (&mut self.applied, self.history.in_force(generation)) {
            applied.manifest = manifest.clone();
        }
    }

    fn forget(&mut self, progress: &dyn Progress) -> Result<()> {
        down::everything(&self.store, self.state.as_ref(), progress)?;
        self.history = History::open(&self.options.state_dir)?;
        (self.state, self.datapath, self.applied) = (None, None, None);
        (self.compiled, self.damaged) = (Compiled::default(), BTreeSet::new());
        Ok(())
    }

    /// Replaces the programs by those this program brings, if they aren't the same, while packets go on.
    pub fn upgrade(&mut self) -> Result<Upgrade> {
        let datapath = self.datapath.as_mut().ok_or(Error::NothingUp)?;
        datapath.upgrade(&self.options.load)
    }

    /// Does what an apply leaves for later, so that the next one is as cheap as can be. To be called when nobody waits.
    pub fn catch_up(&mut self) -> Result<()> {
        self.datapath.as_mut().map_or(Ok(()), Datapath::catch_up)
    }

    /// Ends the connections that the configuration in force would not admit. It is in force by now, so that none of
    /// them comes about meanwhile.
    fn cut(&mut self, progress: &dyn Progress) -> Result<usize> {
        progress.step("cutting connections that are not admitted any more");
        // A packet that was on its way when it came into force may still have brought one about.
        if let Some(datapath) = &mut self.datapath {
            datapath.wait_for_readers();
        }
        let (Some(applied), Some(datapath)) = (&self.applied, &self.datapath) else {
            return Ok(0);
        };
        match preview::judge(self, &applied.deployment, 0)? {
            Some(judgement) => datapath.retire_all(&judgement.cut),
            None => Ok(0),
        }
    }
}

impl EngineOptions {
    pub(super) fn pins(&self, state: Option<&State>) -> PathBuf {
        let known = || state.map(|state| state.pins.clone());
        let pins = self.pins.clone().or_else(known);
        pins.unwrap_or_else(|| Path::new(DEFAULT_PINS).to_owned())
    }
}

pub(crate) fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(Error::NotRoot)
    }
}
