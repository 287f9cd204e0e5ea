//! Connection tracking (semantics 7): each ENI for itself.

use std::net::Ipv4Addr;
use std::time::Duration;

/// How long a tracked connection may be idle (semantics 7.4).
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tuple {
    pub(super) protocol: u8,
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) a: u16,
    pub(super) b: u16,
}

impl Tuple {
    /// The tuple of a packet the other way.
    pub(super) fn answered(self) -> Self {
        let (a, b) = match self.protocol {
            1 => (answering(self.a), self.b),
            _ => (self.b, self.a),
        };
        Self {
            protocol: self.protocol,
            src: self.dst,
            dst: self.src,
            a,
            b,
        }
    }
}

/// RFC 792 and 950: which message answers which.
fn answering(type_and_code: u16) -> u16 {
    let [icmp_type, code] = type_and_code.to_be_bytes();
    const PAIRS: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];
    let other = PAIRS.iter().find_map(|&(query, answer)| match icmp_type {
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

/// A connection as one ENI remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tracked {
    protocol: u8,
    left: u64,
    arrived: u64,
    fin_left: bool,
    fin_arrived: bool,
    reset: bool,
    last_seen: Duration,
}

impl Tracked {
    pub(super) fn new(protocol: u8) -> Self {
        let last_seen = Duration::ZERO;
        Self {
            protocol,
            left: 0,
            arrived: 0,
            fin_left: false,
            fin_arrived: false,
            reset: false,
            last_seen,
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

    pub(super) fn has_expired(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_seen) > self.limit()
    }

    /// A SYN on a connection that is closing opens another one between the same ports. AWS says nothing of it; every
    /// tracker takes it so, or ports could not be used again.
    pub(super) fn is_succeeded_by(&self, tcp_flags: u8) -> bool {
        const SYN: u8 = 2;
        const RST_OR_ACK: u8 = 4 | 16;
        self.kind() == Connection::TcpClosing && tcp_flags & SYN != 0 && tcp_flags & RST_OR_ACK == 0
    }

    fn limit(&self) -> Duration {
        match self.kind() {
            Connection::TcpHalfOpen => limits::TCP_HALF_OPEN,
            Connection::TcpEstablished => limits::TCP_ESTABLISHED,
            Connection::TcpClosing => limits::TCP_CLOSING,
            Connection::UdpSingle => limits::UDP,
            Connection::UdpStream => limits::UDP_STREAM,
            Connection::Icmp => limits::ICMP,
            Connection::Other => limits::OTHER,
        }
    }

    fn kind(&self) -> Connection {
        match self.protocol {
            1 => Connection::Icmp,
            6 if self.reset || (self.fin_left && self.fin_arrived) => Connection::TcpClosing,
            6 if self.left == 0 || self.arrived == 0 => Connection::TcpHalfOpen,
            6 => Connection::TcpEstablished,
            17 if self.left > 1 && self.arrived > 1 => Connection::UdpStream,
            17 => Connection::UdpSingle,
            _ => Connection::Other,
        }
    }
}
