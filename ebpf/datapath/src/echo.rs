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

/// A checksum after one word of what it is over has changed (RFC 1624).
#[inline(always)]
const fn adjusted(checksum: [u8; 2], old: u16, new: u16) -> [u8; 2] {
    let sum = !u16::from_be_bytes(checksum) as u32 + !old as u32 + new as u32;
    let folded = (sum & 0xffff) + (sum >> 16);
    (!(folded + (folded >> 16)) as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjusted_checksum_is_that_of_the_new_words() {
        let sum = |words: [u16; 3]| {
            let sum: u32 = words.iter().map(|&word| u32::from(word)).sum();
            !(((sum & 0xffff) + (sum >> 16)) as u16)
        };
        for rest in [[0, 0], [0x1234, 0xffff], [0xf7ff, 0]] {
            let of = |first| sum([first, rest[0], rest[1]]);
            assert_eq!(
                adjusted(of(0x0800).to_be_bytes(), 0x0800, 0),
                of(0).to_be_bytes(),
                "{rest:x?}"
            );
            assert_eq!(
                adjusted(of(0x8000).to_be_bytes(), 0x8000, 0x8100),
                of(0x8100).to_be_bytes()
            );
        }
    }
}
