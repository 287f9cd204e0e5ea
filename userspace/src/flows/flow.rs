//! A connection, as people and programs are told of it.

use super::{Pair, Who};
use crate::install::kernel::{Moment, Stored};
use groundplane_abi::flow::tcp_seen;
use groundplane_abi::wire::protocol;
use groundplane_abi::{Device, Port};
use groundplane_datapath::FlowTable;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Field names are part of the command's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// The ENI that opened it, and the one at its other end.
    pub from: Endpoint,
    pub to: Endpoint,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, or a number.
    pub protocol: String,
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Of TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
    /// Of ICMP: type and code of what opened it, and what tells it from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_identifier: Option<u16>,
    pub state: FlowState,
    pub tracked: Tracked,
    pub age_seconds: u64,
    /// Since the last packet either way.
    pub idle_seconds: u64,
    /// As it was opened, and the other way.
    pub packets: u64,
    pub bytes: u64,
    pub reply_packets: u64,
    pub reply_bytes: u64,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// VPC and name; the device's number if the journal doesn't know it.
    pub instance: String,
    pub network_interface_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// Nobody has answered yet.
    HalfOpen,
    /// Many packets, and none the other way.
    OneWay,
    Established,
    /// TCP has said that it is over.
    Closing,
}

/// Which of the two ENIs remembers it (semantics 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tracked {
    No,
    From,
    To,
    Both,
}

impl Flow {
    #[must_use]
    pub fn of<I: Stored>(pair: &Pair<I>, who: &Who, now: Moment) -> Self {
        let Pair { entry, twin, table } = pair;
        let key = &entry.key;
        let (reply_packets, reply_bytes) = twin.map_or((0, 0), |twin| (twin.packets, twin.bytes));
        let last_seen = twin.map_or(entry.last_seen, |twin| twin.last_seen.max(entry.last_seen));
        let rate = u64::from(now.ticks_per_second.max(1));
        let mut flow = Self {
            from: who.endpoint(key.device()),
            to: who.endpoint(entry.action.delivery.out),
            protocol: protocol_name(key.protocol()),
            source: key.src().into(),
            destination: key.dst().into(),
            source_port: None,
            destination_port: None,
            icmp_type: None,
            icmp_code: None,
            icmp_identifier: None,
            state: FlowState::of(*table, entry.tcp, entry.packets.min(reply_packets)),
            tracked: Tracked::of(entry.near.is_tracked(), entry.far.is_tracked()),
            // Entries keep the low half of the clock at their birth.
            age_seconds: u64::from((now.ticks as u32).wrapping_sub(entry.born)) / rate,
            idle_seconds: now.ticks.saturating_sub(last_seen) / rate,
            packets: entry.packets,
            bytes: entry.bytes,
            reply_packets,
            reply_bytes,
        };
        flow.set_ports(
            key.protocol() == I::ICMP,
            key.protocol(),
            key.src_port(),
            key.dst_port(),
        );
        flow
    }

    fn set_ports(&mut self, is_icmp: bool, protocol: u8, src: Port, dst: Port) {
        let number = |port: Port| u16::from_be_bytes(port.0);
        if is_icmp {
            let [icmp_type, code] = src.0;
            self.icmp_type = Some(icmp_type);
            self.icmp_code = Some(code);
            self.icmp_identifier = Some(number(dst));
        } else if matches!(protocol, protocol::TCP | protocol::UDP) {
            self.source_port = Some(number(src));
            self.destination_port = Some(number(dst));
        }
    }

    /// Source and destination, each with what it has of ports.
    #[must_use]
    pub fn ends(&self) -> (String, String) {
        let end = |address: IpAddr, port: Option<u16>| match (address, port) {
            (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
            (address, Some(port)) => format!("{address}:{port}"),
            (address, None) => address.to_string(),
        };
        (
            end(self.source, self.source_port),
            end(self.destination, self.destination_port),
        )
    }
}

impl FlowState {
    /// `answered` is how many packets the side has sent that sent fewer.
    fn of(table: FlowTable, tcp: u16, answered: u64) -> Self {
        match table {
            FlowTable::Embryos => Self::HalfOpen,
            FlowTable::Main if tcp_seen::is_closing(tcp) => Self::Closing,
            FlowTable::Main if answered == 0 => Self::OneWay,
            FlowTable::Main => Self::Established,
        }
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfOpen => "half open",
            Self::OneWay => "one way",
            Self::Established => "established",
            Self::Closing => "closing",
        })
    }
}

impl Tracked {
    const fn of(from: bool, to: bool) -> Self {
        match (from, to) {
            (false, false) => Self::No,
            (true, false) => Self::From,
            (false, true) => Self::To,
            (true, true) => Self::Both,
        }
    }
}

impl fmt::Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "no",
            Self::From => "from",
            Self::To => "to",
            Self::Both => "both",
        })
    }
}

impl Endpoint {
    /// An end that nobody knows any more.
    pub(super) fn unknown(device: Device) -> Self {
        Self {
            instance: match device {
                Device::INTERNET => "the internet".to_owned(),
                device if device.is_component() => "a gateway".to_owned(),
                device => format!("device {}", device.0),
            },
            network_interface_id: String::new(),
        }
    }
}

/// A protocol as it is named here.
#[must_use]
pub fn protocol_name(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        _ => number.to_string(),
    }
}
