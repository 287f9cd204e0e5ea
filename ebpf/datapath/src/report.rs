//! Telling of a drop: which packet, where, and why.

use crate::family::Family;
use crate::scratch::Scratch;
use crate::stages::Stages;
use crate::{Frame, Tables, parse};
use groundplane_abi::event::Event;
use groundplane_abi::nacl::direction;
use groundplane_abi::{Device, DropReason, Ip as _, Ip6};

const ETHERNET_LEN: u32 = 14;

/// Counts the packet that was judged last as dropped, and tells whoever listens.
#[inline(always)]
pub(crate) fn drop<I: Family, S: Stages<I>>(stages: &S, scratch: &mut Scratch<I>) {
    let walk = &scratch.there;
    let packet = &walk.packet;
    scratch.event = Event {
        time: 0,
        src: packet.src.to_bytes16(),
        dst: packet.dst.to_bytes16(),
        len: packet.len,
        sender: walk.near_device,
        at: walk.at,
        reason: scratch.verdict.reason,
        rule: walk.rule as u16,
        src_port: packet.src_port,
        dst_port: packet.dst_port,
        protocol: packet.protocol,
        // Without a header that makes sense it is no packet of the family.
        version: if packet.header_len == 0 { 0 } else { I::VERSION },
        direction: walk.direction as u8,
        reserved: 0,
    };
    stages.report_drop(&scratch.event);
}

/// The same of a frame that a component can't make another one of, though nothing has been judged.
#[inline(never)]
pub fn frame<T: Tables>(tables: &T, frame: &impl Frame, component: Device, reason: DropReason) {
    let (version, protocol, src, dst) = if parse::is_ip6(frame) {
        let [_, second, s0, s1, s2, s3, d0, d1, d2, d3] = frame.words::<10>(ETHERNET_LEN).unwrap_or_default();
        (6, second >> 16, Ip6([s0, s1, s2, s3]), Ip6([d0, d1, d2, d3]))
    } else {
        let [_, _, third, src, dst] = frame.words::<5>(ETHERNET_LEN).unwrap_or_default();
        (4, third >> 8, Ip6([src, 0, 0, 0]), Ip6([dst, 0, 0, 0]))
    };
    tables.report_drop(&Event {
        len: frame.len(),
        src: src.to_bytes16(),
        dst: dst.to_bytes16(),
        sender: component,
        at: component,
        reason,
        protocol: protocol as u8,
        version,
        direction: direction::INGRESS as u8,
        ..Event::default()
    });
}
