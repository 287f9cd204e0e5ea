//! Which uplink a packet leaves by, and which one it has come in by.
//!
//! All uplinks lead to one outside, and a flow knows no more than that: where its next packet leaves is asked anew each
//! time, by the destination it then has.

use crate::checksum::{adjusted, difference};
use crate::rewrite::readdress;
use crate::{Family, Frame, Tables, TablesOf, parse};
use groundplane_abi::uplink::{UPLINK_SLOTS, UplinkEntry, uplink_flag};
use groundplane_abi::{Device, DropReason, Ip as _, Ip4, Ip6, Mac};

/// Where the destination is in a frame.
const DESTINATION4: u32 = 30;
const DESTINATION6: u32 = 38;

const ETHERTYPE: u32 = 12;
/// Where TTL, protocol and checksum are in a frame of IPv4, and then the source.
const TTL4: u32 = 22;
const SOURCE4: u32 = 26;

/// The source of ICMP errors by who has no address (RFC 7600), since Linux 5.13.
const DUMMY: Ip4 = Ip4([192, 0, 0, 8]);

/// The slot of no uplink.
const NONE: u32 = UPLINK_SLOTS;

/// The uplink that a packet leaves by: the only one there is, or, where destinations say so, that in a slot, which is
/// asked for only then. Of none the device is none.
#[inline(always)]
pub fn leading<T: Tables>(tables: &T, slot: impl FnOnce() -> u32) -> UplinkEntry {
    let first = tables.uplink(0);
    if first.flags & uplink_flag::BY_DESTINATION == 0 {
        return first;
    }
    tables.uplink(slot())
}

/// The slot that leads to a destination.
#[inline(always)]
pub(crate) fn towards<I: Family, T: TablesOf<I>>(tables: &T, destination: I) -> u32 {
    tables.uplink_route(destination).unwrap_or(NONE)
}

/// The slot that leads to a frame's destination.
#[inline(always)]
pub fn of_frame<T: TablesOf<Ip4> + TablesOf<Ip6>>(tables: &T, frame: &impl Frame) -> u32 {
    if parse::is_ip6(frame) {
        let destination = frame.words(DESTINATION6).map(Ip6);
        destination.map_or(NONE, |to| towards(tables, to))
    } else {
        let destination = frame.load(DESTINATION4).map(Ip4);
        destination.map_or(NONE, |to| towards(tables, to))
    }
}

/// The uplink that is on a device. Of none the device is none.
#[inline(always)]
pub(crate) fn on<T: Tables>(tables: &T, device: Device) -> UplinkEntry {
    tables.uplink(slot_on(tables, device))
}

/// A slot and no entry: that would be handed over on the stack, where the compiler reads MACs at odd places.
#[inline(never)]
fn slot_on<T: Tables>(tables: &T, device: Device) -> u32 {
    let mut slot = 0;
    while slot < UPLINK_SLOTS && tables.uplink(slot).device != device {
        slot += 1;
    }
    slot
}

/// Why a frame that comes out of the cutter doesn't leave. It was judged before it went in; but what the kernel there
/// says itself, such as that options are malformed, is no packet of anybody's. Since it has no address, that comes from
/// none, or from the one that Linux takes then.
#[inline(always)]
pub fn check_cut(frame: &impl Frame) -> Result<(), DropReason> {
    if frame.load::<2>(ETHERTYPE) != Some(Ip4::ETHERTYPE.to_be_bytes()) {
        return Err(DropReason::NOT_IP);
    }
    let source = Ip4(frame.load(SOURCE4).ok_or(DropReason::TRUNCATED)?);
    if source == Ip4::UNSPECIFIED || source == DUMMY {
        return Err(DropReason::UNUSABLE_ADDRESS);
    }
    Ok(())
}

/// Makes a frame of IPv4 that is larger than an uplink takes one for the cutter: a kernel that does nothing but
/// forward, and so makes fragments, and finishes the checksum that a guest has left to its device, which a program
/// can't.
///
/// It takes one off the TTL as every router does, and is no hop; so here it gets one more. 255 is the most there is:
/// with that a packet comes out of the cutter with 254.
#[inline(always)]
pub fn to_cutter(frame: &mut impl Frame) -> Option<()> {
    let [word] = frame.words::<1>(TTL4)?;
    let raised = if word & 0xff == 0xff { word } else { word + 1 };
    let checksum = adjusted((word >> 16) as u16, difference(word & 0xffff, raised & 0xffff));
    frame.store_words(TTL4, [raised & 0xffff | u32::from(checksum) << 16])?;
    readdress(frame, Mac::CUTTER, Mac::ROUTER)
}
