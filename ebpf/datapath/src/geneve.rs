//! GENEVE as Gateway Load Balancers speak it with their appliances (semantics 16.2, RFC 8926): an IP packet with no
//! Ethernet header of its own is the content of a packet between the node and an appliance, behind three options.
//!
//! Every such packet goes by way of the finisher: a kernel that does nothing but forward, to which a device leads that
//! can neither segment nor calculate checksums. So what guests have left to their devices is done before an appliance
//! sees it, and before what an appliance has sent is opened; a program can do neither.
//!
//! On the way a packet says whose it is: one to an appliance by the network identifier, which Gateway Load Balancers
//! leave at zero; one from an appliance by its ports, which nobody needs any more. Not by anything behind them: of one
//! that the finisher makes several of, the others are what the appliance has written there.

use crate::checksum::{adjusted, difference, fold, halves, sum};
use crate::rewrite::readdress;
use crate::{Frame, Tables};
use groundplane_abi::eni::EniKey;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Ip as _, Ip4, Ip6, Mac, Port};

/// Bytes of the headers: 20 of IPv4, 8 of UDP, 8 of GENEVE, 32 of options.
pub const OVERHEAD: u32 = 68;
pub const PORT: Port = Port::new(6081);

const ETHERNET_LEN: u32 = 14;
const ETHERTYPE: u32 = 12;
/// Where TTL, protocol and checksum of IPv4 are.
const TTL: u32 = ETHERNET_LEN + 8;
const UDP: u32 = ETHERNET_LEN + 20;
const GENEVE: u32 = UDP + 8;
const NETWORK: u32 = GENEVE + 4;
/// Where the packet inside begins.
const INSIDE: u32 = ETHERNET_LEN + OVERHEAD;
const DONT_FRAGMENT: u16 = 0x4000;
const IS_FRAGMENT: u16 = 0x3fff;
const FIRST_TTL: u16 = 255;

/// Version 0, eight words of options, no flags.
const EIGHT_WORDS: u16 = 0x0800;
/// Amazon's (semantics 16.2), then the type and how many words of data follow.
const CLASS: u16 = 0x0108;
const ENDPOINT: u32 = halves(CLASS, 0x0102);
const ATTACHMENT: u32 = halves(CLASS, 0x0202);
const COOKIE: u32 = halves(CLASS, 0x0301);

/// What stands around a packet on its way to an appliance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) node: Device,
    pub(crate) source: Ip4,
    pub(crate) appliance: Ip4,
    pub(crate) port: Port,
    pub(crate) endpoint: Device,
    pub(crate) cookie: u32,
    /// Of the packet inside.
    pub(crate) version: u8,
}

/// Puts the frame's packet into one for an appliance, which is for the finisher.
#[inline(always)]
pub(crate) fn wrap(frame: &mut impl Frame, envelope: &Envelope) -> Option<()> {
    frame.enclose(OVERHEAD)?;
    // Of a packet that is yet to be segmented the kernel writes the lengths anew.
    let total_len = (frame.len() - ETHERNET_LEN) as u16;
    let lengths = [halves(0x4500, total_len), halves(0, DONT_FRAGMENT)];
    let third = halves(FIRST_TTL << 8 | u16::from(protocol::UDP), 0);
    let addresses = [envelope.source, envelope.appliance].map(|Ip4(bytes)| u32::from_le_bytes(bytes));
    let checksum = !fold(sum([lengths[0], lengths[1], third, addresses[0], addresses[1]]));
    frame.store_words(
        ETHERNET_LEN,
        [
            lengths[0],
            lengths[1],
            third | u32::from(checksum) << 16,
            addresses[0],
            addresses[1],
            halves(envelope.port.get(), PORT.get()),
            halves(total_len - 20, 0),
            halves(EIGHT_WORDS, ethertype(envelope.version)),
            number(envelope.node),
        ],
    )?;
    let identity = |device: Device| device.0.swap_bytes();
    let options = [
        ENDPOINT,
        0,
        identity(envelope.endpoint),
        ATTACHMENT,
        0,
        identity(envelope.node),
        COOKIE,
        envelope.cookie,
    ];
    frame.store_words(GENEVE + 8, options)?;
    frame.store(ETHERTYPE, Ip4::ETHERTYPE.to_be_bytes())?;
    readdress(frame, Mac::FINISHER, Mac::ROUTER)
}

#[inline(always)]
const fn ethertype(version: u8) -> u16 {
    if version == 6 { Ip6::ETHERTYPE } else { Ip4::ETHERTYPE }
}

/// Sends a packet of an appliance's to the finisher, by way of which it comes to the node.
#[inline(always)]
pub(crate) fn give_back(frame: &mut impl Frame, node: Device) -> Option<()> {
    frame.pull(INSIDE);
    let [first, second, third] = frame.words::<3>(ETHERNET_LEN)?;
    let fragment = ((second >> 16) as u16).swap_bytes() & IS_FRAGMENT;
    if first & 0xff != 0x45 || fragment != 0 {
        return None;
    }
    frame.store_words(UDP, [number(node)])?;
    // The finisher takes one off, and is no hop.
    if third & 0xff != 0xff {
        let raised = third + 1;
        let checksum = adjusted((third >> 16) as u16, difference(third & 0xffff, raised & 0xffff));
        frame.store_words(TTL, [raised & 0xffff | u32::from(checksum) << 16])?;
    }
    readdress(frame, Mac::FINISHER, Mac::ROUTER)
}

/// A device's number in the word with the network identifier, or in the one with the ports: the second of them is then
/// none that GENEVE goes to.
#[inline(always)]
const fn number(device: Device) -> u32 {
    (device.0 << 8).swap_bytes()
}

/// A packet that has come out of the finisher.
#[derive(Clone, Copy, Debug)]
pub enum Finished {
    /// For an appliance, from this node.
    Sent(Device),
    /// From an appliance, for this node.
    Returned(Device),
}

/// Whose a frame is that has come out of the finisher. Nobody's, if it is something that the kernel there says.
#[inline(always)]
pub fn finished(frame: &mut impl Frame) -> Option<Finished> {
    // What was made of one that was several has its UDP header alone where it can be read.
    frame.pull(INSIDE);
    let [first, _, third] = frame.words::<3>(ETHERNET_LEN)?;
    let [ports, _, _, network] = frame.words::<4>(UDP)?;
    let is_ip4 = frame.load::<2>(ETHERTYPE)? == Ip4::ETHERTYPE.to_be_bytes();
    if !is_ip4 || first & 0xff != 0x45 || (third >> 8) as u8 != protocol::UDP {
        return None;
    }
    let device = |word: u32| Device(word.swap_bytes() >> 8);
    if ports == number(device(ports)) {
        return Some(Finished::Returned(device(ports)));
    }
    if ports >> 16 != u32::from(PORT.get().swap_bytes()) {
        return None;
    }
    frame.store_words(NETWORK, [0])?;
    readdress(frame, Mac::ROUTER, Mac::ROUTER)?;
    Some(Finished::Sent(device(network)))
}

/// What an appliance has given back.
#[derive(Clone, Copy, Debug)]
pub struct Returned {
    /// Whose packet is in it.
    pub endpoint: Device,
    /// As [`Frame::returned`] has it.
    pub note: [u32; 2],
}

/// Takes the packet out of one that an appliance has given back to a node. Nothing if it isn't as a node makes them.
#[inline(always)]
pub fn unwrap<T: Tables>(tables: &T, frame: &mut impl Frame, node: Device) -> Option<Returned> {
    let [source] = frame.words::<1>(ETHERNET_LEN + 12)?;
    let [
        base,
        network,
        first,
        zero,
        endpoint,
        second,
        other_zero,
        attachment,
        third,
        cookie,
    ] = frame.words::<10>(GENEVE)?;
    let inside = (base >> 16) as u16;
    let version = if inside == Ip6::ETHERTYPE.swap_bytes() { 6 } else { 4 };
    let is_whole = base as u16 == EIGHT_WORDS.swap_bytes()
        && (version == 6 || inside == Ip4::ETHERTYPE.swap_bytes())
        && [first, second, third] == [ENDPOINT, ATTACHMENT, COOKIE]
        && [network, zero, other_zero, attachment.swap_bytes()] == [0, 0, 0, node.0];
    let (bank, device) = (tables.generation().bank(), Device(endpoint.swap_bytes()));
    let is_behind = is_whole
        && tables
            .endpoint(&EniKey { bank, device })
            .is_some_and(|endpoint| endpoint.node == node);
    if !is_behind {
        return None;
    }
    frame.disclose(OVERHEAD, version)?;
    frame.store(ETHERTYPE, ethertype(version).to_be_bytes())?;
    readdress(frame, Mac::ROUTER, Mac::ROUTER)?;
    Some(Returned {
        endpoint: device,
        note: [source, cookie],
    })
}
