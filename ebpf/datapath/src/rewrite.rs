//! Carries out a verdict on the bytes. Called once, at the end: a packet that is dropped has not been touched.

use crate::Frame;
use crate::family::Family;
use crate::stages::Stages;
use crate::translate::Translation;
use crate::verdict::{Hit, Verdict, rewrite};
use groundplane_abi::flow::{FlowEntry, action_flag, kind};
use groundplane_abi::{DropReason, Mac};

/// Rewrites an established frame. False if it can't be, or the entry has become another one's; then it is as it was,
/// but for what a frame has that ends in its middle.
#[inline(always)]
pub fn established<I: Family, S: Stages<I>>(stages: &S, frame: &mut S::Frame, hit: &Hit<I, S::FlowRef>) -> bool {
    let verdict = &hit.verdict;
    if verdict.rewrite == rewrite::TRANSLATED {
        let take = |entry: &FlowEntry<I>| {
            let delivery = &entry.action.delivery;
            (entry.action.src, entry.action.dst, delivery.src_port, delivery.dst_port)
        };
        let Some(leaving) = stages.read(hit.flow, &hit.key, take) else {
            return false;
        };
        let translation = Translation::of(&hit.key, leaving, verdict.hops);
        if I::translate(frame, &translation).is_none() {
            return false;
        }
    }
    address(frame, verdict).is_some()
}

/// Rewrites the frame that was judged last as the verdict says.
#[inline(always)]
pub fn apply<I: Family, S: Stages<I>>(stages: &S, frame: &mut S::Frame, verdict: &Verdict) -> Result<(), DropReason> {
    // What is written down beside the verdict is about the packet before.
    if verdict.kind == kind::PASS {
        return Ok(());
    }
    if verdict.is_refusal() {
        let written = stages.with_scratch(|scratch| stages.write_refusal(frame, scratch));
        return written.unwrap_or(DropReason::NO_SCRATCH).check();
    }
    if rewrite::is_answer(verdict.rewrite) {
        return write_answer::<I>(frame, verdict).ok_or(DropReason::TRUNCATED);
    }
    let changed = stages.with_scratch(|scratch| {
        if scratch.entry.action.delivery.flags & action_flag::CLAMPED != 0 {
            stages.clamp(frame, &scratch.there.packet).check()?;
        }
        if verdict.rewrite == rewrite::TRANSLATED {
            stages.translate(frame, scratch).check()?;
        }
        match verdict.kind {
            kind::WRAPPED => stages.wrap(frame, scratch).check(),
            kind::RETURNED => stages.give_back(frame, scratch).check(),
            _ => Ok(()),
        }
    });
    changed.unwrap_or(Err(DropReason::NO_SCRATCH))?;
    if matches!(verdict.kind, kind::WRAPPED | kind::RETURNED) {
        return Ok(());
    }
    address(frame, verdict).ok_or(DropReason::TRUNCATED)
}

/// Gives the frame the MACs it leaves with. A routed frame comes from the router. Its TTL stays: the implicit router is
/// no hop (semantics 3.1).
#[inline(always)]
fn address(frame: &mut impl Frame, verdict: &Verdict) -> Option<()> {
    if verdict.rewrite == rewrite::NONE || verdict.kind == kind::UPLINK {
        Some(())
    } else {
        readdress(frame, verdict.mac, Mac::ROUTER)
    }
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
