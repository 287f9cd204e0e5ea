//! The stages as global BPF functions.
//!
//! Only this form is global in the object's BTF, and a global function is verified once, whatever calls it how often:
//! eight hops with the way back stay far below the verifier's limit. The price is that the verifier knows nothing of
//! the arguments, so each wrapper checks its pointer.

use crate::frame::SkbFrame;
use crate::maps::{Kernel, scratch};
use aya_ebpf::bindings::__sk_buff;
use groundplane_abi::control::Generation;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Device, DropReason, Mac};
use groundplane_datapath::flow::{self, Scratch};
use groundplane_datapath::walk::{self, Walk};
use groundplane_datapath::{Answer, Stages, arp, commit, eni, nacl, options, reclaim, security_group};

/// The wrapper of a stage, and nothing but the call of the stage in it.
macro_rules! stages {
    ($($name:ident($argument:ty) = $stage:path;)+) => {$(
        #[unsafe(no_mangle)]
        #[inline(never)]
        pub(crate) extern "C" fn $name(argument: *mut $argument) -> u32 {
            // SAFETY: the verifier checked at the call that the pointer is null or to a whole value in the per-CPU
            // scratch, which nothing else on this CPU uses meanwhile.
            match unsafe { argument.as_mut() } {
                Some(argument) => number($stage(&Kernel, argument)),
                None => u32::from(DropReason::NO_SCRATCH.0),
            }
        }
    )+};
}

stages! {
    stage_walk(Walk) = walk::walk;
    stage_leave(Walk) = eni::leave;
    stage_group_egress(Walk) = security_group::egress;
    stage_group_ingress(Walk) = security_group::ingress;
    stage_nacl(Walk) = nacl_of;
    stage_commit(Scratch) = commit::commit;
    stage_promote(Scratch) = commit::promote;
}

fn nacl_of(kernel: &Kernel, walk: &mut Walk) -> Result<(), DropReason> {
    nacl::evaluate(kernel, walk)
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_replace(scratch: *mut Scratch) -> u32 {
    // SAFETY: as in `stages`.
    if let Some(scratch) = unsafe { scratch.as_mut() } {
        commit::replace(&Kernel, scratch);
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_make_room(scratch: *mut Scratch) -> u32 {
    // SAFETY: as in `stages`.
    if let Some(scratch) = unsafe { scratch.as_mut() } {
        commit::make_room(&Kernel, scratch);
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_retire(key: *const FlowKey, stamp: u32) -> u32 {
    // SAFETY: as in `stages`; the key may also be on the stack.
    unsafe { key.as_ref() }.map_or(0, |key| u32::from(reclaim::retire(&Kernel, key, stamp)))
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_resume(scratch: *mut Scratch) -> u32 {
    // SAFETY: as in `stages`.
    match unsafe { scratch.as_mut() } {
        Some(scratch) => flow::resume(&Kernel, scratch),
        None => flow::resumed::NO,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_reclaim(walk: *mut Walk) -> u32 {
    // SAFETY: as in `stages`.
    if let Some(walk) = unsafe { walk.as_mut() } {
        reclaim::advance(&Kernel, walk);
    }
    0
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_examine(walk: *mut Walk) -> u32 {
    // SAFETY: as in `stages`.
    unsafe { walk.as_mut() }.map_or(0, |walk| u32::from(reclaim::examine(&Kernel, walk)))
}

#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_options(skb: *mut __sk_buff, header_len: u32) -> u32 {
    number(options::check(&SkbFrame::new(skb), header_len as u8))
}

/// The answer's MAC in the lower 48 bits and its kind above; or, with kind 0, the reason why there is none.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn stage_arp(skb: *mut __sk_buff, device: u32, generation: u64) -> u64 {
    match arp::answer(&Kernel, &SkbFrame::new(skb), Device(device), Generation(generation)) {
        Ok(Answer {
            mac: Mac([a, b, c, d, e, f]),
            kind,
        }) => u64::from_le_bytes([a, b, c, d, e, f, kind, 0]),
        Err(reason) => u64::from(reason.0),
    }
}

fn number(result: Result<(), DropReason>) -> u32 {
    match result {
        Ok(()) => 0,
        Err(reason) => u32::from(reason.0),
    }
}

fn reason(number: u32) -> DropReason {
    DropReason(number as u16)
}

impl Stages for Kernel {
    type Frame = SkbFrame;

    #[inline(always)]
    fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch) -> R) -> Option<R> {
        // SAFETY: this CPU's slot. Programs on one CPU don't interleave: they run with softirqs off.
        scratch().map(|scratch| user(unsafe { &mut *scratch }))
    }

    #[inline(always)]
    fn arp(&self, frame: &mut SkbFrame, device: Device, generation: Generation) -> Result<Answer, DropReason> {
        let answer = stage_arp(frame.context(), device.0, generation.0);
        let [a, b, c, d, e, f, kind, _] = answer.to_le_bytes();
        if kind == 0 {
            Err(reason(answer as u32))
        } else {
            Ok(Answer {
                mac: Mac([a, b, c, d, e, f]),
                kind,
            })
        }
    }

    #[inline(always)]
    fn options(&self, frame: &mut SkbFrame, header_len: u8) -> DropReason {
        reason(stage_options(frame.context(), u32::from(header_len)))
    }

    #[inline(always)]
    fn resume(&self, scratch: &mut Scratch) -> u32 {
        stage_resume(scratch)
    }

    #[inline(always)]
    fn walk(&self, walk: &mut Walk) -> DropReason {
        reason(stage_walk(walk))
    }

    #[inline(always)]
    fn leave(&self, walk: &mut Walk) -> DropReason {
        reason(stage_leave(walk))
    }

    #[inline(always)]
    fn group_egress(&self, walk: &mut Walk) -> DropReason {
        reason(stage_group_egress(walk))
    }

    #[inline(always)]
    fn group_ingress(&self, walk: &mut Walk) -> DropReason {
        reason(stage_group_ingress(walk))
    }

    #[inline(always)]
    fn judge_by_nacl(&self, walk: &mut Walk) -> DropReason {
        reason(stage_nacl(walk))
    }

    #[inline(always)]
    fn commit(&self, scratch: &mut Scratch) -> DropReason {
        reason(stage_commit(scratch))
    }

    #[inline(always)]
    fn promote(&self, scratch: &mut Scratch) -> DropReason {
        reason(stage_promote(scratch))
    }

    #[inline(always)]
    fn replace(&self, scratch: &mut Scratch) {
        stage_replace(scratch);
    }

    #[inline(always)]
    fn make_room(&self, scratch: &mut Scratch) {
        stage_make_room(scratch);
    }

    #[inline(always)]
    fn examine(&self, walk: &mut Walk) -> bool {
        stage_examine(walk) != 0
    }

    #[inline(always)]
    fn retire(&self, key: &FlowKey, stamp: u32) -> bool {
        stage_retire(key, stamp) != 0
    }

    #[inline(always)]
    fn reclaim(&self, walk: &mut Walk) {
        stage_reclaim(walk);
    }
}
