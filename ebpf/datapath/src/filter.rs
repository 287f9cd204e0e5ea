//! The filter in front of an uplink: drops what the walk would drop for certain, for a fraction of what a walk costs.
//!
//! It knows no flows and writes none. So it lets pass whatever could be a part of one: of TCP all that doesn't open a
//! connection; of UDP and ICMP all that is for somebody, since it may be an answer; every fragment, every ICMP error,
//! options, extension headers, tags; and what doesn't make sense, which is the host's. What it takes for an opening may
//! be of a connection that the other side has opened as well, at the same time and between the same ports: that is the
//! one thing it drops that the walk would not.

use crate::{Family, Frame, Tables};
use groundplane_abi::door::{DoorEntry, DoorKey};
use groundplane_abi::{DropReason, Ip};

/// What the filter looks at of a packet that may be the first of its flow.
#[derive(Clone, Copy, Debug)]
pub struct Knock<I> {
    pub src: I,
    pub dst: I,
    /// The destination's.
    pub port: u16,
    /// Whether it opens a TCP connection.
    pub opens: bool,
}

/// The table of doors of a family.
pub trait Doors<I: Ip>: Tables {
    /// What somebody says of a door in place.
    fn door<R>(&self, key: &DoorKey<I>, ask: impl FnOnce(&DoorEntry) -> R) -> Option<R>;
}

/// Why a frame that has come in by an uplink is dropped, if it is.
#[inline(always)]
pub fn filter<I: Family, T: Doors<I>>(tables: &T, frame: &impl Frame) -> DropReason {
    let Some(knock) = I::knock(frame) else {
        return DropReason::NONE;
    };
    let key = DoorKey {
        bank: tables.generation().bank(),
        address: knock.dst,
    };
    // What is for nobody's door is the host's.
    tables
        .door(&key, |door| refuse(&knock, door))
        .unwrap_or(DropReason::NONE)
}

#[inline(always)]
fn refuse<I: Family>(knock: &Knock<I>, door: &DoorEntry) -> DropReason {
    if let Err(reason) = I::check_outside_source(knock.src) {
        return reason;
    }
    if knock.opens && door.nobody.is_none() && !door.is_open(knock.port) {
        return door.closed;
    }
    door.nobody
}
