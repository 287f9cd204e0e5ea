//! The implicit router answers echo requests to its own address in the guest's subnet (semantics 3.1).

use crate::Frame;
use crate::rewrite::readdress;
use groundplane_abi::Mac;

const ICMP4: u32 = 14 + 20;
const ICMP6: u32 = 14 + 40;

/// Turns an IPv4 echo request without options into its answer.
#[inline(always)]
pub(crate) fn write_answer4(frame: &mut impl Frame, guest: Mac) -> Option<()> {
    let (src, dst) = (frame.load::<4>(26)?, frame.load::<4>(30)?);
    let checksum = frame.load::<2>(ICMP4 + 2)?;
    frame.store(26, dst)?;
    frame.store(30, src)?;
    frame.store(ICMP4, [0, 0])?;
    frame.store(ICMP4 + 2, adjusted(checksum, 0x0800, 0x0000))?;
    readdress(frame, guest, Mac::ROUTER)
}

/// Turns an IPv6 echo request without extension headers into its answer.
#[inline(always)]
pub(crate) fn write_answer6(frame: &mut impl Frame, guest: Mac) -> Option<()> {
    let (src, dst) = (frame.words::<4>(22)?, frame.words::<4>(38)?);
    let checksum = frame.load::<2>(ICMP6 + 2)?;
    frame.store_words(22, dst)?;
    frame.store_words(38, src)?;
    frame.store(ICMP6, [129, 0])?;
    // The addresses are in the sum, whichever way round.
    frame.store(ICMP6 + 2, adjusted(checksum, 0x8000, 0x8100))?;
    readdress(frame, guest, Mac::ROUTER)
}

/// A checksum after one word of what it is over has changed (RFC 1624). Never zero: of the two zeros of one's
/// complement the other is right whatever the words are, zero isn't if all of them are.
#[inline(always)]
const fn adjusted(checksum: [u8; 2], old: u16, new: u16) -> [u8; 2] {
    let sum = !u16::from_be_bytes(checksum) as u32 + !old as u32 + new as u32;
    let folded = (sum & 0xffff) + (sum >> 16);
    let adjusted = !(folded + (folded >> 16)) as u16;
    let adjusted = if adjusted == 0 { u16::MAX } else { adjusted };
    adjusted.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of the words, which is all ones if the checksum among them is right.
    fn sum(words: &[u16]) -> u16 {
        let mut sum: u32 = words.iter().map(|&word| u32::from(word)).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn an_adjusted_checksum_is_right_whatever_the_words() {
        for [a, b] in [
            [0, 0],
            [0x1234, 0xffff],
            [0xf7ff, 0],
            [0xffff, 0xffff],
            [0x7eff, 0x8100],
        ] {
            for (old, new) in [(0x0800, 0x0000), (0x8000, 0x8100)] {
                let before = !sum(&[old, a, b]);
                let after = u16::from_be_bytes(adjusted(before.to_be_bytes(), old, new));
                assert_eq!(sum(&[new, a, b, after]), 0xffff, "{a:x} {b:x}");
            }
        }
    }
}
