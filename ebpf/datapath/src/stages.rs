//! The seam between the logic and where it runs: every stage as a method.
//!
//! On the host a stage is called directly, which is what the defaults do. In the kernel each is a *global* BPF
//! function, verified once whatever calls it how often; the implementation there overrides every method with a call of
//! the wrapper, which calls the same function as the default. Stages say [`DropReason::NONE`] or why they drop, since
//! that is what fits the return value of a global function.

use crate::flow::Scratch;
use crate::verdict::Answer;
use crate::walk::Walk;
use crate::{Frame, Tables, arp, commit, eni, flow, nacl, options, reclaim, security_group, walk};
use groundplane_abi::control::Generation;
use groundplane_abi::flow::FlowKey;
use groundplane_abi::{Device, DropReason};

fn reason(result: Result<(), DropReason>) -> DropReason {
    result.err().unwrap_or(DropReason::NONE)
}

pub trait Stages: Tables + Sized {
    type Frame: Frame;

    /// Lends the per-CPU scratch, if there is one.
    fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch) -> R) -> Option<R>;

    fn arp(&self, frame: &mut Self::Frame, device: Device, generation: Generation) -> Result<Answer, DropReason> {
        arp::answer(self, frame, device, generation)
    }

    fn options(&self, frame: &mut Self::Frame, header_len: u8) -> DropReason {
        reason(options::check(frame, header_len))
    }

    /// See [`flow::resume`].
    fn resume(&self, scratch: &mut Scratch) -> u32 {
        flow::resume(self, scratch)
    }

    /// See [`walk::walk`].
    fn walk(&self, walk: &mut Walk) -> DropReason {
        reason(walk::walk(self, walk))
    }

    /// See [`eni::leave`].
    fn leave(&self, walk: &mut Walk) -> DropReason {
        reason(eni::leave(self, walk))
    }

    /// See [`security_group::egress`].
    fn group_egress(&self, walk: &mut Walk) -> DropReason {
        reason(security_group::egress(self, walk))
    }

    /// See [`security_group::ingress`].
    fn group_ingress(&self, walk: &mut Walk) -> DropReason {
        reason(security_group::ingress(self, walk))
    }

    /// See [`nacl::evaluate`].
    fn judge_by_nacl(&self, walk: &mut Walk) -> DropReason {
        reason(nacl::evaluate(self, walk))
    }

    /// See [`commit::commit`].
    fn commit(&self, scratch: &mut Scratch) -> DropReason {
        reason(commit::commit(self, scratch))
    }

    /// See [`commit::promote`].
    fn promote(&self, scratch: &mut Scratch) -> DropReason {
        reason(commit::promote(self, scratch))
    }

    /// See [`commit::replace`].
    fn replace(&self, scratch: &mut Scratch) {
        commit::replace(self, scratch);
    }

    /// See [`commit::make_room`].
    fn make_room(&self, scratch: &mut Scratch) {
        commit::make_room(self, scratch);
    }

    /// See [`reclaim::examine`].
    fn examine(&self, walk: &mut Walk) -> bool {
        reclaim::examine(self, walk)
    }

    /// See [`reclaim::retire`].
    fn retire(&self, key: &FlowKey, stamp: u32) -> bool {
        reclaim::retire(self, key, stamp)
    }

    /// See [`reclaim::advance`].
    fn reclaim(&self, walk: &mut Walk) {
        reclaim::advance(self, walk);
    }
}
