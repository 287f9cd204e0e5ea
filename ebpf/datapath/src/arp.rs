//! ARP: every request is answered by the datapath, never by the one asked for (semantics 3.1).
//!
//! For an ENI of the subnet the answer is its real MAC, so that frames inside a subnet are switched; for base+1 it is
//! the router's. Nobody else is answered, nor a guest that asks for its own address (a probe, RFC 5227). ARP is not
//! subject to groups and NACLs.

use crate::eni::{LeaveFrom, router_address};
use crate::rewrite::readdress;
use crate::verdict::{Answer, delivery_kind};
use crate::{Frame, Tables};
use groundplane_abi::control::Generation;
use groundplane_abi::eni::{AddressKey, EniKey};
use groundplane_abi::{Device, DropReason, Ip4, Mac};

const OFFSET: u32 = 14;
/// Ethernet, IPv4, their address lengths, request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
const REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];
const SENDER_MAC: u32 = 8;
const SENDER: u32 = 14;
const TARGET_MAC: u32 = 18;
const TARGET: u32 = 24;

/// The answer to a request.
pub fn answer<T: Tables>(
    tables: &T,
    frame: &impl Frame,
    device: Device,
    generation: Generation,
) -> Result<Answer, DropReason> {
    let [.., s0, s1, s2, s3, s4, s5, _, _] = frame.load::<14>(0).ok_or(DropReason::TRUNCATED)?;
    let request = frame.load::<28>(OFFSET).ok_or(DropReason::TRUNCATED)?;
    let from = LeaveFrom::load(tables, generation, device)?;
    let sender_mac = Mac([
        request[8],
        request[9],
        request[10],
        request[11],
        request[12],
        request[13],
    ]);
    let sender = Ip4([request[14], request[15], request[16], request[17]]);
    let target = Ip4([request[24], request[25], request[26], request[27]]);
    if Mac([s0, s1, s2, s3, s4, s5]) != from.eni.mac {
        return Err(DropReason::SOURCE_MAC);
    }
    if frame.load::<8>(OFFSET) != Some(REQUEST) {
        return Err(DropReason::ARP_INVALID);
    }
    let bank = generation.bank();
    let owner = |address| {
        tables.owner(&AddressKey {
            bank,
            vpc: from.eni.vpc,
            address,
        })
    };
    // A probe has no sender address yet.
    if sender_mac != from.eni.mac || sender != Ip4::UNSPECIFIED && owner(sender) != Some(device) {
        return Err(DropReason::ARP_SPOOFED);
    }
    let with = |mac| Answer {
        mac,
        kind: delivery_kind(&from.eni),
    };
    if target == router_address(&from.place) {
        return Ok(with(Mac::ROUTER));
    }
    let asked = owner(target)
        .filter(|asked| *asked != device)
        .ok_or(DropReason::ARP_UNANSWERED)?;
    match tables.eni(&EniKey { bank, device: asked }) {
        Some(eni) if eni.subnet == from.eni.subnet => Ok(with(eni.mac)),
        _ => Err(DropReason::ARP_UNANSWERED),
    }
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
