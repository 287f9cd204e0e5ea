//! Ids and MAC addresses, derived from names, so that the same document always means the same objects.

use groundplane_abi::Mac;
use std::collections::HashSet;

/// An id in AWS's form: the kind's prefix and 17 hexadecimal digits (semantics 1.1). The path is made of names, which
/// have no slash, so no two objects of a kind have the same one.
pub(crate) fn id(prefix: &str, path: &[&str]) -> String {
    let text = format!("{prefix}/{}", path.join("/"));
    let high = hash(&text, 0);
    let low = hash(&text, 1) & 0xf;
    format!("{prefix}-{high:016x}{low:x}")
}

/// Whether a text is an id of a kind (semantics 1.1).
pub(super) fn is_id(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    digits.is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(is_digit))
}

/// The MAC address of a network interface whose address nobody sees.
pub(crate) fn mac(network_interface_id: &str) -> Mac {
    Macs::default().of(network_interface_id)
}

/// The MAC addresses given out so far.
#[derive(Debug, Default)]
pub(super) struct Macs(HashSet<Mac>);

impl Macs {
    /// Notes down an address that somebody chose.
    pub(super) fn take(&mut self, mac: Mac) {
        self.0.insert(mac);
    }

    /// An address that no other ENI has: locally administered, unicast, not the router's.
    pub(super) fn of(&mut self, network_interface_id: &str) -> Mac {
        let mut attempt = 0;
        loop {
            let [.., a, b, c, d, e] = hash(network_interface_id, attempt).to_be_bytes();
            let mac = Mac([0x02, a, b, c, d, e]);
            if mac != Mac::ROUTER && self.0.insert(mac) {
                return mac;
            }
            attempt += 1;
        }
    }
}

/// FNV-1a with the finalizer of splitmix64 after it, which spreads what the last bytes did over all bits. Written out
/// because the ids must never change with a library's version.
pub(crate) fn hash(text: &str, seed: u64) -> u64 {
    let offset = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    let sum = text.bytes().fold(offset, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (sum ^ sum >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        assert_eq!(id("vpc", &["blue"]), "vpc-e1e601fff96fb202a");
        assert_eq!(id("eni", &["blue", "web-1"]), "eni-41b777cd2f5ab4ad8");
    }

    #[test]
    fn an_id_is_told_from_a_name() {
        for id in ["vpc-e1e601fff96fb202a", "vpc-1a2b3c4d"] {
            assert!(is_id("vpc", id), "{id}");
            assert!(!is_id("subnet", id), "{id}");
        }
        for name in ["vpc-1", "vpc-1A2B3C4D", "vpc", "vpc-", "vpc-1a2b3c4g", "xvpc-1a2b3c4d"] {
            assert!(!is_id("vpc", name), "{name}");
        }
    }

    #[test]
    fn two_enis_never_have_one_mac() {
        let mut macs = Macs::default();
        let first = macs.of("eni-1");
        let second = macs.of("eni-1");
        assert_ne!(first, second);
        assert_eq!([first.0[0], second.0[0]], [2, 2]);
    }
}
