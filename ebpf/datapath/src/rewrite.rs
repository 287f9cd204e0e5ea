//! Carries out a verdict on the bytes. Called once, at the end: a packet that is dropped has not been touched.

use crate::Frame;
use crate::family::Family;
use crate::verdict::{Verdict, rewrite};
use groundplane_abi::{DropReason, Mac};

/// Rewrites the frame as the verdict says.
#[inline(always)]
pub fn apply<I: Family>(frame: &mut impl Frame, verdict: &Verdict) -> Result<(), DropReason> {
    let done = match verdict.rewrite {
        // A routed frame comes from the router. Its TTL stays: the implicit router is no hop (semantics 3.1).
        rewrite::ROUTED => readdress(frame, verdict.mac, Mac::ROUTER),
        rewrite::NONE => Some(()),
        _ => write_answer::<I>(frame, verdict),
    };
    done.ok_or(DropReason::TRUNCATED)
}

/// Apart, because its stack is needed by no other frame.
#[inline(never)]
fn write_answer<I: Family>(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
    I::write_answer(frame, verdict)
}

/// Gives a frame new MACs, in whole words.
#[inline(always)]
pub(crate) fn readdress(frame: &mut impl Frame, destination: Mac, source: Mac) -> Option<()> {
    let (destination, source) = (destination.to_le_bits(), source.to_le_bits());
    let words = [
        destination as u32,
        (destination >> 32 | source << 16) as u32,
        (source >> 16) as u32,
    ];
    frame.store_words(0, words)
}
