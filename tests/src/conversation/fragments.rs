//! Packets that come in fragments: in order, out of order, in part.

use super::{Writer, flow};
use crate::packet::Packet;
use groundplane_abi::Device;
use rand::Rng;
use std::time::Duration;

/// How long the ports of a first fragment are known (semantics 7.7).
const NOTED_FOR: Duration = Duration::from_secs(30);

/// A packet of a flow, one way or the other, in fragments.
pub(super) fn train(writer: &mut Writer) {
    let Some(at) = writer.pick_flow() else { return };
    let act = match writer.random.random_range(0..10) {
        0..5 => flow::Act::Ask,
        5..9 => flow::Act::Answer,
        _ => flow::Act::Error,
    };
    let (from, packet) = writer.flows[at].packet(act, &mut writer.random);
    let number = writer.flows[at].number;
    let train = Train {
        from,
        packet: if act == flow::Act::Error {
            packet
        } else {
            packet.payload(&[7; 32])
        },
        id: writer.random.random(),
    };
    match writer.random.random_range(0..6) {
        0 => train.send(writer, &[FIRST, MIDDLE, LAST]),
        1 => train.send(writer, &[LAST, FIRST, MIDDLE]),
        2 | 3 => train.send(writer, &[MIDDLE, LAST]),
        4 => {
            train.send(writer, &[FIRST]);
            let wait = writer.about(NOTED_FOR);
            writer.wait(wait);
            if writer.flows.iter().any(|flow| flow.number == number) {
                train.send(writer, &[LAST]);
            }
        }
        _ => train.send(writer, &[WHOLE]),
    }
}

/// Offset in units of eight bytes, and whether more follow.
type Piece = (u16, bool);

const FIRST: Piece = (0, true);
const MIDDLE: Piece = (3, true);
const LAST: Piece = (9, false);
/// The only one: in IPv6 a fragment header that says nothing (RFC 6946), in IPv4 no fragment at all.
const WHOLE: Piece = (0, false);

struct Train {
    from: Device,
    packet: Packet,
    id: u32,
}

impl Train {
    fn send(&self, writer: &mut Writer, pieces: &[Piece]) {
        for &(offset, more) in pieces {
            let fragment = self.packet.clone().fragment(self.id, offset, more);
            writer.send(self.from, &fragment, "fragment");
        }
    }
}
