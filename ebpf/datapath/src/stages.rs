//! The seam between the logic and where it runs: every stage as a method.
//!
//! On the host a stage is called directly, which is what the defaults do. In the kernel each is a *global* BPF
//! function, verified once whatever calls it how often; the implementation there overrides every method with a call of
//! the wrapper, which calls the same function as the default. Stages say [`DropReason::NONE`] or why they drop, since
//! that is what fits the return value of a global function.

use crate::family::Family;
use crate::packet::{Packet, packet_flag};
use crate::scratch::Scratch;
use crate::verdict::Answer;
use crate::walk::Walk;
use crate::{
    Frame, TablesOf, balancer, commit, eni, flow, gateway_endpoint, internet, nacl, nat, parse, peering, reclaim,
    refuse,
};
use crate::{gateway_balancer, security_group, transit, translate, walk};
use groundplane_abi::DropReason;
use groundplane_abi::flow::FlowKey;

fn reason(result: Result<(), DropReason>) -> DropReason {
    result.err().unwrap_or(DropReason::NONE)
}

pub trait Stages<I: Family>: TablesOf<I> + Sized {
    type Frame: Frame;

    /// Lends the per-CPU scratch, if there is one.
    fn with_scratch<R>(&self, user: impl FnOnce(&mut Scratch<I>) -> R) -> Option<R>;

    /// See [`parse::parse`].
    fn parse(&self, frame: &mut Self::Frame, packet: &mut Packet<I>) -> DropReason {
        parse::parse(frame, packet)
    }

    /// See [`Family::answer_neighbor`].
    fn neighbor(&self, frame: &mut Self::Frame, walk: &mut Walk<I>) -> Result<Answer, DropReason> {
        I::answer_neighbor(self, frame, walk)
    }

    fn options(&self, frame: &mut Self::Frame, header_len: u8) -> DropReason {
        reason(I::check_options(frame, header_len))
    }

    /// Reads which packet an ICMP error speaks of.
    fn quote(&self, frame: &mut Self::Frame, walk: &mut Walk<I>) {
        if let Some(quoted) = parse::parse_quote(frame, walk.packet.header_len) {
            walk.quoted = quoted;
            walk.packet.flags |= packet_flag::QUOTES;
        }
    }

    /// See [`flow::resume`].
    fn resume(&self, scratch: &mut Scratch<I>) -> u32 {
        flow::resume(self, scratch)
    }

    /// See [`walk::walk`].
    fn walk(&self, walk: &mut Walk<I>) -> DropReason {
        reason(walk::walk(self, walk))
    }

    /// See [`eni::leave`].
    fn leave(&self, walk: &mut Walk<I>) -> DropReason {
        reason(eni::leave(self, walk))
    }

    /// See [`security_group::egress`].
    fn group_egress(&self, walk: &mut Walk<I>) -> DropReason {
        reason(security_group::egress(self, walk))
    }

    /// See [`security_group::ingress`].
    fn group_ingress(&self, walk: &mut Walk<I>) -> DropReason {
        reason(security_group::ingress(self, walk))
    }

    /// See [`security_group::classify`].
    fn classify(&self, walk: &mut Walk<I>) -> DropReason {
        reason(security_group::classify(self, walk))
    }

    /// See [`internet::out`].
    fn internet_out(&self, walk: &mut Walk<I>) -> DropReason {
        reason(internet::out(self, walk))
    }

    /// See [`internet::come_in`].
    fn internet_in(&self, walk: &mut Walk<I>) -> DropReason {
        reason(internet::come_in(self, walk))
    }

    /// See [`gateway_endpoint::out`].
    fn gateway_endpoint_out(&self, walk: &mut Walk<I>) -> DropReason {
        reason(gateway_endpoint::out(self, walk))
    }

    /// See [`gateway_endpoint::come_in`].
    fn gateway_endpoint_in(&self, walk: &mut Walk<I>) -> DropReason {
        reason(gateway_endpoint::come_in(self, walk))
    }

    /// See [`gateway_endpoint::answers`].
    fn answers_client(&self, walk: &mut Walk<I>) -> bool {
        gateway_endpoint::answers(self, walk)
    }

    /// See [`nat::out`].
    fn nat_out(&self, walk: &mut Walk<I>) -> DropReason {
        reason(nat::out(self, walk))
    }

    /// See [`nat::come_in`].
    fn nat_in(&self, walk: &mut Walk<I>) -> DropReason {
        reason(nat::come_in(self, walk))
    }

    /// See [`nat::send`].
    fn nat_send(&self, walk: &mut Walk<I>) -> DropReason {
        reason(nat::send(self, walk))
    }

    /// See [`balancer::come_in`].
    fn balance(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::come_in(self, walk))
    }

    /// See [`balancer::probe`].
    fn probe(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::probe(self, walk))
    }

    /// See [`balancer::answer_client`].
    fn answer_client(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::answer_client(self, walk))
    }

    /// See [`balancer::choose`].
    fn choose(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::choose(self, walk))
    }

    /// See [`balancer::connect`].
    fn connect(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::connect(self, walk))
    }

    /// See [`balancer::forward`].
    fn forward(&self, walk: &mut Walk<I>) -> DropReason {
        reason(balancer::forward(self, walk))
    }

    /// See [`balancer::returns`].
    fn return_to_node(&self, walk: &mut Walk<I>) -> bool {
        balancer::returns(self, walk)
    }

    /// See [`gateway_balancer::come_in`].
    fn inspect(&self, walk: &mut Walk<I>) -> DropReason {
        reason(gateway_balancer::come_in(self, walk))
    }

    /// See [`gateway_balancer::check_returned`].
    fn check_returned(&self, walk: &mut Walk<I>) -> DropReason {
        reason(gateway_balancer::check_returned(self, walk))
    }

    /// See [`gateway_balancer::wrap`].
    fn wrap(&self, frame: &mut Self::Frame, scratch: &Scratch<I>) -> DropReason {
        reason(gateway_balancer::wrap(self, frame, scratch))
    }

    /// See [`gateway_balancer::give_back`].
    fn give_back(&self, frame: &mut Self::Frame, scratch: &Scratch<I>) -> DropReason {
        reason(gateway_balancer::give_back(frame, scratch))
    }

    /// See [`nat::answers`].
    fn answer_nat(&self, walk: &mut Walk<I>) -> bool {
        nat::answers(self, walk)
    }

    /// See [`nat::is_live`].
    fn is_live(&self, walk: &mut Walk<I>) -> bool {
        nat::is_live(self, walk)
    }

    /// See [`nat::find_port`].
    fn find_port(&self, walk: &mut Walk<I>) -> bool {
        nat::find_port(self, walk)
    }

    /// See [`nat::bind`].
    fn bind(&self, scratch: &mut Scratch<I>) -> DropReason {
        reason(nat::bind(self, scratch))
    }

    /// See [`nat::unbind`].
    fn unbind(&self, walk: &mut Walk<I>) {
        nat::unbind(self, walk);
    }

    /// See [`peering::cross`].
    fn cross(&self, walk: &mut Walk<I>) -> DropReason {
        reason(peering::cross(self, walk))
    }

    /// See [`transit::transit`].
    fn transit(&self, walk: &mut Walk<I>) -> DropReason {
        reason(transit::transit(self, walk))
    }

    /// See [`refuse::refuse`].
    fn refuse(&self, scratch: &mut Scratch<I>) -> u32 {
        u32::from(refuse::refuse(self, scratch))
    }

    /// See [`refuse::write`].
    fn write_refusal(&self, frame: &mut Self::Frame, scratch: &Scratch<I>) -> DropReason {
        reason(refuse::write(frame, scratch))
    }

    /// See [`translate::translate`].
    fn translate(&self, frame: &mut Self::Frame, scratch: &Scratch<I>) -> DropReason {
        reason(translate::translate(frame, scratch))
    }

    /// See [`translate::clamp`].
    fn clamp(&self, frame: &mut Self::Frame, packet: &Packet<I>) -> DropReason {
        reason(translate::clamp(frame, packet))
    }

    /// See [`nacl::evaluate`].
    fn judge_by_nacl(&self, walk: &mut Walk<I>) -> DropReason {
        reason(nacl::evaluate(self, walk))
    }

    /// See [`commit::commit`].
    fn commit(&self, scratch: &mut Scratch<I>) -> DropReason {
        reason(commit::commit(self, scratch))
    }

    /// See [`commit::promote`].
    fn promote(&self, scratch: &mut Scratch<I>) -> DropReason {
        reason(commit::promote(self, scratch))
    }

    /// See [`commit::replace`].
    fn replace(&self, scratch: &mut Scratch<I>) {
        commit::replace(self, scratch);
    }

    /// See [`commit::displace`].
    fn displace(&self, scratch: &mut Scratch<I>, by_twin: bool) {
        commit::displace(self, scratch, by_twin);
    }

    /// See [`reclaim::examine`].
    fn examine(&self, walk: &mut Walk<I>) -> bool {
        reclaim::examine(self, walk)
    }

    /// See [`reclaim::retire`].
    fn retire(&self, key: &FlowKey<I>, stamp: u32) -> bool {
        reclaim::retire(self, key, stamp)
    }

    /// See [`reclaim::advance`].
    fn reclaim(&self, walk: &mut Walk<I>) {
        reclaim::advance(self, walk);
    }
}
