//! The two address families. Everything that differs between them is said here; tables and code are generic over it, so
//! that each family has keys of its own size and neither pays for the other.

use crate::wire::protocol;
use crate::{Device, Ip4, Ip6, Port};
use bytemuck::Pod;
use core::fmt::{Debug, Display};
use core::hash::Hash;

/// An IP address, and with it a family.
pub trait Ip: Pod + Eq + Ord + Hash + Default + Debug + Display + Into<core::net::IpAddr> {
    /// A flow key, in whole words (see [`crate::flow::FlowKey`]).
    type KeyWords: Pod + Eq + Ord + Hash + Default + Debug;

    /// 4 or 6.
    const VERSION: u8;
    const BITS: u32;
    /// The family's control protocol.
    const ICMP: u8;
    /// The type of an echo request.
    const ECHO_REQUEST: u8;
    /// What stands in an Ethernet frame before a packet of the family.
    const ETHERTYPE: u16;
    /// Length of the fixed part of the IP header.
    const HEADER_LEN: u32;

    fn key_words(device: Device, protocol: u8, src: Self, dst: Self, src_port: Port, dst_port: Port) -> Self::KeyWords;
    fn key_device_protocol(words: &Self::KeyWords) -> (Device, u8);
    fn key_src(words: &Self::KeyWords) -> Self;
    fn key_dst(words: &Self::KeyWords) -> Self;
    fn key_ports(words: &Self::KeyWords) -> (Port, Port);
    /// Zero if the two are equal. Not `==`, which the compiler may make a call of `memcmp` of.
    fn key_difference(a: &Self::KeyWords, b: &Self::KeyWords) -> u64;

    /// Zero if the two are equal, for the same reason.
    fn difference(self, other: Self) -> u64;
    /// Zero if the address lies in the block. A length beyond the address's counts as the whole address.
    fn distance(self, network: Self, prefix_len: u8) -> u64;
    /// Whether the address lies in the block.
    #[inline(always)]
    fn is_in(self, network: Self, prefix_len: u8) -> bool {
        self.distance(network, prefix_len) == 0
    }
    /// The address in 16 bytes, an IPv4 one in the first four.
    fn to_bytes16(self) -> [u8; 16];

    /// The type of the ICMP message that answers this one, and the other way round. A type without an answer answers
    /// itself.
    fn answering_icmp_type(icmp_type: u8) -> u8;
    /// Whether ICMP messages of the type have an identifier: queries and their answers.
    fn has_icmp_identifier(icmp_type: u8) -> bool;
    /// Whether ICMP messages of the type speak of another packet and quote it.
    fn is_icmp_error(icmp_type: u8) -> bool;
}

impl Ip for Ip4 {
    type KeyWords = [u64; 2];

    const VERSION: u8 = 4;
    const BITS: u32 = 32;
    const ICMP: u8 = protocol::ICMP;
    const ECHO_REQUEST: u8 = 8;
    const ETHERTYPE: u16 = 0x0800;
    const HEADER_LEN: u32 = 20;

    #[inline(always)]
    fn key_words(device: Device, protocol: u8, src: Self, dst: Self, src_port: Port, dst_port: Port) -> [u64; 2] {
        let device_protocol = u64::from(device.0 << 8 | u32::from(protocol));
        [
            device_protocol | u64::from(u32::from_le_bytes(src.0)) << 32,
            u64::from(u32::from_le_bytes(dst.0)) | ports(src_port, dst_port) << 32,
        ]
    }

    #[inline(always)]
    fn key_device_protocol(words: &[u64; 2]) -> (Device, u8) {
        (Device(words[0] as u32 >> 8), words[0] as u8)
    }

    #[inline(always)]
    fn key_src(words: &[u64; 2]) -> Self {
        Self(((words[0] >> 32) as u32).to_le_bytes())
    }

    #[inline(always)]
    fn key_dst(words: &[u64; 2]) -> Self {
        Self((words[1] as u32).to_le_bytes())
    }

    #[inline(always)]
    fn key_ports(words: &[u64; 2]) -> (Port, Port) {
        ports_of((words[1] >> 32) as u32)
    }

    #[inline(always)]
    fn key_difference(a: &[u64; 2], b: &[u64; 2]) -> u64 {
        (a[0] ^ b[0]) | (a[1] ^ b[1])
    }

    #[inline(always)]
    fn difference(self, other: Self) -> u64 {
        u64::from(self.to_bits() ^ other.to_bits())
    }

    #[inline(always)]
    fn distance(self, network: Self, prefix_len: u8) -> u64 {
        let host_bits = 32 - if prefix_len > 32 { 32 } else { u32::from(prefix_len) };
        // In 64 bits, because shifting a u32 by 32 has no meaning.
        let mask = u64::from(u32::MAX) >> host_bits << host_bits;
        u64::from(self.to_bits() ^ network.to_bits()) & mask
    }

    fn to_bytes16(self) -> [u8; 16] {
        let [a, b, c, d] = self.0;
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    /// RFC 792, RFC 950.
    #[inline(always)]
    fn answering_icmp_type(icmp_type: u8) -> u8 {
        match icmp_type {
            0 => 8,
            8 => 0,
            13 => 14,
            14 => 13,
            15 => 16,
            16 => 15,
            17 => 18,
            18 => 17,
            other => other,
        }
    }

    #[inline(always)]
    fn has_icmp_identifier(icmp_type: u8) -> bool {
        matches!(icmp_type, 0 | 8 | 13..=18)
    }

    #[inline(always)]
    fn is_icmp_error(icmp_type: u8) -> bool {
        matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
    }
}

impl Ip for Ip6 {
    type KeyWords = [u64; 5];

    const VERSION: u8 = 6;
    const BITS: u32 = 128;
    const ICMP: u8 = protocol::ICMPV6;
    const ECHO_REQUEST: u8 = 128;
    const ETHERTYPE: u16 = 0x86dd;
    const HEADER_LEN: u32 = 40;

    #[inline(always)]
    fn key_words(device: Device, protocol: u8, src: Self, dst: Self, src_port: Port, dst_port: Port) -> [u64; 5] {
        let device_protocol = u64::from(device.0 << 8 | u32::from(protocol));
        let ([src0, src1], [dst0, dst1]) = (src.to_words(), dst.to_words());
        [
            device_protocol | ports(src_port, dst_port) << 32,
            src0,
            src1,
            dst0,
            dst1,
        ]
    }

    #[inline(always)]
    fn key_device_protocol(words: &[u64; 5]) -> (Device, u8) {
        (Device(words[0] as u32 >> 8), words[0] as u8)
    }

    #[inline(always)]
    fn key_src(words: &[u64; 5]) -> Self {
        Self::from_words([words[1], words[2]])
    }

    #[inline(always)]
    fn key_dst(words: &[u64; 5]) -> Self {
        Self::from_words([words[3], words[4]])
    }

    #[inline(always)]
    fn key_ports(words: &[u64; 5]) -> (Port, Port) {
        ports_of((words[0] >> 32) as u32)
    }

    #[inline(always)]
    fn key_difference(a: &[u64; 5], b: &[u64; 5]) -> u64 {
        (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4])
    }

    #[inline(always)]
    fn difference(self, other: Self) -> u64 {
        let ([a0, a1], [b0, b1]) = (self.to_words(), other.to_words());
        (a0 ^ b0) | (a1 ^ b1)
    }

    #[inline(always)]
    fn distance(self, network: Self, prefix_len: u8) -> u64 {
        let ([a0, a1], [b0, b1]) = (self.to_words(), network.to_words());
        let (upper, lower) = ((a0 ^ b0).swap_bytes(), (a1 ^ b1).swap_bytes());
        let len = if prefix_len > 128 { 128 } else { u32::from(prefix_len) };
        if len <= 64 {
            top_bits(upper, len)
        } else {
            upper | top_bits(lower, len - 64)
        }
    }

    fn to_bytes16(self) -> [u8; 16] {
        self.octets()
    }

    /// RFC 4443.
    #[inline(always)]
    fn answering_icmp_type(icmp_type: u8) -> u8 {
        match icmp_type {
            128 => 129,
            129 => 128,
            other => other,
        }
    }

    #[inline(always)]
    fn has_icmp_identifier(icmp_type: u8) -> bool {
        matches!(icmp_type, 128 | 129)
    }

    #[inline(always)]
    fn is_icmp_error(icmp_type: u8) -> bool {
        matches!(icmp_type, 1..=4)
    }
}

/// The first bits of a word; all others are zero. Shifting by 64 has no meaning, so none of them is a case of its own.
#[inline(always)]
const fn top_bits(word: u64, bits: u32) -> u64 {
    if bits == 0 { 0 } else { word >> (64 - bits) }
}

#[inline(always)]
const fn ports(src: Port, dst: Port) -> u64 {
    (u16::from_le_bytes(src.0) as u64) | (u16::from_le_bytes(dst.0) as u64) << 16
}

#[inline(always)]
const fn ports_of(bits: u32) -> (Port, Port) {
    (
        Port((bits as u16).to_le_bytes()),
        Port(((bits >> 16) as u16).to_le_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_block<I: Ip>(cases: &[(I, u8, bool)], network: I) {
        for (address, prefix_len, inside) in cases {
            assert_eq!(address.is_in(network, *prefix_len), *inside, "{address}/{prefix_len}");
        }
    }

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        check_block(
            &[
                (Ip4([10, 0, 1, 255]), 24, true),
                (Ip4([10, 0, 2, 0]), 24, false),
                (Ip4([10, 0, 1, 0]), 32, true),
                (Ip4([10, 0, 1, 1]), 32, false),
                (Ip4([203, 0, 113, 9]), 0, true),
                (Ip4([10, 0, 1, 1]), 200, false),
            ],
            Ip4([10, 0, 1, 0]),
        );
        let network = Ip6::from("2001:db8:a:1::".parse::<core::net::Ipv6Addr>().unwrap());
        let address = |text: &str| Ip6::from(text.parse::<core::net::Ipv6Addr>().unwrap());
        check_block(
            &[
                (address("2001:db8:a:1:ffff::1"), 64, true),
                (address("2001:db8:a:2::"), 64, false),
                (address("2001:db8:a:2::"), 56, true),
                (address("2001:db8:a:1::"), 128, true),
                (address("2001:db8:a:1::1"), 128, false),
                (address("2001:db8:a:1::1"), 127, true),
                (address("2001:db8:a:1:8000::"), 65, false),
                (address("fe80::1"), 0, true),
                (address("2001:db8:a:1::1"), 250, false),
            ],
            network,
        );
    }

    #[test]
    fn an_answer_is_answered_by_its_question() {
        for icmp_type in 0..=u8::MAX {
            assert_eq!(Ip4::answering_icmp_type(Ip4::answering_icmp_type(icmp_type)), icmp_type);
            assert_eq!(Ip6::answering_icmp_type(Ip6::answering_icmp_type(icmp_type)), icmp_type);
        }
    }
}
