//! Splices: whoever connects to a socket of the host is connected to what is behind it, in another network namespace,
//! and what either says goes to the other.
//!
//! [`socket`] is what is listened at, [`stream`] carries one connection, [`door`] takes connections in up to its limit,
//! and [`splicer`] has the doors and the thread that lives in the other namespace. None of them knows what it is for:
//! an address to connect to is all there is.

mod counters;
mod door;
mod socket;
mod splicer;
mod stream;
#[cfg(test)]
mod tests;

pub use counters::Counted;
pub(crate) use counters::Counters;
pub(crate) use splicer::room;
pub use splicer::{Board, Splice, Splicer, State};
pub(crate) use stream::carry_from;
