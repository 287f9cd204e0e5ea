//! Keys of flow entries.

use crate::{Device, Ip, Ip4, Ip6, Port};
use core::fmt;

/// What a packet is recognised by: the device it came in by and its five-tuple as seen there.
///
/// Exactly 16 bytes for IPv4: behind the kernel's 48 bytes of element header this puts the entry on a cache line; 40
/// for IPv6. In the place of ports ICMP has type and code, then the identifier; protocols without ports have zeros.
///
/// Whole words, in the order of [`Ip::key_words`]. As fields the compiler writes it in small pieces, and a lookup that
/// reads it in words then waits for the stores; or it takes it apart on the stack, misaligned, which the verifier
/// refuses.
#[derive(Clone, Copy, Eq, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct FlowKey<I: Ip>(pub I::KeyWords);

impl<I: Ip> PartialEq for FlowKey<I> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        I::key_difference(&self.0, &other.0) == 0
    }
}

impl<I: Ip> core::hash::Hash for FlowKey<I> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<I: Ip> FlowKey<I> {
    #[must_use]
    #[inline(always)]
    pub fn new(device: Device, protocol: u8, src: I, dst: I, src_port: Port, dst_port: Port) -> Self {
        Self(I::key_words(device, protocol, src, dst, src_port, dst_port))
    }

    #[must_use]
    #[inline(always)]
    pub fn device(&self) -> Device {
        I::key_device_protocol(&self.0).0
    }

    #[must_use]
    #[inline(always)]
    pub fn protocol(&self) -> u8 {
        I::key_device_protocol(&self.0).1
    }

    #[must_use]
    #[inline(always)]
    pub fn src(&self) -> I {
        I::key_src(&self.0)
    }

    #[must_use]
    #[inline(always)]
    pub fn dst(&self) -> I {
        I::key_dst(&self.0)
    }

    #[must_use]
    #[inline(always)]
    pub fn src_port(&self) -> Port {
        I::key_ports(&self.0).0
    }

    #[must_use]
    #[inline(always)]
    pub fn dst_port(&self) -> Port {
        I::key_ports(&self.0).1
    }

    /// The same packet as it would come in by another device.
    #[must_use]
    #[inline(always)]
    pub fn at(&self, device: Device) -> Self {
        let ports = (self.src_port(), self.dst_port());
        Self::new(device, self.protocol(), self.src(), self.dst(), ports.0, ports.1)
    }

    /// The same packet's answer, as it would come in by another device.
    #[must_use]
    #[inline(always)]
    pub fn reversed(&self, device: Device) -> Self {
        let protocol = self.protocol();
        let (src_port, dst_port) = if protocol == I::ICMP {
            let [icmp_type, code] = self.src_port().0;
            (Port([I::answering_icmp_type(icmp_type), code]), self.dst_port())
        } else {
            (self.dst_port(), self.src_port())
        };
        Self::new(device, protocol, self.dst(), self.src(), src_port, dst_port)
    }
}

impl<I: Ip> fmt::Debug for FlowKey<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (device, protocol) = (self.device().0, self.protocol());
        write!(
            f,
            "{device}: {protocol} {}:{} > {}:{}",
            self.src(),
            self.src_port(),
            self.dst(),
            self.dst_port()
        )
    }
}

plain_of!(FlowKey<Ip4> = 16, FlowKey<Ip6> = 40);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::protocol;

    fn check_key<I: Ip>(src: I, dst: I) {
        for protocol in [I::ICMP, protocol::TCP, 47] {
            for icmp_type in 0..=255 {
                let key = FlowKey::new(Device(7), protocol, src, dst, Port([icmp_type, 3]), Port::new(9));
                assert_eq!(key.reversed(Device(8)).reversed(Device(7)), key);
                let parts = (key.device(), key.protocol(), key.src(), key.dst());
                assert_eq!(parts, (Device(7), protocol, src, dst));
                assert_eq!((key.src_port(), key.dst_port()), (Port([icmp_type, 3]), Port::new(9)));
            }
        }
        let key = |src, dst, port| FlowKey::new(Device(7), protocol::TCP, src, dst, Port::new(port), Port::new(9));
        let keys = [
            key(src, dst, 1),
            key(src, dst, 2),
            key(dst, src, 1),
            key(src, src, 1),
            key(dst, dst, 1),
        ];
        for (index, one) in keys.iter().enumerate() {
            assert_eq!(keys.iter().filter(|other| *other == one).count(), 1, "key {index}");
        }
    }

    #[test]
    fn a_key_holds_its_parts_and_the_answer_to_an_answer_is_the_question() {
        check_key(Ip4([1; 4]), Ip4([2; 4]));
        check_key(Ip6::new([1; 16]), Ip6::new([2; 16]));
    }

    #[test]
    fn echo_answers_echo() {
        let ping = FlowKey::new(
            Device(7),
            protocol::ICMP,
            Ip4([1; 4]),
            Ip4([2; 4]),
            Port([8, 0]),
            Port::new(9),
        );
        let pong = FlowKey::new(
            Device(8),
            protocol::ICMP,
            Ip4([2; 4]),
            Ip4([1; 4]),
            Port([0, 0]),
            Port::new(9),
        );
        assert_eq!(ping.reversed(Device(8)), pong);
        let key = |device, icmp_type| {
            let (src, dst) = (Ip6::new([1; 16]), Ip6::new([1; 16]));
            FlowKey::new(
                Device(device),
                protocol::ICMPV6,
                src,
                dst,
                Port([icmp_type, 0]),
                Port::new(9),
            )
        };
        assert_eq!(key(7, 128).reversed(Device(8)), key(8, 129));
    }

    #[test]
    fn device_and_protocol_share_a_word_without_touching() {
        let key = FlowKey::new(
            Device::MAX,
            255,
            Ip4::UNSPECIFIED,
            Ip4::UNSPECIFIED,
            Port::NONE,
            Port::NONE,
        );
        assert_eq!((key.device(), key.protocol()), (Device::MAX, 255));
    }
}
