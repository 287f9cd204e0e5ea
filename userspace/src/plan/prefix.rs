//! Blocks within blocks, and ranges as blocks.

use groundplane_abi::Ip;

/// Blocks that hold each other, the longest last, while others come in order of address, then of length.
#[derive(Debug)]
pub(super) struct Nest<I, T>(Vec<(I, u8, T)>);

impl<I, T> Default for Nest<I, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<I: Ip, T: Copy> Nest<I, T> {
    /// Goes on to the next block. What is noted for it may depend on what was for the longest one that holds it.
    pub(super) fn enter(&mut self, (address, prefix_len): (I, u8), note: impl FnOnce(Option<T>) -> T) -> T {
        while let Some(&(network, len, _)) = self.0.last() {
            if address.is_in(network, len) {
                break;
            }
            self.0.pop();
        }
        let noted = note(self.0.last().map(|&(.., outer)| outer));
        self.0.push((address, prefix_len, noted));
        noted
    }
}

/// The prefixes of 16-bit numbers that together are the numbers from one to before another: as few as possible.
pub(super) fn prefixes(from: u32, end: u32) -> impl Iterator<Item = (u16, u8)> {
    let mut at = from;
    std::iter::from_fn(move || {
        let rest = end.checked_sub(at).filter(|&rest| rest > 0)?;
        let start = u16::try_from(at).ok()?;
        // The largest power of two that fits and that the start is a multiple of.
        let bits = at.trailing_zeros().min(rest.ilog2()).min(u16::BITS);
        at += 1 << bits;
        // At most 16.
        Some((start, (u16::BITS - bits) as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use groundplane_abi::Ip4;

    #[test]
    fn a_range_is_as_few_prefixes_as_can_be() {
        for (from, end, expected) in [
            (0, 65_536, vec![(0, 0)]),
            (80, 81, vec![(80, 16)]),
            (1, 8, vec![(1, 16), (2, 15), (4, 14)]),
            (65_535, 65_536, vec![(65_535, 16)]),
            (
                1024,
                65_536,
                vec![(1024, 6), (2048, 5), (4096, 4), (8192, 3), (16_384, 2), (32_768, 1)],
            ),
            (9, 9, vec![]),
            (9, 3, vec![]),
        ] {
            assert_eq!(prefixes(from, end).collect::<Vec<_>>(), expected, "{from}..{end}");
        }
    }

    #[test]
    fn a_block_knows_the_longest_one_that_holds_it() {
        let mut nest = Nest::default();
        let mut outer_of = |address, len| {
            let mut outer = None;
            nest.enter((Ip4(address), len), |found| {
                outer = found;
                len
            });
            outer
        };
        assert_eq!(outer_of([0, 0, 0, 0], 0), None);
        assert_eq!(outer_of([10, 0, 0, 0], 8), Some(0));
        assert_eq!(outer_of([10, 1, 0, 0], 16), Some(8));
        assert_eq!(outer_of([10, 1, 2, 0], 24), Some(16));
        assert_eq!(outer_of([10, 2, 0, 0], 16), Some(8));
        assert_eq!(outer_of([11, 0, 0, 0], 8), Some(0));
    }
}
