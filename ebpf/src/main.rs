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

use aya_ebpf::bindings::{__sk_buff, TC_ACT_OK, TC_ACT_SHOT};
use aya_ebpf::helpers::{bpf_jiffies64, bpf_redirect, bpf_redirect_peer, bpf_skb_change_type};
use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;
use core::ptr::NonNull;
use frame::SkbFrame;
use groundplane_abi::flow::{FlowEntry, kind};
use groundplane_abi::{Device, DropReason};
use groundplane_datapath::{Outcome, Tables as _, commit, fast, rewrite, slow};
use maps::Kernel;

/// `PACKET_HOST` of linux/if_packet.h.
const PACKET_HOST: u32 = 0;

/// tcx ingress of an ENI's host side: a packet leaves a guest. It is delivered to a guest or dropped; the host's own
/// stack never gets it.
#[classifier]
pub(crate) fn eni_egress(context: TcContext) -> i32 {
    let skb = context.skb.skb;
    match fast_path(skb) {
        MISS => slow_path(skb),
        action => action,
    }
}

/// What [`fast_path`] says of a packet that isn't its own; no action of linux/pkt_cls.h.
const MISS: i32 = -2;

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn fast_path(skb: *mut __sk_buff) -> i32 {
    let mut frame = SkbFrame::new(skb);
    let device = frame.device();
    let mut outcome = Outcome::undecided();
    if !fast(&Kernel, &mut frame, device, &mut outcome) {
        return MISS;
    }
    finish(&mut frame, device, &outcome)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn slow_path(skb: *mut __sk_buff) -> i32 {
    let mut frame = SkbFrame::new(skb);
    let device = frame.device();
    let mut outcome = Outcome::undecided();
    slow(&Kernel, &mut frame, device, &mut outcome);
    finish(&mut frame, device, &outcome)
}

#[inline(always)]
fn finish(frame: &mut SkbFrame, device: Device, outcome: &Outcome<NonNull<FlowEntry>>) -> i32 {
    let verdict = commit(&Kernel, outcome, device);
    if verdict.is_drop() {
        return drop(frame, verdict.reason);
    }
    if let Err(reason) = rewrite::apply(frame, &verdict) {
        Kernel.count_drop(device, reason, outcome.len);
        return drop(frame, reason);
    }
    deliver(frame, verdict.out, verdict.kind)
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
    Kernel.count_drop(frame.device(), DropReason::HOST_PACKET, frame.skb_len());
    drop(&frame, DropReason::HOST_PACKET)
}

/// Tells a test run what the kernel's clock says, so that the agent can find out how long a tick is.
#[classifier]
pub(crate) fn clock_probe(context: TcContext) -> i32 {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_jiffies64() };
    SkbFrame::new(context.skb.skb).leave_note([now as u32, (now >> 32) as u32, 0]);
    TC_ACT_OK
}

fn drop(frame: &SkbFrame, reason: DropReason) -> i32 {
    frame.leave_note([0, 0, u32::from(reason.0)]);
    TC_ACT_SHOT
}

#[inline(always)]
fn deliver(frame: &SkbFrame, out: Device, how: u8) -> i32 {
    frame.leave_note([out.0, u32::from(how), 0]);
    if how == kind::TAP {
        frame.set_mark(maps::mark());
        // SAFETY: the helper has no preconditions.
        return unsafe { bpf_redirect(out.0, 0) } as i32;
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

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a loop without end, so a program in which this could be reached doesn't load.
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
