//! Addresses and ports as they stand on the wire.
//!
//! These are bytes in network order. Host order exists only inside an expression: [`Ip4::to_bits`], [`Port::get`].

use bytemuck::{Pod, Zeroable};
use core::fmt;

/// An Ethernet address.
#[derive(Clone, Copy, Eq, PartialOrd, Ord, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

/// By hand, because the derived comparison of six bytes is a call of `memcmp`: that keeps whatever a MAC is a part of
/// in memory, 128 bytes of flow entry on a stack of 512.
impl PartialEq for Mac {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl core::hash::Hash for Mac {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.to_bits().hash(state);
    }
}

impl Mac {
    /// The implicit router's address in every subnet. One constant, because a flow entry then needs no room for the
    /// source address of a routed frame; 0x67 0x70 spells "gp", the first octet says locally administered.
    pub const ROUTER: Self = Self([0x02, 0x67, 0x70, 0x00, 0x00, 0x01]);

    /// The address of the agent's end of the service port.
    pub const SERVICE: Self = Self([0x02, 0x67, 0x70, 0x00, 0x00, 0x03]);

    /// The address of the cutter, which makes fragments of what is larger than an uplink takes.
    pub const CUTTER: Self = Self([0x02, 0x67, 0x70, 0x00, 0x00, 0x02]);

    /// The address of the finisher, which does what guests leave to their devices.
    pub const FINISHER: Self = Self([0x02, 0x67, 0x70, 0x00, 0x00, 0x04]);

    /// The address as a number, for comparisons.
    #[must_use]
    #[inline(always)]
    pub const fn to_bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address as a number with its first byte lowest, as it stands in a little-endian word of a frame.
    #[must_use]
    #[inline(always)]
    pub const fn to_le_bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
    }

    /// The other way round; the two highest bytes don't count.
    #[must_use]
    #[inline(always)]
    pub const fn from_le_bits(bits: u64) -> Self {
        let [a, b, c, d, e, f, _, _] = bits.to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    /// Broadcast included.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Ip4(pub [u8; 4]);

impl Ip4 {
    pub const UNSPECIFIED: Self = Self([0; 4]);
    pub const BROADCAST: Self = Self([0xff; 4]);

    /// The address as a number in host order, for masks and comparisons.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits.to_be_bytes())
    }
}

impl fmt::Display for Ip4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

impl fmt::Debug for Ip4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<core::net::Ipv4Addr> for Ip4 {
    fn from(address: core::net::Ipv4Addr) -> Self {
        Self(address.octets())
    }
}

impl From<Ip4> for core::net::Ipv4Addr {
    fn from(address: Ip4) -> Self {
        Self::from(address.0)
    }
}

/// An IPv6 address: its bytes in network order, four to a word. As single bytes the compiler takes it apart into
/// sixteen values, for which BPF has neither registers nor stack.
#[derive(Clone, Copy, Eq, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Ip6(pub [u32; 4]);

/// By hand, for the reason of [`Mac`]'s.
impl PartialEq for Ip6 {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let ([a0, a1], [b0, b1]) = (self.to_words(), other.to_words());
        (a0 ^ b0) | (a1 ^ b1) == 0
    }
}

impl core::hash::Hash for Ip6 {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The order of the addresses as numbers.
impl Ord for Ip6 {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.octets().cmp(&other.octets())
    }
}

impl PartialOrd for Ip6 {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ip6 {
    pub const UNSPECIFIED: Self = Self([0; 4]);

    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = octets;
        Self([
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
            u32::from_le_bytes([i, j, k, l]),
            u32::from_le_bytes([m, n, o, p]),
        ])
    }

    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        let [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]] = [
            self.0[0].to_le_bytes(),
            self.0[1].to_le_bytes(),
            self.0[2].to_le_bytes(),
            self.0[3].to_le_bytes(),
        ];
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }

    /// The same in two words.
    #[must_use]
    #[inline(always)]
    pub const fn to_words(self) -> [u64; 2] {
        [
            self.0[0] as u64 | (self.0[1] as u64) << 32,
            self.0[2] as u64 | (self.0[3] as u64) << 32,
        ]
    }

    #[must_use]
    #[inline(always)]
    pub const fn from_words([upper, lower]: [u64; 2]) -> Self {
        Self([upper as u32, (upper >> 32) as u32, lower as u32, (lower >> 32) as u32])
    }
}

impl fmt::Display for Ip6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&core::net::Ipv6Addr::from(self.octets()), f)
    }
}

impl fmt::Debug for Ip6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<core::net::Ipv6Addr> for Ip6 {
    fn from(address: core::net::Ipv6Addr) -> Self {
        Self::new(address.octets())
    }
}

impl From<Ip6> for core::net::IpAddr {
    fn from(address: Ip6) -> Self {
        Self::V6(address.octets().into())
    }
}

impl From<Ip4> for core::net::IpAddr {
    fn from(address: Ip4) -> Self {
        Self::V4(address.0.into())
    }
}

/// A TCP or UDP port, or what stands in its place in a flow key (see [`crate::flow::FlowKey`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Port(pub [u8; 2]);

impl Port {
    pub const NONE: Self = Self([0; 2]);

    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number.to_be_bytes())
    }

    /// The number in host order.
    #[must_use]
    pub const fn get(self) -> u16 {
        u16::from_be_bytes(self.0)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

plain!(Mac = 6, Ip4 = 4, Ip6 = 16, Port = 2);

/// IP protocol numbers the datapath knows by name.
pub mod protocol {
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_the_way_people_write_them() {
        extern crate std;
        assert_eq!(
            std::format!("{} {} {}", Mac::ROUTER, Ip4([192, 0, 2, 1]), Port::new(443)),
            "02:67:70:00:00:01 192.0.2.1 443"
        );
    }
}
