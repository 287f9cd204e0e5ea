//! Telling of a drop: which packet, where, and why.

use crate::family::Family;
use crate::scratch::Scratch;
use crate::stages::Stages;
use groundplane_abi::event::Event;

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
