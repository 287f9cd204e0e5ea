//! Live connections, as the kernel's flow tables have them.
//!
//! A connection that passes a middlebox is two here, one to it and one from it, as it is on AWS.

mod flow;
mod selector;
mod who;

pub use flow::{Endpoint, Flow, FlowState, Tracked, protocol_name};
pub use selector::{FlowSelector, Matcher, Unknown, protocol};
pub use who::Who;

use crate::install;
use crate::install::engine::require_root;
use crate::install::kernel::{Connection, ConnectionSet, Datapath, FlowTables, Moment, Stored};
use crate::install::store;
use groundplane_abi::flow::{FlowEntry, state};
use groundplane_abi::{Ip4, Ip6};
use groundplane_datapath::FlowTable;
use groundplane_datapath::conntrack::Pulse;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;

/// Why connections can't be told of.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Unknown(#[from] Unknown),
    #[error(transparent)]
    Host(#[from] install::Error),
}

/// The connections of what is up.
#[derive(Debug)]
pub struct Connections {
    datapath: Datapath,
    tables: FlowTables,
    who: Who,
}

impl Connections {
    /// Nothing is up: an error.
    pub fn open(state_dir: &Path) -> install::Result<Self> {
        require_root()?;
        let state = store::read(state_dir)?.ok_or(install::Error::NothingUp)?;
        // The tables mean something only if they have the layout this program knows.
        Ok(Self {
            datapath: Datapath::open(&state.pins)?,
            tables: FlowTables::open(&state.pins)?,
            who: Who::of(&state)?,
        })
    }

    /// Tells of every live connection that is asked for, until the listener breaks off.
    pub fn each(&self, selector: &FlowSelector, tell: impl FnMut(Flow) -> ControlFlow<()>) -> Result<(), Error> {
        struct Teller<'a, F> {
            datapath: &'a Datapath,
            who: &'a Who,
            now: Moment,
            tell: F,
        }
        impl<F: FnMut(Flow) -> ControlFlow<()>> Visitor for Teller<'_, F> {
            fn visit<I: Stored>(&mut self, pair: &Pair<I>) -> ControlFlow<()> {
                let mut flow = Flow::of(pair, self.who, self.now);
                let ends = [pair.entry.key.device(), pair.entry.action.delivery.out];
                for (end, device) in [&mut flow.from, &mut flow.to].into_iter().zip(ends) {
                    if let Ok(Some(name)) = self.datapath.gateway(device) {
                        end.instance = name;
                    }
                }
                (self.tell)(flow)
            }
        }
        let matcher = selector.matcher(&self.who)?;
        let mut teller = Teller {
            datapath: &self.datapath,
            who: &self.who,
            now: self.tables.now()?,
            tell,
        };
        Ok(each(&self.tables, &matcher, &mut teller)?)
    }

    /// Ends the connections that are asked for; or, to try it, leaves them alone.
    pub fn flush(&self, selector: &FlowSelector, dry_run: bool) -> Result<Flushed, Error> {
        let matcher = selector.matcher(&self.who)?;
        let mut set = Set(ConnectionSet::default());
        each(&self.tables, &matcher, &mut set)?;
        let ended = if dry_run { 0 } else { self.datapath.retire_all(&set.0)? };
        Ok(Flushed {
            found: set.0.len(),
            ended,
        })
    }
}

/// What came of ending connections. Field names are part of the command's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    pub found: usize,
    pub ended: usize,
}

/// Notes connections down.
struct Set(ConnectionSet);

impl Visitor for Set {
    fn visit<I: Stored>(&mut self, pair: &Pair<I>) -> ControlFlow<()> {
        self.0.push(Connection::from(&pair.entry));
        ControlFlow::Continue(())
    }
}

/// The two entries of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Pair<I: Stored> {
    /// Of the direction in which it was opened.
    pub entry: FlowEntry<I>,
    /// Of the other one; an embryo's may have been evicted.
    pub twin: Option<FlowEntry<I>>,
    pub table: FlowTable,
}

/// What is done with each connection.
pub trait Visitor {
    fn visit<I: Stored>(&mut self, pair: &Pair<I>) -> ControlFlow<()>;
}

/// Visits every live connection that is asked for, in no order, until the visitor breaks off. Tables are read a part at
/// a time, so that nothing grows with them.
pub fn each(tables: &FlowTables, matcher: &Matcher, visitor: &mut impl Visitor) -> install::Result<()> {
    let now = tables.now()?;
    if each_of::<Ip4>(tables, now, matcher, visitor)?.is_continue() {
        _ = each_of::<Ip6>(tables, now, matcher, visitor)?;
    }
    Ok(())
}

fn each_of<I: Stored>(
    tables: &FlowTables,
    now: Moment,
    matcher: &Matcher,
    visitor: &mut impl Visitor,
) -> install::Result<ControlFlow<()>> {
    for table in [FlowTable::Main, FlowTable::Embryos] {
        let mut failure = Ok(());
        let visit = |entry: &FlowEntry<I>| {
            if entry.state != state::LIVE || entry.action.is_reply() || !matcher.admits(entry) {
                return ControlFlow::Continue(());
            }
            match pair(tables, now, table, entry) {
                Ok(Some(pair)) => visitor.visit(&pair),
                Ok(None) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Err(error);
                    ControlFlow::Break(())
                }
            }
        };
        let flow = tables.each(table, visit)?;
        failure?;
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The connection of an entry, if it lives: one that has expired stands in the table until somebody needs its place.
fn pair<I: Stored>(
    tables: &FlowTables,
    now: Moment,
    table: FlowTable,
    entry: &FlowEntry<I>,
) -> install::Result<Option<Pair<I>>> {
    let twin = tables.get(table, &entry.twin_key())?;
    let seen = twin.map_or((0, 0), |twin| (twin.last_seen, twin.packets));
    let pulse = Pulse::of(entry, seen, now.ticks, now.ticks_per_second);
    let pair = Pair {
        entry: *entry,
        twin,
        table,
    };
    Ok((!pulse.is_expired(entry)).then_some(pair))
}
