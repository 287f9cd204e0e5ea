//! Arbitrary bytes as frames. Nothing may panic, and a dropped frame must not have been touched.

use crate::topology::{Groups, Topology};
use crate::twin::Twin;
use groundplane::simulate::SliceFrame;
use groundplane_abi::{Device, DropReason, Ip4, Ip6};
use groundplane_datapath::packet::{Packet, packet_flag};
use groundplane_datapath::{Family, Frame, nat64, parse};
use std::time::Duration;

/// One frame through the parser: whatever it makes of it lies within the frame.
pub fn fuzz_parse(bytes: &[u8]) {
    parse_as::<Ip4>(bytes);
    parse_as::<Ip6>(bytes);
    carry::<Ip4, Ip6>(bytes);
    carry::<Ip6, Ip4>(bytes);
}

/// A packet in the other family, if that has a word for it, is one there.
fn carry<I: Family, J: Family>(bytes: &[u8]) {
    let mut frame = SliceFrame::new(bytes.to_vec());
    let mut packet = Packet::<I>::default();
    // ARP counts as IPv4's, and is no packet that goes anywhere.
    let is_one = parse::parse(&mut frame, &mut packet).is_none() && !packet.has(packet_flag::NEIGHBOR);
    if !is_one || nat64::carry(&mut frame).is_none() {
        return;
    }
    let malformed = parse::parse(&mut frame, &mut Packet::<J>::default());
    let is_one = matches!(malformed, DropReason::NONE | DropReason::MTU_EXCEEDED);
    assert!(is_one, "{malformed}: {:02x?} became {:02x?}", bytes, frame.bytes);
}

fn parse_as<I: Family>(bytes: &[u8]) {
    let mut frame = SliceFrame::new(bytes.to_vec());
    let mut packet = Packet::<I>::default();
    let malformed = parse::parse(&mut frame, &mut packet);
    assert_eq!(frame.bytes, bytes, "the parser only reads");
    if malformed.is_none() {
        assert!(
            u32::from(packet.header_len) + 14 <= frame.len(),
            "a header longer than its frame"
        );
    }
}

/// Frames through the whole datapath. The first byte chooses a topology; then each frame has before it its sender, its
/// length in eights (or, as a zero, that time passes), and most of its link layer is put right, or nothing would get
/// past the source check.
pub fn fuzz_process(bytes: &[u8]) {
    let Some((choice, mut rest)) = bytes.split_first() else {
        return;
    };
    let mut twin = Twin::new(&topology(*choice));
    while let [sender, eights, tail @ ..] = rest {
        if *eights == 0 {
            twin.wait(Duration::from_secs(u64::from(*sender) * 4));
            rest = tail;
            continue;
        }
        let (frame, tail) = tail.split_at(tail.len().min(usize::from(*eights) * 8));
        // The first four ENIs have devices 10 to 13. The twin checks that a dropped frame is as it was.
        let device = if sender & 0x20 == 0 {
            Device(10 + u32::from(sender % 4))
        } else {
            Device::INTERNET
        };
        let mut frame = frame.to_vec();
        if sender & 0x80 == 0 {
            repair(&mut frame, sender % 4);
        }
        let _heard = twin.send(device, &frame, sender & 0x40 != 0);
        rest = tail;
    }
}

fn topology(choice: u8) -> Topology {
    let mut topology = Topology::three_subnets();
    let groups = |bits: u8| Groups::ALL[usize::from(bits & 3)];
    topology.groups("web", groups(choice)).groups("db", groups(choice >> 2));
    if choice & 0x10 != 0 {
        topology
            .route_via("front", "10.0.2.0/24", "box")
            .route_via("back", "10.0.1.0/24", "box");
    }
    if choice & 0x20 != 0 {
        topology.tap("db");
    }
    if choice & 0x40 != 0 {
        lead_out(&mut topology);
    }
    topology
}

/// By gateways to the outside: `web` and `web2` by a NAT gateway, `db` by an address of its own.
fn lead_out(topology: &mut Topology) {
    topology
        .internet_gateway("igw")
        .route_out("middle", "0.0.0.0/0", "igw")
        .nat_gateway("nat", "10.0.3.20", Some("203.0.113.20"))
        .public_address("db", "203.0.113.10")
        .route_out("back", "0.0.0.0/0", "igw")
        .route_out("back", "::/0", "igw")
        .route_out("front", "0.0.0.0/0", "nat")
        .route_out("front", "64:ff9b::/96", "nat");
}

/// The sender's MAC address, and an ethertype that somebody reads.
fn repair(frame: &mut [u8], sender: u8) {
    if let Some(source) = frame.get_mut(6..12) {
        source.copy_from_slice(&[2, 0xaa, 0, 0, 0, sender + 1]);
    }
    if let Some(ethertype) = frame.get_mut(12..14) {
        ethertype.copy_from_slice(match ethertype[1] {
            6 => &[8, 6],
            0xdd => &[0x86, 0xdd],
            _ => &[8, 0],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Step, generate};

    /// The frames of conversations, whole and damaged, are where a fuzzer would have to begin.
    #[test]
    fn frames_of_conversations_break_nothing() {
        for index in 0..20 {
            let steps = generate(1, index).steps;
            let frames = steps.into_iter().filter_map(|step| match step {
                Step::Send { frame, .. } => Some(frame),
                _ => None,
            });
            let mut input = vec![index as u8 * 13];
            for frame in frames {
                fuzz_parse(&frame);
                input.extend([frame.len() as u8, (frame.len() / 8) as u8]);
                input.extend(&frame[..frame.len() / 8 * 8]);
            }
            fuzz_process(&input);
        }
    }
}
