//! Carries out a verdict on the bytes. Called once, at the end: a packet that is dropped has not been touched.

use crate::arp;
use crate::verdict::Verdict;
use crate::Frame;
use groundplane_abi::{DropReason, Mac};

/// Rewrites the frame as the verdict says.
#[inline(always)]
pub fn apply(frame: &mut impl Frame, verdict: &Verdict) -> Result<(), DropReason> {
    match *verdict {
        Verdict::Drop(reason) => Err(reason),
        Verdict::Deliver(delivery) => match delivery.routed_to {
            // A routed frame comes from the router. Its TTL stays: the implicit router is no hop (semantics 3.1).
            Some(mac) => frame.store(0, macs(mac, Mac::ROUTER)).ok_or(DropReason::TRUNCATED),
            None => Ok(()),
        },
        Verdict::Answer(answer) => arp::write_answer(frame, answer.mac),
    }
}

/// The first twelve bytes of a frame.
#[inline(always)]
pub(crate) const fn macs(destination: Mac, source: Mac) -> [u8; 12] {
    let [a, b, c, d, e, f] = destination.0;
    let [g, h, i, j, k, l] = source.0;
    [a, b, c, d, e, f, g, h, i, j, k, l]
}
