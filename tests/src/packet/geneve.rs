//! A packet that goes by way of an appliance (semantics 16.2).

use super::{Damage, Packet};

/// What the three options say: endpoint, attachment, cookie.
pub type GeneveOptions = [u8; 20];

const UDP: u8 = 17;
/// How long each option is, by type.
const OPTIONS: [usize; 3] = [8, 8, 4];

impl Packet {
    /// A packet as a Gateway Load Balancer gives it to an appliance, and gets it back. Without addresses and ports.
    #[must_use]
    pub fn geneve(inner: &Self, options: &GeneveOptions) -> Self {
        let frame = inner.build();
        let (ethertype, inner) = (&frame[12..14], &frame[14..]);
        let mut payload = [&[8, 0][..], ethertype, &[0; 4]].concat();
        let mut rest = &options[..];
        for (option_type, len) in (1..).zip(OPTIONS) {
            let (data, after) = rest.split_at(len);
            payload.extend([1, 8, option_type, u8::try_from(len / 4).expect("it is short")]);
            payload.extend(data);
            rest = after;
        }
        payload.extend(inner);
        let packet = Self::udp().payload(&payload).ttl(254).dont_fragment();
        packet.damaged(Damage::TransportChecksum(UDP, 0))
    }
}
