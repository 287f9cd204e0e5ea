//! ARP: every request is answered by the datapath, never by the one asked for (semantics 3.1).
//!
//! For an ENI of the subnet the answer is its real MAC, so that frames inside a subnet are switched; for base+1 it is
//! the router's. Nobody else is answered, nor a guest that asks for its own address (a probe, RFC 5227). ARP is not
//! subject to groups and NACLs.

use crate::eni::{self, owner};
use crate::family::Family;
use crate::rewrite::readdress;
use crate::verdict::{Answer, delivery_kind, rewrite};
use crate::walk::Walk;
use crate::{Frame, TablesOf, internet, uplink};
use groundplane_abi::eni::EniKey;
use groundplane_abi::flow::kind;
use groundplane_abi::uplink::uplink_flag;
use groundplane_abi::{DropReason, Ip4, Mac};

const OFFSET: u32 = 14;
/// Ethernet, IPv4, their address lengths, request.
const REQUEST: u64 = u64::from_le_bytes([0, 1, 8, 0, 6, 4, 0, 1]);
const REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];
const SENDER_MAC: u32 = 8;
const SENDER: u32 = 14;
const TARGET_MAC: u32 = 18;
const TARGET: u32 = 24;

/// The answer to a request.
pub fn answer<T: TablesOf<Ip4>>(tables: &T, frame: &impl Frame, walk: &mut Walk<Ip4>) -> Result<Answer, DropReason> {
    if walk.is_from_outside() {
        return answer_outside(tables, frame, walk);
    }
    eni::load_near(tables, walk)?;
    if walk.packet.src_mac != walk.near.mac {
        return Err(DropReason::SOURCE_MAC);
    }
    // In whole words: bytes the compiler would put together on the stack again, misaligned.
    let [first, second, third, fourth, fifth, _, target] = frame.words::<7>(OFFSET).ok_or(DropReason::TRUNCATED)?;
    if u64::from(first) | u64::from(second) << 32 != REQUEST {
        return Err(DropReason::ARP_INVALID);
    }
    let sender_mac = u64::from(third) | u64::from(fourth & 0xffff) << 32;
    let sender = Ip4((fourth >> 16 | fifth << 16).to_le_bytes());
    // A probe has no sender address yet.
    let is_own = sender == Ip4::UNSPECIFIED || owner(tables, walk, sender) == Some(walk.near_device);
    if sender_mac != walk.near.mac.to_le_bits() || !is_own {
        return Err(DropReason::ARP_SPOOFED);
    }
    let mac = asked_for(tables, walk, Ip4(target.to_le_bytes())).ok_or(DropReason::ARP_UNANSWERED)?;
    Ok(Answer {
        mac,
        kind: delivery_kind(&walk.near),
        rewrite: rewrite::ARP,
    })
}

/// Who asks on an uplink is told by that uplink's MAC of addresses that are ours; all else is the host's.
#[inline(always)]
fn answer_outside<T: TablesOf<Ip4>>(
    tables: &T,
    frame: &impl Frame,
    walk: &mut Walk<Ip4>,
) -> Result<Answer, DropReason> {
    let [first, second, _, _, _, _, target] = frame.words::<7>(OFFSET).ok_or(DropReason::TRUNCATED)?;
    if u64::from(first) | u64::from(second) << 32 != REQUEST {
        return Err(DropReason::ARP_INVALID);
    }
    answer_for_ours(tables, frame, walk, Ip4(target.to_le_bytes()), rewrite::ARP)
}

/// The answer of an uplink that answers for our addresses, if this is one.
#[inline(always)]
pub(crate) fn answer_for_ours<I: Family, T: TablesOf<I>>(
    tables: &T,
    frame: &impl Frame,
    walk: &mut Walk<I>,
    target: I,
    rewrite: u8,
) -> Result<Answer, DropReason> {
    let uplink = uplink::on(tables, frame.device());
    walk.packet.dst = target;
    if uplink.flags & uplink_flag::ANSWERS_ARP == 0 || !internet::is_public(tables, walk) {
        return Err(DropReason::ARP_UNANSWERED);
    }
    let (mac, kind) = (uplink.mac, kind::BACK);
    Ok(Answer { mac, kind, rewrite })
}

/// The MAC of the one who has an address in the asker's subnet, unless it is the asker.
#[inline(always)]
pub(crate) fn asked_for<I: Family, T: TablesOf<I>>(tables: &T, walk: &Walk<I>, target: I) -> Option<Mac> {
    if I::is_router(target, &walk.place) {
        return Some(Mac::ROUTER);
    }
    let device = owner(tables, walk, target).filter(|device| *device != walk.near_device)?;
    let bank = walk.generation.bank();
    let eni = tables.eni(&EniKey { bank, device })?;
    (eni.subnet == walk.near.subnet).then_some(eni.mac)
}

/// Turns a request into its answer, in place: the address asked for moves to the front, the asker's two to the end.
/// Field by field, since an array of mixed fields would be put together on the stack, misaligned.
#[inline(always)]
pub(crate) fn write_answer(frame: &mut impl Frame, mac: Mac) -> Option<()> {
    let asker = frame.load::<6>(OFFSET + SENDER_MAC)?;
    let sender = frame.load::<4>(OFFSET + SENDER)?;
    let target = frame.load::<4>(OFFSET + TARGET)?;
    frame.store(OFFSET, REPLY)?;
    frame.store(OFFSET + SENDER_MAC, mac.0)?;
    frame.store(OFFSET + SENDER, target)?;
    frame.store(OFFSET + TARGET_MAC, asker)?;
    frame.store(OFFSET + TARGET, sender)?;
    readdress(frame, Mac(asker), mac)
}
