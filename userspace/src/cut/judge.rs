//! One connection under the rows that are to come.

use super::packet;
use crate::install::kernel::Stored;
use crate::plan::Plan;
use crate::simulate::{Capacity, Simulation};
use groundplane_abi::control::{Generation, Validity};
use groundplane_abi::flow::{FlowEntry, kind};
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::{FlowTable, Stages, Tables as _, TablesOf, judge};

/// The host twin over a plan, whose flow tables are empty between two questions.
#[derive(Debug)]
pub struct Judge(Simulation);

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    GoesOn,
    /// It would not be admitted, but its ENIs remember it.
    GoesOnUnlessCut(Denial),
    Ends(Denial),
}

/// Where and why it would be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    pub at: Device,
    pub reason: DropReason,
    /// The number of the NACL rule that denies; 0 if it is none.
    pub rule: u16,
    /// It isn't the opener's packets that are dropped but the answers.
    pub answers: bool,
}

impl Judge {
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        // Room for one connection, which is in the tables only while it is judged.
        let mut simulation = Simulation::new(Capacity { flows: 2, embryos: 2 });
        simulation.apply(plan);
        // Those that there are tell whose a port is, and nothing of what a configuration does to a connection.
        simulation.assume_mappings();
        Self(simulation)
    }

    /// What becomes of a connection, given its two entries.
    #[must_use]
    pub fn fate<I: Stored>(&self, entry: &FlowEntry<I>, twin: Option<&FlowEntry<I>>) -> Fate {
        let fate = self.fate_of(entry, twin);
        self.0.forget_mappings();
        fate
    }

    fn fate_of<I: Stored>(&self, entry: &FlowEntry<I>, twin: Option<&FlowEntry<I>>) -> Fate {
        let Some(denial) = self.denial(entry, true) else {
            return Fate::GoesOn;
        };
        if !entry.near.is_tracked() && !entry.far.is_tracked() {
            return Fate::Ends(denial);
        }
        let entries = [Some(entry), twin];
        for entry in entries.into_iter().flatten() {
            self.0.insert(FlowTable::Main, &self.stale(entry));
        }
        let still = self.denial(entry, false);
        for entry in entries.into_iter().flatten() {
            TablesOf::<I>::remove(&self.0, FlowTable::Main, &entry.key);
        }
        // What is in the way of a connection that is remembered is what ends it, whatever else is in the way of a new
        // one.
        still.map_or(Fate::GoesOnUnlessCut(denial), Fate::Ends)
    }

    /// An entry that has just been used, and was judged before the configuration that is to come.
    fn stale<I: Stored>(&self, entry: &FlowEntry<I>) -> FlowEntry<I> {
        let scopes = [0, 1, 2, 3].map(|place| entry.validity.scope(place));
        FlowEntry {
            validity: Validity::new(Generation(0), scopes),
            last_seen: self.0.clock().now,
            ..*entry
        }
    }

    /// Why a packet of the connection, or the answer to it, would be dropped.
    fn denial<I: Stored>(&self, entry: &FlowEntry<I>, opens: bool) -> Option<Denial> {
        let mut frame = packet::of(entry, opens);
        let verdict = judge::<I, _>(&self.0, &mut frame, entry.key.device());
        let denial = Stages::<I>::with_scratch(&self.0, |scratch| {
            if verdict.is_drop() {
                return Some(Denial {
                    at: scratch.there.at,
                    reason: verdict.reason,
                    rule: u16::try_from(scratch.there.rule).unwrap_or_default(),
                    answers: false,
                });
            }
            let back = &scratch.twin.action.delivery;
            (back.kind == kind::DROP).then_some(Denial {
                at: back.out,
                reason: back.reason(),
                rule: scratch.twin.far.rule,
                answers: true,
            })
        });
        denial.flatten()
    }
}
