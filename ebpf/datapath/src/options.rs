//! IP options: which packets with options may go on.
//!
//! AWS documents nothing here. Options that make a packet choose its own way are refused (RFC 7126 section 4.3 and
//! 4.4), lists that don't add up as well; everything else goes on, off the fast path.

use crate::Frame;
use groundplane_abi::DropReason;

const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;

/// Ethernet and the fixed part of the IPv4 header.
const OPTIONS_OFFSET: u32 = 34;
const MAX_OPTIONS_LEN: u32 = 40;

/// Checks the options of an IPv4 header of this length.
pub fn check(frame: &impl Frame, header_len: u8) -> Result<(), DropReason> {
    let end = u32::from(header_len).saturating_sub(20).min(MAX_OPTIONS_LEN);
    let mut at = 0;
    // One step for each byte at most: every option is at least one byte long.
    for _ in 0..MAX_OPTIONS_LEN {
        if at >= end {
            return Ok(());
        }
        // With the byte before, since one alone can't be loaded at a variable offset.
        let [_, kind] = frame.load::<2>(OPTIONS_OFFSET + at - 1).ok_or(DropReason::TRUNCATED)?;
        match kind {
            END_OF_LIST => return Ok(()),
            NO_OPERATION => at += 1,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Err(DropReason::SOURCE_ROUTED),
            _ => {
                if at + 1 >= end {
                    return Err(DropReason::BAD_OPTIONS);
                }
                let [_, len] = frame.load::<2>(OPTIONS_OFFSET + at).ok_or(DropReason::TRUNCATED)?;
                if len < 2 || at + u32::from(len) > end {
                    return Err(DropReason::BAD_OPTIONS);
                }
                at += u32::from(len);
            }
        }
    }
    Ok(())
}
