//! What the two banks of tables hold, and putting a plan in force: writing it where nobody reads, and one store.
//!
//! The rows of the banks are known here without asking the kernel, so that a change costs what differs. A bank whose
//! writing has failed is not known any more, and is read before it is written again.

use super::{Datapath, generation};
use crate::install::error::{Result, bpf};
use crate::plan::{Parts, Plan, changed_scopes, merged};
use groundplane_abi::control::Generation;
use groundplane_abi::{Bank, Device, ScopeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of the one part of a plan that is not in parts.
const WHOLE: &str = "";

/// What a bank holds.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Unknown,
    Parts(Parts),
}

/// How much of what the tables hold is not what was expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Whether the bank that packets read holds what it should.
    pub in_force: bool,
    /// Whether the other one holds the same, so that the next change is as cheap as can be.
    pub idle: bool,
    /// How many devices lacked the rows in which things are counted, or had them though they are gone.
    pub devices: usize,
}

impl Datapath {
    /// The plan in force, as the tables hold it. Names of VPCs are not in them.
    pub fn plan(&self) -> Result<Plan> {
        let [zero, one] = self.tables.read()?;
        Ok(if self.generation().bank() == Bank(0) { zero } else { one })
    }

    /// Reads both banks and compares them with what should be in force, and sees to the rows of devices.
    pub fn learn(&mut self, parts: &Parts) -> Result<Learned> {
        let mut wanted = merged(parts);
        wanted.scopes.clear();
        let mut as_wanted = [false; 2];
        for ((held, as_wanted), found) in self.held.iter_mut().zip(&mut as_wanted).zip(self.tables.read()?) {
            *as_wanted = found == wanted;
            *held = Held::Parts(if *as_wanted { parts.clone() } else { whole(found) });
        }
        let [zero, one] = as_wanted;
        let (in_force, idle) = if self.generation().bank() == Bank(0) {
            (zero, one)
        } else {
            (one, zero)
        };
        let held = self.held.iter().filter_map(|held| match held {
            Held::Parts(parts) => Some(parts),
            Held::Unknown => None,
        });
        let enis = held.flat_map(BTreeMap::values).flat_map(|part| part.enis.keys());
        let devices = enis.map(|key| key.device).collect();
        Ok(Learned {
            in_force,
            idle,
            devices: self.settle_devices(&devices)?,
        })
    }

    /// Puts a plan in force: no packet sees a mixture of it and the one before. When this fails or is killed, the one
    /// before stays in force wholly.
    pub fn apply(&mut self, plan: &Plan) -> Result<Generation> {
        let next = self.next_generation(Generation(0));
        self.apply_parts(&whole(plan.clone()), next).map(|_| next)
    }

    /// The generation for the next plan: after all there have been, and with its rows in the bank nobody reads.
    #[must_use]
    pub fn next_generation(&self, last: Generation) -> Generation {
        let current = self.generation();
        let next = Generation(current.max(last).0 + 1);
        if next.bank() == current.bank() {
            Generation(next.0 + 1)
        } else {
            next
        }
    }

    /// The same as [`Self::apply`] for a plan in parts, under a generation from [`Self::next_generation`]. Says how
    /// many rows were written.
    pub fn apply_parts(&mut self, parts: &Parts, next: Generation) -> Result<usize> {
        let current = self.generation();
        let in_force = self.held_in(current.bank())?;
        let difference = Difference::between(&in_force, parts);
        let [gone, new] = difference.devices();
        let departed = std::mem::take(&mut self.departed);
        self.forget_devices(&(&departed - &new))?;
        self.add_devices(&new)?;
        let rows = self.bring(current.idle_bank(), parts)?;
        for scope in difference.scopes() {
            // A packet that sees this early judges its flow anew by the old plan, and again after the flip.
            bpf(self.scopes.set(u32::from(scope.0), next, 0), || {
                "write table SCOPES".to_owned()
            })?;
        }
        self.generation.set(next);
        // Whoever writes over the bank that is left now waits for them; the change itself is done.
        self.readers_left = true;
        // What they did last can still be asked, until something else changes.
        self.departed = gone;
        Ok(rows)
    }

    /// Brings the bank that nobody reads up to the plan in force, so that the next change costs what it changes alone.
    pub fn catch_up(&mut self) -> Result<()> {
        let current = self.generation();
        let in_force = self.held_in(current.bank())?;
        self.bring(current.idle_bank(), &in_force).map(drop)
    }

    /// Waits until no packet is judged any more by what was in force before.
    pub fn wait_for_readers(&mut self) {
        if std::mem::take(&mut self.readers_left) {
            generation::wait_for_readers();
        }
    }

    /// Brings the bank that nobody reads up to a plan, from whatever it holds.
    fn bring(&mut self, bank: Bank, parts: &Parts) -> Result<usize> {
        let before = self.held_in(bank)?;
        let difference = Difference::between(&before, parts);
        self.wait_for_readers();
        self.hold(bank, Held::Unknown);
        let rows = self.tables.write(bank, &difference.pairs())?;
        self.hold(bank, Held::Parts(parts.clone()));
        Ok(rows)
    }

    /// What a bank holds; it is read if need be.
    fn held_in(&mut self, bank: Bank) -> Result<Parts> {
        if let Some(Held::Parts(parts)) = self.held.get(bank.0 as usize) {
            return Ok(parts.clone());
        }
        let [zero, one] = self.tables.read()?;
        let parts = whole(if bank == Bank(0) { zero } else { one });
        self.hold(bank, Held::Parts(parts.clone()));
        Ok(parts)
    }

    fn hold(&mut self, bank: Bank, held: Held) {
        if let Some(place) = self.held.get_mut(bank.0 as usize) {
            *place = held;
        }
    }
}

fn whole(plan: Plan) -> Parts {
    Parts::from([(WHOLE.to_owned(), Arc::new(plan))])
}

/// The parts of two plans that are not the same, in pairs.
#[derive(Debug)]
struct Difference(Vec<(Arc<Plan>, Arc<Plan>)>);

impl Difference {
    fn between(old: &Parts, new: &Parts) -> Self {
        if old.contains_key(WHOLE) != new.contains_key(WHOLE) {
            return Self::between(&whole(merged(old)), &whole(merged(new)));
        }
        let mut pairs: BTreeMap<&str, (Arc<Plan>, Arc<Plan>)> = BTreeMap::new();
        for (vpc, part) in old {
            pairs.entry(vpc).or_default().0 = part.clone();
        }
        for (vpc, part) in new {
            pairs.entry(vpc).or_default().1 = part.clone();
        }
        Self(
            pairs
                .into_values()
                .filter(|(old, new)| !Arc::ptr_eq(old, new))
                .collect(),
        )
    }

    fn pairs(&self) -> Vec<(&Plan, &Plan)> {
        self.0.iter().map(|(old, new)| (&**old, &**new)).collect()
    }

    /// The devices that only the old plan has, and those that only the new one has.
    fn devices(&self) -> [BTreeSet<Device>; 2] {
        let devices = |plan: &Plan| plan.enis.keys().map(|key| key.device).collect::<BTreeSet<_>>();
        let old: BTreeSet<_> = self.0.iter().flat_map(|(old, _)| devices(old)).collect();
        let new: BTreeSet<_> = self.0.iter().flat_map(|(_, new)| devices(new)).collect();
        [&old - &new, &new - &old]
    }

    fn scopes(&self) -> BTreeSet<ScopeId> {
        self.0.iter().flat_map(|(old, new)| changed_scopes(old, new)).collect()
    }
}
