//! A connection between two guests: its packets, and its entry in the main table.

use crate::program::{REDIRECTED, time};
use anyhow::{Context as _, Result};
use aya::maps::{HashMap, MapData};
use aya::programs::SchedClassifier;
use groundplane_abi::flow::{FlowEntry, FlowKey};
use groundplane_abi::wire::protocol;
use groundplane_abi::{Ip, Ip4, Ip6, Port, map};
use groundplane_tests::kernel::LoadedKernel;
use groundplane_tests::packet::{Packet, ROUTER, flag};
use groundplane_tests::topology::Guest;
use std::net::IpAddr;

/// The port that is spoken to; the others are numbers of connections.
pub(crate) const PORT: u16 = 8_080;

/// Two guests, and what they speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// 4 or 6.
    pub(crate) version: u8,
    pub(crate) protocol: u8,
    pub(crate) from: Guest,
    pub(crate) to: Guest,
}

impl Flow {
    pub(crate) fn name(&self) -> String {
        let protocol = if self.protocol == protocol::TCP { "TCP" } else { "UDP" };
        format!("{protocol} over IPv{}", self.version)
    }

    /// A packet of the connection with a number.
    pub(crate) fn there(&self, number: u32, flags: u8) -> Vec<u8> {
        let (from, to) = (self.address(&self.from), self.address(&self.to));
        self.packet(flags)
            .from(ROUTER, from, low(number))
            .to(ROUTER, to, high(number))
            .build()
    }

    pub(crate) fn back(&self, number: u32, flags: u8) -> Vec<u8> {
        let (from, to) = (self.address(&self.from), self.address(&self.to));
        self.packet(flags)
            .from(ROUTER, to, high(number))
            .to(ROUTER, from, low(number))
            .build()
    }

    /// With a payload, since IPv6's fast path leaves a frame of less than 64 bytes to the slow one.
    fn packet(&self, flags: u8) -> Packet {
        let packet = match self.protocol {
            protocol::TCP => Packet::tcp().flags(flags),
            _ => Packet::udp(),
        };
        packet.payload(&[0; 18])
    }

    fn address(&self, guest: &Guest) -> IpAddr {
        match guest.ip6 {
            Some(address) if self.version == 6 => address.into(),
            _ => guest.ip.into(),
        }
    }

    /// Opens a connection by the packets that do.
    pub(crate) fn establish(&self, program: &SchedClassifier, number: u32) -> Result<()> {
        let handshake = [
            (self.there(number, flag::SYN), self.from.device),
            (self.back(number, flag::SYN | flag::ACK), self.to.device),
            (self.there(number, flag::ACK), self.from.device),
        ];
        for (frame, device) in handshake {
            time(program, &frame, device, 1, REDIRECTED).context("the connection can't be opened")?;
        }
        Ok(())
    }

    /// The packets that a connection's entry has counted.
    pub(crate) fn packets(&self, kernel: &LoadedKernel, number: u32) -> Result<u64> {
        if self.version == 6 {
            packets::<Ip6>(self, kernel, number)
        } else {
            packets::<Ip4>(self, kernel, number)
        }
    }
}

fn packets<I: BenchFamily>(flow: &Flow, kernel: &LoadedKernel, number: u32) -> Result<u64>
where
    FlowKey<I>: aya::Pod,
    FlowEntry<I>: aya::Pod,
{
    let table: HashMap<MapData, FlowKey<I>, FlowEntry<I>> = kernel.map(I::FLOWS)?.try_into()?;
    let entry = table.get(&key::<I>(flow, number), 0);
    Ok(entry.context("the connection is not established")?.packets)
}

/// The key of a connection's packets.
pub(crate) fn key<I: BenchFamily>(flow: &Flow, number: u32) -> FlowKey<I> {
    FlowKey::new(
        flow.from.device,
        flow.protocol,
        I::address(&flow.from),
        I::address(&flow.to),
        Port::new(low(number)),
        Port::new(high(number)),
    )
}

/// The ports that tests/bench/vary.c gives the connection with a number.
const fn low(number: u32) -> u16 {
    number as u16
}

const fn high(number: u32) -> u16 {
    PORT + (number >> 16) as u16
}

/// What differs between the families here.
pub(crate) trait BenchFamily: Ip {
    const FLOWS: &'static str;
    fn address(guest: &Guest) -> Self;
}

impl BenchFamily for Ip4 {
    const FLOWS: &'static str = map::ip4::FLOWS;

    fn address(guest: &Guest) -> Self {
        Self(guest.ip)
    }
}

impl BenchFamily for Ip6 {
    const FLOWS: &'static str = map::ip6::FLOWS;

    fn address(guest: &Guest) -> Self {
        Self::new(guest.ip6.unwrap_or_default())
    }
}

/// A connection of which nothing is asked but that it is established: one among 65,536 of its port.
pub(crate) const ONE: u32 = 40_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_make_different_ports() {
        assert_eq!((low(65_535), high(65_535)), (65_535, PORT));
        assert_eq!((low(65_536), high(65_536)), (0, PORT + 1));
    }
}
