//! What a configuration would do to the connections that live.
//!
//! A tracked connection goes on when the group rule that admitted it is removed, as on AWS; everything else that stands
//! in its way ends it with its next packet. For each live connection the host twin, over the rows of the configuration
//! that is to come, is asked twice: whether it would admit the packet that opened it, and, if not, whether the
//! connection goes on all the same, because its ENIs remember it. What goes on without being admitted is what cutting
//! ends.

mod judge;
mod packet;
#[cfg(test)]
mod tests;

pub use judge::{Denial, Fate, Judge};

use crate::flows::{self, Flow, Matcher, Pair, Visitor, Who};
use crate::install;
use crate::install::kernel::{Connection, ConnectionSet, FlowTables, Moment, Stored};
use crate::plan::Plan;
use crate::rule::Rule;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// How many connections are named unless somebody wants all.
pub const NAMED: usize = 20;

/// What becomes of the live connections. Field names are part of the commands' output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequences {
    /// How many live connections were looked at.
    pub looked_at: u64,
    /// How many of them the configuration would not admit, but go on unless they are cut.
    pub go_on_unless_cut: u64,
    /// How many end whatever is done.
    pub end: u64,
    /// Some of both.
    pub connections: Vec<Consequence>,
}

/// What becomes of one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    #[serde(flatten)]
    pub flow: Flow,
    /// Whether it goes on unless it is cut.
    pub goes_on_unless_cut: bool,
    /// VPC and name of the instance at whose ENI it would be dropped.
    pub dropped_at: String,
    /// Whether it is the answers that would be dropped.
    pub answers: bool,
    pub reason: String,
    /// AWS's code for it, or "".
    pub code: String,
    /// The rule in words, or "".
    pub rule: String,
}

/// Everything a change needs to know of the connections it ends.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    pub consequences: Consequences,
    /// What cutting ends: [`Datapath::retire_all`](crate::install::Datapath::retire_all) them when the configuration is
    /// in force.
    pub cut: ConnectionSet,
}

/// Names on both sides of a change.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// Who has which device, as it is.
    pub now: &'a Who,
    /// The same with the rules they are to be under.
    pub next: &'a Who,
}

/// Judges every live connection by the rows that are to come, and names at most so many of those that are not admitted.
pub fn judge(plan: &Plan, tables: &FlowTables, names: Names<'_>, named: usize) -> install::Result<Judgement> {
    let mut all = All {
        judge: Judge::new(plan),
        names,
        named,
        now: tables.now()?,
        judgement: Judgement::default(),
    };
    flows::each(tables, &Matcher::default(), &mut all)?;
    Ok(all.judgement)
}

struct All<'a> {
    judge: Judge,
    names: Names<'a>,
    named: usize,
    now: Moment,
    judgement: Judgement,
}

impl Visitor for All<'_> {
    fn visit<I: Stored>(&mut self, pair: &Pair<I>) -> ControlFlow<()> {
        let consequences = &mut self.judgement.consequences;
        consequences.looked_at += 1;
        let (denial, goes_on) = match self.judge.fate(&pair.entry, pair.twin.as_ref()) {
            Fate::GoesOn => return ControlFlow::Continue(()),
            Fate::GoesOnUnlessCut(denial) => (denial, true),
            Fate::Ends(denial) => (denial, false),
        };
        consequences.go_on_unless_cut += u64::from(goes_on);
        consequences.end += u64::from(!goes_on);
        if consequences.connections.len() < self.named {
            let flow = Flow::of(pair, self.names.now, self.now);
            let consequence = Consequence::new(flow, denial, goes_on, self.names);
            consequences.connections.push(consequence);
        }
        if goes_on {
            self.judgement.cut.push(Connection::from(&pair.entry));
        }
        ControlFlow::Continue(())
    }
}

impl Consequence {
    fn new(flow: Flow, denial: Denial, goes_on_unless_cut: bool, names: Names<'_>) -> Self {
        let Denial {
            at,
            reason,
            rule,
            answers,
        } = denial;
        let guest = names.next.guest(at).or_else(|| names.now.guest(at));
        let rule = guest.and_then(|guest| Rule::of(guest, reason, rule));
        Self {
            flow,
            goes_on_unless_cut,
            dropped_at: names.now.endpoint(at).instance,
            answers,
            reason: reason.to_string(),
            code: reason.describe().map_or("", |description| description.code).to_owned(),
            rule: rule.map(|rule| rule.to_string()).unwrap_or_default(),
        }
    }
}
