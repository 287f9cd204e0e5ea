//! One's complement arithmetic (RFC 1071, RFC 1624), on words as a little-endian machine loads them: the sum of swapped
//! words is the swapped sum.

/// The sum of two sums.
#[must_use]
#[inline(always)]
pub const fn add(a: u32, b: u32) -> u32 {
    let sum = a as u64 + b as u64;
    (sum as u32).wrapping_add((sum >> 32) as u32)
}

/// The sum of words.
#[must_use]
#[inline(always)]
pub const fn sum<const N: usize>(words: [u32; N]) -> u32 {
    let (mut sum, mut at) = (0, 0);
    while at < N {
        sum = add(sum, words[at]);
        at += 1;
    }
    sum
}

/// A word of two halves, each in network order.
#[must_use]
#[inline(always)]
pub const fn halves(first: u16, second: u16) -> u32 {
    first.swap_bytes() as u32 | (second.swap_bytes() as u32) << 16
}

/// What a sum changes by when a word of it does.
#[must_use]
#[inline(always)]
pub const fn difference(old: u32, new: u32) -> u32 {
    add(!old, new)
}

/// A sum in 16 bits.
#[must_use]
#[inline(always)]
pub const fn fold(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

/// A checksum after words of what it is over have changed.
#[must_use]
#[inline(always)]
pub const fn adjusted(checksum: u16, difference: u32) -> u16 {
    !fold(add(!checksum as u32 & 0xffff, difference))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(words: &[u32]) -> u16 {
        !fold(words.iter().fold(0, |sum, &word| add(sum, word)))
    }

    #[test]
    fn an_adjusted_checksum_is_that_of_the_new_words() {
        let words = [0x0100_0045, 0xffff_ffff, 0x1234_5678, 0];
        for new in [0, 1, 0xffff, 0x1_0000, u32::MAX, 0xabcd_ef01] {
            for place in 0..words.len() {
                let mut changed = words;
                changed[place] = new;
                let adjusted = adjusted(checksum(&words), difference(words[place], new));
                assert_eq!(adjusted, checksum(&changed), "{new:x} at {place}");
            }
        }
    }
}
