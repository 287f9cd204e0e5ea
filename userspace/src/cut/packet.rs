//! Packets as a connection's opener sends them.

use crate::install::kernel::Stored;
use crate::simulate::SliceFrame;
use groundplane_abi::Port;
use groundplane_abi::flow::FlowEntry;
use groundplane_abi::wire::protocol::{TCP, UDP};
use std::net::IpAddr;

/// TCP's flags, in the byte that holds them.
const SYN: u8 = 2;
const ACK: u8 = 16;

/// The packet that opened a connection, or one that goes on with it. Checksums are left out: nobody here looks at them.
pub(super) fn of<I: Stored>(entry: &FlowEntry<I>, opens: bool) -> SliceFrame {
    let key = &entry.key;
    let flags = if opens { SYN } else { ACK };
    let segment = match key.protocol() {
        TCP => tcp(key.src_port(), key.dst_port(), flags),
        UDP => udp(key.src_port(), key.dst_port()),
        protocol if protocol == I::ICMP => icmp(key.src_port(), key.dst_port()),
        _ => vec![0; 8],
    };
    let (src, dst): (IpAddr, IpAddr) = (key.src().into(), key.dst().into());
    let mut frame = Vec::with_capacity(14 + 40 + segment.len());
    frame.extend(entry.action.delivery.expected_destination().0);
    frame.extend(entry.action.delivery.near_mac.0);
    frame.extend(I::ETHERTYPE.to_be_bytes());
    frame.extend(match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4(src.octets(), dst.octets(), key.protocol(), segment.len()),
        (src, dst) => ipv6(octets(src), octets(dst), key.protocol(), segment.len()),
    });
    frame.extend(segment);
    SliceFrame::new(frame)
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn ipv4(src: [u8; 4], dst: [u8; 4], protocol: u8, len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + len).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = vec![0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    header.extend(src);
    header.extend(dst);
    header
}

fn ipv6(src: [u8; 16], dst: [u8; 16], protocol: u8, len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, protocol, 64];
    header.extend(src);
    header.extend(dst);
    header
}

fn tcp(src: Port, dst: Port, flags: u8) -> Vec<u8> {
    let mut segment = [src.0, dst.0].concat();
    segment.extend([0; 8]);
    // Five words of header.
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment
}

fn udp(src: Port, dst: Port) -> Vec<u8> {
    let mut segment = [src.0, dst.0].concat();
    segment.extend([0, 8, 0, 0]);
    segment
}

/// In a key, type and code stand in the place of the source port, the identifier in that of the destination port.
fn icmp(type_and_code: Port, identifier: Port) -> Vec<u8> {
    let mut message = type_and_code.0.to_vec();
    message.extend([0, 0]);
    message.extend(identifier.0);
    message.extend([0, 0]);
    message
}
