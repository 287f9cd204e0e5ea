//! Targets that are told their clients by a header in front of the stream (PROXY protocol, version 2; semantics 13.7).
//!
//! A program in the kernel can't put bytes into a stream of TCP: every sequence number behind them would be another
//! one, in either direction, also in what is sent again and in what is yet to be segmented. So for such target groups,
//! and for no others, the datapath leads the client's connection to the agent, which makes another one to the target as
//! the node does, writes the [`header`], and then passes on what either says. [`orders`] says for whom that is done,
//! without a socket; [`attendant`] does it.

mod attendant;
mod header;
mod orders;
#[cfg(test)]
mod tests;

pub use attendant::Herald;
pub(crate) use header::LOCAL;
pub use orders::{Door, Orders, pairs};
