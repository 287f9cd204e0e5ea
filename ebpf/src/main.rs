//! The kernel programs of Groundplane.
//!
//! They decide nothing: a context becomes a frame, `groundplane-datapath` gives a verdict, the verdict becomes an
//! action. The only pointer arithmetic is in `frame` and `maps`, the only atomics are in `atomic`.
#![no_std]
#![no_main]
// Debian's rustc is a stable one that is told to allow these; both are needed for what the BPF target lacks: atomics
// (`core::sync::atomic` is off there) and a compiler barrier.
#![feature(core_intrinsics, asm_experimental_arch)]
#![expect(internal_features, reason = "the BPF target has no other way to atomics")]

mod atomic;
mod frame;
mod maps;
mod stages;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::bindings::{__sk_buff, TC_ACT_OK, TC_ACT_SHOT};
use aya_ebpf::helpers::{bpf_jiffies64, bpf_redirect, bpf_redirect_neigh, bpf_redirect_peer, bpf_skb_change_type};
use aya_ebpf::macros::{classifier, xdp};
use aya_ebpf::programs::{TcContext, XdpContext};
use frame::{SkbFrame, XdpFrame};
use groundplane_abi::event::Event;
use groundplane_abi::flow::{FlowKey, RETIREMENT_OFFSET, kind};
use groundplane_abi::nacl::direction;
use groundplane_abi::program::slot;
use groundplane_abi::uplink::uplink_flag;
use groundplane_abi::{Device, DropReason, Ip4, Ip6};
use groundplane_datapath::geneve::Finished;
use groundplane_datapath::{
    Family, Frame as _, Stages, Tables as _, TablesOf as _, Verdict, commit, fast, filter, geneve, judge, nat64, parse,
    report, rewrite, uplink,
};
use maps::{Kernel, PROGRAMS};

/// `PACKET_HOST` of linux/if_packet.h.
const PACKET_HOST: u32 = 0;

/// tcx ingress of an ENI's host side: a packet leaves a guest. It is delivered to a guest or dropped; the host's own
/// stack never gets it.
///
/// Established flows end here. For every other packet this goes on in the family's `judge`, and that in its `commit`.
#[classifier]
pub(crate) fn eni_egress(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    let device = frame.device();
    come_in(&context, frame, device)
}

/// tcx ingress of an uplink: a packet from outside. What isn't for an address of ours goes on to the host as it came.
#[classifier]
pub(crate) fn uplink_ingress(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    come_in(&context, frame, Device::INTERNET)
}

/// tcx ingress of the service port's host side: the agent speaks with a guest. Nothing of it reaches the host's stack.
#[classifier]
pub(crate) fn service_ingress(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    come_in(&context, frame, Device::SERVICE)
}

/// tcx ingress of the cutter's host side: what was sent there comes back in fragments, which leave. Nothing else
/// passes.
#[classifier]
pub(crate) fn cutter_ingress(context: TcContext) -> i32 {
    let mut frame = SkbFrame::new(context.skb.skb);
    match uplink::check_cut(&frame) {
        Ok(()) => leave(&mut frame),
        Err(reason) => report_drop(&frame, reason),
    }
}

/// tcx ingress of the finisher's host side: what was sent there goes on, with all that its sender has left to its
/// device: to an appliance; or it has come from one, and the packet in it goes on.
#[classifier]
pub(crate) fn finisher_ingress(context: TcContext) -> i32 {
    let mut frame = SkbFrame::new(context.skb.skb);
    let node = match geneve::finished(&mut frame) {
        Some(Finished::Sent(node)) => return come_in(&context, frame, node),
        Some(Finished::Returned(node)) => node,
        None => return report_drop(&frame, DropReason::NOT_IP),
    };
    let Some(returned) = geneve::unwrap(&Kernel, &mut frame, node) else {
        report::frame(&Kernel, &frame, node, DropReason::GENEVE_MISMATCH);
        return drop(&frame, DropReason::GENEVE_MISMATCH);
    };
    frame.note_port(returned.endpoint);
    frame.note_returned(returned.note);
    if parse::is_ip6(&frame) {
        go_on(&context, slot::JUDGE_IP6)
    } else {
        go_on(&context, slot::JUDGE_IP4)
    }
}

/// XDP on an uplink, before the kernel has made a socket buffer: what `uplink_ingress` would drop for certain. It takes
/// packets in several buffers, without which drivers refuse it from an MTU of some 3,500 on.
#[xdp(frags)]
pub(crate) fn uplink_filter(context: XdpContext) -> u32 {
    sift(&context)
}

/// The same for generic XDP, not for several buffers: for a program that takes those the kernel copies a packet to
/// another socket buffer and forgets how long its link layer's header is (`skb_pp_cow_data`, Linux 6.9 to 6.18 at
/// least), so that programs at tcx find the IP header where Ethernet's should be. For any other it makes one buffer of
/// several.
#[xdp]
pub(crate) fn uplink_generic(context: XdpContext) -> u32 {
    sift(&context)
}

#[inline(always)]
fn sift(context: &XdpContext) -> u32 {
    let frame = XdpFrame::new(context.ctx);
    let reason = if parse::is_ip6(&frame) {
        filter::<Ip6, _>(&Kernel, &frame)
    } else {
        filter::<Ip4, _>(&Kernel, &frame)
    };
    if reason.is_none() {
        return XDP_PASS;
    }
    maps::count_filtered(reason, frame.len());
    XDP_DROP
}

#[inline(always)]
fn come_in(context: &TcContext, mut frame: SkbFrame, device: Device) -> i32 {
    if let Some(action) = established::<Ip4>(context, &mut frame, device) {
        return action;
    }
    frame.note_port(device);
    if !parse::is_ip6(&frame) {
        return go_on(context, slot::JUDGE_IP4);
    }
    match established::<Ip6>(context, &mut frame, device) {
        Some(action) => action,
        None => go_on(context, slot::JUDGE_IP6),
    }
}

#[classifier]
pub(crate) fn judge_ip4(context: TcContext) -> i32 {
    decide::<Ip4>(&context, slot::COMMIT_IP4)
}

#[classifier]
pub(crate) fn judge_ip6(context: TcContext) -> i32 {
    decide::<Ip6>(&context, slot::COMMIT_IP6)
}

#[classifier]
pub(crate) fn commit_ip4(context: TcContext) -> i32 {
    finish::<Ip4>(&context)
}

#[classifier]
pub(crate) fn commit_ip6(context: TcContext) -> i32 {
    finish::<Ip6>(&context)
}

/// A packet has come to the ENI of a NAT gateway that sends it on in the other family: it is that one's from here on.
#[classifier]
pub(crate) fn nat64(context: TcContext) -> i32 {
    let mut frame = SkbFrame::new(context.skb.skb);
    let device = frame.port();
    if nat64::carry(&mut frame).is_none() {
        report::frame(&Kernel, &frame, device, DropReason::NAT64_CONTENT);
        return drop(&frame, DropReason::NAT64_CONTENT);
    }
    come_in(&context, frame, device)
}

#[inline(always)]
fn established<I: Family>(context: &TcContext, frame: &mut SkbFrame, device: Device) -> Option<i32>
where
    Kernel: Stages<I, Frame = SkbFrame>,
{
    let hit = fast::<I, _>(&Kernel, frame, device)?;
    // Before anything is counted: a frame that can't be rewritten is another stage's business.
    if !rewrite::established(&Kernel, frame, &hit) {
        return None;
    }
    Kernel.touch(hit.flow, hit.now, frame.skb_len());
    Some(deliver(context, frame, &hit.verdict))
}

#[inline(always)]
fn decide<I: Family>(context: &TcContext, next: u32) -> i32
where
    Kernel: Stages<I, Frame = SkbFrame>,
{
    let mut frame = SkbFrame::new(context.skb.skb);
    let device = frame.port();
    let _ = judge::<I, _>(&Kernel, &mut frame, device);
    go_on(context, next)
}

#[inline(always)]
fn finish<I: Family>(context: &TcContext) -> i32
where
    Kernel: Stages<I, Frame = SkbFrame>,
{
    let mut frame = SkbFrame::new(context.skb.skb);
    let verdict = commit::<I, _>(&Kernel);
    if verdict.is_drop() {
        return drop(&frame, verdict.reason);
    }
    if let Err(reason) = rewrite::apply::<I, _>(&Kernel, &mut frame, &verdict) {
        return report_drop(&frame, reason);
    }
    if verdict.kind == kind::UPLINK {
        return leave_or_cut::<I>(frame.context());
    }
    if matches!(verdict.kind, kind::WRAPPED | kind::RETURNED) {
        return to_finisher(&frame, &verdict);
    }
    deliver(context, &mut frame, &verdict)
}

/// To the finisher, out of which it goes on.
#[inline(never)]
fn to_finisher(frame: &SkbFrame, verdict: &Verdict) -> i32 {
    let finisher = maps::finisher();
    if finisher == Device::NONE {
        return report_drop(frame, DropReason::NO_FINISHER);
    }
    frame.leave_note([verdict.out.0, u32::from(verdict.kind), 0]);
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect(finisher.0, 0) as i32 }
}

/// Goes on in the program of a slot. One that isn't there is a fault of ours, and drops.
#[inline(always)]
fn go_on(context: &TcContext, slot: u32) -> i32 {
    // SAFETY: the slots hold programs of this kind, which take this context.
    unsafe { PROGRAMS.tail_call(context, slot) };
    report_drop(&SkbFrame::new(context.skb.skb), DropReason::NO_SCRATCH)
}

/// Drops a frame at its own ENI for a reason that has nothing to do with the packet in it.
fn report_drop(frame: &SkbFrame, reason: DropReason) -> i32 {
    let device = frame.device();
    Kernel.report_drop(&Event {
        len: frame.skb_len(),
        sender: device,
        at: device,
        reason,
        direction: direction::EGRESS as u8,
        ..Event::default()
    });
    drop(frame, reason)
}

/// tcx egress of an ENI's host side: nothing reaches a guest but what the datapath delivers. To a veth that is nothing
/// at all, since `bpf_redirect_peer` doesn't come by here; to a tap it carries the mark of this boot.
#[classifier]
pub(crate) fn eni_guard(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    let mark = maps::mark();
    if mark != 0 && frame.mark() == mark {
        frame.set_mark(0);
        return TC_ACT_OK;
    }
    report_drop(&frame, DropReason::HOST_PACKET)
}

/// Tells a test run what the kernel's clock says, so that the agent can find out how long a tick is.
#[classifier]
pub(crate) fn clock_probe(context: TcContext) -> i32 {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_jiffies64() };
    SkbFrame::new(context.skb.skb).leave_note([now as u32, (now >> 32) as u32, 0]);
    TC_ACT_OK
}

/// Ends the connection that a test run's frame names, for whoever wants to be rid of it: 1 if there was one. Deleting
/// the entries from outside would leave their ENIs charged for them, and could meet a connection that has come in their
/// place.
#[classifier]
pub(crate) fn retire_ip4(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    match frame.words(RETIREMENT_OFFSET) {
        Some([a, b, c, d, stamp]) => retire::<Ip4>(&FlowKey([word(a, b), word(c, d)]), stamp),
        None => 0,
    }
}

#[classifier]
pub(crate) fn retire_ip6(context: TcContext) -> i32 {
    let frame = SkbFrame::new(context.skb.skb);
    match frame.words(RETIREMENT_OFFSET) {
        Some([a, b, c, d, e, f, g, h, i, j, stamp]) => {
            let key = [word(a, b), word(c, d), word(e, f), word(g, h), word(i, j)];
            retire::<Ip6>(&FlowKey(key), stamp)
        }
        None => 0,
    }
}

fn word(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline(always)]
fn retire<I: Family>(key: &FlowKey<I>, stamp: u32) -> i32
where
    Kernel: Stages<I>,
{
    i32::from(Stages::<I>::retire(&Kernel, key, stamp))
}

fn drop(frame: &SkbFrame, reason: DropReason) -> i32 {
    frame.leave_note([0, 0, u32::from(reason.0)]);
    TC_ACT_SHOT
}

#[inline(always)]
fn deliver(context: &TcContext, frame: &mut SkbFrame, verdict: &Verdict) -> i32 {
    let mut out = verdict.out;
    frame.leave_note([out.0, u32::from(verdict.kind), u32::from(verdict.reason.0)]);
    match verdict.kind {
        kind::TAP => {
            frame.set_mark(maps::mark());
            // SAFETY: the helper has no preconditions.
            return unsafe { bpf_redirect(out.0, 0) } as i32;
        }
        kind::UPLINK => return leave(frame),
        kind::PASS => return TC_ACT_OK,
        kind::NAT64 => {
            frame.note_port(out);
            return go_on(context, slot::NAT64);
        }
        kind::SERVICE => out = maps::service(),
        // SAFETY: the helper has no preconditions.
        kind::BACK => return unsafe { bpf_redirect(frame.device().0, 0) } as i32,
        _ => {}
    }
    let skb: *mut __sk_buff = frame.context();
    // SAFETY: `skb` is the program's context, as both helpers and the load want it. A switched frame has the MAC of
    // its receiver and not of the host side, so the kernel has marked it as somebody else's; the receiving stack would
    // drop it, since redirect_peer doesn't look at MACs again.
    unsafe {
        if (*skb).pkt_type != PACKET_HOST {
            bpf_skb_change_type(skb, PACKET_HOST);
        }
        bpf_redirect_peer(out.0, 0) as i32
    }
}

/// Out of the host: to the one peer there is, or as routes and neighbours say.
#[inline(always)]
fn leave(frame: &mut SkbFrame) -> i32 {
    let uplink = uplink::leading(&Kernel, || stages::uplink_slot(frame.context()));
    if uplink.device == Device::NONE {
        return report_drop(frame, DropReason::NO_UPLINK);
    }
    if uplink.flags & uplink_flag::LINK == 0 {
        // SAFETY: without parameters the helper asks the kernel's own tables.
        return unsafe { bpf_redirect_neigh(uplink.device.0, core::ptr::null_mut(), 0, 0) } as i32;
    }
    if frame.store(0, uplink.peer_mac.0).is_none() || frame.store(6, uplink.mac.0).is_none() {
        return report_drop(frame, DropReason::TRUNCATED);
    }
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect(uplink.device.0, 0) as i32 }
}

/// Out of the host, if need be by way of the cutter. What the verdict says of the size is asked again here: kept by the
/// caller it takes of the stack what IPv6 lacks.
#[inline(never)]
fn leave_or_cut<I: Family>(skb: *mut __sk_buff) -> i32
where
    Kernel: Stages<I>,
{
    let frame = &mut SkbFrame::new(skb);
    let verdict = Stages::<I>::with_scratch(&Kernel, |scratch| (scratch.verdict.mtu, scratch.verdict.reason));
    let (mtu, reason) = verdict.unwrap_or((0, DropReason::NONE));
    frame.leave_note([Device::INTERNET.0, u32::from(kind::UPLINK), u32::from(reason.0)]);
    if mtu != 0 { cut(frame) } else { leave(frame) }
}

/// To the cutter, whose fragments leave.
#[inline(always)]
fn cut(frame: &mut SkbFrame) -> i32 {
    let uplink = uplink::leading(&Kernel, || stages::uplink_slot(frame.context()));
    if uplink.cutter == Device::NONE {
        return report_drop(frame, DropReason::NO_UPLINK);
    }
    if uplink::to_cutter(frame).is_none() {
        return report_drop(frame, DropReason::TRUNCATED);
    }
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_redirect(uplink.cutter.0, 0) as i32 }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a loop without end, so a program in which this could be reached doesn't load.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
