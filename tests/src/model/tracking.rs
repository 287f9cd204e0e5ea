//! Connection tracking (semantics 7): each ENI for itself.

use super::address::icmp_of;
use groundplane::resources::ConnectionTracking;
use std::net::IpAddr;
use std::time::Duration;

/// How long a tracked connection may be idle (semantics 7.4), where the ENI says nothing else.
pub mod limits {
    use std::time::Duration;

    pub const TCP_ESTABLISHED: Duration = Duration::from_secs(432_000);
    pub const TCP_HALF_OPEN: Duration = Duration::from_secs(60);
    pub const TCP_CLOSING: Duration = Duration::from_secs(10);
    pub const UDP: Duration = Duration::from_secs(30);
    pub const UDP_STREAM: Duration = Duration::from_secs(180);
    pub const ICMP: Duration = Duration::from_secs(30);
    pub const OTHER: Duration = Duration::from_secs(600);
    pub const ALL: [Duration; 7] = [
        TCP_ESTABLISHED,
        TCP_HALF_OPEN,
        TCP_CLOSING,
        UDP,
        UDP_STREAM,
        ICMP,
        OTHER,
    ];
}

/// What a connection is told by: protocol, addresses, and ports or what ICMP has instead (type and code, identifier).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tuple {
    pub(super) protocol: u8,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) a: u16,
    pub(super) b: u16,
}

impl Tuple {
    /// The tuple of a packet the other way.
    pub(super) fn answered(self) -> Self {
        let (a, b) = if self.is_icmp() {
            (answering(self.protocol, self.a), self.b)
        } else {
            (self.b, self.a)
        };
        Self {
            protocol: self.protocol,
            src: self.dst,
            dst: self.src,
            a,
            b,
        }
    }

    pub(super) fn is_icmp(&self) -> bool {
        self.protocol == icmp_of(self.src)
    }
}

/// RFC 792, 950 and 4443: which message answers which.
fn answering(protocol: u8, type_and_code: u16) -> u16 {
    const PAIRS: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];
    const PAIRS6: [(u8, u8); 1] = [(128, 129)];
    let [icmp_type, code] = type_and_code.to_be_bytes();
    let pairs = if protocol == 1 { &PAIRS[..] } else { &PAIRS6 };
    let other = pairs.iter().find_map(|&(query, answer)| match icmp_type {
        it if it == query => Some(answer),
        it if it == answer => Some(query),
        _ => None,
    });
    u16::from_be_bytes([other.unwrap_or(icmp_type), code])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Egress,
    Ingress,
}

/// Which of 7.4's rows a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connection {
    TcpHalfOpen,
    TcpEstablished,
    TcpClosing,
    UdpSingle,
    UdpStream,
    Icmp,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Other,
}

/// A connection as one ENI remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tracked {
    protocol: Protocol,
    left: u64,
    arrived: u64,
    fin_left: bool,
    fin_arrived: bool,
    reset: bool,
    last_seen: Duration,
    /// 7.3: the connection passes something that has it tracked.
    pub(super) is_automatic: bool,
}

impl Tracked {
    pub(super) fn new(tuple: &Tuple) -> Self {
        let protocol = match tuple.protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            _ if tuple.is_icmp() => Protocol::Icmp,
            _ => Protocol::Other,
        };
        Self {
            protocol,
            left: 0,
            arrived: 0,
            fin_left: false,
            fin_arrived: false,
            reset: false,
            last_seen: Duration::ZERO,
            is_automatic: false,
        }
    }

    /// 7.5: "refresh on every packet, shorten on FIN from both sides or RST".
    pub(super) fn saw(&mut self, direction: Direction, tcp_flags: u8, now: Duration) {
        let fin = tcp_flags & 1 != 0;
        match direction {
            Direction::Egress => (self.left, self.fin_left) = (self.left + 1, self.fin_left | fin),
            Direction::Ingress => (self.arrived, self.fin_arrived) = (self.arrived + 1, self.fin_arrived | fin),
        }
        self.reset |= tcp_flags & 4 != 0;
        self.last_seen = now;
    }

    pub(super) fn has_expired(&self, eni: &ConnectionTracking, now: Duration) -> bool {
        now.saturating_sub(self.last_seen) > self.limit(eni)
    }

    /// A SYN on a connection that is closing opens another one between the same ports. AWS says nothing of it; every
    /// tracker takes it so, or ports could not be used again.
    pub(super) fn is_succeeded_by(&self, tcp_flags: u8) -> bool {
        const SYN: u8 = 2;
        const RST_OR_ACK: u8 = 4 | 16;
        self.kind() == Connection::TcpClosing && tcp_flags & SYN != 0 && tcp_flags & RST_OR_ACK == 0
    }

    fn limit(&self, eni: &ConnectionTracking) -> Duration {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        match self.kind() {
            Connection::TcpHalfOpen => limits::TCP_HALF_OPEN,
            Connection::TcpEstablished => seconds(eni.tcp_established_timeout),
            Connection::TcpClosing => limits::TCP_CLOSING,
            Connection::UdpSingle => seconds(eni.udp_timeout),
            Connection::UdpStream => seconds(eni.udp_stream_timeout),
            Connection::Icmp => limits::ICMP,
            Connection::Other => limits::OTHER,
        }
    }

    fn kind(&self) -> Connection {
        match self.protocol {
            Protocol::Icmp => Connection::Icmp,
            Protocol::Tcp if self.reset || (self.fin_left && self.fin_arrived) => Connection::TcpClosing,
            Protocol::Tcp if self.left == 0 || self.arrived == 0 => Connection::TcpHalfOpen,
            Protocol::Tcp => Connection::TcpEstablished,
            Protocol::Udp if self.left > 1 && self.arrived > 1 => Connection::UdpStream,
            Protocol::Udp => Connection::UdpSingle,
            Protocol::Other => Connection::Other,
        }
    }
}
